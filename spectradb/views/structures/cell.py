"""A unit cell as balls: for the 3D viewer, and as a still picture for readers without it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spectradb.models import Site, Structure

# Ball colours: distinct first for the elements that meet in oxides; others by position.
_COLOURS = {
    "H": "#c8d0d4", "Li": "#8a6bbf", "C": "#4a5358", "N": "#3f62c9", "O": "#c9403a",
    "F": "#79b84a", "Na": "#8f74c9", "Mg": "#5fa05a", "Al": "#9c8f8f", "Si": "#c2a46a",
    "P": "#d98a2b", "S": "#d9bf2b", "Cl": "#4fb04f", "K": "#7d5fb5", "Ca": "#6a9a58",
    "Sc": "#a3a9ad", "Ti": "#7b8a99", "V": "#8593b5", "Cr": "#6f83b8", "Mn": "#8a5fa8",
    "Fe": "#c46a35", "Co": "#c9668f", "Ni": "#4f9e5b", "Cu": "#c07a3c", "Zn": "#7d80b0",
    "Sr": "#3fae7a", "Y": "#5aa3b5", "Ba": "#2f8f5f", "La": "#5cc0c0", "Br": "#94402a",
    "I": "#7a3f94",
}  # fmt: skip
_FALLBACK = ("#5d8fb3", "#b38f5d", "#7fae8c", "#a3799b", "#8c8c5d")


def legend(shown: Structure) -> list[tuple[str, str]]:
    symbols = shown.chemical_system.split("-")
    return [(symbol, colour_of(symbol, k)) for k, symbol in enumerate(symbols)]


def colour_of(symbol: str, position: int) -> str:
    return _COLOURS.get(symbol, _FALLBACK[position % len(_FALLBACK)])


def viewer_data(shown: Structure, sites: list[Site]) -> dict[str, Any]:
    """Atoms of the cell with those on its faces repeated, for the 3D viewer.

    Positions in Å; ``site`` is the key of the site an atom belongs to.
    """
    lattice, atoms = _cell(shown)
    owner: dict[int, int] = {}
    for site in sites:
        for index in site.equivalent_indices or [site.index]:
            owner[int(index)] = site.pk
    colours = dict(legend(shown))
    listed = []
    for index, (symbol, fraction) in enumerate(atoms):
        for image in _images(fraction):
            x, y, z = (np.asarray(image) @ lattice).round(4).tolist()
            listed.append(
                {"el": symbol, "x": x, "y": y, "z": z, "site": owner.get(index),
                 "c": colours.get(symbol, "#888888")}
            )  # fmt: skip
            if len(listed) >= 1500:
                break
    return {"lattice": lattice.round(5).tolist(), "atoms": listed}


def _cell(shown: Structure) -> tuple[np.ndarray, list[tuple[str, list[float]]]]:
    """Lattice rows (Å) and (symbol, fractional position) from the stored dictionary."""
    lattice = np.asarray(shown.data["lattice"]["matrix"], dtype=float)
    atoms = []
    for entry in shown.data["sites"]:
        species = entry["species"][0]["element"]
        symbol = "".join(ch for ch in species if ch.isalpha())
        atoms.append((symbol, [float(v) for v in entry["abc"]]))
    return lattice, atoms


def _images(fraction: list[float]) -> list[list[float]]:
    """The atom in the cell, and again on each opposite face it touches."""
    wrapped = [v - math.floor(v + 1e-6) for v in fraction]
    options = [[v, v + 1.0] if abs(v) < 1e-4 else [v] for v in wrapped]
    return [[x, y, z] for x in options[0] for y in options[1] for z in options[2]]


def viewer_picture(shown: Structure) -> dict[str, Any]:
    """A still picture of the cell for readers without WebGL: circles by depth, and the edges."""
    data = viewer_data(shown, [])
    lattice = np.asarray(data["lattice"])
    turn = _view()
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ lattice
    flat = corners @ turn.T
    atoms = [(np.array([a["x"], a["y"], a["z"]]) @ turn.T, a) for a in data["atoms"]]
    points = np.vstack([flat, *[p for p, _ in atoms]]) if atoms else flat
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 300 / max(high[0] - low[0], high[1] - low[1], 1e-6)
    middle = (low + high) / 2

    def place(point: np.ndarray) -> tuple[float, float]:
        return (
            round(200 + (point[0] - middle[0]) * scale, 1),
            round(200 - (point[1] - middle[1]) * scale, 1),
        )

    edges = []
    for a in range(8):
        for bit in (1, 2, 4):
            if not a & bit:
                (x1, y1), (x2, y2) = place(flat[a]), place(flat[a | bit])
                edges.append({"x1": x1, "y1": y1, "x2": x2, "y2": y2})
    balls = []
    for point, atom in sorted(atoms, key=lambda one: one[0][2]):
        x, y = place(point)
        size = 0.32 if atom["el"] in {"O", "F", "N", "H"} else 0.5
        balls.append({"x": x, "y": y, "r": round(max(3.5, size * scale * 0.9), 1), "c": atom["c"]})
    return {"edges": edges, "balls": balls}


def _view() -> np.ndarray:
    """Rotation that looks along −b, a little from above and the side."""
    a, b = math.radians(-72), math.radians(14)
    rx = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    ry = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    return np.asarray(ry @ rx)
