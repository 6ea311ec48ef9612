// The cost of actions whose passes depend on parents, positions, methods and stored contexts.
// The service counts them from the form, with the function that cuts jobs, and stores nothing.
import { costSentences, type Span, timeText, type Usage } from "./estimate";
import type { ServiceLibrary } from "./report";
import type { Missing } from "./unread";

export interface Fault {
  message: string;
  remedy?: string;
  line?: number;
}

/** The workers that compute in one type. */
export interface Pool {
  precision: string;
  workers: number;
  seconds: number | null;
  seconds_range?: Span | null;
}

/** Passes that earlier jobs of the same engine hold. */
export interface Earlier {
  units: number;
  tokens: number;
  not_looked_at: number;
  seconds_without: number | null;
}

/** The answer of POST /jobs/new/cost/. */
export interface ServiceCost {
  faults?: { detail: string; listed: Fault[]; more: number };
  /** What the preview shows; null if the form is refused before the records are read. */
  library: ServiceLibrary | null;
  items: number;
  skipped: number;
  units: number;
  chunks: number;
  tokens: number;
  output_bytes: number;
  stored_bytes: number;
  seconds: number | null;
  /** The limits of the time. */
  seconds_range?: [number, number] | null;
  seconds_reason: string | null;
  tokens_per_second: number | null;
  workers: number;
  waiting: { tokens: number };
  earlier_jobs?: Earlier;
  pools?: Pool[];
  quota: Usage["quota"];
  refusal: { detail: string } | null;
  warnings?: Fault[];
}

const number = (value: number) => value.toLocaleString("en");
const plural = (many: number, word: string) => `${number(many)} ${word}${many === 1 ? "" : "s"}`;

/** Returns the number of variants as a sentence. */
export function variantsSentence(cost: ServiceCost): string {
  if (cost.faults) return capital(cost.faults.detail);
  const left = cost.skipped ? `; ${plural(cost.skipped, "record")} would be skipped` : "; all of them can be read";
  return `${plural(cost.items, "variant")}${left}.`;
}

/** Returns passes, tokens, bytes, time and quota as sentences. */
export function serviceSentences(cost: ServiceCost, [one, many]: [string, string], model: string): string[] {
  // Actions without work units take one pass for each item.
  const what = cost.units ? [`${number(cost.units)} ${cost.units === 1 ? one : many}, in ${plural(cost.chunks, "chunk")}.`] : [];
  const pace = {
    workers: cost.workers,
    tokens_per_second: cost.tokens_per_second,
    reason: cost.seconds_reason,
    waiting_tokens: cost.waiting.tokens,
  };
  const tokens = cost.tokens - (cost.earlier_jobs?.tokens ?? 0);
  const sizes = { tokens, attended: 0, passes: 0, chunks: cost.chunks, resultBytes: cost.output_bytes, storedBytes: cost.stored_bytes };
  const usage = { quota: cost.quota, models: { [model]: pace } };
  const lines = costSentences(sizes, usage, model, { seconds: cost.seconds, span: cost.seconds_range ?? null });
  return [...what, ...earlierSentences(cost), ...lines, ...poolSentences(cost.pools ?? [])];
}

/** Returns how many passes need not be computed, and what is not known of them. */
function earlierSentences({ units, earlier_jobs: earlier }: ServiceCost): string[] {
  if (!earlier) return [];
  const { seconds_without: whole, not_looked_at: rest } = earlier;
  const otherwise = whole === null ? "" : `; without those jobs computing takes ${timeText(whole, null)}`;
  const there = earlier.units ? [`${number(earlier.units)} of ${number(units)} passes are there from earlier jobs${otherwise}.`] : [];
  return rest ? [...there, `${number(rest)} of further proteins were not looked up, and count as to be computed.`] : there;
}

/** Returns the time in each pool, if there are several. */
function poolSentences(pools: Pool[]): string[] {
  if (pools.length < 2) return [];
  const times = pools.map(({ precision, workers, seconds, seconds_range }) => {
    const time = seconds === null ? "not known" : timeText(seconds, seconds_range ?? null);
    return `${precision}, ${plural(workers, "worker")}: ${time}`;
  });
  return [`${times.join("; ")}. The first worker that takes a part of the job decides, unless you choose a compute precision.`];
}

export function faultText(fault: Fault): string {
  const place = fault.line && !/^line \d/.test(fault.message) ? `Line ${number(fault.line)}: ` : "";
  return sentences(place + fault.message, fault.remedy);
}

/** Returns what was noticed in a library that can be read, such as rows that are left out. */
export function warningTexts(cost: ServiceCost): string[] {
  return (cost.warnings ?? []).map(({ message, remedy }) => sentences(message, remedy));
}

function sentences(message: string, remedy?: string): string {
  const words = capital(message);
  return (/[.!?]$/.test(words) ? words : `${words}.`) + (remedy ? ` ${capital(remedy)}` : "");
}

function capital(words: string): string {
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

const LONGEST_WAIT = 60; // seconds until a busy service is asked again

/** Asks the service shortly after the last change, and drops older answers. Asks a busy service again.
 *
 * `show` gets the answer, or null: if there is nothing to ask, or with why there is no answer.
 */
export class CostAsker {
  private timer = 0;
  private running: AbortController | null = null;

  constructor(
    private readonly address: string,
    private readonly body: () => FormData | null,
    private readonly show: (cost: ServiceCost | null, missing: Missing | null) => void,
    private readonly pause = 400,
  ) {}

  later(): void {
    this.stop();
    this.timer = window.setTimeout(() => void this.ask(), this.pause);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.running?.abort();
    this.running = null;
  }

  private async ask(): Promise<void> {
    const body = this.body();
    if (!body) {
      this.show(null, null);
      return;
    }
    const mine = new AbortController();
    this.running = mine;
    try {
      const headers = { "X-Requested-With": "fetch" };
      const answer = await fetch(this.address, { method: "POST", body, headers, signal: mine.signal });
      const cost = answer.ok ? ((await answer.json()) as ServiceCost) : null;
      if (this.running !== mine) return;
      if (answer.status === 429) this.again(Number(answer.headers.get("Retry-After")));
      else this.show(cost, cost ? null : { why: "silent" });
    } catch {
      if (this.running === mine) this.show(null, { why: "silent" });
    }
  }

  private again(asked: number): void {
    const seconds = Math.min(LONGEST_WAIT, Math.max(1, Math.round(asked) || 1));
    this.timer = window.setTimeout(() => void this.ask(), seconds * 1000);
    this.show(null, { why: "busy", seconds });
  }
}
