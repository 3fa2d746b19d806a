// Shift with the arrow keys (Shift: 1 eV), offset slider and its number.
"use strict";
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!field.matches?.("[data-shift]") || !event.shiftKey) return;
  const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  field.value = (Number(field.value) + step).toFixed(1);
  field.dispatchEvent(new Event("change", { bubbles: true }));
});
document.addEventListener("input", (event) => {
  const name = event.target.dataset?.pair;
  if (name) event.target.form.elements[name].value = event.target.value;
});
