// Places of faults in pasted text: their words become buttons that select the place.

/** Returns start and end of a character in `text`, in the units of a selection; of the whole line if `column` is 0. */
export function span(text: string, line: number, column: number): [number, number] {
  const lines = text.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const letters = Array.from(lines[line - 1] ?? ""); // columns count characters, not UTF-16 units
  if (column < 1 || column > letters.length) return [start, start + letters.join("").length];
  const from = start + letters.slice(0, column - 1).join("").length;
  return [from, from + (letters[column - 1]?.length ?? 0)];
}

/** Makes each `data-line` (and `data-column`) below `root` a button that selects that place in `area`. */
export function offerPlaces(root: ParentNode, area: HTMLTextAreaElement): void {
  for (const place of root.querySelectorAll<HTMLElement>("[data-line]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-link";
    button.append(...place.childNodes);
    button.title = "Go there in the pasted text";
    button.addEventListener("click", () => {
      area.setSelectionRange(...span(area.value, Number(place.dataset.line), Number(place.dataset.column ?? 0)));
      area.focus(); // after the selection: the browser scrolls to it
    });
    place.append(button);
  }
}
