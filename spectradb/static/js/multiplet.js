// Sliders: 120 ms after the last move the engine is asked; older answers are dropped.
"use strict";
(() => {
  const form = document.getElementById("mp-form");
  const box = document.getElementById("plot");
  if (!form) return;
  let timer, current, pinned = null, dragging = false, frozen = null;
  const fields = () => {
    const data = new FormData(form);
    data.delete("csrfmiddlewaretoken");
    return new URLSearchParams([...data].filter(([, value]) => value !== ""));
  };
  const error = document.getElementById("mp-error");
  const withPin = (figure) => {
    if (!pinned) return figure;
    return { ...figure, curves: [{ ...pinned, role: "reference", colour: "ink", key: "pin" }, ...figure.curves] };
  };
  const show = (answer) => {
    const figure = answer.figure;
    // During a drag the axes stay, so that lines are seen to move.
    if (dragging && frozen) figure.x.range = frozen; else frozen = figure.x.range;
    document.getElementById("mp-status").innerHTML = answer.status;
    document.getElementById("mp-tiles").innerHTML = answer.tiles;
    document.getElementById("mp-side").innerHTML = answer.side;
    error.hidden = true;
    if (box) { box.bare = figure; window.plots.draw(box, withPin(figure)); }
    history.replaceState(null, "", `?${fields()}`);
  };
  const ask = async () => {
    current?.abort();
    const mine = current = new AbortController();
    box?.classList.add("stale");
    box?.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${form.dataset.answer}?${fields()}`, { signal: mine.signal });
      const body = await answer.json();
      if (answer.ok) show(body); else { error.hidden = false; error.textContent = body.error; return; }
      box?.classList.remove("stale");
    } catch (reason) {
      if (reason.name !== "AbortError") { error.hidden = false; error.textContent = String(reason.message); }
    } finally {
      if (mine === current) box?.removeAttribute("aria-busy");
    }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(ask, 120); };
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (field.dataset.pair) form.elements[field.dataset.pair].value = field.value;
    else {
      const slider = form.querySelector(`[data-pair="${field.name}"]`);
      if (slider) slider.value = field.value;
    }
    soon();
  });
  form.addEventListener("pointerdown", (event) => { dragging = event.target.type === "range"; });
  addEventListener("pointerup", () => { if (dragging) { dragging = false; soon(); } });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.formMethod === "post") return;
    event.preventDefault();
    ask();
  });

  const pin = document.getElementById("pin"), unpin = document.getElementById("unpin");
  pin?.addEventListener("click", () => {
    const figure = box.bare ?? window.plots.figureOf(box);
    pinned = { ...figure.curves[figure.curves.length - 1] };
    box.bare = figure;
    unpin.hidden = false;
    window.plots.draw(box, withPin(figure));
  });
  unpin?.addEventListener("click", () => {
    pinned = null;
    unpin.hidden = true;
    window.plots.draw(box, box.bare);
  });

  document.getElementById("case-file")?.addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (!file) return;
    try {
      const read = JSON.parse(await file.text());
      const given = Array.isArray(read) ? read[0] : read;
      const set = (name, value) => {
        if (value === undefined || value === null || typeof value === "object") return;
        const field = form.elements[name];
        if (field) { field.value = value; const slider = form.querySelector(`[data-pair="${name}"]`); if (slider) slider.value = value; }
      };
      set("ion", `${given.element}${given.charge}`);
      for (const name of ["slater_scale", "temperature_k", "fwhm_gauss_ev", "polarization"]) set(name, given[name]);
      for (const [name, value] of Object.entries(given.crystal_field ?? {})) set(name, value);
      form.elements.transfer.checked = Boolean(given.charge_transfer);
      for (const [name, value] of Object.entries(given.charge_transfer ?? {})) set(name, value);
      const widths = given.hwhm_ev;
      if (typeof widths === "number") { set("l3", widths); set("l2", widths); }
      else if (widths) { set("l3", widths.l3); set("l2", widths.l2); }
      ask();
    } catch (reason) {
      error.hidden = false;
      error.textContent = `${file.name}: ${reason.message}`;
    }
  });
})();
