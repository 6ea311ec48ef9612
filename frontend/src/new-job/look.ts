// From a file or pasted text to a report, in pieces: gunzip, text, lines.
import { formatOf, LibraryReader } from "./reader";
import { emptyReport, type Report } from "./report";
import type { ItemRules } from "./rules";

export interface Look {
  /** Increases with every read; answers to an older one are dropped. */
  number: number;
  name: string;
  source: Blob;
  rules: ItemRules;
}

export interface Seen {
  number: number;
  report: Report;
  /** Bytes read of the file. */
  bytes: number;
  final: boolean;
}

const HEAD = 512; // characters from which the format is recognised

const BINARY: [string, string][] = [
  ["\x89PNG", "a picture"],
  ["\xff\xd8\xff", "a picture"],
  ["%PDF", "a PDF document"],
  ["PK\x03\x04", "a ZIP archive, or an Excel or Word file"],
  ["\xd0\xcf\x11\xe0", "an old Excel or Word file"],
  ["\xff\xfe", "UTF-16 text: save it as UTF-8"],
  ["\xfe\xff", "UTF-16 text: save it as UTF-8"],
  ["BZh", "a bzip2 file: unpack it, or pack it with gzip"],
  ["\xfd7zXZ", "an xz file: unpack it, or pack it with gzip"],
  ["\x28\xb5\x2f\xfd", "a Zstandard file: unpack it, or pack it with gzip"],
];

/** Returns why a file with these first bytes cannot be read, or "". */
export function notText(head: Uint8Array): string {
  const text = String.fromCharCode(...head.slice(0, 8));
  const known = BINARY.find(([magic]) => text.startsWith(magic));
  if (known) return `This looks like ${known[1]}. Choose plain text in FASTA, JSONL or CSV.`;
  return text.slice(0, 4).includes("\0") ? "This is no text. Choose FASTA, JSONL or CSV." : "";
}

/** Reads the source to its end, and calls `tell` with the report so far every `every` milliseconds. */
export async function look(asked: Look, tell: (seen: Seen) => void, stale: () => boolean, every = 250): Promise<void> {
  const { number, rules, source } = asked;
  let bytes = 0;
  const broken = (text: string) => {
    tell({ number, report: { ...emptyReport("fasta"), broken: text }, bytes, final: true });
  };
  const first = new Uint8Array(await source.slice(0, 8).arrayBuffer());
  const packed = first[0] === 0x1f && first[1] === 0x8b;
  const why = packed ? "" : notText(first);
  if (why) {
    broken(why);
    return;
  }
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(block, out) {
      bytes += block.length;
      out.enqueue(block);
    },
  });
  let stream: ReadableStream<Uint8Array> = source.stream().pipeThrough(counted);
  if (packed) stream = stream.pipeThrough(new DecompressionStream("gzip") as TransformStream<Uint8Array, Uint8Array>);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const pieces = stream.getReader();
  let reader: LibraryReader | null = null;
  let told = performance.now();
  let head = "";
  try {
    for (;;) {
      const { done, value } = await pieces.read();
      if (stale()) {
        await pieces.cancel();
        return;
      }
      const piece = head + (done ? decoder.decode() : decoder.decode(value, { stream: true }));
      head = "";
      if (!reader) {
        if (!done && piece.length < HEAD) {
          head = piece;
          continue;
        }
        const format = formatOf(asked.name, piece);
        if (!format) {
          broken(piece.trim() ? "It begins like none of FASTA, JSONL and CSV. FASTA begins with “>”." : "It is empty.");
          return;
        }
        reader = new LibraryReader(format, rules);
      }
      reader.take(piece);
      if (done || reader.report.broken) break;
      if (performance.now() - told > every) {
        told = performance.now();
        tell({ number, report: reader.report, bytes, final: false });
      }
    }
    tell({ number, report: reader.end(), bytes, final: true });
  } catch (error) {
    if (packed) broken("The gzip file is damaged or ends too early. Pack it again.");
    else if (error instanceof TypeError) broken("It is no UTF-8 text. Save it as UTF-8 or plain ASCII.");
    else broken("The browser cannot read this file. Was it moved or changed?");
  }
}
