"""The elements whose ions are a closed core and one open shell: the one table of them.

A further series is one more entry of ``SERIES``.
"""

from __future__ import annotations

from dataclasses import dataclass

from compute.errors import InputError


@dataclass(frozen=True)
class Series:
    """Elements whose ions are a closed core and an open valence shell.

    Attributes
    ----------
    elements : tuple[str, ...]
        In order of atomic number, the first being ``first_z``.
    core : str
        Closed shells, all that lie below the valence shell in the ion.
    noble_gas_z : int
        Electrons of the core whose ions [noble gas] valenceⁿ have the charge Z − Z_core − n.
    valence, core_hole : str
        The open shell, and the shell that loses an electron in absorption.
    """

    elements: tuple[str, ...]
    first_z: int
    core: str
    noble_gas_z: int
    valence: str
    core_hole: str


_KRYPTON_CORE = "1s 2s 2p 3s 3p 3d 4s 4p"
SERIES = {
    "3d": Series(
        ("Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn"),
        21,
        "1s 2s 2p 3s 3p",
        18,
        "3d",
        "2p",
    ),
    "4d": Series(
        ("Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd"),
        39,
        _KRYPTON_CORE,
        36,
        "4d",
        "2p",
    ),
    "4f": Series(
        ("La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu"),
        57,
        _KRYPTON_CORE + " 4d 5s 5p",
        54,
        "4f",
        "3d",
    ),
}
ELEMENTS_3D = SERIES["3d"].elements


def series_of(element: str) -> Series:
    """The series that an element belongs to.

    Raises
    ------
    InputError
    """
    for series in SERIES.values():
        if element in series.elements:
            return series
    raise InputError("element", element, "not an element of the 3d, 4d or 4f series")


def atomic_number(element: str) -> int:
    """Z of an element of the three series."""
    series = series_of(element)
    return series.first_z + series.elements.index(element)


def d_electrons(element: str, oxidation_state: float) -> int | None:
    """Number of 3d electrons of a 3d ion, or None if it is not one (or is impossible)."""
    if element not in ELEMENTS_3D:
        return None
    count = atomic_number(element) - SERIES["3d"].noble_gas_z - round(oxidation_state)
    return count if 0 <= count <= 10 else None
