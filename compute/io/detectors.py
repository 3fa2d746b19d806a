"""The elements of a fluorescence detector: which columns belong together, which are dead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.io.raw import Faults, FloatArray

_TOTAL = re.compile(r"(?i)(?:^|[^a-z])(?:sum|tot|total)(?:[^a-z]|$)|tot$|sum$")
_CORRECTED = re.compile(r"(?i)corr|dtc")
_DEAD = 0.005  # of the median of the other elements


@dataclass(frozen=True)
class Detector:
    """Columns that are summed to one signal."""

    name: str
    columns: tuple[int, ...]
    formula: str = ""

    def __post_init__(self) -> None:
        if not self.formula:
            object.__setattr__(self, "formula", self.name)


def detectors(
    labels: Sequence[str],
    table: FloatArray,
    columns: Sequence[int],
    faults: Faults,
    *,
    one: bool = False,
) -> list[Detector]:
    """Detectors among columns of fluorescence: those numbered alike are elements of one.

    Elements that counted nothing are left out of the sum, told. A total that the file holds goes
    before our sum, dead-time corrected elements before raw ones.

    Parameters
    ----------
    one : bool
        The columns are one signal (an emission line) in several forms: only the best is returned.
    """
    groups = _groups(labels, columns)
    best = sorted(groups, key=lambda group: _rank(labels, group))
    found: list[Detector] = []
    taken: list[list[int]] = []
    for group in best:
        if taken and (one or any(_same(labels, group, other) for other in taken)):
            names = ", ".join(labels[i] for i in group[:4]) + (" …" if len(group) > 4 else "")
            faults.warn(f"another form of the same signal is not used: {names}")
            continue
        alive = _alive(labels, table, group, faults)
        if not alive:
            continue
        taken.append(group)
        names = "+".join(labels[i] for i in alive)
        formula = f"({names})" if len(alive) > 1 else names
        if len(alive) > 1:
            faults.warn(f"{len(alive)} elements of a fluorescence detector are summed: {names}")
        short = names if len(alive) == 1 else _stem(labels, group)
        found.append(Detector(short, tuple(alive), formula))
    return sorted(found, key=lambda detector: detector.columns)


def _groups(labels: Sequence[str], columns: Sequence[int]) -> list[list[int]]:
    """Columns whose labels differ in one number only."""
    masks: dict[int, list[str]] = {}
    for i in columns:
        label = re.sub(r"_c\d+$", "", labels[i])
        spans = [match.span() for match in re.finditer(r"\d+", label)]
        masks[i] = [label[:a] + "\0" + label[b:] for a, b in spans] or [label]
    sizes = Counter(mask for mine in masks.values() for mask in mine)
    groups: dict[str, list[int]] = {}
    for i in columns:
        best = max(masks[i], key=lambda mask: sizes[mask])
        groups.setdefault(best if sizes[best] > 1 else labels[i], []).append(i)
    return list(groups.values())


def _rank(labels: Sequence[str], group: list[int]) -> tuple[int, int]:
    name = labels[group[0]]
    if len(group) == 1 and _TOTAL.search(re.sub(r"_c\d+$", "", name)):
        return 0, 0
    return (1 if _CORRECTED.search(name) else 2), -len(group)


def _same(labels: Sequence[str], group: list[int], other: list[int]) -> bool:
    """Whether two groups are the same detector twice: raw and corrected, elements and total."""
    if len(group) == len(other) > 1:
        return True
    total, rest = (other, group) if len(other) == 1 else (group, other)
    if len(total) > 1 or len(rest) < 2 or not _TOTAL.search(labels[total[0]]):
        return False
    return labels[total[0]][:2].lower() == labels[rest[0]][:2].lower()


def _alive(labels: Sequence[str], table: FloatArray, group: list[int], faults: Faults) -> list[int]:
    counting = [i for i in group if np.any(table[:, i] != table[0, i])]
    if len(counting) > 1:
        typical = {i: float(np.nanmedian(np.abs(table[:, i]))) for i in counting}
        limit = _DEAD * float(np.median(list(typical.values())))
        counting = [i for i in counting if typical[i] >= limit] or counting
    dead = [labels[i] for i in group if i not in counting]
    if dead and len(group) > 1:
        faults.warn(f"elements that count nothing are left out: {', '.join(dead)}")
    elif dead:
        faults.warn(f"{dead[0]}: a constant, no signal; left out")
    return counting


def _stem(labels: Sequence[str], group: list[int]) -> str:
    first, last = labels[group[0]], labels[group[-1]]
    return f"{first} to {last}"
