"""Which reading of its symmetry a file means: the one that its figures and its bonds fit.

Every reading makes a cell. A reading is out if the lattice has not the metric of its group, if
its content contradicts formula sum, Z or density, or if its atoms sit where atoms cannot. Of
those left the stated one is kept unless another fits the bonds far better; where that does not
settle it, it is a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.errors import ReadError
from compute.io.question import Choice, Question, QuestionError
from compute.structures.atoms import Atom
from compute.structures.cell import OVERFULL, Cell, build_cell
from compute.structures.composition import Stated, compare
from compute.structures.findings import Finding, Weight, doubts
from compute.structures.limits import MAX_ATOMS, refuse_dense
from compute.structures.operations import FloatArray
from compute.structures.plausibility import Contacts, find_contacts, geometry, misfit
from compute.structures.symmetry import Reading, Readings, metric_readings

OPTION = "space-group"
_MOST_CHOICES = 8
_ALIKE = 0.15  # misfits closer than this do not tell two readings apart
_CLEAR = 0.35  # one this much smaller does
_REACH, _SAME_ANG = 4.3, 0.02  # Å: distances compared, and how far apart they may be
_FIRST_OF_SYSTEM = (3, 16, 75, 143, 168, 195)  # monoclinic … cubic
_TRIED_ATOMS = 120  # cells larger than this are not tried where nothing names a group


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What two cells have in common if they hold one crystal from two origins or axes.

    Attributes
    ----------
    amounts : dict of str to float
        Atoms of each element, 1/Å³.
    n_atoms : int
    distances : dict of int to float64 (n,)
        Of each pair of elements all contacts, sorted, Å.
    """

    amounts: dict[str, float]
    n_atoms: int
    distances: dict[int, FloatArray]

    def same_as(self, other: Fingerprint) -> bool:
        if set(self.amounts) != set(other.amounts) or self.n_atoms != other.n_atoms:
            return False
        if any(abs(n / other.amounts[el] - 1) > 0.01 for el, n in self.amounts.items()):
            return False
        return self._within(other) and other._within(self)

    def _within(self, other: Fingerprint) -> bool:
        """Whether all distances are found in the other, those at the rim of the search left out."""
        for pair, lengths in self.distances.items():
            inner = lengths[lengths < _REACH]
            there = other.distances.get(pair, np.zeros(0))[: len(inner)]
            if len(there) < len(inner) or np.abs(there - inner).max(initial=0.0) > _SAME_ANG:
                return False
        return True


@dataclass(frozen=True, eq=False)
class Candidate:
    """A reading with the cell it makes and what speaks against it."""

    reading: Reading
    cell: Cell
    faults: list[Finding]
    notes: list[Finding]
    misfit: float
    print: Fingerprint


def choose(
    lattice: FloatArray, atoms: Sequence[Atom], readings: Readings, stated: Stated, name: str
) -> tuple[Cell, list[Finding]]:
    """The cell that is meant, and what to tell.

    Raises
    ------
    ReadError
        If no reading fits; the settings tried are named.
    QuestionError
        If several fit and nothing decides.
    """
    told = [Finding("symmetry", text) for text in readings.notes]
    found = _candidates(lattice, atoms, readings.readings, stated, name)
    if not found:
        raise ReadError([f"{name}: {_no_cell(lattice, atoms, readings)}"])
    if readings.silent:
        return _silent(lattice, atoms, found[0], readings, stated, name, told)
    first = found[0]
    if readings.explicit and (not first.faults or len(_distinct(found)) == 1):
        return first.cell, [*told, *first.faults, *first.notes]
    fitting = _distinct([one for one in found if not one.faults])
    if not fitting:
        # Only what the file itself says may stand with its doubts; they keep it from use.
        return first.cell, [*told, *first.faults, *first.notes]
    best = min(fitting, key=lambda one: one.misfit)
    kept = [one for one in fitting if one.reading.stated] or fitting
    prefer = min(kept, key=lambda one: one.misfit)
    rivals = [one for one in kept if one is not prefer and one.misfit < prefer.misfit + _CLEAR]
    if not rivals and prefer.misfit <= best.misfit + _CLEAR:
        return prefer.cell, [*told, *_how(prefer, found, readings), *prefer.notes]
    if not prefer.reading.stated or rivals:
        raise QuestionError(_question(sorted(fitting, key=lambda one: one.misfit), readings, name))
    raise QuestionError(_question([prefer, best], readings, name))


def _candidates(
    lattice: FloatArray,
    atoms: Sequence[Atom],
    readings: Sequence[Reading],
    stated: Stated,
    name: str,
    *,
    faultless: bool = False,
) -> list[Candidate]:
    """The cells that the readings make; ``faultless`` leaves out early what cannot be, and all
    but the first reading of each cell."""
    out: list[Candidate] = []
    seen: set[tuple[object, ...]] = set()
    for reading in readings:
        if not reading.setting.fits(lattice):
            continue
        cell = build_cell(lattice, atoms, reading.setting)
        if cell is not None:
            refuse_dense(len(cell.places), cell.volume, name)
        if cell is None or not len(cell.places) or cell.fullest() > OVERFULL:
            continue
        implied = sum(a.hydrogens for a in (atoms[k] for k in cell.sources))
        findings = compare(cell.composition(), cell.mass(), cell.volume, stated, implied)
        if faultless:
            key = cell.key()
            if key in seen or doubts(findings):
                continue
            seen.add(key)
        structure = cell.structure()
        contacts = find_contacts(structure)
        findings = [*findings, *geometry(structure, contacts)]
        faults = doubts(findings)
        if faultless and faults:
            continue
        out.append(
            Candidate(
                reading,
                cell,
                faults,
                [one for one in findings if one.weight != Weight.DOUBT],
                misfit(structure, contacts),
                _fingerprint(cell, contacts),
            )
        )
    return out


def _no_cell(lattice: FloatArray, atoms: Sequence[Atom], readings: Readings) -> str:
    words = readings.words or "no symmetry"
    fitting = [one for one in readings.readings if one.setting.fits(lattice)]
    if not fitting:
        return f"the lengths and angles of the cell do not fit its space group ({words})"
    if all(build_cell(lattice, atoms, one.setting) is None for one in fitting):
        return f"in {words} the {len(atoms)} atoms listed make more than {MAX_ATOMS} in the cell"
    return f"in {words} a place holds more than one atom: occupancies add up to more than 1"


def _fingerprint(cell: Cell, contacts: Contacts) -> Fingerprint:
    """Content and all short distances, sorted, by the pair of elements (per cell volume)."""
    names = sorted(set(contacts.elements))
    number = np.array([names.index(element) for element in contacts.elements])
    low = np.minimum(number[contacts.first], number[contacts.second])
    high = np.maximum(number[contacts.first], number[contacts.second])
    pairs = low * len(names) + high
    return Fingerprint(
        {el: amount / cell.volume for el, amount in cell.composition().items()},
        len(contacts.elements),
        {int(pair): np.sort(contacts.distances[pairs == pair]) for pair in np.unique(pairs)},
    )


def _distinct(found: Sequence[Candidate]) -> list[Candidate]:
    """One candidate a structure, the first: what is stated comes first."""
    out: list[Candidate] = []
    for one in found:
        if not any(one.print.same_as(other.print) for other in out):
            out.append(one)
    return out


def _how(kept: Candidate, found: Sequence[Candidate], readings: Readings) -> list[Finding]:
    """Which reading was kept and why, where there was a choice."""
    setting = kept.reading.setting
    named = [one for one in found if one.reading.stated]
    if kept.reading.stated and len(_distinct(named)) == 1:
        return []
    out = next((one for one in found if one.faults and not one.print.same_as(kept.print)), None)
    why = f": {out.reading.setting} would give {out.faults[0].text}" if out else ""
    return [Finding("setting", f"{readings.words} is read as {setting}{why}")]


def _silent(
    lattice: FloatArray,
    atoms: Sequence[Atom],
    plain: Candidate,
    readings: Readings,
    stated: Stated,
    name: str,
    told: list[Finding],
) -> tuple[Cell, list[Finding]]:
    """No symmetry named: the atoms as listed if the figures confirm them, else a question."""
    confirmed = stated.formula and (stated.units or stated.density)
    if confirmed and not plain.faults:
        note = Finding("setting", "no symmetry is named; the atoms as listed fit Z or density")
        return plain.cell, [*told, note, *plain.notes]
    found = []
    if len(plain.cell.places) <= _TRIED_ATOMS:
        every = metric_readings(lattice)
        found = _candidates(lattice, atoms, every, stated, name, faultless=True)
    fitting = sorted(_distinct(found), key=lambda one: one.misfit)
    own = _of_highest_system(fitting)
    if confirmed and len(own) == 1:
        note = Finding(
            "setting",
            f"no symmetry is named; of all groups of such a cell only {own[0].reading.setting} "
            "fits formula, Z and density",
        )
        return own[0].cell, [*told, note, *own[0].notes]
    rest = [one for one in fitting if not one.print.same_as(plain.print)]
    best = min((one.misfit for one in rest), default=np.inf)
    if readings.listed and not plain.faults and plain.misfit + _ALIKE < best:
        return plain.cell, [*told, *plain.notes]  # x, y, z is listed, and nothing speaks against
    raise QuestionError(_question([*rest[: _MOST_CHOICES - 1], plain], readings, name))


def _of_highest_system(found: Sequence[Candidate]) -> list[Candidate]:
    """Those of the crystal system that the cell has: a cubic cell is one by no accident."""
    highest = max((_system(one) for one in found), default=0)
    return [one for one in found if _system(one) == highest]


def _system(one: Candidate) -> int:
    """0 triclinic … 6 cubic."""
    return int(np.searchsorted(_FIRST_OF_SYSTEM, one.reading.setting.number, side="right"))


def _question(found: Sequence[Candidate], readings: Readings, name: str) -> Question:
    what = (
        f"{name}: names no symmetry. Which space group is it?"
        if readings.silent
        else f"{name}: {readings.words} can be read in more than one way. Which is meant?"
    )
    return Question(what, tuple(_choice(one) for one in found[:_MOST_CHOICES]))


def _choice(one: Candidate) -> Choice:
    structure = one.cell.structure()
    setting = one.reading.setting
    formula = structure.composition.element_composition.reduced_formula
    against = f"; but {one.faults[0].text}" if one.faults else ""
    name = "as listed, P 1" if setting.option == "P 1" else str(setting)
    option = setting.option if setting.number else "listed"
    return Choice(
        f"{name}: {formula}, {len(structure)} atoms, {float(structure.density):.2f} g/cm³{against}",
        ((OPTION, option),),
    )
