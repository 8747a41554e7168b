// <button data-check-all="#group"> ticks every box of the group that can be ticked, or none when all are.
// <input data-chooses="selector"> chooses a radio button once something is written into it.
(() => {
  "use strict";
  const boxesOf = (button) => [
    ...document.querySelectorAll(`${button.dataset.checkAll} input[type=checkbox]:not(:disabled)`),
  ];

  function name(button) {
    const boxes = boxesOf(button);
    button.textContent = boxes.length && boxes.every((box) => box.checked) ? "Select none" : "Select all";
    button.hidden = boxes.length < 2;
  }

  function nameAll() {
    document.querySelectorAll("[data-check-all]").forEach(name);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-check-all]");
    if (!button) return;
    const boxes = boxesOf(button);
    const isOn = !boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = isOn;
    name(button);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[type=checkbox]")) nameAll();
  });
  document.addEventListener("input", (event) => {
    const choice = event.target.dataset?.chooses;
    if (choice && event.target.value) document.querySelector(choice).checked = true;
  });
  document.body.addEventListener("htmx:load", nameAll);
  nameAll();
})();
