// The picture of a series and the spectrum of what is under the pointer. Numbers come as float32;
// of several questions only the newest is asked, one at a time.
"use strict";
(() => {
  const source = document.getElementById("series-data");
  const data = source && JSON.parse(source.textContent);
  const box = document.getElementById("picture");
  if (!data || !box) return;
  const $ = (selector) => document.querySelector(selector);
  const plot = document.getElementById("plot");
  const base = plot && JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  const canvas = box.querySelector(".values"), over = box.querySelector(".over");
  const outer = data.frame, last = data.axes.length - 1;
  // Rows and columns of the whole picture, in spectra (columns of a waterfall: channels).
  const size = data.waterfall ? [data.shape[0], 1] : [data.shape[last - 1], data.shape[last]];

  // --- numbers ------------------------------------------------------------------------------
  const kept = new Map();
  const floats = async (url) => {
    if (kept.has(url)) return kept.get(url);
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(await answer.text());
    const found = { values: new Float32Array(await answer.arrayBuffer()),
      shape: (answer.headers.get("X-Shape") ?? "").split(",").map(Number),
      range: (answer.headers.get("X-Range") ?? "0,1").split(",").map(Number),
      n: Number(answer.headers.get("X-Spectra") ?? 1) };
    if (kept.size > 400) kept.delete(kept.keys().next().value);
    kept.set(url, found);
    return found;
  };
  const spectrum = (text) => floats(`${data.values}?at=${encodeURIComponent(text)}`);

  // --- the picture --------------------------------------------------------------------------
  let shown = data.pictures.find((one) => one.key === data.shown) ?? data.pictures[0];
  let layer = null;  // { shape, values | parts, err, none, range }
  const optional = (url) => (url ? floats(url) : null);
  const load = async () => {
    const one = shown;
    const [main, err, none, ...parts] = await Promise.all([
      one.url ? floats(one.url) : null, optional(one.err), optional(one.none),
      ...(one.parts ?? []).map(floats)]);
    const errs = await Promise.all($("#trust")?.value === "sigma" ? (one.errs ?? []).map(floats) : []);
    if (one !== shown) return;
    const first = main ?? parts[0];
    layer = { errs, shape: first.shape, main, err, none, parts, range: [...first.range] };
    canvas.height = first.shape[0];
    canvas.width = first.shape[1];
    fit();
    words();
    paint();
  };
  const opacity = (k) => {
    const trust = $("#trust")?.value;
    if (trust === "none_of_these" && layer.none) return 1 - layer.none.values[k];
    if (trust === "sigma" && layer.errs.length) {
      return 1 / (1 + (Math.max(...layer.errs.map((one) => one.values[k])) / 0.25) ** 2);
    }
    if (trust === "sigma" && layer.err) {
      const s = (layer.main.range[1] - layer.main.range[0]) / 4;
      return 1 / (1 + (layer.err.values[k] / s) ** 2);
    }
    return 1;
  };
  const paint = () => {
    if (!layer) return;
    const [h, w] = layer.shape, image = new ImageData(w, h), out = image.data;
    const [low, high] = layer.range, top = data.colours.length - 1;
    for (let k = 0; k < h * w; k++) {
      let colour, alpha = opacity(k);
      if (layer.parts.length) {
        let total = 0, mixed = [0, 0, 0];
        layer.parts.forEach((part, j) => {
          const share = Math.max(part.values[k], 0) || 0;
          total += share;
          for (let c = 0; c < 3; c++) mixed[c] += share * data.phaseColours[j % data.phaseColours.length][c];
        });
        colour = mixed.map((one) => one / (total || 1));
        if (!total) alpha = 0;
      } else {
        const value = layer.main.values[k];
        if (Number.isNaN(value)) alpha = 0;
        colour = data.colours[Math.round(Math.min(Math.max((value - low) / (high - low), 0), 1) * top) || 0];
      }
      out.set(colour, 4 * k);
      out[4 * k + 3] = 255 * (Math.min(Math.max(alpha, 0), 1) || 0);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    canvas.hidden = over.hidden = false;
    box.classList.add("live");
    mark();
  };
  const number = (value, digits = 4) => (Number.isFinite(value) ? Number(value.toPrecision(digits)).toString().replace("-", "−") : data.words.noValue);
  const words = () => {
    const phases = $("#phases");
    phases.hidden = !layer.parts.length;
    $(".scale-bar").hidden = $("#scale-form").hidden = Boolean(layer.parts.length);
    phases.replaceChildren(...(shown.names ?? []).map((name, k) => {
      const item = document.createElement("li"), swatch = document.createElement("i");
      swatch.className = `s${(k % 6) + 1}`;
      item.append(swatch, name);
      return item;
    }));
    [$("#scale-low").textContent, $("#scale-high").textContent] = layer.range.map((one) => number(one));
    [$("#low").value, $("#high").value] = layer.range.map((one) => Number(one.toPrecision(4)));
    box.setAttribute("aria-label", shown.label);
    $("#under").textContent = shown.label;
  };
  const fit = () => {
    const [h, w] = layer.shape;
    let ratio = data.waterfall ? 1.4 : w / h;
    const [down, across] = [data.axes[last - 1], data.axes[last]];
    if (!data.waterfall && down.unit && down.unit === across.unit) {
      const reach = (axis) => Math.abs(axis.values.at(-1) - axis.values[0]);
      if (reach(down) > 0 && reach(across) > 0) ratio = reach(across) / reach(down);
    }
    ratio = Math.min(Math.max(ratio, 0.4), 2.5);
    box.style.aspectRatio = String(ratio);
    box.style.width = `min(calc(100% - 32px), ${Math.round(520 * ratio)}px)`;
  };

  // --- places -------------------------------------------------------------------------------
  // A region is [row, row, column, column], both ends in it; columns of a waterfall are not chosen.
  const whole = () => [0, size[0] - 1, 0, size[1] - 1];
  const region = (text) => {
    if (!text) return null;
    const parts = text.split(",").slice(outer.length);
    const pair = (part, n) => (part === undefined || part === "*" ? [0, n - 1]
      : part.includes("-") ? part.split("-").map(Number) : [Number(part), Number(part)]);
    return [...pair(parts[0], size[0]), ...(data.waterfall ? [0, 0] : pair(parts[1], size[1]))];
  };
  const text = (r) => {
    const one = (a, b, n) => (a === 0 && b === n - 1 && n > 1 ? "*" : a === b ? `${a}` : `${a}-${b}`);
    const rows = one(r[0], r[1], size[0]);
    return [...outer, rows, ...(data.waterfall ? [] : [one(r[2], r[3], size[1])])].join(",");
  };
  // Of very many places of even steps only the ends are here; of uneven ones none is.
  const place = (axis, k) => (axis.values.length === axis.size ? axis.values[k]
    : axis.values[0] + (axis.values[1] - axis.values[0]) * k / (axis.size - 1));
  const twice = (axis, k) => axis.values.length === axis.size
    && axis.values.indexOf(axis.values[k]) !== axis.values.lastIndexOf(axis.values[k]);
  const full = (r) => String(r) === String(whole()) && !outer.length;
  const label = (r) => {
    if (full(r)) return data.words.all;
    const one = (axis, a, b) => {
      const range = (at) => (a === b ? at(a) : `${at(a)}…${at(b)}`);
      const index = a === b ? `[${a}]` : `[${a}-${b}]`;
      if (!axis.values.length) return `${axis.name} ${index}`;
      const told = `${axis.name} ${range((k) => number(place(axis, k), axis.digits))} ${axis.unit}`.trim();
      return [a, b].some((k) => twice(axis, k)) ? `${told} ${index}` : told;
    };
    const own = data.waterfall ? [one(data.axes[0], r[0], r[1])]
      : [one(data.axes[last - 1], r[0], r[1]), one(data.axes[last], r[2], r[3])];
    return [...outer.map((k, j) => one(data.axes[j], k, k)), ...own].join(", ");
  };
  const count = (r) => (r[1] - r[0] + 1) * (r[3] - r[2] + 1);
  let a = region(data.at) ?? whole(), b = region(data.b), live = null, cursor = null;

  const mark = () => {
    const rect = box.getBoundingClientRect(), scale = devicePixelRatio || 1;
    over.width = rect.width * scale;
    over.height = rect.height * scale;
    const pen = over.getContext("2d");
    pen.scale(scale, scale);
    const draw = (r, colour, name) => {
      if (!r || full(r)) return;
      const [h, w] = span();
      const y = r[0] / h * rect.height, x = data.waterfall ? 0 : r[2] / w * rect.width;
      const high = Math.max((r[1] - r[0] + 1) / h * rect.height, 5);
      const wide = data.waterfall ? rect.width : Math.max((r[3] - r[2] + 1) / w * rect.width, 5);
      for (const [style, line] of [["#fff", 4], [colour, 2]]) {
        pen.strokeStyle = style;
        pen.lineWidth = line;
        pen.strokeRect(x + 0.5, y + 0.5, wide - 1, high - 1);
      }
      if (!name) return;
      pen.font = "600 13px sans-serif";
      pen.lineWidth = 3;
      pen.strokeStyle = "#fff";
      const at = [Math.min(x + wide + 4, rect.width - 12), Math.max(y - 3, 12)];
      pen.strokeText(name, ...at);
      pen.fillStyle = colour;
      pen.fillText(name, ...at);
    };
    draw(a, "#10222b", "A");
    draw(b, "#d55e00", "B");
    draw(live, "#0a5f73", "");
  };
  // Rows and columns that the picture stands for; thinned ones reach a little beyond the series.
  const span = () => {
    if (!layer) return size;
    const reach = (n, drawn) => Math.ceil(n / drawn) * drawn;
    return data.waterfall ? size : [reach(size[0], layer.shape[0]), reach(size[1], layer.shape[1])];
  };
  const under = (event) => {
    const rect = box.getBoundingClientRect(), [h, w] = span();
    const at = (share, n, most) => Math.min(Math.max(Math.floor(share * n), 0), most - 1);
    return [at((event.clientY - rect.top) / rect.height, h, size[0]),
      data.waterfall ? 0 : at((event.clientX - rect.left) / rect.width, w, size[1])];
  };
  const told = (r) => {
    const name = label(r);
    if (!layer || data.waterfall || count(r) > 1 || full(r)) return `${name}${count(r) > 1 && !full(r) ? ` (${count(r)} ${data.words.spectra})` : ""}`;
    const [h, w] = layer.shape, [sh, sw] = span();
    const k = Math.floor(r[0] * h / sh) * w + Math.floor(r[2] * w / sw);
    const parts = layer.parts.length
      ? layer.parts.map((part, j) => `${shown.names[j]} ${number(part.values[k])}`)
      : [`${shown.labels?.[layer.main.values[k]] ?? number(layer.main.values[k])}${layer.err ? ` ± ${number(layer.err.values[k])}` : ""}`];
    if (layer.none && shown.key !== "none_of_these" && Number.isFinite(layer.none.values[k])) parts.push(`${data.words.none}: ${number(layer.none.values[k])}`);
    return `${name}: ${parts.join(", ")}`;
  };

  // --- the spectrum -------------------------------------------------------------------------
  const reach = (lists, floor) => {
    let low = Infinity, high = -Infinity;
    for (const list of lists) for (const y of list) if (y !== null) { low = Math.min(low, y); high = Math.max(high, y); }
    if (!(high > low)) return [0, 1];
    const margin = 0.06 * (high - low);
    return [floor && low >= -0.02 * (high - low) ? 0 : low - margin, high + margin];
  };
  const thin = (found) => {
    const out = [];
    for (let k = 0; k < found.values.length; k += data.step) out.push(Number.isFinite(found.values[k]) ? found.values[k] : null);
    return out;
  };
  const legend = (names) => {
    const list = plot.querySelector(".key"), first = list?.querySelector("li");
    if (!first) return;
    list.replaceChildren(...names.map(([name, colour]) => {
      const item = first.cloneNode(true), path = item.querySelector("path");
      if (path) path.setAttribute("class", `dots k-${colour}`);
      item.querySelector("span").textContent = name;
      return item;
    }));
  };
  const show = async (moving, second) => {
    const one = moving ? data.words.pointer : "A", parts = [[one, moving ?? a, "ink"]];
    if (second) parts.push(["B", second, "s2"]);
    const found = await Promise.all(parts.map(([, r]) => spectrum(text(r))));
    const lists = found.map(thin);
    const figure = { ...base, residual: null, curves: parts.map(([name, r, colour], k) => ({
      name: `${name}: ${label(r)}`, role: "experiment", colour, dash: "", panel: 0, label: "",
      key: `${name}: ${label(r)}`, x: data.energy, y: lists[k] })) };
    figure.y = { ...base.y, range: reach(lists, true) };
    if (second) {
      const y = lists[0].map((one, k) => (one === null || lists[1][k] === null ? null : one - lists[1][k]));
      const [low, high] = reach([y], false), most = Math.max(Math.abs(low), Math.abs(high)) || 1;
      figure.residual = { label: `${one} − B`, range: [-most, most] };
      figure.curves.push({ name: `${one} − B`, role: "residual", colour: "s1", dash: "", panel: 1, label: "", key: `${one} − B`, x: data.energy, y });
    }
    legend(parts.map(([name, r, colour]) => [`${name}: ${label(r)}`, colour]));
    $("#place").textContent = parts.map(([name, r]) => `${name}: ${label(r)}`).join(" · ");
    await window.plots.draw(plot, figure);
  };
  // What the analysis makes of A; asked for when A is kept, not while the pointer moves.
  const fitted = document.getElementById("fit");
  let fitAt = fitted && data.at;
  const showFit = async () => {
    const at = full(a) ? "" : text(a);
    if (!fitted || at === fitAt) return;
    fitAt = at;
    const answer = await fetch(`${data.fit}?at=${encodeURIComponent(at)}`);
    if (fitAt !== at) return;
    if (!answer.ok) { $("#fit-where").textContent = await answer.text(); return; }
    const found = await answer.json();
    await window.plots.draw(fitted, found.figure);
    $("#fit-where").textContent = found.region;
  };
  let busy = false, waiting = false;
  const update = async () => {
    mark();
    $("#under").textContent = live ? told(live) : shown.label;
    if (!base) return;
    if (busy) { waiting = true; return; }
    busy = true;
    try {
      do { waiting = false; await show(live, b); } while (waiting);
      box.dataset.settled = String(Number(box.dataset.settled ?? 0) + 1);
    } catch (error) {
      $("#under").textContent = error.message;
    } finally { busy = false; }
  };
  const keep = () => {
    const at = full(a) ? "" : text(a), second = b ? text(b) : "";
    for (const field of document.querySelectorAll("#at,#keep-at,#show-form [name=at]")) field.value = at;
    for (const field of document.querySelectorAll("#b,#show-form [name=b]")) field.value = second;
    const address = new URL(location.href);
    for (const [name, value] of [["at", at], ["b", second], ["show", shown.key], ["trust", $("#trust")?.value]]) {
      if (value) address.searchParams.set(name, value); else address.searchParams.delete(name);
    }
    history.replaceState(null, "", address);
    for (const link of document.querySelectorAll("[data-at]")) {
      const to = new URL(link.href);
      if (at) to.searchParams.set("at", at); else to.searchParams.delete("at");
      if (link.dataset.at === "svg" && second) to.searchParams.set("b", second); else to.searchParams.delete("b");
      link.href = to;
    }
    update();
    showFit().catch((error) => { $("#fit-where").textContent = error.message; });
  };

  // --- pointer and keys ---------------------------------------------------------------------
  let start = null;
  const between = (p, q) => [Math.min(p[0], q[0]), Math.max(p[0], q[0]), Math.min(p[1], q[1]), Math.max(p[1], q[1])];
  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = under(event);
    if (event.pointerType === "mouse") box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    const at = under(event), next = start ? between(start, at) : between(at, at);
    if (String(next) === String(live)) return;
    live = next;
    update();
  });
  box.addEventListener("pointerup", (event) => {
    if (!start) return;
    const made = between(start, under(event));
    start = null;
    if (event.shiftKey) b = made; else a = made;
    cursor = [made[1], made[3]];
    keep();
  });
  box.addEventListener("pointerleave", () => { live = null; start = null; update(); });
  box.addEventListener("pointercancel", () => { live = null; start = null; update(); });
  const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  let anchor = null;
  box.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) {
      cursor ??= full(a) ? [Math.floor(size[0] / 2), Math.floor(size[1] / 2)] : [a[1], a[3]];
      if (!event.shiftKey) anchor = null; else anchor ??= [...cursor];
      cursor = cursor.map((at, k) => Math.min(Math.max(at + move[k], 0), size[k] - 1));
      live = between(anchor ?? cursor, cursor);
      update();
    } else if (event.key === "Enter" && live) { a = live; keep(); }
    else if (event.key === "b" && live) { b = live; keep(); }
    else if (event.key === "Escape") { live = b = anchor = cursor = null; a = whole(); keep(); }
    else return;
    event.preventDefault();
  });
  box.addEventListener("blur", () => { if (live) { live = anchor = null; update(); } });

  // --- forms --------------------------------------------------------------------------------
  $("#show-form").addEventListener("change", (event) => {
    if (event.target.matches("[data-frame]")) {
      $("#frame").value = [...document.querySelectorAll("[data-frame]")].map((one) => one.value).join(",");
      for (const name of ["at", "b"]) $(`#show-form [name=${name}]`).value = "";
      event.currentTarget.requestSubmit();
      return;
    }
    shown = data.pictures.find((one) => one.key === $("#show")?.value) ?? shown;
    const as = (format) => {
      const to = new URL(shown[format] ?? "", location.href);
      if ($("#trust")?.value) to.searchParams.set("trust", $("#trust").value);
      return to;
    };
    $("#picture-svg").href = as("svg");
    $("#picture-png").href = as("png");
    keep();
    load().catch((error) => { $("#under").textContent = error.message; });
  });
  $("#scale-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const [low, high] = ["#low", "#high"].map((one) => Number($(one).value));
    if (!layer || !(high > low)) return;
    layer.range = [low, high];
    words();
    paint();
  });
  $("#use-a")?.addEventListener("click", () => {
    const field = $("#references");
    field.value = [field.value.trim().replace(/,$/, ""), `@${text(a)}`].filter(Boolean).join(", ");
    field.focus();
  });
  document.addEventListener("themechange", () => { mark(); });
  new ResizeObserver(mark).observe(box);
  load().catch((error) => { $("#under").textContent = error.message; });
})();
