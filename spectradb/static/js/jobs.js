// Look again every three seconds while something is open and the page is in sight.
"use strict";
(() => {
  let paused = false;
  const look = async () => {
    const box = document.getElementById("jobs");
    if (paused || document.hidden || !Number(box.dataset.open)) return;
    if (document.querySelector("dialog[open]") || box.contains(document.activeElement)) return;
    const answer = await fetch(location.href, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    box.replaceWith(document.adoptNode(page.getElementById("jobs")));
  };
  document.addEventListener("click", (event) => {
    if (event.target.id !== "pause") return;
    paused = !paused;
    event.target.textContent = paused ? event.target.dataset.on : event.target.dataset.off;
  });
  setInterval(look, 3000);
})();
