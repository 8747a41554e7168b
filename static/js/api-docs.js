// Shows the description of the API, in the theme of the page.
(() => {
  "use strict";
  const place = document.getElementById("api-docs");
  const root = document.documentElement;

  function followTheme() {
    root.classList.toggle("dark-mode", root.getAttribute("data-bs-theme") === "dark");
  }

  // Swagger UI leaves some of its controls without a name, or names them by their place only.
  function nameControls() {
    place.querySelectorAll("svg:not([aria-hidden])").forEach((picture) => picture.setAttribute("aria-hidden", "true"));
    place.querySelectorAll("select:not([aria-label])")
      .forEach((list) => list.setAttribute("aria-label", list.title || "Choice"));
    place.querySelectorAll(".close-modal:not([aria-label])")
      .forEach((button) => button.setAttribute("aria-label", "Close"));
    // The path is a link inside the button that opens the operation: a control inside a control.
    place.querySelectorAll(".opblock-summary-control a[href]").forEach((link) => link.removeAttribute("href"));
    place.querySelectorAll("textarea:not([aria-label])")
      .forEach((area) => area.setAttribute("aria-label", "Request body"));
    // Long answers scroll; whoever has no mouse has to reach them.
    place.querySelectorAll("pre:not([tabindex])").forEach((block) => block.setAttribute("tabindex", "0"));
  }

  document.addEventListener("signalbox:theme", followTheme);
  followTheme();
  new MutationObserver(nameControls).observe(place, { childList: true, subtree: true });
  window.SwaggerUIBundle({
    url: place.dataset.description,
    domNode: place,
    validatorUrl: "none",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    persistAuthorization: false,
    // Its colours are too pale for the dark theme.
    syntaxHighlight: false,
    tryItOutEnabled: true,
  });
})();
