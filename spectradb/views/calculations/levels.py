"""Levels of a multiplet calculation, ready to draw: of its initial state, and of one d electron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from compute.multiplet.diagram import Term, cubic_ground_term, d_levels, effective_spin
from spectradb.models import Site, Spectrum
from spectradb.plots.levels import Group, draw_levels, grouped
from spectradb.templatetags.science import number

_PURE = 0.06  # how near S of a cubic site must be to a whole or half number to give it a name


@dataclass(frozen=True)
class Weight:
    """Share of one charge-transfer configuration in the initial state, percent."""

    name: str
    percent: str
    colour: str
    start: str
    width: str


@dataclass(frozen=True)
class Levels:
    """Drawing, number of levels, configuration weights, ground term in the plots' markup."""

    drawing: SafeString
    n: int
    weights: list[Weight]
    temperature: str
    ground: str
    expectations: list[Expectation]


def level_plot(spectrum: Spectrum) -> Levels | None:
    """Levels of a stored calculation; None where the engine left none."""
    calculation = spectrum.calculation
    if calculation is None:
        return None
    return levels_of(calculation.results or {}, calculation.parameters, spectrum.site)


def levels_of(
    results: dict[str, Any], case: dict[str, Any], site: Site | None = None
) -> Levels | None:
    """Levels from a result of the engine and the case it answers."""
    energies = results.get("initial_eigenvalues_ev")
    if energies is None or len(energies) == 0:
        return None
    groups = grouped(list(energies)[:40])
    ground = ground_term(results, case, groups[0])
    names = [ground] + [""] * (len(groups) - 1)
    drawing = draw_levels(groups, names, [_words(group) for group in groups])
    temperature = case.get("temperature_k", 300)
    return Levels(
        drawing,
        len(energies),
        weights_of(results, case),
        f"{temperature:g}",
        ground,
        expectations(results, site, case),
    )


def ground_term(results: dict[str, Any], case: dict[str, Any], group: Group) -> str:
    """The ground term, where spin and degeneracy leave no doubt: a cubic field, a pure spin."""
    if case.get("n_d") == 0 and not case.get("charge_transfer"):
        return "^{1}S"  # no electron: a closed shell in any field
    field = case.get("crystal_field") or {}
    if "matrix" in field or field.get("ds") or field.get("dt"):
        return ""
    if not (field.get("ten_dq") or 0) > 0:
        return ""
    s2, n = _s_squared(results), case.get("n_d")
    if s2 is None or n is None:
        return ""
    term = cubic_ground_term(n, s2, "octahedron", pure=_PURE)
    if term is None or len(group.energies) != term.degeneracy:
        return ""
    return _term(term)


def _s_squared(results: dict[str, Any]) -> float | None:
    s2 = (results.get("expectation") or {}).get("S2")
    return None if s2 is None else float(s2)


def _term(term: Term, parity: str = "") -> str:
    """``^{3}A_{2g}``."""
    return f"^{{{term.multiplicity}}}" + _mulliken(term.symbol + parity)


def parent_term(results: dict[str, Any], case: dict[str, Any], geometry: str) -> str:
    """The cubic term that the ground state of an octahedral or tetrahedral site descends from.

    In the plots' markup; empty where the spin is mixed or the polyhedron another.
    """
    s2, n = _s_squared(results), case.get("n_d")
    term = cubic_ground_term(n, s2, geometry) if s2 is not None and n is not None else None
    if term is None:
        return ""
    return _term(term, "g" if geometry == "octahedron" else "")


@dataclass(frozen=True)
class Expectation:
    """An expectation value of the initial state: symbol in the plots' markup, value."""

    symbol: str
    value: str


def expectations(
    results: dict[str, Any], site: Site | None, case: dict[str, Any]
) -> list[Expectation]:
    """What the initial state is, in numbers; and the term it descends from."""
    found = results.get("expectation") or {}
    out = []
    s2 = _s_squared(results)
    if s2 is not None:
        out.append(Expectation("S", number(effective_spin(s2), 2)))
        term = parent_term(results, case, site.geometry if site is not None else "")
        if term:
            out.append(Expectation(gettext("parent term"), term))
    for key, symbol in (
        ("S2", "⟨S^{2}⟩"), ("L2", "⟨L^{2}⟩"), ("J2", "⟨J^{2}⟩"), ("Sz", "⟨S_{z}⟩"),
        ("Lz", "⟨L_{z}⟩"), ("n_d", "⟨n_{d}⟩"),
    ):  # fmt: skip
        if found.get(key) is not None:
            out.append(Expectation(symbol, number(float(found[key]), 2)))
    return out


@dataclass(frozen=True)
class FieldLevels:
    """One-electron levels: drawing, and in words for those who cannot see it."""

    drawing: SafeString
    words: list[str]


def field_levels(spectrum: Spectrum) -> FieldLevels | None:
    """The ligand-field diagram of a calculation made from a structure; None for others."""
    calculation, site = spectrum.calculation, spectrum.site
    case = calculation.parameters if calculation is not None else {}
    matrix = (case.get("crystal_field") or {}).get("matrix")
    if matrix is None:
        return None
    transfer = case.get("charge_transfer") or {}
    v, ligand = (
        np.array(transfer[key]) if transfer.get(key) is not None else None
        for key in ("v", "ligand")
    )
    found = d_levels(
        np.array(matrix), v, ligand, transfer.get("delta", 0.0), site.site_symmetry if site else ""
    )
    groups = [Group((level.energy_ev,) * level.degeneracy) for level in found]
    names = [_mulliken(level.symbol) for level in found]
    # Of molecular orbitals the share of 3d is not that of a hopping model.
    molecular = (case.get("back_donation") or {}).get("share") is not None
    words = [
        f"{', '.join(level.orbitals)}: {number(level.energy_ev, 2)} eV"
        + ("" if molecular else ", " + gettext("%s %% 3d") % number(100 * level.d_share, 0))
        for level in found
    ]
    return FieldLevels(draw_levels(groups, names, words), words)


def _mulliken(symbol: str) -> str:
    return f"{symbol[0]}_{{{symbol[1:]}}}" if len(symbol) > 1 else symbol


def weights_of(results: dict[str, Any], case: dict[str, Any]) -> list[Weight]:
    """d⁸, d⁹L … with their shares; with back donation d⁷A is the last."""
    found = (results.get("expectation") or {}).get("configuration_weights")
    n = case.get("n_d")
    if found is None or n is None or len(found) < 2:
        return []
    weights: list[Weight] = []
    before = 0.0
    for k, share in enumerate(found):
        holes = "" if k == 0 else "~{L}" if k == 1 else f"~{{L}}^{{{k}}}"
        name = f"d^{{{n + k}}}{holes}"
        if case.get("back_donation") and k == len(found) - 1:
            name = f"d^{{{n - 1}}}A"
        percent = 100 * float(share)
        weights.append(
            Weight(name, number(percent, 1), f"f-s{k % 6 + 1}", f"{before:.2f}", f"{percent:.2f}")
        )
        before += percent
    return weights


def _words(group: Group) -> str:
    n = len(group.energies)
    states = ngettext("%(n)d state", "%(n)d states", n) % {"n": n}
    if group.high - group.low < 0.005:
        return f"{states}, {number(group.low, 2)} eV"
    return f"{states}, {number(group.low, 2)}–{number(group.high, 2)} eV"


def spin_words(label: str) -> str:
    """The label of a computed spin (``compute.l23.ground_state``) as a page writes it."""
    words = {
        "high": gettext("high spin"),
        "intermediate": gettext("intermediate spin"),
        "low": gettext("low spin"),
        "mixed": gettext("several spins at once"),
    }
    return words.get(label, "")


def populated(temperature: str) -> str:
    return gettext("populated at %s K") % temperature
