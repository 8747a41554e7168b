// Loaded before the style sheets so that the page never flashes in the wrong theme.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function apply() {
    const choice = root.dataset.themeChoice;
    const shown = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
    if (root.getAttribute("data-bs-theme") === shown) return;
    root.setAttribute("data-bs-theme", shown);
    document.dispatchEvent(new CustomEvent("signalbox:theme"));
  }

  root.classList.add("sb-script");
  dark.addEventListener("change", apply);
  document.addEventListener("signalbox:theme-choice", apply);
  apply();
})();
