// <local-time><time datetime="...">... UTC</time></local-time>: the moment in the reader's zone, the UTC text in its title.

export class LocalTime extends HTMLElement {
  connectedCallback(): void {
    this.refresh();
  }

  /** Replaces the UTC text with local time, once. */
  refresh(): void {
    const time = this.querySelector("time");
    if (!time?.dateTime || !time.textContent.endsWith(" UTC")) return;
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) return;
    time.title = time.textContent;
    time.textContent = show(moment, new Date());
  }
}

/** Returns the time of day, with the date if it is not today. */
export function show(moment: Date, now: Date): string {
  const clock = moment.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (moment.toDateString() === now.toDateString()) return `today ${clock}`;
  const sameYear = moment.getFullYear() === now.getFullYear();
  const date = moment.toLocaleDateString(undefined, {
    day: "numeric",
    month: "short",
    ...(sameYear ? {} : { year: "numeric" }),
  });
  return `${date}, ${clock}`;
}

customElements.define("local-time", LocalTime);

// A live part is swapped in place and has the server's UTC text again.
document.addEventListener("htmx:afterSwap", () => {
  for (const element of document.querySelectorAll<LocalTime>("local-time")) element.refresh();
});
