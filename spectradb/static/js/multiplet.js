// Sliders: the engine is asked while they move, one question at a time and always the newest.
"use strict";
(() => {
  const form = document.getElementById("mp-form");
  const box = document.getElementById("plot");
  if (!form) return;
  const APART = 90; // ms between questions: below what one person may ask a minute
  let asking = false, waiting = false, pinned = null, dragging = false, axes = null;
  // What stands as it was opened is left out: the address says what was changed.
  const given = (name) => form.querySelector(`[name="${name}"][data-given]`)?.dataset.given;
  const fields = () => {
    const data = new Map([...new FormData(form)]); // of two of one name, the later
    const opened = form.querySelector("[type=hidden][name=case],[type=hidden][name=calculation]");
    const other = opened && data.get("ion") !== given("ion");
    if (other) data.delete(opened.name);
    const kept = [...data].filter(([name, value]) => value !== "" &&
      (other || value !== given(name) || (name === "ion" && !opened)));
    return new URLSearchParams(kept.filter(([name, value]) => name !== "transfer" || value !== "0" || given("transfer") === "1"));
  };
  const error = document.getElementById("mp-error");
  const tell = (words) => { error.hidden = false; error.textContent = words; };
  const withPin = (figure) => {
    if (!pinned) return figure;
    return { ...figure, curves: [{ ...pinned, role: "reference", colour: "ink", key: "pin" }, ...figure.curves] };
  };
  const show = (answer, query) => {
    const figure = answer.figure;
    // During a drag the axes stay, so that lines are seen to move.
    if (dragging && axes) { figure.x.range = axes.x; figure.y.range = axes.y; }
    else axes = { x: figure.x.range, y: figure.y.range };
    document.getElementById("mp-status").innerHTML = answer.status;
    document.getElementById("mp-tiles").innerHTML = answer.tiles;
    document.getElementById("mp-side").innerHTML = answer.side;
    error.hidden = true;
    const told = document.getElementById("mp-file");
    if (told) { told.hidden = !answer.file; told.textContent = answer.file; }
    if (box) { box.bare = figure; window.plots.draw(box, withPin(figure)); }
    history.replaceState(null, "", `?${query}`);
    const save = document.getElementById("case-save");
    save.href = `${save.dataset.address}?${query}`;
  };
  const ask = async () => {
    if (asking) { waiting = true; return; }
    asking = true;
    const query = fields(), pause = new Promise((done) => setTimeout(done, APART));
    box?.setAttribute("aria-busy", "true");
    const late = setTimeout(() => box?.classList.add("stale"), 300);
    try {
      const answer = await fetch(`${form.dataset.answer}?${query}`);
      const body = await answer.json();
      if (answer.ok) show(body, query); else tell(body.error);
      if (answer.ok) box?.classList.remove("stale"); else box?.classList.add("stale");
    } catch (reason) {
      tell(String(reason.message));
    } finally {
      clearTimeout(late);
      await pause;
      asking = false;
      if (waiting) { waiting = false; ask(); } else box?.removeAttribute("aria-busy");
    }
  };
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (field.dataset.pair) form.elements[field.dataset.pair].value = field.value;
    else {
      const slider = form.querySelector(`[data-pair="${field.name}"]`);
      if (slider) slider.value = field.value;
    }
    ask();
  });
  form.addEventListener("pointerdown", (event) => {
    dragging = event.target.type === "range";
    const now = box && (box.bare ?? box.figure ?? window.plots.figureOf(box));
    if (dragging && now) axes ??= { x: now.x.range, y: now.y.range };
  });
  addEventListener("pointerup", () => { if (dragging) { dragging = false; ask(); } });
  addEventListener("pointercancel", () => { dragging = false; });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.formMethod === "post") return;
    event.preventDefault();
    ask();
  });

  const pin = document.getElementById("pin"), unpin = document.getElementById("unpin");
  pin?.addEventListener("click", () => {
    const figure = box.bare ?? window.plots.figureOf(box);
    pinned = { ...figure.curves.findLast((curve) => curve.role === "theory") };
    box.bare = figure;
    unpin.hidden = false;
    window.plots.draw(box, withPin(figure));
  });
  unpin?.addEventListener("click", () => {
    pinned = null;
    unpin.hidden = true;
    window.plots.draw(box, box.bare);
  });

  // A file is read by the server; where it is wrong the page stays as it was.
  document.getElementById("case-file")?.addEventListener("change", async (event) => {
    const field = event.target, file = field.files[0];
    if (!file) return;
    const data = new FormData();
    data.append("file", file);
    try {
      const answer = await fetch(form.dataset.load, {
        method: "POST", body: data, headers: { "X-CSRFToken": field.dataset.token },
      });
      const body = await answer.json();
      if (answer.ok) location.assign(body.address); else tell(body.error);
    } catch (reason) {
      tell(`${file.name}: ${reason.message}`);
    } finally {
      field.value = "";
    }
  });
})();
