// Everything here improves a page that already works without it. htmx 2 is loaded before this file.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Words for screen readers: emptied first, so that the same sentence is read again.
  function announce(words) {
    const announcer = $("#announcer");
    announcer.textContent = "";
    setTimeout(() => { announcer.textContent = words; }, 60);
  }

  // ── Copy and reveal ────────────────────────────────────────────────────────────────────────────────────────
  async function copyText(text) {
    // The clipboard API exists only on https and localhost; installations on plain http keep the older way.
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    (($("#dialog[open]")) || document.body).append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("copy refused");
  }

  async function copy(button) {
    const source = $(button.dataset.copy);
    if (!source) return;
    const label = $("[data-copy-label]", button);
    let words = "Copied";
    try {
      await copyText("value" in source ? source.value : source.textContent);
      button.classList.add("is-done");
    } catch {
      words = "Select and copy by hand";
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
    }
    announce(words);
    button.focus({ preventScroll: true });
    if (!label) return;
    label.dataset.words ??= label.textContent;
    label.textContent = words;
    clearTimeout(button.copyTimer);
    button.copyTimer = setTimeout(() => {
      label.textContent = label.dataset.words;
      button.classList.remove("is-done");
    }, 2000);
  }

  function reveal(button) {
    const target = $(button.dataset.reveal);
    if (!target) return;
    let isShown;
    if (target.hasAttribute("data-secret")) {
      isShown = target.classList.toggle("is-shown");
    } else {
      isShown = target.type === "password";
      target.type = isShown ? "text" : "password";
    }
    const label = $("[data-reveal-label]", button);
    if (label) label.textContent = isShown ? "Hide" : "Show";
  }

  // ── Toasts ─────────────────────────────────────────────────────────────────────────────────────────────────
  const TOAST_MS = 6000;

  function startToast(toast) {
    if (toast.dataset.started) return;
    toast.dataset.started = "yes";
    if (toast.dataset.toast === "red") return; // what went wrong stays until it is closed
    let timer;
    const run = () => { timer = setTimeout(() => toast.remove(), TOAST_MS); };
    const pause = () => clearTimeout(timer);
    for (const event of ["mouseenter", "focusin"]) toast.addEventListener(event, pause);
    for (const event of ["mouseleave", "focusout"]) toast.addEventListener(event, () => { pause(); run(); });
    run();
  }

  // An error is said once, however many requests run into it.
  function showError(message) {
    const toasts = $("#toasts");
    const shown = $$("[data-toast]", toasts).find((toast) => $("p", toast).textContent === message);
    if (shown) return;
    if (dialog.open && toasts.showPopover) {
      // Over the dialog, which covers everything that is not in the top layer.
      toasts.popover = "manual";
      if (toasts.matches(":popover-open")) toasts.hidePopover();
      toasts.showPopover();
    }
    const toast = $("#toast-template").content.firstElementChild.cloneNode(true);
    $("p", toast).textContent = message;
    toasts.append(toast);
    startToast(toast);
  }

  // Other scripts have errors to show, too.
  document.addEventListener("signalbox:error", (event) => showError(event.detail));

  // Screen readers read what is added to a live region, not what the page arrived with.
  function announceToasts() {
    const arrived = $$("#toasts [data-toast]");
    if (!arrived.length) return;
    arrived.forEach((toast) => toast.remove());
    setTimeout(() => { $("#toasts").append(...arrived); arrived.forEach(startToast); }, 80);
  }

  // ── Dialog ─────────────────────────────────────────────────────────────────────────────────────────────────
  const dialog = $("#dialog");
  let opener = null;

  function openDialog(link) {
    opener = link;
    const id = link.dataset.dialog;
    // The fragment's root replaces an empty element of the same id, as it would on its own page.
    if (id && id !== "dialog") {
      const place = document.createElement("div");
      place.id = id;
      dialog.replaceChildren(place);
      htmx.ajax("GET", link.href, { source: place, target: place, swap: "outerHTML" });
    } else {
      dialog.replaceChildren();
      htmx.ajax("GET", link.href, { source: dialog, target: dialog, swap: "innerHTML" });
    }
  }

  function presentDialog() {
    const title = $("[data-dialog-title], h1, h2", dialog);
    if (title) dialog.setAttribute("aria-label", title.textContent.trim());
    if (!dialog.open) dialog.showModal();
    const first = $("[data-autofocus], [autofocus], [aria-invalid=true]", dialog)
      || $("input:not([type=hidden]), select, textarea", dialog);
    if (first) first.focus();
  }

  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (opener && opener.isConnected) opener.focus();
    opener = null;
  });
  let pressedOutside = false;
  dialog.addEventListener("pointerdown", (event) => { pressedOutside = event.target === dialog; });
  dialog.addEventListener("click", (event) => { if (event.target === dialog && pressedOutside) dialog.close(); });
  document.body.addEventListener("closeDialog", () => { if (dialog.open) dialog.close(); });

  // ── Clicks and keys ────────────────────────────────────────────────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    for (const menu of $$("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const copyButton = event.target.closest("[data-copy]");
    if (copyButton) return void copy(copyButton);
    const revealButton = event.target.closest("[data-reveal]");
    if (revealButton) return reveal(revealButton);
    const closeButton = event.target.closest("[data-toast-close]");
    if (closeButton) return closeButton.closest("[data-toast]").remove();
    const closer = event.target.closest("[data-dialog-close]");
    if (closer && dialog.contains(closer)) {
      event.preventDefault();
      return dialog.close();
    }
    const link = event.target.closest("a[data-dialog]");
    const isPlainClick = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (link && isPlainClick && window.htmx) {
      event.preventDefault();
      openDialog(link);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details[data-menu][open]") || $("details[data-menu][open]");
      if (menu) {
        menu.open = false;
        $("summary", menu).focus();
      }
    }
    const isTyping = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = $("[role=search] input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
  });

  // ── Theme ──────────────────────────────────────────────────────────────────────────────────────────────────
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-theme-form]")) chooseTheme(event);
  });

  function chooseTheme(event) {
    const button = event.submitter;
    if (!button) return;
    event.preventDefault();
    const body = new FormData(event.target, button);
    document.documentElement.dataset.themeChoice = button.value;
    document.dispatchEvent(new CustomEvent("signalbox:theme-choice"));
    for (const other of $$("[data-theme-form] button")) {
      other.setAttribute("aria-pressed", String(other.value === button.value));
    }
    fetch(event.target.action, { method: "POST", body, redirect: "manual", credentials: "same-origin" })
      .catch(() => showError("Signalbox could not be reached, so the theme is not kept."));
  }

  // ── htmx ───────────────────────────────────────────────────────────────────────────────────────────────────
  const waiting = new Set(); // polls held back while nobody looks

  function pollAgain(element) {
    if (!element.isConnected) return;
    const path = element.getAttribute("hx-get");
    const target = element.getAttribute("hx-target") || "this";
    htmx.ajax("GET", path, {
      source: element,
      target: target === "this" ? element : target,
      swap: element.getAttribute("hx-swap") || "outerHTML",
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const element of waiting) pollAgain(element);
    waiting.clear();
  });

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (element.matches("[data-poll]")) {
      if (document.hidden) {
        event.preventDefault();
        waiting.add(element);
      }
      return;
    }
    document.documentElement.classList.add("sb-busy");
  });
  document.body.addEventListener("htmx:afterRequest", () => document.documentElement.classList.remove("sb-busy"));

  // htmx keeps the focus of elements with an id; open details and inner scroll positions are kept here.
  let kept = [];
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    const isIntoDialog = dialog.contains(target) || target === dialog;
    if (isIntoDialog && /<html[\s>]/i.test(event.detail.xhr.responseText.slice(0, 2000))) {
      // The address has no fragment for the dialog: go there instead.
      event.detail.shouldSwap = false;
      location.assign(event.detail.xhr.responseURL);
      return;
    }
    kept = $$("[id]", target)
      .filter((element) => element.open || element.scrollLeft || element.scrollTop)
      .map((element) => [element.id, element.tagName === "DETAILS" && element.open, element.scrollLeft, element.scrollTop]);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    for (const [id, open, left, top] of kept) {
      const element = document.getElementById(id);
      if (!element || element === dialog) continue;
      if (open) element.open = true;
      element.scrollLeft = left;
      element.scrollTop = top;
    }
    kept = [];
    if (dialog.childElementCount && (!dialog.open || !dialog.contains(document.activeElement))) presentDialog();
  });
  document.body.addEventListener("htmx:load", () => $$("#toasts [data-toast]").forEach(startToast));
  // The button that sent a form is gone with the form: what was wrong with it is read next.
  document.body.addEventListener("htmx:load", (event) => {
    const summary = $("[data-autofocus][role=alert]", event.detail.elt);
    if (summary) summary.focus({ preventScroll: true });
  });
  document.body.addEventListener("htmx:oobAfterSwap", () => $$("#toasts [data-toast]").forEach(startToast));

  // What asks by itself asks again at its next turn; a timer of ours beside htmx's would add up with every failure.
  const unreachable = "Signalbox could not be reached. Check the connection, then try again.";
  document.body.addEventListener("htmx:sendError", () => showError(unreachable));
  document.body.addEventListener("htmx:timeout", () => showError(unreachable));
  document.body.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if (xhr.status === 401 && xhr.getResponseHeader("HX-Redirect")) return;
    const request = xhr.getResponseHeader("X-Request-Id");
    const words = {
      400: "The form was opened in another session. Reload the page and try again.",
      403: "You may not do this. Ask an admin of the team.",
      404: "This no longer exists. Reload the page.",
      409: "This is being done already, or does not fit what is stored now. Reload the page, then try again.",
      429: "Too many requests. Wait a moment, then try again.",
    }[xhr.status];
    showError(words || `Signalbox could not do this (error ${xhr.status}${request ? `, request ${request}` : ""}). Try again in a moment.`);
  });

  // ── Start ──────────────────────────────────────────────────────────────────────────────────────────────────
  announceToasts();
  const summary = $("main [data-autofocus]");
  if (summary && summary.getAttribute("role") === "alert") summary.focus();
})();
