"use strict";
// Fetches the fragment named by data-live again and again: every two seconds, every thirty while nobody looks.
for (const place of document.querySelectorAll("[data-live]")) {
  const status = document.getElementById("live-state");
  let pause = 2000;
  const refresh = async () => {
    try {
      const answer = await fetch(place.dataset.live, { headers: { "X-Requested-With": "fetch" } });
      if (answer.redirected) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (text !== place.innerHTML) {
        const focused = document.activeElement?.getAttribute?.("href");
        place.innerHTML = text;
        if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
      }
      pause = 2000;
      if (status) status.textContent = "";
    } catch {
      pause = Math.min(30000, pause * 2);
      if (status) status.textContent = "The service does not answer; trying again.";
    }
    setTimeout(refresh, document.hidden ? 30000 : pause);
  };
  setTimeout(refresh, pause);
}
