// Applies the stored colours before the first paint: a blocking script of its own, because the policy allows none inline.
(function () {
  "use strict";
  let choice = "auto";
  try {
    choice = localStorage.getItem("theme") || "auto";
  } catch {
    // A browser that keeps nothing shows the system's colours.
  }
  const dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
})();
