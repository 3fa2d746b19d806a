"""Which columns of a table hold a spectrum: by their labels, else by arithmetic, always told.

A column's label is sorted into one of the roles of :data:`_ROLES`. From the roles follow the
signals: an absorption that the file already holds, else ``ln(I0/It)``, else ``If/I0``; and the
reference channel where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.io.assemble import log_ratio, ratio
from compute.io.raw import Faults, FloatArray, Mode, Quantity, Role

# Tried in this order on the label in lower case; the first that matches wins.
_ROLES: tuple[tuple[str, str], ...] = (
    ("chi", r"chi\d?|chi\(k\)|k\d?\*?chi|chik\d?|chi_(?:re|im|mag|pha)|chir_\w+"),
    ("wavenumber", r"k|k\(?1?/?a(?:\^-1|-1)?\)?|wavenumber"),
    ("time", r".*time.*|.*clock.*|.*sec(?:onds?)?|tscaler|dwell.*"),
    ("factor", r"(?:dtfactor|outputcounts|icr|ocr|dead|reset|temp|ring|current).*"),
    ("angle", r"(?:angle|theta|bragg|mono_?angle).*"),
    (
        "requested",
        r".*(?:request|set|command|target|nominal).*(?:energy|ev)\b.*|energy.*(?:req|set).*",
    ),
    ("energy", r"e|en|ev|kev|energie|photon|.*energy.*|e_?\(?k?ev\)?|e_?loss|loss|hv|x"),
    ("mu_ref", r"(?:x?mu|ln|abs)[_.-]?ref\w*|murefer|ref[_.-]?(?:x?mu|abs)"),
    ("norm_ref", r"normrefer|norm[_.-]?ref"),
    ("norm", r"normtrans|normfluor|norm\w*|flat\w*|(?:x?mu|intensity)_?\w*norm\w*"),
    ("mu_trans", r"mu_?trans\w*|xmu_?t\w*|mut"),
    ("mu_fluor", r"mu_?fluo\w*|xmu_?f\w*|muf"),
    ("mu", r"x?mu(?:\(e\))?|<?xanes>?|absorption|absorbance|abs|mue|mux"),
    ("i0", r"i_?0(?:[_.(-].*)?|io|mon(?:itor)?\d?|i_?zero|i_in\w*"),
    ("ir", r"i_?r(?:ef\w*)?(?:[_.(-].*)?|i_?2(?:[_.(-].*)?|iref\w*|ref(?:erence)?"),
    ("it", r"i_?t(?:rans\w*)?(?:[_.(-].*)?|i_?1(?:[_.(-].*)?|trans\w*|i_out"),
    ("if", r"i_?f(?:luo\w*)?(?:[_.(-].*)?|iff|fluo\w*|lytle|pips\w*|tfy|pfy|dtc\d+"),
    ("tey", r"tey\w*|electron_?yield|drain\w*|i_?sample"),
    ("intensity", r"intensity\w*|counts?|signal|y|eels|spectrum"),
)
_PATTERNS = tuple((role, re.compile(pattern)) for role, pattern in _ROLES)
_LINE = re.compile(r"([a-z]{1,2})_?[klm][abg]\d?(?:[_.-].*)?")


LONGEST_LABEL = 80


@dataclass(frozen=True)
class Signal:
    """One curve formed from the columns, with how it was formed."""

    values: FloatArray
    quantity: Quantity
    mode: Mode | None
    role: Role
    formed: str


def role_of(label: str) -> str | None:
    """The role that a column's label names, None if it names none that we know."""
    text = label.strip().lower()
    if len(text) > LONGEST_LABEL:  # no label; the patterns would take quadratic time on it
        return None
    return next((role for role, pattern in _PATTERNS if pattern.fullmatch(text)), None)


def emission_columns(labels: Sequence[str], element: str | None) -> list[int]:
    """Columns named after an emission line (``Mn_Ka_mca1``), of this element if it is known."""
    found: list[int] = []
    for index, label in enumerate(labels):
        match = _LINE.fullmatch(label.strip().lower())
        if match and (element is None or match.group(1) == element.lower()):
            found.append(index)
    return found


def signals(
    labels: Sequence[str],
    table: FloatArray,
    energy: FloatArray,
    faults: Faults,
    *,
    element: str | None = None,
) -> list[Signal]:
    """The sample's signal and the reference's, from labelled columns (n, m); empty if none.

    An absorption already in the file goes before one that we form. Transmission and fluorescence
    are both returned where both are there.
    """
    columns = _Columns(labels, table, energy, faults)
    found = columns.ready() or columns.formed(emission_columns(labels, element))
    return (found or columns.bare()) + columns.reference()


class _Columns:
    """A labelled table, asked for signals by role."""

    def __init__(
        self, labels: Sequence[str], table: FloatArray, energy: FloatArray, faults: Faults
    ) -> None:
        self.labels, self.table, self.energy, self.faults = labels, table, energy, faults
        self.where: dict[str, list[int]] = {}
        for index, label in enumerate(labels):
            role = role_of(label)
            if role:
                self.where.setdefault(role, []).append(index)

    def name(self, role: str) -> str:
        return self.labels[self.where[role][0]]

    def values(self, role: str) -> FloatArray:
        return self.table[:, self.where[role][0]]

    def ready(self) -> list[Signal]:
        """Absorption that the file holds as such."""
        kinds: tuple[tuple[str, Quantity, Mode | None], ...] = (
            ("mu_trans", "mu", "transmission"),
            ("mu_fluor", "mu", "fluorescence"),
            ("mu", "mu", None),
            ("norm", "normalised", None),
        )
        found: list[Signal] = []
        for role, quantity, mode in kinds:
            if role not in self.where or (found and role != "mu_fluor"):
                continue
            label = self.name(role)
            found.append(
                Signal(self.values(role), quantity, mode or _mode_in(label), "sample", label)
            )
        return found

    def formed(self, lines: list[int]) -> list[Signal]:
        """Ratios to I0: emission lines by name, else transmission and yields."""
        if "i0" not in self.where:
            return []
        if lines:
            return self._yields(lines, "fluorescence")
        found: list[Signal] = []
        if "it" in self.where:
            found += self._transmission("i0", "it", "sample")
        if "if" in self.where:
            found += self._yields(self.where["if"], "fluorescence")
        if "tey" in self.where:
            found += self._yields(self.where["tey"][:1], "TEY")
        return found

    def bare(self) -> list[Signal]:
        """A signal with nothing to divide it by."""
        kinds: tuple[tuple[str, Quantity, Mode | None], ...] = (
            ("tey", "counts", "TEY"),
            ("if", "counts", "fluorescence"),
            ("intensity", "arbitrary", None),
        )
        for role, quantity, mode in kinds:
            if role in self.where:
                return [Signal(self.values(role), quantity, mode, "sample", self.name(role))]
        return []

    def reference(self) -> list[Signal]:
        """The reference foil's absorption, ready or behind the sample."""
        kinds: tuple[tuple[str, Quantity], ...] = (("mu_ref", "mu"), ("norm_ref", "normalised"))
        for role, quantity in kinds:
            if role in self.where:
                label = self.name(role)
                return [Signal(self.values(role), quantity, "transmission", "reference", label)]
        if "ir" not in self.where or not np.any(self.values("ir")):
            return []
        for before in ("it", "i0"):
            if before in self.where and np.any(self.values(before)):
                return self._transmission(before, "ir", "reference")
        return []

    def _transmission(self, before: str, after: str, role: Role) -> list[Signal]:
        names = f"{self.name(before)}/{self.name(after)}"
        values = log_ratio(self.values(before), self.values(after), self.energy, names, self.faults)
        if values is None:
            return []
        return [Signal(values, "mu", "transmission", role, f"ln({names})")]

    def _yields(self, indices: list[int], mode: Mode) -> list[Signal]:
        names = "+".join(self.labels[index] for index in indices)
        if len(indices) > 1:
            names = f"({names})"
        names = f"{names}/{self.name('i0')}"
        total = self.table[:, indices].sum(axis=1)
        values = ratio(total, self.values("i0"), self.energy, names, self.faults)
        return [] if values is None else [Signal(values, "mu", mode, "sample", names)]


def _mode_in(label: str) -> Mode | None:
    text = label.lower()
    if "trans" in text:
        return "transmission"
    return "fluorescence" if "fluo" in text else None
