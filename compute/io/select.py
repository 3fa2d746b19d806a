"""The signals of a table: as a person named them, by label, by arithmetic; else asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from compute.io.arithmetic import log_identities
from compute.io.assemble import log_ratio, ratio
from compute.io.axis import Axis, answer, column_named
from compute.io.choice import ColumnChoice
from compute.io.question import Choice, QuestionError, steepest_rise
from compute.io.raw import Faults, FloatArray, Mode, Quantity
from compute.io.roles import ABSCISSAS, NEVER, label_of, role_of
from compute.io.signals import Signal, are_counts_alone, carries_signal, signals

Ask = Callable[[str, Sequence[Choice]], QuestionError]
_FORMULA = re.compile(r"(?:(ln|log)\s*\(\s*)?([^/]+?)\s*/\s*([^/]+?)\s*\)?", re.IGNORECASE)
_MOST_CHOICES = 40
_MODES: dict[str, Mode] = {
    "mu_trans": "transmission",
    "mu_fluor": "fluorescence",
    "if": "fluorescence",
}
_COUNTS = 50.0  # a typical value above this is a count, no absorption


def pairs_of(names: Sequence[str], values: FloatArray, axis: Axis) -> list[tuple[Axis, list[int]]]:
    """Energy columns that each have their own signals behind them; empty if there is one axis."""
    if not axis.others:
        return []
    energies = sorted((axis.index, *axis.others))
    if energies[0] != 0:
        return []
    stops = [*energies[1:], values.shape[1]]
    if any(stop - start < 2 for start, stop in zip(energies, stops, strict=True)):
        return []
    if names:
        roles = [role_of(name) for name in names]
        one_axis = any(
            roles[i] == "requested" or label_of(names[i]).readback for i in energies
        ) or any(role in ("i0", "it", "if", "tey") for role in roles)
        if one_axis:
            return []
    groups: list[tuple[Axis, list[int]]] = []
    for start, stop in zip(energies, stops, strict=True):
        label = names[start] if names else f"column {start + 1}"
        tag = label_of(label).tag if names else ""
        behind = names[start + 1] if names else f"column {start + 2}"
        own = (
            tag
            or (behind if role_of(behind) is None else "")
            or f"columns {start + 1}, {start + 2}"
        )
        # Fields of the axis: its label is how the pair is called.
        groups.append((Axis(start, own, axis.unit), list(range(start, stop))))
    return groups


def choose(
    names: Sequence[str],
    n_named: int,
    values: FloatArray,
    energy: FloatArray,
    choice: ColumnChoice | None,
    faults: Faults,
    *,
    element: str | None,
    eels: bool,
    numbers: Sequence[int],
    ask: Ask,
    all_names: Sequence[str],
    all_values: FloatArray,
) -> list[Signal]:
    """The signals among columns (n, m) beside the energy.

    Parameters
    ----------
    n_named : int
        How many of the names the file gives; the others are ``column N``.
    numbers : sequence of int
        The columns' numbers in the whole table, from 1.
    all_names, all_values
        The whole table, for the columns that a person named.

    Raises
    ------
    QuestionError
        If several columns, or several ways of forming a signal, are possible.
    ReadError
        If no column can hold a signal, or a named column does not exist.
    """
    if choice is not None and choice.signal:
        i0 = _index(choice.i0, all_names, all_values)
        return [_stated(text, i0, all_names, all_values, energy, faults) for text in choice.signal]
    work = _Work(list(names), values, energy, list(numbers), faults, ask, all_names, eels)
    if choice is not None and choice.i0:
        return work.with_i0(_index(choice.i0, all_names, all_values), n_named, element)
    if n_named:
        found = signals(names[:n_named], values[:, :n_named], energy, faults, element=element)
        if any(one.role == "sample" for one in found):
            if are_counts_alone(found, names[:n_named]):
                raise work.which(n_named)
            return found
        return work.by_unknown_labels(n_named) + found
    return work.without_labels()


def _index(text: str | None, names: Sequence[str], values: FloatArray) -> int | None:
    return None if text is None else column_named(text, names, values.shape[1])


def _stated(
    text: str,
    i0: int | None,
    names: Sequence[str],
    values: FloatArray,
    energy: FloatArray,
    faults: Faults,
) -> Signal:
    """The signal that a person named."""
    width = values.shape[1]
    name_at: Callable[[int], str] = lambda i: names[i] if names else f"column {i + 1}"  # noqa: E731
    formula = None if text in names else _FORMULA.fullmatch(text)
    if formula:
        top = column_named(formula.group(2), names, width)
        bottom = column_named(formula.group(3), names, width)
        return _formed(
            values[:, top],
            values[:, bottom],
            f"{name_at(top)}/{name_at(bottom)}",
            bool(formula.group(1)),
            energy,
            faults,
            "as named",
        )
    index = column_named(text, names, width)
    label = name_at(index)
    role = role_of(label) if names else None
    if i0 is not None and i0 != index:
        return _over_i0(values[:, index], values[:, i0], label, name_at(i0), role, energy, faults)
    quantity: Quantity = "mu" if role in ("mu", "mu_trans", "mu_fluor") else _kind(values[:, index])
    quantity = "normalised" if role == "norm" else quantity
    mode = _MODES.get(role or "")
    return Signal(values[:, index], quantity, mode, "sample", f"{label}, as named", label)


def _over_i0(
    y: FloatArray,
    i0: FloatArray,
    label: str,
    i0_label: str,
    role: str | None,
    energy: FloatArray,
    faults: Faults,
) -> Signal:
    """A count over the incident beam: transmission where its label or its falling edge says so."""
    if role in ("it", "if", "tey"):
        passed, why = role == "it", "by its label"
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            passed = _falls(energy, y / i0)
        why = f"it {'falls' if passed else 'rises'} at the edge"
    if passed:
        return _formed(i0, y, f"{i0_label}/{label}", True, energy, faults, why)
    return _formed(y, i0, f"{label}/{i0_label}", False, energy, faults, why)


def _falls(energy: FloatArray, y: FloatArray) -> bool:
    """Whether the steepest change of a curve is downwards."""
    good = np.isfinite(energy) & np.isfinite(y)
    x, values = energy[good], y[good]
    order = np.argsort(x, kind="stable")
    x, values = x[order], values[order]
    keep = np.concatenate(([True], np.diff(x) > 0)) if x.size else good[:0]
    x, values = x[keep], values[keep]
    if x.size < 8:
        return bool(values.size and values[-1] < values[0])
    slope = (values[4:] - values[:-4]) / (x[4:] - x[:-4])
    return bool(abs(slope.min()) > slope.max())


def _formed(
    top: FloatArray,
    bottom: FloatArray,
    names: str,
    logarithm: bool,
    energy: FloatArray,
    faults: Faults,
    why: str,
) -> Signal:
    form = log_ratio if logarithm else ratio
    values = form(top, bottom, energy, names, faults)
    if values is None:
        raise faults.fail(f"{names}: no such signal can be formed at most of the points")
    said = f"ln({names})" if logarithm else names
    mode: Mode | None = "transmission" if logarithm else None
    return Signal(values, "mu", mode, "sample", f"{said}, {why}", said)


def _kind(y: FloatArray) -> Quantity:
    finite = y[np.isfinite(y)]
    counts = finite.size > 0 and bool(np.median(np.abs(finite)) > _COUNTS)
    return "counts" if counts else "arbitrary"


class _Work:
    """Columns whose labels do not say which of them is the signal."""

    def __init__(
        self,
        names: list[str],
        values: FloatArray,
        energy: FloatArray,
        numbers: list[int],
        faults: Faults,
        ask: Ask,
        all_names: Sequence[str],
        eels: bool,
    ) -> None:
        self.names, self.values, self.energy = names, values, energy
        self.numbers, self.faults, self.ask = numbers, faults, ask
        self.all_names, self.eels = all_names, eels

    def with_i0(self, i0: int | None, n_named: int, element: str | None) -> list[Signal]:
        """I0 is named and the signal is not: as if the column's label said so."""
        place = next((k for k, number in enumerate(self.numbers) if number - 1 == i0), None)
        if place is None:
            raise self.faults.fail("the column named as I0 is the energy")
        names = list(self.names)
        names[place] = "I0"
        rest = [k for k in range(len(names)) if k != place]
        if n_named:
            found = signals(names, self.values, self.energy, self.faults, element=element)
            if found:
                return found
            rest = [k for k in rest if self._may_be_signal(names[k])]
        if len(rest) == 1:
            y, beam = self.values[:, rest[0]], self.values[:, place]
            role = role_of(self.names[rest[0]]) if n_named else None
            return [
                _over_i0(
                    y, beam, self.names[rest[0]], self.names[place], role, self.energy, self.faults
                )
            ]
        raise self._which(rest, place, rest)

    def by_unknown_labels(self, n_named: int) -> list[Signal]:
        """Labels that say the energy and no signal: samples, or channels of a beamline."""
        roles = [role_of(name) for name in self.names[:n_named]]
        usable = [k for k in range(n_named) if self._may_be_signal(self.names[k])]
        alive = [k for k in usable if carries_signal(self.values[:, k])]
        unknown = [k for k in alive if roles[k] is None]
        beams = [k for k in usable if roles[k] in ("i0", "i0_other")]
        if not alive:
            told = ", ".join(self.names[:12])
            raise self.faults.fail(f"no column holds a signal (columns: {told})")
        if not beams and len(unknown) == len(alive):
            if len(unknown) == len(usable) == 1:
                return [self._as_it_stands(unknown[0], "")]
            # Counts of several channels look alike too, chambers before and behind the sample; a
            # flat channel may be I0.
            counted = not self.eels and any(_kind(self.values[:, k]) == "counts" for k in unknown)
            if not counted and len(usable) == len(alive) and self._look_alike(unknown):
                return [self._as_it_stands(k, self.names[k]) for k in unknown]
            by_numbers = self._arithmetic([self.names[k] for k in unknown], unknown)
            if by_numbers:
                return by_numbers
        raise self._which(alive, beams[0] if len(beams) == 1 else None, usable)

    def without_labels(self) -> list[Signal]:
        """Numbers only: the one column beside the energy, or what arithmetic tells."""
        everything = list(range(len(self.names)))
        found = self._arithmetic(self.names, everything)
        if found:
            return found
        if len(everything) == 1:
            return [self._as_it_stands(0, "")]
        alive = [k for k in everything if carries_signal(self.values[:, k])]
        if not alive:
            raise self.faults.fail("no column besides the energy holds more than a constant")
        counts = any(_kind(self.values[:, k]) == "counts" for k in alive)
        if (
            len(alive) > 1
            and not counts
            and len(alive) == len(everything)
            and self._look_alike(alive)
        ):
            return [self._as_it_stands(k, self.names[k]) for k in alive]
        raise self._which(alive, None, everything)

    def which(self, n_named: int) -> QuestionError:
        """The question among all columns that could be a signal."""
        usable = [k for k in range(n_named) if self._may_be_signal(self.names[k])]
        alive = [k for k in usable if carries_signal(self.values[:, k])]
        return self._which(alive, None, usable)

    def _may_be_signal(self, name: str) -> bool:
        role = role_of(name)
        return role not in NEVER and role not in ABSCISSAS and role != "chi"

    def _as_it_stands(self, k: int, name: str) -> Signal:
        y = self.values[:, k]
        quantity: Quantity = "counts" if self.eels else _kind(y)
        return Signal(y, quantity, None, "sample", f"{self.names[k]}, as it stands", name)

    def _look_alike(self, columns: Sequence[int]) -> bool:
        """Whether columns are one kind of curve: alike in shape, rising at one energy."""
        x = self.energy
        curves = []
        rises = []
        for k in columns:
            y = self.values[:, k]
            good = np.isfinite(x) & np.isfinite(y)
            if good.sum() < 8 or np.ptp(y[good]) == 0:
                return False
            order = np.argsort(x[good], kind="stable")
            grid, sorted_y = x[good][order], y[good][order]
            keep = np.concatenate(([True], np.diff(grid) > 0))
            rise = steepest_rise(grid[keep], sorted_y[keep])
            tenth = max(sorted_y.size // 10, 1)
            ends = float(sorted_y[-tenth:].mean() - sorted_y[:tenth].mean())
            # A beam that grows weaker over the scan: a chamber, no absorption.
            if rise is None or ends < -0.4 * float(np.ptp(sorted_y)):
                return False
            rises.append(rise)
            curves.append(
                np.interp(np.linspace(grid[0], grid[-1], 200), grid[keep], sorted_y[keep])
            )
        # A chemical shift is below 15 eV; another edge further away.
        near = float(np.ptp(rises)) <= max(0.06 * float(np.ptp(x[np.isfinite(x)])), 15.0)
        likeness = np.corrcoef(np.array(curves))
        return near and bool(np.all(likeness > 0.7))

    def _arithmetic(self, names: Sequence[str], columns: Sequence[int]) -> list[Signal]:
        """Columns where one is the logarithm of the ratio of two others.

        The first such column is the sample's; one whose incident beam is the sample's transmitted
        one is the reference's.
        """
        columns = list(columns)
        good = log_identities(self.values[:, columns])
        if not good:
            return []
        c, a, b = good[0]
        label = list(names)
        formed = f"{label[c]}, which equals ln({label[a]}/{label[b]})"
        y = self.values[:, columns[c]]
        chosen = [Signal(y, "mu", "transmission", "sample", formed)]
        for c2, a2, b2 in good[1:]:
            same = np.array_equal(self.values[:, columns[a2]], self.values[:, columns[b]])
            if c2 != c and same:
                formed = f"{label[c2]}, which equals ln({label[a2]}/{label[b2]})"
                y = self.values[:, columns[c2]]
                chosen.append(Signal(y, "mu", "transmission", "reference", formed))
                break
        return chosen

    def _which(
        self, columns: Sequence[int], beam: int | None, beams: Sequence[int]
    ) -> QuestionError:
        """The question which column, or ratio of two, is the spectrum.

        ``beams`` are the columns that may be I0: flat ones too, which are no signal themselves.
        """

        def short(k: int) -> str:
            return answer(self.all_names, self.numbers[k] - 1)

        def inside(k: int) -> str:
            return short(k) if re.fullmatch(r"[\w.-]+", short(k)) else str(self.numbers[k])

        choices: list[Choice] = []
        tops = [beam] if beam is not None else list(beams)[:6]
        for top in tops:
            for k in columns:
                if k == top or len(choices) >= _MOST_CHOICES:
                    continue
                over = f"{self.names[top]}/{self.names[k]}"
                under = f"{self.names[k]}/{self.names[top]}"
                choices.append(
                    Choice(
                        f"ln({over}): transmission",
                        (("signal", f"ln({inside(top)}/{inside(k)})"),),
                    )
                )
                choices.append(
                    Choice(
                        f"{under}: fluorescence or yield over I0",
                        (("signal", f"{inside(k)}/{inside(top)}"),),
                    )
                )
        plain = [Choice(f"{self.names[k]} as it stands", (("signal", short(k)),)) for k in columns]
        shown = ", ".join(self.names[k] for k in sorted({*columns, *beams})[:12])
        return self.ask(
            f"The file does not say which of its columns is the spectrum ({shown}).",
            [*plain, *choices][:_MOST_CHOICES],
        )
