// From a file or pasted text to a report, in pieces: gunzip, text, lines.
import { formatOf, LibraryReader } from "./reader";
import { emptyReport, type Report } from "./report";
import type { ItemRules } from "./rules";

export interface Look {
  /** Increases with every read; answers to an older one are dropped. */
  number: number;
  /** Of the file; "" for pasted text. */
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

const HEAD = 64 * 1024; // characters from which the format is recognised

/** Reads the source to its end, and calls `tell` with the report so far every `every` milliseconds. */
export async function look(asked: Look, tell: (seen: Seen) => void, stale: () => boolean, every = 250): Promise<void> {
  const { number, rules, source } = asked;
  let bytes = 0;
  const broken = (text: string) => {
    tell({ number, report: { ...emptyReport("fasta"), broken: text }, bytes, final: true });
  };
  const unsure = (what: string) => {
    tell({ number, report: { ...emptyReport("service"), unsure: what }, bytes, final: true });
  };
  if (!source.size) {
    broken("It is empty.");
    return;
  }
  const first = new Uint8Array(await source.slice(0, 8).arrayBuffer());
  const packed = first[0] === 0x1f && first[1] === 0x8b;
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
        const format = formatOf(piece, asked.name);
        if (!format) {
          if (!done) await pieces.cancel();
          if (piece.trim()) unsure("another format than plain FASTA, JSONL or a table of name and sequence");
          else broken("It is empty.");
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
    // The browser unpacks one member of a gzip file, and the service all of them; it also knows other encodings.
    if (packed) unsure("gzip that the browser cannot unpack");
    else if (error instanceof TypeError) unsure("another encoding than UTF-8");
    else broken("The browser cannot read this file. Was it moved or changed?");
  }
}
