// Choices with a search inside take the name of their field's label, whenever they are made.
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
}).observe(document, { childList: true, subtree: true });
