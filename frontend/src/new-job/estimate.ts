// What the job will cost, before anything is sent. It is computed from the preview with the
// functions of jobs/actions/costs.py, the current rate of the workers and the user's quotas.
import { bytesText } from "./preview";
import type { Report } from "./report";
import type { StoredArray } from "./rules";

export interface Wanted {
  /** Whether the form has this value in this field. */
  chose: (field: string, value: string) => boolean;
  layers: number;
  half: boolean; // float16 was chosen
}

export interface QuotaState {
  limit: number | null;
  used: number;
  left: number | null;
}

/** The answer of GET /api/usage/. */
export interface Usage {
  quota: Record<"active_jobs" | "queued_tokens" | "stored_bytes", QuotaState>;
  models: Record<string, Pace>;
}

export interface Pace {
  workers: number;
  tokens_per_second: number | null;
  reason: string | null;
  waiting_tokens: number;
  /** Those of the workers that are alive; a job keeps to one of them. */
  precisions?: string[];
  formula?: Formula | null;
}

/** Seconds of all workers together, as jobs/fleet/pace.py describes them. */
export interface Formula {
  token: number;
  attended: number;
  one_pass: number;
  chunk: number;
  start: number;
  slack: number;
  /** By action; "" is any other. */
  kinds: Record<string, { factor: number; width: number }>;
}

export interface Cost {
  tokens: number;
  /** Pairs of a token and one that it attends to, about: from mean lengths, and at least from contexts. */
  attended: number;
  passes: number;
  chunks: number;
  resultBytes: number;
  storedBytes: number;
}

/** Bytes of the rows of a record, as in jobs/limits.py. Names and headers come on top; the service counts them. */
const RECORD_BYTES = 150;
/** As in e1protocol. */
const BOUNDARY_TOKENS = 4;
const OWN_LAYERS = 3;
const CHUNK_ITEMS = 8;

/** Bytes of the arrays that the job stores. */
function resultBytes(report: Report, wanted: Wanted, stores: StoredArray[]): number {
  const counts = { item: report.good, residue: report.goodResidues, mask: report.masks };
  return stores
    .filter(({ field, value }) => !field || wanted.chose(field, value))
    .map(({ per, bytes, layered, halves }) => (counts[per] * bytes * (layered ? wanted.layers : 1)) / (halves && wanted.half ? 2 : 1))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** `sharedTokens` are the tokens of the context sequences that all items share. */
export function costOf(report: Report, sharedTokens: number, wanted: Wanted, stores: StoredArray[]): Cost {
  const bytes = resultBytes(report, wanted, stores);
  const own = report.goodResidues + BOUNDARY_TOKENS * report.good;
  const contexts = report.tokens - own + report.sharedChunks * sharedTokens;
  const context = Math.max(report.longestContext, report.sharedChunks ? sharedTokens : 0);
  return {
    tokens: report.tokens + report.sharedChunks * sharedTokens,
    attended: own * (OWN_LAYERS * (own / Math.max(1, report.good)) + context) + (contexts * context) / 2,
    passes: report.good,
    chunks: Math.ceil(report.good / CHUNK_ITEMS),
    resultBytes: bytes,
    storedBytes: report.good * RECORD_BYTES + report.goodResidues + bytes,
  };
}

/** Returns seconds in words, with two figures at most, as on the other pages. */
export function durationText(seconds: number): string {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 36) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

/** Returns the time of a job, and the limits between which it lies, as jobs/fleet/pace.py counts them. */
export function countedBy(formula: Formula, cost: Cost, action: string): Counted {
  const { factor, width } = formula.kinds[action] ?? formula.kinds[""] ?? { factor: 1, width: 2 };
  const { token, attended, one_pass, chunk, start, slack } = formula;
  const work = cost.tokens * token + cost.attended * attended + cost.passes * one_pass + cost.chunks * chunk;
  const seconds = start + factor * work;
  return { seconds, span: [seconds / width, seconds * width + slack] };
}

export type Span = [least: number, most: number];

export function timeText(seconds: number, span: Span | null): string {
  if (span && durationText(span[0]) === durationText(span[1])) return durationText(span[0]);
  if (!span) return `${seconds < 1 ? "" : "about "}${durationText(seconds)}`;
  return `between ${durationText(span[0])} and ${durationText(span[1])}`;
}

/** The time that the service counted, and its limits. */
export interface Counted {
  seconds: number | null;
  span: Span | null;
}

/** Returns whether only the service knows the time, because a job may be computed in either of several pools of workers. */
export function isMixed(usage: Usage | null, model: string): boolean {
  return (usage?.models[model]?.precisions?.length ?? 0) > 1;
}

/** Returns the cost in sentences. `given` is the service's time. Without `usage` the service did not answer, and only sizes are known. */
export function costSentences(cost: Cost, usage: Usage | null, model: string, given: Partial<Counted> = {}, action = ""): string[] {
  const number = (value: number) => value.toLocaleString("en");
  const sentences = [`${number(cost.tokens)} tokens to compute. The results will take ${bytesText(cost.resultBytes)}.`];
  const pace = usage?.models[model];
  if (pace?.tokens_per_second) {
    const counted = given.seconds == null && pace.formula ? countedBy(pace.formula, cost, action) : given;
    const seconds = counted.seconds ?? cost.tokens / pace.tokens_per_second;
    const computing = `Estimated run time: ${timeText(seconds, counted.span ?? null)} at the workers’ present rate`;
    const ahead = pace.waiting_tokens / pace.tokens_per_second;
    sentences.push(ahead >= 1 ? `${computing}; about ${durationText(ahead)} of other work is queued.` : `${computing}.`);
  } else if (pace) {
    sentences.push(`Run time unknown: ${pace.reason ?? "no rate is measured"}. The job would wait.`);
  }
  const left = usage ? leftOf(usage) : "";
  if (left) sentences.push(`Left of your quota before this job: ${left}.`);
  return sentences;
}

function leftOf({ quota }: Usage): string {
  const parts: string[] = [];
  const { active_jobs: jobs, queued_tokens: tokens, stored_bytes: stored } = quota;
  if (jobs.left !== null) parts.push(`${jobs.left} ${jobs.left === 1 ? "job" : "jobs"}`);
  if (tokens.left !== null) parts.push(`${tokens.left.toLocaleString("en")} tokens`);
  if (stored.left !== null) parts.push(`${bytesText(stored.left)} of storage`);
  return parts.join(", ");
}

/** Returns why the service would refuse the job now, or "". */
export function refusalOf(cost: Cost, { quota }: Usage): string {
  const { active_jobs: jobs, queued_tokens: tokens, stored_bytes: stored } = quota;
  if (tokens.limit !== null && cost.tokens > tokens.limit) {
    return `It has more tokens than you may queue at all (${tokens.limit.toLocaleString("en")}). Split the library.`;
  }
  if (stored.limit !== null && cost.storedBytes > stored.limit) {
    return `It takes more storage than you may use at all (${bytesText(stored.limit)}). Ask for smaller results, or split the library.`;
  }
  if (stored.left !== null && cost.storedBytes > stored.left) {
    return `It takes ${bytesText(cost.storedBytes)} of storage, and you have ${bytesText(stored.left)} left. Delete jobs that you do not need any more.`;
  }
  if (jobs.left === 0) return "You have as many unfinished jobs as you may. Wait until one ends, or cancel one.";
  if (tokens.left !== null && cost.tokens > tokens.left) {
    return `You have ${tokens.left.toLocaleString("en")} tokens left to queue. Wait until some of yours are computed.`;
  }
  return "";
}
