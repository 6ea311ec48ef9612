// Changes of pasted text or a file that a user asks for. Each takes and returns the whole text.

/** Removes gaps from the lines of FASTA that are not headers. */
export function withoutGaps(text: string): string {
  return text.replace(/^(?!>).*$/gm, (line) => line.replace(/[-.]/g, ""));
}

/** Makes one sequence of all lines. */
export function join(text: string): string {
  return `>record_1\n${written(text).join("\n")}\n`;
}

/** Makes a sequence of each line. */
export function each(text: string): string {
  return written(text)
    .map((line, at) => `>record_${at + 1}\n${line}\n`)
    .join("");
}

function written(text: string): string[] {
  return text
    .split(/\r\n?|\n/)
    .map((line) => line.trim())
    .filter(Boolean);
}
