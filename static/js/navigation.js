// Remembers which sections of the navigation are folded. Without script all are open, and fold for one page.
(() => {
  "use strict";
  const KEY = "folded-sections";

  function folded() {
    try {
      return new Set(JSON.parse(localStorage.getItem(KEY)) ?? []);
    } catch {
      return new Set(); // storage is switched off, or holds something else
    }
  }

  for (const section of document.querySelectorAll("details[data-fold]")) {
    if (folded().has(section.dataset.fold) && !("active" in section.dataset)) section.open = false;
    section.addEventListener("toggle", () => {
      const names = folded();
      if (section.open) names.delete(section.dataset.fold);
      else names.add(section.dataset.fold);
      try {
        localStorage.setItem(KEY, JSON.stringify([...names]));
      } catch { /* it folds for this page only */ }
    });
  }
})();
