// Files can be dropped; their names are told.
"use strict";
(() => {
  const drop = document.getElementById("drop");
  const input = document.getElementById("id_files");
  const told = document.getElementById("chosen");
  if (!drop) return;
  const tell = () => { told.textContent = [...input.files].map((file) => file.name).join(", "); };
  input.addEventListener("change", tell);
  for (const name of ["dragover", "dragleave", "drop"]) drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") { input.files = event.dataTransfer.files; tell(); }
  });
})();
