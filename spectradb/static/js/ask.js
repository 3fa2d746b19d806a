// One file: dropped or chosen, it is asked about at once.
"use strict";
(() => {
  const form = document.getElementById("ask-form");
  const drop = document.getElementById("drop");
  const told = document.getElementById("chosen");
  const input = form?.querySelector("input[type=file]");
  if (!input) return;
  const send = () => {
    if (!input.files.length) return;
    told.textContent = input.files[0].name;
    form.setAttribute("aria-busy", "true");
    form.requestSubmit();
  };
  input.addEventListener("change", send);
  for (const name of ["dragover", "dragleave", "drop"]) drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) {
      const one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      input.files = one.files;
      send();
    }
  });
})();
