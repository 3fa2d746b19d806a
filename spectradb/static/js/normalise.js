// Drag over the plot: the range goes into the fields that are chosen, and the curve is asked for.
"use strict";
document.addEventListener("plotrange", ({ detail: { lo, hi } }) => {
  const form = document.getElementById("norm-form");
  const name = form.elements.drag.value;
  if (form.elements[name]) {
    form.elements[name].value = ((lo + hi) / 2).toFixed(2);
  } else {
    // Pre- and post-edge ranges count from E0; the others are absolute.
    const from = name === "pre" || name === "post" ? Number(form.dataset.e0) : 0;
    if (Number.isNaN(from)) return;
    form.elements[`${name}_lo`].value = (lo - from).toFixed(2);
    form.elements[`${name}_hi`].value = (hi - from).toFixed(2);
  }
  form.requestSubmit(form.querySelector("button:not(.primary)"));
});
