// Items from JSONL, or one bare sequence.
import { type LineReader, masksIn, sizeFaults, textFaults, tooLong } from "./checks";
import { characters, cleaned, doubt, fault, Letters, looksLikeDna, NUCLEOTIDES, type Place } from "./letters";
import { Names } from "./names";
import { count, type Fault, type Report } from "./report";
import type { ItemRules } from "./rules";

export class JsonLines implements LineReader {
  private readonly item: Items;
  private index = 0;

  constructor(
    private readonly report: Report,
    rules: ItemRules,
  ) {
    this.item = new Items(report, rules);
  }

  take(line: string, number: number): void {
    if (!line.trim()) return;
    this.index += 1;
    const place = { line: number, record: `record_${this.index}` };
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      count(this.report, 0, [fault("bad_json", place, "this is no JSON object")]);
      return;
    }
    this.item.take(value, place);
  }

  end(): void {
    // Lines are independent: there is nothing left to do at the end.
  }
}

const FIELDS = ["sequence", "context_sequences", "name"];

/** JSONL: one item on each line. */
class Items {
  private readonly letters: Letters;
  private readonly contextLetters: Letters;
  private readonly names = new Names();

  constructor(
    private readonly report: Report,
    private readonly rules: ItemRules,
  ) {
    this.letters = new Letters(rules.letters);
    this.contextLetters = new Letters(rules.contextLetters);
  }

  take(value: unknown, where: Place): void {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      count(this.report, 0, [fault("wrong_type", where, 'an item is an object such as {"sequence": "MKT"}')]);
      return;
    }
    const item = value as Record<string, unknown>;
    const named = typeof item.name === "string" && item.name.trim() ? item.name : "";
    const place = { line: where.line, record: named || where.record };
    const faults: Fault[] = Object.keys(item)
      .filter((field) => !FIELDS.includes(field))
      .map((field) => fault("unknown_field", place, `there is no field “${field}” in an item`));
    const contexts = item.context_sequences ?? [];
    if (item.sequence === undefined) faults.push(fault("missing_field", place, "the item has no sequence"));
    else if (typeof item.sequence !== "string") faults.push(fault("wrong_type", place, "the sequence is no text"));
    if (!Array.isArray(contexts)) {
      faults.push(fault("wrong_type", place, "context_sequences is no list"));
    } else {
      const wrong = contexts.filter((one) => typeof one !== "string").length;
      for (let each = 0; each < wrong; each += 1) faults.push(fault("wrong_type", place, "a context is no text"));
    }
    if (item.name !== undefined && item.name !== null && typeof item.name !== "string") {
      faults.push(fault("wrong_type", place, "the name is no text"));
    }
    if (faults.length) {
      count(this.report, 0, faults);
      return;
    }
    const sequence = cleaned(item.sequence as string);
    if (item.context_sequences) this.report.withContext += 1;
    const own = (contexts as string[]).map(cleaned);
    for (const text of [sequence, ...own]) this.report.unsure ||= doubt(text.replace(/-/g, ""));
    faults.push(...textFaults(sequence, this.letters, place));
    faults.push(...this.contexts(own, place));
    faults.push(...sizeFaults(characters(sequence), sequence.includes("?"), this.rules, place));
    count(this.report, characters(sequence), faults, {
      masks: masksIn(sequence),
      contexts: item.context_sequences == null ? null : own,
    });
    if (faults.length) return;
    if (looksLikeDna(sequence.length, NUCLEOTIDES.test(sequence))) this.report.nucleotides += 1;
    if (named) this.names.note(this.report, named, where.line);
  }

  private contexts(contexts: string[], place: Place): Fault[] {
    if (contexts.length > this.rules.maxContexts) {
      const what = `there are ${contexts.length} context sequences, and the limit is ${this.rules.maxContexts}`;
      return [fault("too_many_contexts", place, what)];
    }
    return contexts.flatMap((context) => {
      const faults = textFaults(context, this.contextLetters, place, true);
      if (!context) faults.unshift(fault("empty_context", place, "a context sequence has no residues"));
      if (characters(context) > this.rules.maxResidues) faults.push(tooLong(characters(context), this.rules, place));
      return faults;
    });
  }
}
