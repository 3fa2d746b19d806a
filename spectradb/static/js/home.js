// The periodic table: recolour by edge and kind, fill the side card, collect with Shift.
"use strict";
(() => {
  const source = document.getElementById("pt-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const table = document.querySelector("table.pt");
  const form = document.getElementById("pt-form");
  const side = document.getElementById("side");
  const several = document.getElementById("pt-several");
  const picked = new Set();
  const slot = (name) => side.querySelector(`[data-slot="${name}"]`);
  const grouped = (n) => n.toLocaleString("en-US");
  const short = (n) => n >= 1e6 ? `${(n / 1e6).toFixed(1)}M`
    : n >= 1e3 ? `${n / 1e3 < 9.95 ? (n / 1e3).toFixed(1) : Math.round(n / 1e3)}k` : String(n);
  const base = form.closest("section").querySelector("a.cell")?.getAttribute("href").split("?")[0] ?? "/spectra/";

  const member = (name, edge) => name === edge || (edge === "L23" && (name === "L3" || name === "L2"))
    || (edge === "M45" && (name === "M4" || name === "M5"));
  const count = (symbol, edge, kind) => {
    let n = 0;
    for (const [name, [theory, measured]] of Object.entries(data.counts[symbol] ?? {})) {
      if (edge && !member(name, edge)) continue;
      n += (kind === "experiment" ? 0 : theory) + (kind === "theory" ? 0 : measured);
    }
    return n;
  };
  const chosen = () => ({
    edge: form.elements.edge.value,
    kind: form.elements.kind?.value ?? "",
  });
  const address = (symbols) => {
    const query = new URLSearchParams();
    const { edge, kind } = chosen();
    if (symbols.length === 1) query.set("absorber", symbols[0]);
    else query.set("elements", symbols.join(","));
    if (edge) query.set("edge", edge);
    if (kind) query.set("kind", kind);
    return `${base}?${query}`;
  };

  const recolour = () => {
    const { edge, kind } = chosen();
    for (const cell of table.querySelectorAll("a.cell")) {
      const symbol = cell.dataset.el;
      const n = count(symbol, edge, kind);
      const level = data.steps.filter((step) => n >= step).length;
      cell.className = `cell l${level}${n ? "" : " none"}`;
      cell.querySelector(".n").textContent = n ? short(n) : "";
      cell.href = address([symbol]);
      cell.setAttribute("aria-label", `${symbol}, ${(n === 1 ? data.one : data.many).replace("%s", grouped(n))}`);
    }
  };

  const subscript = (edge) => edge.length > 1
    ? [edge[0], Object.assign(document.createElement("sub"), { textContent: edge.slice(1).split("").join(",") })]
    : [edge];
  const show = (symbol) => {
    if (!data.counts[symbol]) return;
    for (const cell of table.querySelectorAll("[aria-current]")) cell.removeAttribute("aria-current");
    const cell = table.querySelector(`a[data-el="${symbol}"]`);
    cell?.setAttribute("aria-current", "true");
    slot("name").textContent = data.names[symbol];
    slot("z").textContent = cell?.querySelector(".z").textContent ?? "";
    const list = slot("edges");
    list.replaceChildren();
    for (const [edge, energy] of Object.entries(data.energies[symbol])) {
      const n = Object.entries(data.counts[symbol]).filter(([name]) => name === edge)
        .reduce((sum, [, [t, m]]) => sum + t + m, 0);
      const item = document.createElement("li");
      const label = document.createElement(n ? "a" : "span");
      label.append(...subscript(edge), energy ? `, ${energy} eV` : "");
      if (n) { label.className = "plain"; label.href = `${base}?absorber=${symbol}&edge=${edge}`; } else label.className = "faint";
      const number = document.createElement("span");
      number.textContent = grouped(n);
      item.append(label, number);
      list.append(item);
    }
    slot("measured").textContent = grouped(count(symbol, "", "experiment"));
    const browse = slot("browse");
    browse.textContent = data.browse.replace("%s", symbol);
    browse.href = address([symbol]);
  };

  form.addEventListener("change", recolour);
  table.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("a.cell");
    if (cell) show(cell.dataset.el);
  });
  table.addEventListener("focusin", (event) => {
    const cell = event.target.closest("a.cell");
    if (cell) show(cell.dataset.el);
  });
  const narrow = matchMedia("(max-width: 760px)");
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("a.cell");
    if (!cell) return;
    const symbol = cell.dataset.el;
    if (event.shiftKey) {
      event.preventDefault();
      if (picked.has(symbol)) picked.delete(symbol); else picked.add(symbol);
      cell.setAttribute("aria-pressed", String(picked.has(symbol)));
      several.hidden = picked.size === 0;
      several.textContent = data.browse.replace("%s", String(picked.size));
      several.href = address([...picked]);
    } else if (narrow.matches && cell.getAttribute("aria-current") !== "true") {
      event.preventDefault();
      show(symbol);
    } else if (narrow.matches && !cell.dataset.seen) {
      event.preventDefault();
      cell.dataset.seen = "1";
    }
  });

  // Arrow keys move among filled cells; one cell is in the tab order.
  const cells = [...table.querySelectorAll("a.cell")];
  const place = (cell) => ({ row: cell.closest("tr").rowIndex, column: cell.closest("td").cellIndex });
  const first = table.querySelector("a[aria-current]") ?? cells[0];
  cells.forEach((cell) => { cell.tabIndex = cell === first ? 0 : -1; });
  table.addEventListener("keydown", (event) => {
    const here = event.target.closest("a.cell");
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!here || !step) return;
    event.preventDefault();
    const from = place(here);
    const ahead = cells.map((cell) => ({ cell, ...place(cell) })).filter(({ row, column }) =>
      step[0] ? (row - from.row) * step[0] > 0 : row === from.row && (column - from.column) * step[1] > 0);
    ahead.sort((a, b) => step[0]
      ? Math.abs(a.row - from.row) * 3 + Math.abs(a.column - from.column) - Math.abs(b.row - from.row) * 3 - Math.abs(b.column - from.column)
      : Math.abs(a.column - from.column) - Math.abs(b.column - from.column));
    if (!ahead.length) return;
    here.tabIndex = -1;
    ahead[0].cell.tabIndex = 0;
    ahead[0].cell.focus();
  });
})();
