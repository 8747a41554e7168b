// Forms show that they are on their way, and cannot be sent twice meanwhile. Without script their one-time token alone
// sees to the second.
(() => {
  "use strict";
  const BUSY_AT_MOST_MS = 20_000; // whoever stopped the page from loading can send the form again

  const isPosted = (element) => element.matches?.("form[method=post]:not([data-theme-form], [data-stays])");
  const buttonsOf = (form) => [...form.querySelectorAll("button:not([type=button])")];

  function begin(form, submitter) {
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    const pressed = submitter || buttonsOf(form)[0];
    for (const button of buttonsOf(form)) {
      if (button.disabled) continue;
      button.disabled = true;
      button.dataset.busy = button === document.activeElement ? "focused" : "yes";
      if (button !== pressed) continue;
      button.keptContent = [...button.childNodes];
      button.replaceChildren(document.getElementById("busy-template").content.cloneNode(true));
    }
    form.busyTimer = setTimeout(() => end(form), BUSY_AT_MOST_MS);
  }

  function end(form) {
    clearTimeout(form.busyTimer);
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    for (const button of form.querySelectorAll("[data-busy]")) {
      button.disabled = false;
      if (button.keptContent) button.replaceChildren(...button.keptContent);
      button.keptContent = null;
      // A button that was disabled under the cursor of the keyboard lost it.
      if (button.dataset.busy === "focused" && document.activeElement === document.body) button.focus();
      delete button.dataset.busy;
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!isPosted(form)) return;
    // A second click while the first is on its way.
    if (form.dataset.sent) return event.preventDefault();
    if (event.defaultPrevented) return; // htmx sends it, and says so below
    form.dataset.sent = "yes";
    // What a disabled button stands for would not be sent.
    setTimeout(() => begin(form, event.submitter));
  });

  // Back from the browser's own cache, forms can be sent again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(end);
  });

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt;
    if (isPosted(form)) begin(form, event.detail.requestConfig.triggeringEvent?.submitter);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    // On the way to another page the form stays as it is.
    if (isPosted(form) && !event.detail.xhr?.getResponseHeader("HX-Redirect")) end(form);
  });

  // What a form asks for while it is filled in must not leave the page: its input would be lost.
  document.body.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, xhr } = event.detail;
    if (xhr.status !== 401 || isPosted(elt) || !elt.closest?.("form[method=post]")) return;
    event.preventDefault();
    const words = "Your session ended. Send the form when you are ready: you sign in then, and your input is kept.";
    document.dispatchEvent(new CustomEvent("signalbox:error", { detail: words }));
  });
})();
