"""What the file says of its composition and density, against what its cell holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compute.structures.atoms import number
from compute.structures.blocks import Block
from compute.structures.findings import Finding, Weight
from compute.structures.limits import MAX_WORD

_PART = re.compile(r"([A-Z][a-z]?)\s*(\d+\.?\d*|\.\d+)?(?:\(\d+\))?")
_AVOGADRO = 0.602214076  # 1/Å³ in mol/cm³
_MOST = 1e6  # atoms of an element in a formula
RATIO = 0.02  # how far two amounts of an element may be apart, relative
_DENSITY = 0.04  # the same of densities


@dataclass(frozen=True)
class Stated:
    """What a block says of its content; None where it says nothing.

    Attributes
    ----------
    formula : dict of str to float, or None
        Atoms of each element in the formula sum.
    units : float or None
        Formula units a cell, Z.
    density, mass : float or None
        g/cm³; g/mol.
    volume : float or None
        Å³.
    """

    formula: dict[str, float] | None = None
    units: float | None = None
    density: float | None = None
    mass: float | None = None
    volume: float | None = None


def read_stated(block: Block) -> tuple[Stated, list[Finding]]:
    """The block's own figures; a formula that is not understood is told and not used."""
    findings: list[Finding] = []
    formula = None
    for name in ("_chemical_formula_sum", "_chemical_formula_moiety"):
        text = block.text(name)
        if text is None:
            continue
        if len(text) > MAX_WORD:
            findings.append(Finding("formula", f"{name} of {len(text)} characters is not used"))
            continue
        formula = parse_formula(text) or _with_brackets(text)
        if formula is not None:
            break
        if name.endswith("sum"):
            findings.append(Finding("formula", f"{name} {text!r} is not understood and not used"))

    def of(*names: str) -> float | None:
        for name in names:
            value = number(block.values.get(name))
            if value is not None and value > 0:
                return value
        return None

    return (
        Stated(
            formula,
            of("_cell_formula_units_z"),
            of("_exptl_crystal_density_diffrn", "_exptl_crystal_density_meas"),
            of("_chemical_formula_weight"),
            of("_cell_volume"),
        ),
        findings,
    )


def parse_formula(text: str) -> dict[str, float] | None:
    """Amounts of ``Fe H O2``, ``FeO2H`` or ``Ni0.5 Co0.5 O``; None if it is anything else."""
    compact = text.strip().strip("'\"")
    amounts: dict[str, float] = {}
    at = 0
    while at < len(compact):
        if compact[at] in " ,\t\n~-":
            at += 1
            continue
        match = _PART.match(compact, at)
        if match is None or not _is_element(match[1]):
            return None
        element = "H" if match[1] in ("D", "T") else match[1]
        amounts[element] = amounts.get(element, 0.0) + float(match[2] or 1.0)
        at = match.end()
    if any(n > _MOST for n in amounts.values()):
        return None
    return {el: n for el, n in amounts.items() if n > 0} or None


def _with_brackets(text: str) -> dict[str, float] | None:
    """Amounts of ``Cu2 (C O3) (O H)2``; None if it is anything else."""
    from pymatgen.core import Composition

    compact = re.sub(r"\s+", "", text.strip().strip("'\""))
    if not re.fullmatch(r"(?:[A-Z][a-z]?\d*\.?\d*|[()]\d*\.?\d*)+", compact):
        return None
    try:
        amounts = Composition(compact).get_el_amt_dict()
    except ValueError:  # brackets that do not match, a word that is no element
        return None
    return {str(el): float(n) for el, n in amounts.items()} or None


def compare(
    cell: Mapping[str, float], mass_amu: float, volume: float, stated: Stated, implied_h: float = 0
) -> list[Finding]:
    """Where the cell and the file's figures disagree.

    Missing hydrogen alone is told and no doubt: most files of hydrates and hydroxides lack it.

    Parameters
    ----------
    cell : mapping of str to float
        Atoms of each element in the cell.
    mass_amu, volume : float
        Of the cell; Å³.
    implied_h : float
        Hydrogens a cell that labels such as ``OH`` imply.
    """
    findings: list[Finding] = []
    missing_mass = 0.0
    if stated.formula:
        units = _units(cell, stated)
        wanted = {el: n * units for el, n in stated.formula.items()}
        findings += _missing(cell, wanted, units, stated.formula)
        missing_mass = sum(
            max(wanted[el] - cell.get(el, 0.0), 0.0) * _mass(el) for el in wanted if el == "H"
        )
        if stated.units and not any(f.weight == Weight.DOUBT for f in findings):
            # Some programs put the whole cell into the formula sum and count reduced units.
            whole = abs(units - 1) < RATIO and _divisible(stated.formula, stated.units)
            if abs(units - stated.units) > RATIO * stated.units and not whole:
                findings.append(
                    Finding(
                        "units",
                        f"the file says Z = {stated.units:g} units of {_formula(stated.formula)} "
                        f"a cell, its atoms and symmetry make {units:g}",
                        Weight.DOUBT,
                    )
                )
    elif implied_h:
        findings.append(
            Finding("hydrogen", f"{implied_h:g} hydrogens a cell are named but have no place")
        )
        missing_mass = implied_h * _mass("H")
    density = (mass_amu + missing_mass) / volume / _AVOGADRO
    if stated.density and abs(density - stated.density) > _DENSITY * stated.density:
        # Measured and calculated densities of one crystal differ by a few percent; twice or half
        # is another cell content.
        far = abs(density / stated.density - 1) > 0.15
        findings.append(
            Finding(
                "density",
                f"the file says {stated.density:g} g/cm³, its cell gives {density:.3g}",
                Weight.DOUBT if far else Weight.NOTE,
            )
        )
    if stated.volume and abs(volume / stated.volume - 1) > 0.01:
        findings.append(
            Finding(
                "volume",
                f"the file says a cell of {stated.volume:g} Å³, its lengths and angles give "
                f"{volume:.4g}",
                Weight.DOUBT if abs(volume / stated.volume - 1) > 0.05 else Weight.NOTE,
            )
        )
    return findings


def _units(cell: Mapping[str, float], stated: Stated) -> float:
    """Formula units in the cell: by the heaviest element that is in both, whole if nearly so."""
    assert stated.formula is not None
    both = [el for el in stated.formula if cell.get(el) and el != "H"] or [
        el for el in stated.formula if cell.get(el)
    ]
    if not both:
        return stated.units or 1.0
    ratios = sorted(cell[el] / stated.formula[el] for el in both)
    if stated.units and any(abs(r - stated.units) < RATIO * stated.units for r in ratios):
        return stated.units
    heaviest = max(both, key=_mass)
    found = cell[heaviest] / stated.formula[heaviest]
    return round(found) if abs(found - round(found)) < RATIO * found else found


def _divisible(formula: Mapping[str, float], units: float) -> bool:
    return all(abs(n / units - round(n / units)) < 1e-3 for n in formula.values())


def _missing(
    cell: Mapping[str, float],
    wanted: Mapping[str, float],
    units: float,
    formula: Mapping[str, float],
) -> list[Finding]:
    wrong = [
        el
        for el in sorted({*cell, *wanted})
        if abs(cell.get(el, 0.0) - wanted.get(el, 0.0))
        > max(RATIO * max(cell.get(el, 0.0), wanted.get(el, 0.0)), 0.02 * units)
    ]
    if not wrong:
        return []
    held = _formula({el: n / units for el, n in cell.items()})
    if wrong == ["H"] and cell.get("H", 0.0) < wanted.get("H", 0.0):
        lost = wanted["H"] - cell.get("H", 0.0)
        return [
            Finding(
                "hydrogen",
                f"the formula sum {_formula(formula)} holds hydrogen that the atom list lacks: "
                f"{lost:g} of {wanted['H']:g} H atoms a cell are missing",
            )
        ]
    told = ", ".join(
        f"{el} {cell.get(el, 0.0):g} instead of {wanted.get(el, 0.0):g}" for el in wrong
    )
    return [
        Finding(
            "formula",
            f"the formula sum is {_formula(formula)}, the cell holds {held} ({told} a cell)",
            Weight.DOUBT,
        )
    ]


def _formula(amounts: Mapping[str, float]) -> str:
    return "".join(f"{el}{'' if abs(n - 1) < 1e-3 else f'{n:.3g}'}" for el, n in amounts.items())


def _is_element(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element.is_valid_symbol(symbol))


def _mass(symbol: str) -> float:
    from pymatgen.core import Element

    return float(Element(symbol).atomic_mass)
