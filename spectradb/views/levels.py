"""The initial-state levels of a multiplet calculation, ready to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from spectradb.models import Spectrum
from spectradb.plots.levels import Group, draw_levels, grouped
from spectradb.templatetags.science import number

# Ground terms of octahedral high-spin dⁿ: orbital label and degeneracy, by n.
_OCTAHEDRAL = {
    1: ("T_{2}", 3), 2: ("T_{1}", 3), 3: ("A_{2}", 1), 4: ("E", 2), 5: ("A_{1}", 1),
    6: ("T_{2}", 3), 7: ("T_{1}", 3), 8: ("A_{2}", 1), 9: ("E", 2),
}  # fmt: skip


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


def level_plot(spectrum: Spectrum) -> Levels | None:
    """Levels of a stored calculation; None where the engine left none."""
    calculation = spectrum.calculation
    if calculation is None:
        return None
    return levels_of(calculation.results or {}, calculation.parameters)


def levels_of(results: dict[str, Any], case: dict[str, Any]) -> Levels | None:
    """Levels from a result of the engine and the case it answers."""
    energies = results.get("initial_eigenvalues_ev")
    if energies is None or len(energies) == 0:
        return None
    groups = grouped(list(energies)[:40])
    ground = ground_term(results, case, groups[0])
    names = [ground] + [""] * (len(groups) - 1)
    drawing = draw_levels(groups, names, [_words(group) for group in groups])
    temperature = case.get("temperature_k", 300)
    return Levels(drawing, len(energies), weights_of(results, case), f"{temperature:g}", ground)


def ground_term(results: dict[str, Any], case: dict[str, Any], group: Group) -> str:
    """The ground term, where spin and degeneracy leave no doubt: a cubic field, a pure spin.

    The orbital label is that of high-spin dⁿ in an octahedral field (positive 10Dq).
    """
    field = case.get("crystal_field") or {}
    n = case.get("n_d")
    s2 = (results.get("expectation") or {}).get("S2")
    if s2 is None or n not in _OCTAHEDRAL or "matrix" in field:
        return ""
    if field.get("ds") or field.get("dt") or not (field.get("ten_dq") or 0) > 0:
        return ""
    spin = -0.5 + (0.25 + float(s2)) ** 0.5
    unpaired = n if n <= 5 else 10 - n
    label, degeneracy = _OCTAHEDRAL[n]
    multiplicity = unpaired + 1
    if abs(spin - unpaired / 2) > 0.06 or len(group.energies) != multiplicity * degeneracy:
        return ""
    return f"^{{{multiplicity}}}{label}"


def weights_of(results: dict[str, Any], case: dict[str, Any]) -> list[Weight]:
    """d⁸, d⁹L … with their shares."""
    found = (results.get("expectation") or {}).get("configuration_weights")
    n = case.get("n_d")
    if found is None or n is None or len(found) < 2:
        return []
    weights: list[Weight] = []
    before = 0.0
    for k, share in enumerate(found):
        holes = "" if k == 0 else "~{L}" if k == 1 else f"~{{L}}^{{{k}}}"
        name = f"d^{{{n + k}}}{holes}"
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


def populated(temperature: str) -> str:
    return gettext("populated at %s K") % temperature
