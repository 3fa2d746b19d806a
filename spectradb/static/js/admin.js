// What Django's widgets leave out for readers of screens, whenever they are made: choices with a
// search inside take the name of their field's label.
"use strict";
new MutationObserver(() => {
  for (const box of document.querySelectorAll(".select2-container [role=combobox][aria-labelledby]")) {
    const field = box.closest(".select2-container").previousElementSibling;
    const label = field?.labels?.[0]?.textContent.trim();
    if (!label) continue;
    box.removeAttribute("aria-labelledby");
    box.setAttribute("aria-label", label);
    box.querySelector("[role=textbox]")?.setAttribute("aria-label", label);
  }
  // Hints beside a search box are spans with a name, which only an image may have.
  for (const hint of document.querySelectorAll(".help-tooltip[aria-label]:not([role])")) hint.setAttribute("role", "img");
}).observe(document, { childList: true, subtree: true });
