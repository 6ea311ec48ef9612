// How long a live part waits before it asks again.

const ALONE = 3_000;
const WITH_STREAM = 15_000;
const AT_REST = 30_000;

export interface Moment {
  hidden: boolean;
  streaming: boolean;
  final: boolean;
}

/** Milliseconds until the next look. */
export function pause({ hidden, streaming, final }: Moment): number {
  if (hidden || final) return AT_REST;
  return streaming ? WITH_STREAM : ALONE;
}
