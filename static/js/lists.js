// Lists: rows that are links as a whole, times in the reader's zone, and refreshing while nobody reads.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);

  // ── Refreshing: only while nobody reads the list, the answer may bring the newest rows ─────────────────────
  function isIdle(list) {
    return window.scrollY === 0
      && !list.contains(document.activeElement)
      && !list.querySelector("details[open], [data-older]")
      && !list.contains(getSelection().anchorNode)
      && !$("dialog[open], [popover]:popover-open");
  }

  document.body.addEventListener("htmx:configRequest", (event) => {
    const list = $("[data-live-list]");
    if (event.detail.elt.id === "list-news" && list && isIdle(list)) event.detail.parameters.idle = "1";
  });

  // What is wrong with a filter is swapped beside it; the control itself stays, with what was typed.
  document.body.addEventListener("htmx:oobAfterSwap", () => {
    for (const slot of document.querySelectorAll(".sb-filter-error")) {
      const control = document.getElementById(slot.id.slice(0, -"-error".length));
      if (!control) continue;
      if (slot.childElementCount) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  });

  // ── Rows: the link is stretched over its row; over text, which can be selected, a click follows it as well ─
  function linkOf(event) {
    const row = event.target.closest?.("tr");
    if (!row || event.target.closest("a, button, input, summary, label")) return null;
    return getSelection().isCollapsed ? $("a.sb-row-link", row) : null;
  }

  document.addEventListener("click", (event) => {
    const link = linkOf(event);
    if (!link || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) window.open(link.href, "_blank", "noopener");
    else link.click();
  });
  document.addEventListener("auxclick", (event) => {
    const link = event.button === 1 && linkOf(event);
    if (link) window.open(link.href, "_blank", "noopener");
  });

  // ── Times: typed in the reader's zone, sent in UTC ─────────────────────────────────────────────────────────
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const digits = (number) => String(number).padStart(2, "0");

  function localText(utc) {
    const moment = new Date(`${utc}Z`);
    if (!utc || Number.isNaN(moment.getTime())) return "";
    const day = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map(digits).join("-");
    return `${day}T${[moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(digits).join(":")}`;
  }

  function prepareTimes() {
    for (const input of document.querySelectorAll("input[data-utc]")) {
      const sent = document.createElement("input");
      sent.type = "hidden";
      sent.name = input.name;
      sent.value = input.value;
      input.removeAttribute("name");
      input.removeAttribute("data-utc");
      input.after(sent);
      input.value = localText(sent.value);
      $("[data-zone]", input.parentElement).textContent = `(${zone})`;
      input.dataset.moment = "";
    }
    const period = $("#filter-period");
    if (!period || $("[data-custom]", period)) return;
    const custom = new Option("Custom…", "");
    custom.dataset.custom = "";
    period.add(custom);
    custom.selected = moments().some((input) => input.value || input.getAttribute("aria-invalid"));
    showMoments();
  }

  const moments = () => [...document.querySelectorAll("input[data-moment]")];

  function showMoments() {
    const period = $("#filter-period");
    const isCustom = period.selectedOptions[0]?.hasAttribute("data-custom");
    for (const input of moments()) input.closest(".sb-filter").hidden = !isCustom;
    return isCustom;
  }

  // Before htmx hears of the change, so that it sends what is meant.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-moment]")) {
      const moment = new Date(event.target.value);
      const isTime = event.target.value && !Number.isNaN(moment.getTime());
      event.target.nextElementSibling.value = isTime ? moment.toISOString().slice(0, 19) : "";
    } else if (event.target.id === "filter-period" && !showMoments()) {
      for (const input of moments()) input.value = input.nextElementSibling.value = "";
    }
  }, true);

  document.body.addEventListener("htmx:load", prepareTimes);
  document.body.addEventListener("htmx:historyRestore", prepareTimes);
  prepareTimes();
})();
