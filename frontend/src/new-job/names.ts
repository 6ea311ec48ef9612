// Names that repeat, counted as the service counts them (jobs/parsing/tally.py).
import type { Report } from "./report";

const COMPARED = 100_000; // different names that are remembered

/** The names of the records so far. They are not part of the report, which is copied to the page again and again. */
export class Names {
  private readonly seen = new Set<string>();

  /** Counts a record without faults if an earlier one has its name. */
  note(report: Report, name: string, line: number): void {
    if (this.seen.has(name)) {
      report.duplicates += 1;
      report.duplicate ??= { name, line };
    } else if (this.seen.size < COMPARED) {
      this.seen.add(name);
    }
  }
}
