// Drag over the plot: the range goes into its fields and the fit is asked for.
"use strict";
document.addEventListener("plotrange", ({ detail: { lo, hi } }) => {
  const form = document.getElementById("fit-form");
  form.elements.lo.value = lo.toFixed(2);
  form.elements.hi.value = hi.toFixed(2);
  form.requestSubmit();
});
