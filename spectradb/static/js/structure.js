// The cell in 3D by 3Dmol, once it is in sight; hovering a site's row raises its line and atoms.
"use strict";
(() => {
  const box = document.getElementById("viewer");
  if (!box) return;
  const data = JSON.parse(document.getElementById("viewer-data").textContent);
  const RADII = { H: 0.25, O: 0.32, F: 0.32, N: 0.32, C: 0.32, S: 0.42, Cl: 0.42, P: 0.4 };
  const radius = (el) => RADII[el] ?? 0.5;
  // Ions that hold a structure together without directed bonds.
  const LOOSE = new Set("Li Na K Rb Cs Mg Ca Sr Ba Y La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Tl Pb Bi".split(" "));
  const LIGANDS = new Set(["O", "F", "N", "S", "Cl", "Br", "I", "Se", "Te", "P", "As"]);
  let viewer, mode = "cell", marked = null;

  const background = () => {
    const probe = document.createElement("span");
    probe.style.color = "var(--surface)";
    box.append(probe);
    const colour = getComputedStyle(probe).color.match(/\d+/g).map(Number);
    probe.remove();
    return `#${colour.slice(0, 3).map((n) => n.toString(16).padStart(2, "0")).join("")}`;
  };
  const ink = () => (matchMedia("(prefers-color-scheme: dark)").matches && document.documentElement.dataset.theme !== "light")
    || document.documentElement.dataset.theme === "dark" ? "#b3c2c9" : "#46585f";
  const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
  const bonds = () => {
    const out = [];
    for (const metal of data.atoms) {
      if (LIGANDS.has(metal.el) || LOOSE.has(metal.el)) continue;
      const near = data.atoms.filter((one) => LIGANDS.has(one.el)).map((one) => ({ one, d: distance(metal, one) }))
        .filter(({ d }) => d < 2.75).sort((a, b) => a.d - b.d);
      const reach = near.length ? near[0].d * 1.25 : 0;
      out.push({ metal, near: near.filter(({ d }) => d <= reach).map(({ one }) => one) });
    }
    return out;
  };
  const joined = bonds();

  const polyhedron = ({ metal, near }) => {
    // Faces of the convex hull of at most 12 ligands, by brute force.
    const faces = [];
    for (let i = 0; i < near.length; i++) for (let j = i + 1; j < near.length; j++) for (let k = j + 1; k < near.length; k++) {
      const [a, b, c] = [near[i], near[j], near[k]];
      const u = { x: b.x - a.x, y: b.y - a.y, z: b.z - a.z }, v = { x: c.x - a.x, y: c.y - a.y, z: c.z - a.z };
      const n = { x: u.y * v.z - u.z * v.y, y: u.z * v.x - u.x * v.z, z: u.x * v.y - u.y * v.x };
      const sides = near.map((p) => n.x * (p.x - a.x) + n.y * (p.y - a.y) + n.z * (p.z - a.z));
      if (sides.every((s) => s > -1e-3) || sides.every((s) => s < 1e-3)) faces.push([i, j, k]);
    }
    if (near.length < 4 || !faces.length) return;
    const vertexArr = near.map((p) => ({ x: p.x, y: p.y, z: p.z }));
    const faceArr = faces.flatMap((f) => [...f, f[0], f[2], f[1]]);
    const normalArr = vertexArr.map((p) => ({ x: p.x - metal.x, y: p.y - metal.y, z: p.z - metal.z }));
    viewer.addCustom({ vertexArr, faceArr, normalArr, color: metal.c, opacity: 0.45 });
  };

  const scene = () => {
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    viewer.setBackgroundColor(background());
    const [a, b, c] = data.lattice;
    const corner = (i, j, k) => ({ x: i * a[0] + j * b[0] + k * c[0], y: i * a[1] + j * b[1] + k * c[1], z: i * a[2] + j * b[2] + k * c[2] });
    for (let m = 0; m < 8; m++) for (const bit of [1, 2, 4]) if (!(m & bit)) {
      const at = (n) => corner(n & 1, (n >> 1) & 1, (n >> 2) & 1);
      viewer.addCylinder({ start: at(m), end: at(m | bit), radius: 0.025, color: ink() });
    }
    for (const atom of data.atoms) {
      viewer.addSphere({ center: atom, radius: radius(atom.el), color: atom.c });
      if (marked !== null && atom.site === marked) viewer.addSphere({ center: atom, radius: radius(atom.el) * 1.7, color: "#5cc4d6", opacity: 0.35 });
    }
    for (const group of joined) {
      if (mode === "poly") polyhedron(group);
      else for (const one of group.near) viewer.addCylinder({ start: group.metal, end: one, radius: 0.09, color: "#8a959b" });
    }
    viewer.render();
  };
  // c upwards, seen a little from the side and from above.
  const turn = () => {
    viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
    viewer.zoomTo();
    viewer.rotate(-90, "x");
    viewer.rotate(-24, "vy");
    viewer.rotate(9, "vx");
    viewer.zoom(0.9);
    viewer.render();
  };
  const begin = () => {
    const script = document.createElement("script");
    script.src = box.dataset.lib;
    script.onload = () => {
      const canvas = document.createElement("canvas");
      if (!(canvas.getContext("webgl2") || canvas.getContext("webgl"))) return;
      const holder = document.createElement("div");
      holder.className = "gl";
      box.append(holder);
      try {
        viewer = window["3Dmol"].createViewer(holder, { backgroundColor: background(), antialias: true });
        scene();
        turn();
        box.querySelector(".still").remove();
        box.viewer = viewer;
      } catch { holder.remove(); }
    };
    document.head.append(script);
  };
  new IntersectionObserver((entries, watch) => {
    if (entries.some((entry) => entry.isIntersecting)) { watch.disconnect(); begin(); }
  }).observe(box);

  document.addEventListener("change", (event) => {
    if (event.target.name === "view3d" && viewer) { mode = event.target.value; scene(); }
  });
  document.getElementById("reset3d")?.addEventListener("click", () => {
    if (!viewer) return;
    turn();
  });
  document.addEventListener("themechange", () => viewer && scene());

  let pinned = null;
  const raise = (row) => {
    marked = row ? Number(row.dataset.site) : pinned ? Number(pinned.dataset.site) : null;
    const label = (row ?? pinned)?.dataset.label;
    if (viewer) scene();
    const plot = document.querySelector("#plot .live");
    if (plot?.data && window.Plotly) {
      const widths = plot.data.map((trace) => !label ? 1 : (trace.name ?? "").startsWith(`${label},`) || trace.name === label ? 1 : 0.22);
      window.Plotly.restyle(plot, { opacity: widths });
    }
  };
  const table = document.getElementById("sites");
  table?.addEventListener("mouseover", (event) => { const row = event.target.closest("tr[data-site]"); if (row) raise(row); });
  table?.addEventListener("mouseleave", () => raise(null));
  table?.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-site]");
    if (!row || event.target.closest("a,button")) return;
    pinned?.classList.remove("chosen");
    pinned = pinned === row ? null : row;
    pinned?.classList.add("chosen");
    raise(pinned);
  });
})();
