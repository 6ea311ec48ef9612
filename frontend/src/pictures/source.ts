// Data of the pictures, from the REST interface.

/** Returns the JSON of this address. Throws an Error with a sentence for people. */
export async function fetched<Body>(address: string): Promise<Body> {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`The service answered with an error (${answer.status}); reload the page to try again.`);
  return (await answer.json()) as Body;
}

/** Draws, and shows the reason in the page if that fails. The place of the message is removed after success. */
export async function drawn(root: ParentNode, draw: () => Promise<void>): Promise<void> {
  const place = root.querySelector("[data-waiting]");
  if (place) place.textContent = "Drawing …";
  try {
    await draw();
    place?.remove();
  } catch (error) {
    if (place) place.textContent = error instanceof Error ? error.message : "The picture cannot be drawn.";
  }
}

/** Starts on the element with this id, now or when a live part of the page brings it. */
export function started(id: string, start: (root: HTMLElement) => void): void {
  let last: HTMLElement | null = null;
  const look = () => {
    const root = document.getElementById(id);
    if (!root || root === last) return;
    last = root;
    start(root);
  };
  look();
  document.addEventListener("htmx:load", look);
}
