// Results: selection that outlives a page, keys, the filter sheet, the export dialog.
"use strict";
(() => {
  const KEY = "selected";
  const read = () => new Set(JSON.parse(sessionStorage.getItem(KEY) || "[]"));
  const selected = read();
  const keep = () => sessionStorage.setItem(KEY, JSON.stringify([...selected]));
  const $ = (selector) => document.querySelector(selector);
  const picks = () => [...document.querySelectorAll("input.pick")];

  const draw = () => {
    const bar = $("#selection");
    if (!bar) return;
    const n = selected.size;
    const limit = Number(bar.dataset.limit);
    for (const box of picks()) box.checked = selected.has(box.value);
    bar.hidden = n === 0;
    for (const slot of bar.querySelectorAll("[data-n]")) slot.textContent = n || "";
    bar.querySelector("[data-compare]").disabled = n === 0 || n > limit;
    bar.querySelector("[data-why]").hidden = n <= limit;
    const exporting = bar.querySelector("[data-export]");
    exporting.dataset.all ??= exporting.getAttribute("href");
    exporting.href = n ? `${exporting.dataset.all.split("?")[0]}?id=${[...selected].join(",")}` : exporting.dataset.all;
    const collecting = bar.querySelector("[data-collect]");
    collecting.href = `${collecting.href.split("?")[0]}?ids=${[...selected].join(",")}`;
    const all = $("[data-all]");
    if (all) {
      const on = picks().filter((box) => box.checked).length;
      all.checked = on > 0 && on === picks().length;
      all.indeterminate = on > 0 && on < picks().length;
    }
  };
  const set = (values, on) => {
    for (const value of values) if (on) selected.add(value); else selected.delete(value);
    keep();
    draw();
  };

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches?.("input.pick")) { event.stopPropagation(); set([box.value], box.checked); }
    if (box.matches?.("[data-all]")) set(picks().map((one) => one.value), box.checked);
  }, true);
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    if (hit("[data-page-all]")) set(picks().map((one) => one.value), true);
    if (hit("[data-clear]")) set([...selected], false);
    if (hit("[data-open-sheet]")) $("#facets").classList.add("open");
    if (hit("[data-close-sheet]")) $("#facets").classList.remove("open");
    const exporting = hit("[data-export]");
    if (exporting && window.HTMLDialogElement) {
      event.preventDefault();
      fetch(exporting.href, { headers: { "HX-Request": "true" } }).then((answer) => answer.text()).then((text) => {
        // What refuses is a page of its own: go there.
        if (!text.includes('id="export-form"')) { location.href = exporting.href; return; }
        const page = new DOMParser().parseFromString(text, "text/html");
        const body = $("#export-body");
        body.replaceChildren(document.adoptNode(page.querySelector("#export-form")));
        const close = Object.assign(document.createElement("button"), { type: "button", className: "btn slim close", textContent: "×", ariaLabel: "Close" });
        close.addEventListener("click", () => $("#export-dialog").close());
        body.append(close);
        $("#export-dialog").showModal();
      });
    }
  });
  // The whole selection goes to Compare, not only what this page shows.
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "selection") return;
    event.preventDefault();
    const action = event.target.action;
    location.href = `${action}?ids=${[...selected].join(",")}`;
  });

  let at = -1;
  const rows = () => [...document.querySelectorAll("#rows tbody tr")];
  const go = (to) => {
    const all = rows();
    if (!all.length) return;
    all[at]?.classList.remove("at");
    at = Math.max(0, Math.min(all.length - 1, to));
    all[at].classList.add("at");
    all[at].scrollIntoView({ block: "nearest" });
    all[at].querySelector("a.name").focus({ preventScroll: true });
  };
  document.addEventListener("sitekey", ({ detail: { key } }) => {
    if (key === "j") go(at + 1);
    if (key === "k") go(at - 1);
    if (key === "x" && rows()[at]) rows()[at].querySelector("input.pick").click();
    if (key === "c" && selected.size && selected.size <= 20) $("#selection").requestSubmit();
  });
  document.addEventListener("htmx:after:swap", () => { at = -1; draw(); });
  addEventListener("pageshow", draw);
  draw();
})();
