// Plots: the server's figure, drawn again by Plotly once the plot is in sight. Colours are the
// stylesheet's tokens; margins are those of the server's drawing, so nothing moves.
"use strict";
(() => {
  const DASH = { "": "solid", dash: "8px,5px", dot: "2px,4px", dashdot: "8px,4px,2px,4px" };
  let library;
  const plotly = (address) => library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.Plotly);
    script.onerror = reject;
    document.head.append(script);
  });

  // light-dark() is only resolved in a real property, so a probe reads the tokens.
  const probe = document.createElement("span");
  probe.hidden = true;
  const token = (name) => {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const clear = (colour, alpha) => colour.replace(/rgba?\(([^)]+)\)/, (_, parts) =>
    `rgba(${parts.split(",").slice(0, 3).join(",")},${alpha})`);
  const theme = () => {
    const colours = {};
    for (const name of ["s1", "s2", "s3", "s4", "s5", "ink", "ink-2", "ink-3", "line", "line-strong", "grid", "surface", "accent"]) colours[name] = token(name);
    colours.s6 = colours.ink;
    return colours;
  };
  const rich = (text) => text.replace(/[<>&]/g, (sign) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;" })[sign])
    .replace(/_\{([^}]*)\}/g, "<sub>$1</sub>").replace(/\^\{([^}]*)\}/g, "<sup>$1</sup>");

  // Dots at least 6 px apart along the curve.
  const thinned = (x, y, xr, yr, width, height) => {
    const keep = { x: [], y: [] };
    let px = -1e9, py = -1e9;
    for (let i = 0; i < x.length; i++) {
      const a = (x[i] - xr[0]) / (xr[1] - xr[0]) * width;
      const b = (y[i] - yr[0]) / (yr[1] - yr[0]) * height;
      if (Math.hypot(a - px, b - py) >= 6) { keep.x.push(x[i]); keep.y.push(y[i]); px = a; py = b; }
    }
    return keep;
  };

  const traces = (figure, colours, size) => {
    const out = [];
    for (const band of figure.bands) {
      const fill = clear(colours[band.colour] ?? colours.s1, band.level === 1 ? 0.22 : 0.12);
      out.push({ x: [...band.x, ...band.x.slice().reverse()], y: [...band.upper, ...band.lower.slice().reverse()],
        fill: "toself", fillcolor: fill, line: { width: 0 }, hoverinfo: "skip", mode: "lines", type: "scatter" });
    }
    if (figure.sticks) {
      const x = [], y = [];
      figure.sticks.x.forEach((at, i) => { x.push(at, at, null); y.push(0, figure.sticks.y[i], null); });
      out.push({ x, y, mode: "lines", line: { color: colours.ink, width: 1.4 }, hoverinfo: "skip", type: "scatter" });
    }
    for (const curve of figure.curves) {
      const colour = colours[curve.colour] ?? colours.ink;
      const common = { name: rich(curve.name), type: "scatter", xaxis: "x", yaxis: curve.panel ? "y2" : "y", meta: curve.key || curve.name };
      if (curve.role === "experiment") {
        out.push({ ...common, x: curve.x, y: curve.y, mode: "lines", line: { color: clear(colour, 0.7), width: 0.8 } });
        out.push({ ...common, ...thinned(curve.x, curve.y, size.x, size.y, size.width, size.height), mode: "markers",
          marker: { color: colour, size: 4.8 }, hoverinfo: "skip" });
      } else if (curve.role === "points") {
        out.push({ ...common, x: curve.x, y: curve.y, mode: "markers", marker: { color: clear(colour, 0.45), size: 6 } });
      } else if (curve.role === "peak") {
        out.push({ ...common, x: curve.x, y: curve.y, mode: "lines", fill: "tozeroy", fillcolor: clear(colour, 0.1),
          line: { color: colour, width: 1.2 }, hoverinfo: "skip" });
      } else {
        const dash = curve.role === "fit" || curve.role === "reference" ? "dash" : curve.dash;
        out.push({ ...common, x: curve.x, y: curve.y, mode: "lines",
          line: { color: colour, width: curve.role === "residual" ? 1.2 : 2.4, dash: DASH[dash] } });
      }
    }
    return out;
  };

  const ranged = (box) => Boolean(box.closest("[data-range]")) && box.id === "plot";
  const layout = (figure, colours, box, style) => {
    const axis = { gridcolor: colours.grid, linecolor: colours["line-strong"], tickcolor: colours["line-strong"],
      zeroline: false, showline: true, mirror: true, ticks: "outside", ticklen: 4, tickfont: { size: 13, color: colours["ink-2"] },
      hoverformat: ".5~g", automargin: false };
    const margin = { l: parseFloat(style.paddingLeft), r: parseFloat(style.paddingRight),
      t: parseFloat(style.paddingTop), b: parseFloat(style.paddingBottom) };
    const split = Boolean(figure.residual);
    const out = {
      margin, height: box.clientHeight, width: box.clientWidth, showlegend: false, hovermode: figure.curves.some((one) => one.role === "points") ? "closest" : "x unified",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", separators: ".",
      font: { family: getComputedStyle(document.body).fontFamily, color: colours["ink-2"], size: 13 },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colours["ink-3"], activecolor: colours.accent },
      hoverlabel: { bgcolor: colours.surface, bordercolor: colours["line-strong"], font: { color: colours.ink, size: 13 } },
      dragmode: ranged(box) ? "select" : matchMedia("(pointer: coarse)").matches ? false : "zoom", selectdirection: "h", uirevision: "keep",
      xaxis: { ...axis, exponentformat: "none", hoverformat: ".7~g", range: figure.x.range, title: { text: rich(figure.x.label), font: { size: 14, color: colours.ink }, standoff: 8 },
        anchor: split ? "y2" : "y", nticks: box.clientWidth < 500 ? 5 : 8 },
      yaxis: { ...axis, range: figure.y.range, domain: split ? [0.27, 1] : [0, 1], showticklabels: figure.y.numbers,
        title: { text: rich(figure.y.label), font: { size: 14, color: colours.ink } , standoff: 6 } },
      shapes: [], annotations: [],
    };
    if (split) {
      out.yaxis2 = { ...axis, range: figure.residual.range, domain: [0, 0.19], nticks: 3,
        title: { text: rich(figure.residual.label), font: { size: 14, color: colours.ink } },
        zeroline: true, zerolinecolor: colours["line-strong"] };
    }
    for (const marker of figure.markers) {
      out.shapes.push({ type: "line", xref: "x", yref: "y domain", x0: marker.x, x1: marker.x, y0: 0, y1: 1,
        line: { color: colours["ink-3"], width: 1, dash: "2px,3px" } });
      out.annotations.push({ xref: "x", yref: "y domain", x: marker.x, y: 1, text: rich(marker.label), showarrow: false,
        xanchor: "left", yanchor: "top", font: { size: 12, color: colours["ink-2"] }, xshift: 4 });
    }
    // Names at the line ends, pushed apart; y in pixels from the top.
    const high = box.clientHeight - margin.t - margin.b;
    const named = figure.curves.filter((curve) => curve.label).map((curve) => {
      let k = curve.x.length - 1;
      while (k > 0 && curve.x[k] > figure.x.range[1]) k--;
      return { curve, at: (1 - (curve.y[k] - figure.y.range[0]) / (figure.y.range[1] - figure.y.range[0])) * high };
    }).sort((a, b) => a.at - b.at);
    let last = -1e9;
    for (const one of named) last = one.at = Math.max(one.at, last + 17);
    // Those pushed below the axis go up again, and what is above them with them.
    let low = high - 4;
    for (const one of [...named].reverse()) { one.at = Math.min(one.at, low); low = one.at - 17; }
    for (const { curve, at } of named) {
      out.annotations.push({ xref: "paper", yref: "paper", x: 1, y: 1 - at / high, xanchor: "left", yanchor: "middle", xshift: 6,
        text: `<b>${rich(curve.label)}</b>`, showarrow: false, font: { size: 13, color: colours[curve.colour] ?? colours.ink } });
    }
    return out;
  };

  const figureOf = (box) => JSON.parse(document.getElementById(box.dataset.figure).textContent);
  const draw = async (box, figure) => {
    const Plotly = await plotly(box.dataset.plotly);
    if (!box.isConnected) return;
    const live = box.querySelector(".live");
    const style = getComputedStyle(box.querySelector(".first"));
    const colours = theme();
    const size = { x: figure.x.range, y: figure.y.range,
      width: box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      height: (box.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom)) * (figure.residual ? 0.73 : 1) };
    box.figure = figure;
    await Plotly.react(live, traces(figure, colours, size), layout(figure, colours, box, style), {
      displaylogo: false, displayModeBar: box.clientWidth < 500 ? false : "hover", responsive: false, locale: "en",
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
      toImageButtonOptions: { format: "svg", filename: document.title.split(" · ")[0] },
    });
    box.classList.add("drawn");
    if (!box.watched) {
      box.watched = true;
      let width = box.clientWidth;
      new ResizeObserver(() => {
        if (Math.abs(box.clientWidth - width) < 2) return;
        width = box.clientWidth;
        draw(box, box.figure);
      }).observe(box);
      if (ranged(box)) live.on("plotly_selected", (chosen) => {
        const [lo, hi] = chosen?.range?.x ?? [];
        if (hi > lo) document.dispatchEvent(new CustomEvent("plotrange", { detail: { lo, hi } }));
      });
      live.on("plotly_relayout", (change) => {
        // Zoomed in: show the dots that the wider view left out.
        const lo = change["xaxis.range[0]"], hi = change["xaxis.range[1]"];
        const reset = change["xaxis.autorange"];
        if (lo === undefined && !reset) return;
        const range = reset ? box.figure.x.range : [lo, hi];
        const yr = live.layout.yaxis.range;
        live.data.forEach((trace, k) => {
          if (trace.mode !== "markers") return;
          const curve = box.figure.curves.find((one) => (one.key || one.name) === trace.meta);
          if (!curve || curve.role === "points") return;
          const kept = thinned(curve.x, curve.y, range, yr, size.width, size.height);
          Plotly.restyle(live, { x: [kept.x], y: [kept.y] }, [k]);
        });
        if (reset) Plotly.relayout(live, { "xaxis.range": box.figure.x.range, "yaxis.range": box.figure.y.range });
      });
    }
  };

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      seen.unobserve(entry.target);
      draw(entry.target, figureOf(entry.target)).catch(() => {});
    }
  }, { rootMargin: "200px" });
  const start = (root) => root.querySelectorAll(".plot[data-figure]:not(.waiting)").forEach((box) => {
    box.classList.add("waiting");
    seen.observe(box);
  });
  start(document);
  document.addEventListener("htmx:after:swap", () => {
    // A morph keeps the element and changes its data: draw it again.
    document.querySelectorAll(".plot.waiting").forEach((box) => {
      const text = document.getElementById(box.dataset.figure)?.textContent;
      if (box.text !== undefined && box.text === text) return;
      box.text = text;
      if (box.figure || !box.classList.contains("drawn")) draw(box, JSON.parse(text)).catch(() => {});
    });
    start(document);
  });
  document.addEventListener("themechange", () =>
    document.querySelectorAll(".plot.drawn").forEach((box) => draw(box, box.figure)));
  window.plots = { draw, figureOf };
})();
