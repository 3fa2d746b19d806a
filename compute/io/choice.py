"""Which columns a person named for a file: the answer to a question of a reader."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from compute.errors import InputError

UNITS = {"ev": "eV", "kev": "keV"}
COLUMNS_HEADER = "columns_header"
"""Field of a spectrum's header: the fingerprint of the table that it was read from."""


@dataclass(frozen=True)
class ColumnChoice:
    """Columns by their name or number (from 1), as a person named them.

    Attributes
    ----------
    energy, i0 : str or None
    signal : tuple of str
        A column, or a formula of two: ``A/B``, ``ln(A/B)``. One spectrum each.
    unit : str or None
        ``eV`` or ``keV``: what the energy column is in.
    header : str or None
        The :func:`fingerprint` of the files it was meant for; None for any file.
    """

    energy: str | None = None
    signal: tuple[str, ...] = ()
    i0: str | None = None
    unit: str | None = None
    header: str | None = None

    @classmethod
    def checked(
        cls,
        *,
        energy: str | None = None,
        signal: Sequence[str] = (),
        i0: str | None = None,
        unit: str | None = None,
        header: str | None = None,
    ) -> ColumnChoice | None:
        """The choice; None where nothing is named.

        Raises
        ------
        InputError
            If ``unit`` is neither eV nor keV.
        """
        if unit and unit.strip().lower() not in UNITS:
            raise InputError("unit", unit, "write eV or keV")
        named = ColumnChoice(
            energy=(energy or "").strip() or None,
            signal=tuple(one.strip() for one in signal if one.strip()),
            i0=(i0 or "").strip() or None,
            unit=UNITS[unit.strip().lower()] if unit else None,
            header=header,
        )
        empty = not (named.energy or named.signal or named.i0 or named.unit)
        return None if empty else named


def fingerprint(labels: Sequence[str], width: int, title: str = "") -> str:
    """What two files share that have the same header and number of columns, as 16 hex digits.

    Without labels the first line of the header stands for it, its digits left out.
    """
    named = "|".join(label.strip().lower() for label in labels) if labels else ""
    text = named or re.sub(r"[\d\s.:-]+", " ", title[:500]).strip().lower()
    return hashlib.sha256(f"{width}|{text}".encode()).hexdigest()[:16]
