// <time data-local> in the reader's time zone, <time data-relative> as "3 s ago"; the exact time in the title.
(() => {
  "use strict";
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const full = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

  function relative(then, now) {
    const away = Math.round((now - then) / 1000);
    const s = Math.abs(away);
    if (s < 2) return "now";
    const amount = s < 60 ? `${s} s`
      : s < 3600 ? `${Math.floor(s / 60)} min`
      : s < 86400 ? `${Math.floor(s / 3600)} h`
      : s < 86400 * 45 ? `${Math.floor(s / 86400)} d` : null;
    if (amount === null) return day.format(then);
    return away > 0 ? `${amount} ago` : `in ${amount}`;
  }

  function showTimes(root) {
    for (const element of root.querySelectorAll("time[data-local], time[data-relative]")) {
      const then = new Date(element.dateTime);
      if (Number.isNaN(then.getTime())) continue;
      if (!element.title) element.title = `${element.textContent.trim()} · ${exact.format(then)}`;
      if (element.hasAttribute("data-relative")) continue;
      element.textContent = (element.dataset.local === "date" ? day : full).format(then);
    }
    tick(root);
  }

  function tick(root = document) {
    if (document.hidden) return;
    const now = Date.now();
    for (const element of root.querySelectorAll("time[data-relative]")) {
      const then = new Date(element.dateTime);
      if (Number.isNaN(then.getTime())) continue;
      const words = relative(then, now);
      if (element.textContent !== words) element.textContent = words;
    }
  }

  document.addEventListener("visibilitychange", () => tick());
  // The parent too: the swapped element may itself be the <time>.
  document.body.addEventListener("htmx:load", ({ detail }) => showTimes(detail.elt.parentElement || detail.elt));
  showTimes(document);
  setInterval(tick, 1000);
})();
