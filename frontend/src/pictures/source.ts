// Pictures draw what the REST interface gives.

/** JSON of this address; raises an Error with a sentence for people. */
export async function fetched<Body>(address: string): Promise<Body> {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`The service answered with an error (${answer.status}); reload the page to try again.`);
  return (await answer.json()) as Body;
}

/** Draws, and says in the page's own place for it why it could not; that place is gone once there is a picture. */
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
