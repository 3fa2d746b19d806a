"""Which column is the energy, and in which unit: as the file says, never by its numbers alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from compute.edges import edge_energy
from compute.errors import ReadError
from compute.io.arithmetic import log_identities
from compute.io.choice import ColumnChoice
from compute.io.labels import could_be_energy, is_index, is_monotone
from compute.io.question import Choice, Question, QuestionError
from compute.io.raw import Faults, FloatArray
from compute.io.roles import label_of, words_of

_SMALL = 150.0  # below this a number may be an energy in keV
_NO_ENERGY = {
    "relative": "is counted from an edge or a Fermi level, and the file does not say where that is",
    "angle": "is an angle",
    "pixel": "counts pixels or channels",
    "wavenumber": "is a wavenumber",
    "time": "is a time",
    "index": "counts the points",
    "other": "is no energy of photons that come in",
}
_MONO = frozenset(("mono", "monochromator", "dcm", "pgm", "sgm", "grating"))
_CORRECTED = frozenset(("corrected", "corr", "calibrated", "recalibrated", "aligned"))
_HARD = 2000.0  # eV; no motor, temperature, wavelength or field runs through such numbers
_FACTORS = {"ry": 13.605693, "rydberg": 13.605693, "ha": 27.211386, "hartree": 27.211386}


@dataclass
class Asker:
    """Turns what is open into a question that carries the table for a preview."""

    header: str = ""
    columns: tuple[str, ...] = ()
    table: FloatArray | None = None

    def ask(
        self, what: str, choices: Sequence[Choice], *, energy: int | None = None
    ) -> QuestionError:
        return QuestionError(
            Question(what, tuple(choices), self.header, self.columns, self.table, energy)
        )


@dataclass(frozen=True)
class Axis:
    """The energy column.

    Attributes
    ----------
    index : int
        The column.
    label : str
    unit : str or None
        What the file says of its unit: ``eV``, ``keV``, ``meV``; None if nothing.
    others : tuple of int
        Further energy columns: requested ones, or those of other pairs.
    """

    index: int
    label: str
    unit: str | None = None
    others: tuple[int, ...] = field(default=())


def column_named(text: str, names: Sequence[str], width: int) -> int:
    """Index of a column given by its name or its number (from 1).

    Raises
    ------
    ReadError
        If there is none.
    """
    wanted = text.strip()
    for same in (str.__eq__, lambda a, b: a.casefold() == b.casefold()):
        found = [i for i, name in enumerate(names) if same(name, wanted)]
        if len(found) == 1:
            return found[0]
    if wanted.isdecimal() and 1 <= int(wanted[:6]) <= width:
        return int(wanted) - 1
    have = ", ".join(names) if names else f"{width} columns without names"
    raise ReadError([f"there is no column {wanted!r}: the file has {have}"])


def find_axis(
    names: Sequence[str],
    units: Sequence[str | None],
    values: FloatArray,
    choice: ColumnChoice | None,
    asker: Asker,
    *,
    any_sign: bool = False,
) -> Axis:
    """The energy column of a table (n, m); names may be empty.

    Raises
    ------
    ReadError
        If the abscissa is said to be no energy.
    QuestionError
        If several columns could be it.
    """
    width = values.shape[1]
    unit_at: Callable[[int], str | None] = lambda i: units[i] if i < len(units) else None  # noqa: E731
    name_at: Callable[[int], str] = lambda i: names[i] if names else f"column {i + 1}"  # noqa: E731
    if choice is not None and choice.energy:
        index = column_named(choice.energy, names, width)
        return Axis(index, name_at(index), unit_at(index))
    roles = [label_of(name).role for name in names]
    energies = [i for i, role in enumerate(roles) if role == "energy" and unit_at(i) != "time"]
    wanted = [i for i, role in enumerate(roles) if role == "requested"]
    if energies or wanted:
        best = [i for i in energies if _CORRECTED & words_of(names[i])]
        best = best or [i for i in energies if label_of(names[i]).readback] or energies or wanted
        moving = [i for i in best if np.isfinite(values[:, i]).sum() > 1] or best
        # A column of zeros beside the one that moved is a setting.
        moving = [i for i in moving if np.nanmax(values[:, i]) > np.nanmin(values[:, i])] or moving
        index = moving[0]
        rest = tuple(i for i in (*energies, *wanted) if i != index)
        return Axis(index, name_at(index), unit_at(index), rest)
    by_unit = [
        i
        for i in range(len(names))
        if unit_at(i) in ("eV", "keV", "meV") and roles[i] not in _NO_ENERGY
    ]
    if len(by_unit) == 1:
        return Axis(by_unit[0], name_at(by_unit[0]), unit_at(by_unit[0]))
    for role in ("relative", "angle", "pixel", "wavenumber", "other"):
        if role in roles:
            raise ReadError([_no_energy(names[roles.index(role)], role)])
    return _unnamed(names, roles, values, asker, name_at, any_sign)


def _no_energy(name: str, role: str) -> str:
    return f"there is no energy among the columns: {name!r} {_NO_ENERGY[role]}; convert it to eV"


def _unnamed(
    names: Sequence[str],
    roles: Sequence[str | None],
    values: FloatArray,
    asker: Asker,
    name_at: Callable[[int], str],
    any_sign: bool,
) -> Axis:
    """The energy where no label says it: the one column that runs as a scan does."""
    width = values.shape[1]
    open_ = [i for i in range(width) if not roles or roles[i] is None]
    if not roles:
        counts = {i for triple in log_identities(values) for i in triple}
        open_ = [i for i in open_ if i not in counts]
    scans = [i for i in open_ if is_monotone(values[:, i])]
    if any_sign and 0 in scans:
        return Axis(0, name_at(0))
    likely = [i for i in scans if could_be_energy(values[:, i]) and not is_index(values[:, i])]
    likely = [i for i in likely if np.ptp(values[np.isfinite(values[:, i]), i]) > 0.05]
    if width == 2 and likely[:1] == [0] and np.nanmin(values[:, 0]) >= 20:
        likely = [0]  # two columns: the energy is the first, unless it cannot be one
    if not likely:
        piecewise = [
            i for i in open_ if could_be_energy(values[:, i]) and turns_seldom(values[:, i])
        ]
        likely = piecewise[:1] if piecewise[:1] == [0] else []
    if not likely:
        first = name_at(0)
        if roles and roles[0] in ("time", "index"):
            raise ReadError([_no_energy(names[0], roles[0])])
        if is_index(values[:, 0]):
            raise ReadError([_no_energy(first, "index")])
        if scans and scans[0] == 0 and np.nanmin(values[:, 0]) <= 1:
            raise ReadError([_no_energy(first, "relative")])
        raise asker.ask(
            "No column is named as the energy, and none runs through energies in order. Which is "
            "the energy?",
            [Choice(name_at(i), (("energy", answer(names, i)),)) for i in range(min(width, 20))],
        )
    first_one = values[:, likely[0]]
    same = [i for i in likely if np.allclose(values[:, i], first_one, rtol=2e-3, equal_nan=True)]
    others = [i for i in likely if i not in same]
    if others and not (names == [] and 0 in likely and _alternate(likely, width)):
        raise asker.ask(
            "Several columns run as an energy does, and none is named so. Which is the energy?",
            [Choice(name_at(i), (("energy", answer(names, i)),)) for i in likely],
        )
    first = name_at(likely[0])
    if roles and not any_sign and np.nanmax(first_one) < _HARD and not _MONO & words_of(first):
        raise asker.ask(
            f"No column is named as the energy. {first!r} runs as one does: is it the energy?",
            [Choice(f"{first} is the energy", (("energy", answer(names, likely[0])),))],
        )
    return Axis(likely[0], first, None, tuple(i for i in likely[1:]))


def _alternate(columns: Sequence[int], width: int) -> bool:
    return width % 2 == 0 and list(columns) == list(range(0, width, 2))


def turns_seldom(x: FloatArray) -> bool:
    """Whether values run up and down in few long sweeps."""
    good = x[np.isfinite(x)]
    step = np.sign(np.diff(good))
    step = step[step != 0]
    return step.size > 8 and float((step[1:] != step[:-1]).mean()) < 0.1


def answer(names: Sequence[str], index: int) -> str:
    """How to name a column in an answer: by its name where that is the only one."""
    if names and names[index] and list(names).count(names[index]) == 1:
        name = names[index]
        if not name.isdecimal():
            return name
    return str(index + 1)


def in_ev(
    energy: FloatArray,
    unit: str | None,
    faults: Faults,
    *,
    asker: Asker | None = None,
    element: str | None = None,
    edge: str | None = None,
    header: Sequence[str] = (),
    loss: bool = False,
    said: bool = True,
) -> FloatArray:
    """An energy column in eV.

    keV is taken where the file says so, or where only so the known edge lies in the data. Energy
    losses are in eV. Small numbers without a unit are asked for, unless their steps are those of
    eV.

    Raises
    ------
    ReadError
        If the unit is none of an energy.
    QuestionError
        If it may be eV or keV.
    """
    if unit == "keV":
        if said:
            faults.warn("the energy column is in keV: converted to eV")
        return energy * 1000.0
    if unit == "meV":
        faults.warn("the energy column is in meV: converted to eV")
        return energy / 1000.0
    if unit is not None and unit.lower() in _FACTORS:
        faults.warn(f"the energy column is in {unit}: converted to eV")
        return energy * _FACTORS[unit.lower()]
    if unit is not None and re.fullmatch(r"a\.?u\.?|arb.*|j|hz|thz", unit, re.IGNORECASE):
        raise ReadError([f"the energy column is in {unit!r}: eV or keV is needed"])
    if unit in ("MeV", "pixel", "channel", "angle", "time", "wavelength or wavenumber"):
        raise ReadError([f"the energy column is in a unit of {unit}: eV or keV is needed"])
    finite = energy[np.isfinite(energy)]
    if unit == "eV" or finite.size == 0 or loss:
        return energy
    low, high = float(finite.min()), float(finite.max())
    if not (low > 1 and high < _SMALL):
        return energy
    shown = f"the energy column runs from {low:.6g} to {high:.6g} and has no unit"
    start = edge_energy(element, edge) if element and edge else None
    if start is not None:
        ev, kev = low - 5 <= start <= high + 5, 1e3 * low - 200 <= start <= 1e3 * high + 200
        if ev != kev:
            meant = "eV" if ev else "keV"
            faults.warn(f"{shown}: taken as {meant}, since the {element} {edge} edge lies in it")
            return energy if ev else energy * 1000.0
    stated = {w.lower() for line in header[:400] for w in _STATED.findall(line[:500])}
    if len(stated) == 1:
        meant = "keV" if "kev" in stated else "eV"
        faults.warn(f"{shown}: taken as {meant}, as the header says")
        return energy * 1000.0 if meant == "keV" else energy
    words = [w for line in header[:400] for w in _KEV.findall(line[:500])]
    if any(0.9 * low <= float(word) <= 1.1 * high for word in words):
        faults.warn(f"{shown}: taken as keV, as the header gives energies in keV")
        return energy * 1000.0
    steps = np.abs(np.diff(finite))
    if steps.size and float(np.median(steps)) >= 0.08 and high - low >= 5:
        # In keV these would be steps of 80 eV and more: no absorption scan.
        faults.warn(f"{shown}: taken as eV, its steps being {float(np.median(steps)):.3g}")
        return energy
    question = f"{shown[0].upper()}{shown[1:]}. Is it eV or keV?"
    choices = [Choice(one, (("unit", one),)) for one in ("eV", "keV")]
    raise (asker or Asker()).ask(question, choices)


_STATED = re.compile(r"energ\w*\W{0,3}(?:units?|in|is|are)?\W{0,3}(k?ev)\b", re.IGNORECASE)
_KEV = re.compile(r"(\d{1,3}\.?\d*)\s*keV", re.IGNORECASE | re.ASCII)


def segments(x: FloatArray) -> list[slice]:
    """Where an energy column runs back and another scan begins: the rows of each scan.

    A scan ends where the energy has gone back by more than half of what it had covered, and stays
    there; small steps back (overlapping regions, jitter) end none.
    """
    n = x.size
    values = np.where(np.isfinite(x), x, np.nan)
    cuts = [0]
    start = 0
    while start < n - 1:
        cut = _turn(values, start)
        if cut is None:
            break
        cuts.append(cut)
        start = cut
    edges = [*cuts, n]
    parts = [slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    spans = [_span(values[part]) for part in parts]
    widest = max(spans, default=0.0)
    small = [
        part.stop - part.start < 5 or span < 0.2 * widest
        for part, span in zip(parts, spans, strict=True)
    ]
    return [slice(0, n)] if any(small) else parts


def _turn(x: FloatArray, start: int) -> int | None:
    """The row at which the scan that begins at ``start`` has ended."""
    direction, low, high, at = 0.0, x[start], x[start], start
    for i in range(start + 1, x.size):
        value = x[i]
        if value != value:
            continue
        if direction == 0.0:
            if value != x[start]:
                direction = 1.0 if value > x[start] else -1.0
                at = i
            low, high = min(low, value), max(high, value)
            continue
        extreme = high if direction > 0 else low
        if direction * (value - extreme) > 0:
            at = i
        covered = high - low
        back = direction * (extreme - value)
        if back > 0.5 * covered and i - start >= 4:
            after = x[i : i + 3]
            if np.all(direction * (extreme - after) > 0.4 * covered) and after.size == 3:
                # A jump begins the next scan where it lands, a turn where it turned.
                jumped = direction * (x[i - 1] - value) > 0.5 * covered
                return i if jumped else at + 1
        low, high = min(low, value), max(high, value)
    return None


def _span(x: FloatArray) -> float:
    good = x[np.isfinite(x)]
    return float(np.ptp(good)) if good.size else 0.0
