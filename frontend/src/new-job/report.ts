// The report of a library that was read.

/** A code of jobs/parsing; the browser's own reader knows some of them. */
export type Code = string;

/** One fault, with the same code and place as on the server (jobs/parsing). `column` is 0 if there is none. */
export interface Fault {
  code: Code;
  line: number;
  column: number;
  record: string;
  character: string;
  what: string;
  /** What is before the character in its sequence, the character, and what is after it; null if the fault is of no character. */
  near: Near | null;
}

export type Near = [before: string, character: string, after: string];

/** A record that breaks the rules, as the service read it. */
export interface BadOne {
  line: number;
  header: string;
  sequence: string;
  why: string;
}

/** A way out that the service offers. */
export interface Offer {
  field: string;
  value: string;
  label: string;
}

export interface Report {
  /** "service" if the service read it. */
  format: "fasta" | "jsonl" | "csv" | "service";
  records: number;
  badRecords: number;
  residues: number;
  shortest: number;
  longest: number;
  /** Number of records of each length. */
  lengths: Map<number, number>;
  withContext: number;
  /** Records without faults, which will be computed; their residues, and their masked residues. */
  good: number;
  goodResidues: number;
  masks: number;
  /** Tokens of the records without faults, and of their own contexts, once for each chunk that uses one. */
  tokens: number;
  /** Chunks with a record that uses the contexts of the whole job. */
  sharedChunks: number;
  /** Tokens of the longest context that a record brings. */
  longestContext: number;
  chunk: { records: number; shared: boolean; contexts: string[] };
  /** Records that look like DNA or RNA; the service warns about them. */
  nucleotides: number;
  /** Records without faults that are called like an earlier one, and the first of them. */
  duplicates: number;
  duplicate: { name: string; line: number } | null;
  /** The first LISTED faults; `faultCount` counts all. */
  faults: Fault[];
  faultCount: number;
  /** The fault of the whole file; reading stopped there. */
  broken: string;
  /** What the browser does not judge in it, so that the service is asked; "" if it judges everything. */
  unsure: string;
  /** Records with faults, as far as the service listed them for a download. */
  badOnes: BadOne[];
  /** Ways out of `broken`. */
  offers: Offer[];
}

export const LISTED = 200;

export function emptyReport(format: Report["format"]): Report {
  return {
    format,
    records: 0,
    badRecords: 0,
    residues: 0,
    shortest: 0,
    longest: 0,
    lengths: new Map(),
    withContext: 0,
    good: 0,
    goodResidues: 0,
    masks: 0,
    tokens: 0,
    sharedChunks: 0,
    longestContext: 0,
    chunk: { records: 0, shared: false, contexts: [] },
    nucleotides: 0,
    duplicates: 0,
    duplicate: null,
    faults: [],
    faultCount: 0,
    broken: "",
    unsure: "",
    badOnes: [],
    offers: [],
  };
}

/** What the service says of a library in its answer to POST /jobs/new/cost/. */
export interface ServiceLibrary extends Pick<Report, "records" | "good" | "badRecords" | "residues" | "faults" | "faultCount" | "broken" | "badOnes" | "offers"> {
  /** Pairs of a length and the number of records that have it, shortest first. */
  lengths: [number, number][];
}

export function reportOf(library: ServiceLibrary): Report {
  const lengths = new Map(library.lengths);
  const [shortest] = library.lengths[0] ?? [0];
  const [longest] = library.lengths.at(-1) ?? [0];
  return { ...emptyReport("service"), ...library, lengths, shortest, longest };
}

export const BOUNDARY_TOKENS = 4; // of every sequence, as in e1protocol
const CHUNK_ITEMS = 8; // as in jobs/limits.py

/** The masks and contexts of a record; `contexts` is null if it uses those of the job. */
export interface Cost {
  masks: number;
  contexts: string[] | null;
}

const PLAIN: Cost = { masks: 0, contexts: null };

/** Tokens of a list of context sequences. */
function contextTokens(contexts: string[]): number {
  return contexts.reduce((sum, one) => sum + one.length + BOUNDARY_TOKENS, 0);
}

/** Counts an accepted record as the server's chunks will (jobs/library/chunking.py). */
function countCost(report: Report, residues: number, { masks, contexts }: Cost): void {
  if (report.chunk.records === CHUNK_ITEMS) report.chunk = { records: 0, shared: false, contexts: [] };
  const { chunk } = report;
  chunk.records += 1;
  report.good += 1;
  report.goodResidues += residues;
  report.masks += masks;
  report.tokens += residues + BOUNDARY_TOKENS;
  if (contexts === null) {
    if (!chunk.shared) report.sharedChunks += 1;
    chunk.shared = true;
    return;
  }
  const name = contexts.join(",");
  if (!name || chunk.contexts.includes(name)) return;
  chunk.contexts.push(name);
  const tokens = contextTokens(contexts);
  report.tokens += tokens;
  report.longestContext = Math.max(report.longestContext, tokens);
}

/** Adds one record with its faults. */
export function count(report: Report, residues: number, faults: Fault[], cost = PLAIN): void {
  report.records += 1;
  report.residues += residues;
  report.shortest = report.records === 1 ? residues : Math.min(report.shortest, residues);
  report.longest = Math.max(report.longest, residues);
  report.lengths.set(residues, (report.lengths.get(residues) ?? 0) + 1);
  if (!faults.length) {
    countCost(report, residues, cost);
    return;
  }
  report.badRecords += 1;
  report.faultCount += faults.length;
  report.faults.push(...faults.slice(0, LISTED - report.faults.length));
}

/** Returns the median length. */
export function median(report: Report): number {
  let passed = 0;
  for (const [length, many] of [...report.lengths].sort((a, b) => a[0] - b[0])) {
    passed += many;
    if (passed * 2 >= report.records) return length;
  }
  return 0;
}

export interface Bin {
  from: number;
  to: number;
  many: number;
}

/** Returns lengths in at most `most` bins of equal width, from the shortest to the longest. */
export function histogram(report: Report, most: number): Bin[] {
  const width = Math.max(1, Math.ceil((report.longest - report.shortest + 1) / most));
  const bins: Bin[] = [];
  for (let from = report.shortest; from <= report.longest; from += width) {
    bins.push({ from, to: Math.min(from + width - 1, report.longest), many: 0 });
  }
  for (const [length, many] of report.lengths) {
    const bin = bins[Math.floor((length - report.shortest) / width)];
    if (bin) bin.many += many;
  }
  return bins;
}
