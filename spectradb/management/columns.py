"""Options of commands that read files: which columns hold what, where a file leaves it open."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.management.base import CommandError, CommandParser

from compute.errors import InputError
from compute.io.choice import ColumnChoice


def add_columns(parser: CommandParser) -> None:
    """``--energy COL``, ``--signal COL …``, ``--i0 COL`` and ``--unit eV|keV``."""
    group = parser.add_argument_group(
        "columns, where a file leaves them open",
        "by name or number (from 1); they hold for files of the same header only",
    )
    group.add_argument("--energy", metavar="COL", help="the energy column")
    group.add_argument(
        "--signal",
        nargs="+",
        action="extend",
        metavar="COL",
        help="the spectrum: a column or a formula of two, 'ln(I0/It)', 'If/I0'; several give "
        "several spectra",
    )
    group.add_argument("--i0", metavar="COL", help="the incident beam, to divide the signal by")
    group.add_argument("--unit", metavar="eV|keV", help="what the energies are in")


def columns_named(
    *, energy: str | None, signal: Sequence[str], i0: str | None, unit: str | None
) -> ColumnChoice | None:
    """The answer that the options give; None without any.

    Raises
    ------
    CommandError
        If the unit is none.
    """
    try:
        return ColumnChoice.checked(energy=energy, signal=signal, i0=i0, unit=unit)
    except InputError as error:
        raise CommandError(f"--{error.field} {error.value}: {error.reason}") from error
