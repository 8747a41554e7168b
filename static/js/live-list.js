// A list that looks again by itself. Only while nobody reads it, the answer may bring the newest rows.
(() => {
  "use strict";

  function isIdle(list) {
    return window.scrollY === 0
      && !list.contains(document.activeElement)
      && !list.querySelector("details[open], [data-older]")
      && !list.contains(getSelection().anchorNode)
      && !document.querySelector("dialog[open], [popover]:popover-open");
  }

  document.body.addEventListener("htmx:configRequest", (event) => {
    const list = document.querySelector("[data-live-list]");
    if (event.detail.elt.id === "list-news" && list && isIdle(list)) event.detail.parameters.idle = "1";
  });
})();
