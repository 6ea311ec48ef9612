// An address with a fragment opens the details that its element is in.

function unfold(): void {
  const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
  const folded = target?.closest("details");
  if (!target || !folded || folded.open) return;
  folded.open = true;
  target.scrollIntoView();
}

export function followFragments(): void {
  addEventListener("hashchange", unfold);
  unfold();
}
