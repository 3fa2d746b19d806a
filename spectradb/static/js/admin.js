// Choices with a search inside take the name of their field's label.
"use strict";
addEventListener("load", () => {
  for (const field of document.querySelectorAll("select.admin-autocomplete")) {
    const label = field.labels?.[0]?.textContent.trim();
    const box = field.nextElementSibling?.querySelector("[role=combobox]");
    if (!label || !box) continue;
    box.removeAttribute("aria-labelledby");
    box.setAttribute("aria-label", label);
    box.querySelector("[role=textbox]")?.setAttribute("aria-label", label);
  }
});
