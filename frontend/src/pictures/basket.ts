// The basket of a scan. Picks of the heat map and of the ranked list are sent to the server, whose answer is the bar that
// shows them. Without scripts the same buttons are forms.

/** Returns the substitutions in the basket, such as `24T`. */
export function basketWords(): string[] {
  const words = document.querySelector<HTMLElement>("#basket [data-words]")?.dataset.words ?? "";
  return words.split(" ").filter(Boolean);
}

let sending: Promise<void> = Promise.resolve();

/** Picks these substitutions, or unpicks all of them if all are picked. One change is sent after the other. */
export function changeBasket(words: readonly string[]): Promise<void> {
  sending = sending.then(() => send(words)).catch((error: unknown) => {
    show(error instanceof Error ? error.message : "The basket could not be changed.");
  });
  return sending;
}

async function send(words: readonly string[]): Promise<void> {
  const form = document.getElementById("basket-form");
  if (!(form instanceof HTMLFormElement)) return;
  const known = new Set(basketWords());
  const fresh = words.filter((word) => !known.has(word));
  const body = new FormData(form);
  body.set("do", fresh.length ? "add" : "remove");
  for (const word of fresh.length ? fresh : words) body.append("pick", word);
  const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Requested-With": "fetch" } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(answer.status === 400 ? text : `The service answered with an error (${answer.status}).`);
  const bar = document.getElementById("basket");
  if (bar) bar.innerHTML = text;
  document.dispatchEvent(new Event("basket-changed"));
}

function show(text: string): void {
  document.querySelector("#basket [data-fault]")?.remove();
  const fault = document.createElement("span");
  fault.className = "field-problem";
  fault.dataset.fault = "";
  fault.textContent = text;
  document.getElementById("basket")?.append(fault);
}

function press(): void {
  const known = new Set(basketWords());
  for (const button of document.querySelectorAll<HTMLButtonElement>("button.pick")) {
    button.setAttribute("aria-pressed", String(known.has(button.value)));
  }
}

/** Sends the buttons of the ranked list as scripts do, and tells `show` of each change. */
export function followBasket(root: HTMLElement, show: (words: readonly string[]) => void): void {
  root.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("button.pick");
    if (!button) return;
    event.preventDefault();
    void changeBasket([button.value]);
  });
  document.addEventListener("basket-changed", () => {
    press();
    show(basketWords());
  });
}
