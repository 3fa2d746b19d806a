"""Which columns of a labelled table hold a spectrum, and how it is formed from them.

A column's label is sorted into a role (:mod:`compute.io.roles`). From the roles follow the
signals: an absorption that the file already holds, else ``ln(I0/It)`` and ``If/I0``; and the
reference channel where there is one. Columns of another role are never taken; a channel that
carries no signal (constant, or noise alone) is left out, told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.edges import edges_within
from compute.io.assemble import log_ratio, ratio
from compute.io.detectors import Detector, detectors
from compute.io.raw import Faults, FloatArray, Mode, Quantity, Role
from compute.io.roles import Label, label_of
from compute.spikes import bridged, spikes

_ENOUGH = 64
_DARK = 1e-3  # of I0: a chamber that no beam reaches


@dataclass(frozen=True)
class Signal:
    """One curve formed from the columns, with how it was formed.

    ``name`` tells it apart from the other signals of the same table.
    """

    values: FloatArray
    quantity: Quantity
    mode: Mode | None
    role: Role
    formed: str
    name: str = ""


def signals(
    labels: Sequence[str],
    table: FloatArray,
    energy: FloatArray,
    faults: Faults,
    *,
    element: str | None = None,
) -> list[Signal]:
    """The sample's signals and the reference's, from labelled columns (n, m); empty if none.

    An absorption already in the file goes before one that we form. Transmission and fluorescence
    are both returned where both are there, and so are several detectors and several samples.
    """
    columns = _Columns(labels, table, energy, element, faults)
    found = columns.ready() or columns.formed()
    return (found or columns.bare()) + columns.reference()


def are_counts_alone(found: Sequence[Signal], labels: Sequence[str]) -> bool:
    """Whether counts would be taken undivided though another column may be their I0.

    That is one without a role, or another column of counts.
    """
    samples = [one for one in found if one.role == "sample"]
    if not all(one.quantity in ("counts", "arbitrary") for one in samples):
        return False
    used = {one.formed for one in samples}
    used |= {part for formed in used for part in formed[1:-1].split("+") if formed[:1] == "("}
    rest = [label for label in labels if label not in used]
    doubtful = any(
        label_of(label).role in (None, "it", "ir", "intensity", "counts") for label in rest
    )
    return doubtful or sum(one.quantity == "counts" for one in samples) > 1


def carries_signal(y: FloatArray) -> bool:
    """Whether a channel holds more than a constant or white noise.

    The means of 16 blocks scatter no more than the noise within them allows where there is
    nothing but noise (a ratio of variances of about 1; a spectrum has hundreds). Points that stand
    alone do not count.
    """
    good = y[np.isfinite(y)]
    if good.size < 2 or float(np.ptp(good)) == 0.0:
        return False
    good = bridged(good, spikes(good))
    between, within = _variances(good)
    return within == 0.0 or between > 4.0 * within


def counts_something(y: FloatArray) -> bool:
    """Whether a counter stands clear of zero: its values are not all within its own noise."""
    good = y[np.isfinite(y)]
    _, within = _variances(good)
    return within == 0.0 or float(np.median(np.abs(good))) > 1.5 * within**0.5


def _variances(good: FloatArray) -> tuple[float, float]:
    """Variance of 16 block means times their size, and of the noise; zeros for few points."""
    if good.size < _ENOUGH:
        return 0.0, 0.0
    size = good.size // 16
    blocks = good[: 16 * size].reshape(16, size)
    with np.errstate(over="ignore", invalid="ignore"):
        # Differences of neighbours see the noise alone, also under a slope.
        within = float(np.mean(np.diff(blocks, axis=1) ** 2)) / 2
        between = float(np.var(blocks.mean(axis=1), ddof=1)) * size
    return (between, within) if np.isfinite(between) and np.isfinite(within) else (0.0, 0.0)


class _Columns:
    """A labelled table, asked for signals by role."""

    def __init__(
        self,
        labels: Sequence[str],
        table: FloatArray,
        energy: FloatArray,
        element: str | None,
        faults: Faults,
    ) -> None:
        self.labels, self.table, self.energy = labels, table, energy
        self.element, self.faults = element, faults
        self.parsed: list[Label] = [label_of(label) for label in labels]
        self.where: dict[str, list[int]] = {}
        for index, label in enumerate(self.parsed):
            if label.role:
                self.where.setdefault(label.role, []).append(index)

    def ready(self) -> list[Signal]:
        """Absorption that the file holds as such; several columns are several samples."""
        kinds: tuple[tuple[str, Quantity, Mode | None], ...] = (
            ("mu_trans", "mu", "transmission"),
            ("mu_fluor", "mu", "fluorescence"),
            ("mu", "mu", None),
            ("norm", "normalised", None),
        )
        found: list[Signal] = []
        for role, quantity, mode in kinds:
            if found and role != "mu_fluor":
                continue
            columns = self.live(role)
            if role == "norm":
                # "norm" and "flat" of one spectrum are the same twice.
                columns = [i for i in columns if "flat" not in self.labels[i].lower()] or columns
            for index in columns:
                label = self.labels[index]
                name = label if len(columns) > 1 else ""
                found.append(
                    Signal(
                        self.table[:, index],
                        quantity,
                        mode or _mode_in(label),
                        "sample",
                        label,
                        name,
                    )
                )
        return found

    def formed(self) -> list[Signal]:
        """Ratios to I0: transmission, fluorescence detector by detector, yields."""
        i0 = self.i0()
        if i0 is None:
            return []
        found: list[Signal] = []
        lines = self.emission_lines()
        passed = [] if lines else self.passed("it", i0)
        if passed:
            found += self._transmission(i0, passed[0], "sample")
            self._tell_further(passed, "transmission")
        yields = lines or self.fluorescence()
        yields = [one for one in yields if self._positive(one, i0)]
        several = len(yields) > 1
        for detector in yields:
            found += self._yield(detector, i0, "fluorescence", detector.name if several else "")
        for index in self.live("tey")[:1]:
            partial = re.search(r"(?i)pey|aey", self.labels[index]) is not None
            one = Detector(self.labels[index], (index,))
            found += self._yield(one, i0, None if partial else "TEY", "")
        return found

    def i0(self) -> int | None:
        """The incident beam: the column named plainly so before corrected ones and monitors."""
        for role in ("i0", "i0_other"):
            alive = [i for i in self.where.get(role, []) if self._counts(i)]
            if not alive:
                continue
            if role == "i0_other" and len(alive) > 1:
                plain = [i for i in alive if self.labels[i].lower() in ("mon", "monitor")]
                # Two monitors: which of them saw the beam before the sample is not said.
                if len(plain) != 1 or not (self.where.keys() & {"it", "if", "tey"}):
                    return None
                alive = plain
            plain = [i for i in alive if not self.parsed[i].tag]
            chosen = (plain or alive)[0]
            others = [self.labels[i] for i in alive if i != chosen]
            if others:
                self.faults.warn(f"I0 is {self.labels[chosen]}; there are also {', '.join(others)}")
            return chosen
        return None

    def emission_lines(self) -> list[Detector]:
        """Detectors named after an emission line that this scan can excite."""
        named = [i for i in self.where.get("if", []) if self.parsed[i].line and self._counts(i)]
        if not named:
            return []
        lines = {i: line for i in named if (line := self.parsed[i].line) is not None}
        elements = {element for element, _ in lines.values()}
        wanted = {self.element} & elements if self.element else self._excited(set(lines.values()))
        found: list[Detector] = []
        for symbol in sorted(wanted):
            mine = [i for i in named if lines[i][0] == symbol]
            found += detectors(self.labels, self.table, mine, self.faults, one=True)
        unused = [self.labels[i] for i in named if lines[i][0] not in wanted]
        if found and unused:
            shown = ", ".join(unused[:6]) + (" …" if len(unused) > 6 else "")
            self.faults.warn(
                f"lines of elements without an edge in this scan are left out: {shown}"
            )
        return found

    def _excited(self, lines: set[tuple[str, str]]) -> set[str]:
        """The elements whose shell of an emission line has an edge among the energies."""
        finite = self.energy[np.isfinite(self.energy)]
        if finite.size == 0:
            return set()
        inside = edges_within(float(finite.min()), float(finite.max()))
        return {edge.element for edge in inside if (edge.element, edge.edge[0]) in lines}

    def fluorescence(self) -> list[Detector]:
        """Detectors without an emission line in their name."""
        plain = [i for i in self.where.get("if", []) if self.parsed[i].line is None]
        found = detectors(self.labels, self.table, plain, self.faults)
        alive = []
        for detector in found:
            total = self.table[:, list(detector.columns)].sum(axis=1)
            if carries_signal(total) and counts_something(total):
                alive.append(detector)
            else:
                self._tell_dead(detector.name)
        return alive

    def bare(self) -> list[Signal]:
        """A signal with nothing to divide it by."""
        kinds: tuple[tuple[str, Quantity, Mode | None], ...] = (
            ("tey", "counts", "TEY"),
            ("if", "counts", "fluorescence"),
            ("intensity", "arbitrary", None),
            ("counts", "counts", None),
        )
        if self.i0() is not None and self.where.keys() & {"intensity", "counts"}:
            return []  # divided by I0 or not: not for us to say
        for role, quantity, mode in kinds:
            if role == "if":
                groups = self.emission_lines() or self.fluorescence()
            else:
                groups = [Detector(self.labels[i], (i,)) for i in self.live(role)]
            found = [
                Signal(
                    self.table[:, list(one.columns)].sum(axis=1),
                    "counts" if role == "intensity" and _is_counts(one.name) else quantity,
                    mode,
                    "sample",
                    one.formula,
                    one.name if len(groups) > 1 else "",
                )
                for one in groups
            ]
            if found:
                return found
        return []

    def reference(self) -> list[Signal]:
        """The reference foil's absorption, ready or behind the sample."""
        kinds: tuple[tuple[str, Quantity], ...] = (("mu_ref", "mu"), ("norm_ref", "normalised"))
        for role, quantity in kinds:
            for index in self.live(role)[:1]:
                label = self.labels[index]
                values = self.table[:, index]
                return [Signal(values, quantity, "transmission", "reference", label)]
        i0 = self.i0() if "ir" in self.where else None
        behind = self.passed("ir", i0) if "ir" in self.where else []
        if not behind:
            return []
        before = self.passed("it", i0)[:1]
        if not before and i0 is not None:
            # Without the beam behind the sample the reference may hold the sample's absorption.
            unknown = [i for i, label in enumerate(self.parsed) if label.role is None]
            before = [] if any(carries_signal(self.table[:, i]) for i in unknown) else [i0]
        return self._transmission(before[0], behind[0], "reference") if before else []

    def passed(self, role: str, i0: int | None) -> list[int]:
        """The chambers of a role that see the beam: neither constant nor dark."""
        found = self.live(role)
        if i0 is None:
            return found
        beam = float(np.nanmedian(np.abs(self.table[:, i0])))
        lit = []
        for index in found:
            y = np.abs(self.table[:, index])
            low, middle, high = np.nanpercentile(y, (5, 50, 95))
            dark = middle < _DARK * beam and high - low < 0.5 * middle
            if dark or not counts_something(self.table[:, index]):
                self._tell_dead(self.labels[index])
            else:
                lit.append(index)
        return lit

    def _positive(self, detector: Detector, i0: int) -> bool:
        """Fluorescence has the sign of I0; an offset alone may have the other."""
        total = self.table[:, list(detector.columns)].sum(axis=1)
        if float(np.nanmedian(total)) * float(np.nanmedian(self.table[:, i0])) >= 0:
            return True
        self.faults.warn(f"{detector.name}: of the other sign than I0, no fluorescence; left out")
        return False

    def live(self, role: str) -> list[int]:
        """The columns of a role that carry a signal; the others are told."""
        found = []
        for index in self.where.get(role, []):
            if carries_signal(self.table[:, index]):
                found.append(index)
            else:
                self._tell_dead(self.labels[index])
        return found

    def _tell_dead(self, name: str) -> None:
        self.faults.warn(f"{name}: a constant or noise alone, no signal; left out")

    def _tell_further(self, columns: list[int], what: str) -> None:
        if len(columns) > 1:
            names = ", ".join(self.labels[i] for i in columns[1:])
            self.faults.warn(f"further columns of {what} are not used: {names}")

    def _counts(self, index: int) -> bool:
        values = self.table[:, index]
        good = np.isfinite(values) & (values != 0)
        return 2 * int(good.sum()) > values.size

    def _transmission(self, before: int, after: int, role: Role) -> list[Signal]:
        names = f"{self.labels[before]}/{self.labels[after]}"
        top, bottom = self.table[:, before], self.table[:, after]
        values = log_ratio(top, bottom, self.energy, names, self.faults)
        if values is None:
            return []
        return [Signal(values, "mu", "transmission", role, f"ln({names})", "transmission")]

    def _yield(self, detector: Detector, i0: int, mode: Mode | None, name: str) -> list[Signal]:
        names = f"{detector.formula}/{self.labels[i0]}"
        total = self.table[:, list(detector.columns)].sum(axis=1)
        values = ratio(total, self.table[:, i0], self.energy, names, self.faults)
        if values is None:
            return []
        return [Signal(values, "mu", mode, "sample", names, name or (mode or "yield"))]


def _is_counts(label: str) -> bool:
    return re.search(r"(?i)\b(?:counts?|cts|cps)\b", label) is not None


def _mode_in(label: str) -> Mode | None:
    text = label.lower()
    if "trans" in text:
        return "transmission"
    return "fluorescence" if "fluo" in text else None
