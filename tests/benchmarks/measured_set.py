"""Measured L2,3 spectra that can be had openly, and what each is of.

Those of the literature data lie beside the repository. Those of public repositories are looked for$
``data/open`` beside them, or in the folder that ``SPECTRADB_OPEN`` names, as tables of eV and
intensity under the names used here. None of them is a part of the project. Labels are only compared
with.

A source is one laboratory's set. Sources marked as held out had no part in any choice of the
matching.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.shared_data import shared_data

Array = NDArray[np.float64]
MAX_SHIFT_EV = 8.0
# Thirds of the sources, by their names' beginnings: no laboratory teaches what it is scored on.
THIRDS = (("MnEdgeNet", "EELS DB"), ("Mn_Classifier",), ("flexpes", "pyTEMlib", "smglsn12"))


@dataclass(frozen=True)
class Measured:
    """One measured spectrum and what is known of it.

    Attributes
    ----------
    source : str
        Who measured or collected it.
    valences : frozenset of int
        Oxidation states present; empty where not known.
    compound : str
        Formula where it is certain, else empty.
    stranger : bool
        No open 3d shell that a multiplet describes, or another edge: no candidate is right.
    held_out : bool
        Of a source without any part in choices.
    overlapped : bool
        Another element's edge lies under it (lanthanum's M4 under nickel's L3): it is asked, but
        teaches nothing.
    """

    path: Path
    source: str
    element: str
    valences: frozenset[int] = frozenset()
    compound: str = ""
    stranger: bool = False
    held_out: bool = False
    overlapped: bool = False

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def single(self) -> bool:
        """Of one valence, and not a stranger."""
        return len(self.valences) == 1 and not self.stranger

    @property
    def teaches(self) -> bool:
        """Whether what is known of it is a known pair's."""
        return self.single and not self.overlapped


_MNEDGENET = {"MnO": 2, "LaMnO3": 3, "MnO2": 4}
_MN_CLASSIFIER = "Mn_Classifier_CNNs"
_OVERLAPPED = ("La2NiO4",)
_CU = "smglsn12/ML_XAS_EELS"  # doi 10.1063/5.0110507 and the literature it digitised
# File, repository, element, valence, compound, stranger, held out. The EELS of that set are its
# deconvolved .dm4 as two columns.
_OPEN: tuple[tuple[str, str, str, int, str, bool, bool], ...] = (
    ("CuO_XAS.csv", f"{_CU} XAS", "Cu", 2, "CuO", False, False),
    ("Cu2O_XAS.csv", f"{_CU} XAS", "Cu", 1, "Cu2O", True, False),
    ("Cu_Metal_XAS.csv", f"{_CU} XAS", "Cu", 0, "Cu", True, False),
    ("Cu2S.csv", f"{_CU} digitised", "Cu", 1, "Cu2S", True, False),
    ("LaCuSO.csv", f"{_CU} digitised", "Cu", 1, "LaCuOS", True, False),
    ("ZrCuSiP.csv", f"{_CU} digitised", "Cu", 1, "ZrCuSiP", True, False),
    ("CuS.csv", f"{_CU} held", "Cu", 1, "CuS", True, True),
    ("CuFeS2.csv", f"{_CU} held", "Cu", 1, "CuFeS2", True, True),
    ("LaCuSeO.csv", f"{_CU} held", "Cu", 1, "LaCuOSe", True, True),
    ("LaCuTeO.csv", f"{_CU} held", "Cu", 1, "LaCuOTe", True, True),
    ("ZrCuSiAs.csv", f"{_CU} held", "Cu", 1, "ZrCuSiAs", True, True),
    ("CuO_EELS.csv", f"{_CU} EELS", "Cu", 2, "CuO", False, True),
    ("Cu2O_EELS.csv", f"{_CU} EELS", "Cu", 1, "Cu2O", True, True),
    ("Cu_Metal_EELS.csv", f"{_CU} EELS", "Cu", 0, "Cu", True, True),
    ("CoPd_XAS.csv", "dhigley6/nonlinear-xmcd", "Co", 0, "Co/Pd", True, True),
)  # fmt: skip


def measured() -> list[Measured]:
    """All that are here."""
    return [*_literature(), *_eels_db(), *_open()]


def curve_of(one: Measured) -> tuple[Array, Array]:
    """eV and intensity of a measured spectrum, ascending."""
    from compute.matching.grid import checked_curve
    from spectradb.services.matching.match import curve_of_file
    from spectradb.services.matching.options import MatchOptions

    energy, values, _ = curve_of_file(one.path, MatchOptions())
    return checked_curve(energy, values)


def third_of(one: Measured) -> int:
    return next(k for k, names in enumerate(THIRDS) if one.source.startswith(names))


def _literature() -> Iterator[Measured]:
    root = shared_data("l23_literature", "spectra")
    for path in sorted((root / "MnEdgeNet").glob("*.csv")):
        compound = path.stem.split("_")[1]
        valence = frozenset({_MNEDGENET[compound]})
        yield Measured(path, "MnEdgeNet", "Mn", valence, compound)
    for path in sorted((root / _MN_CLASSIFIER).glob("*.csv")):
        digits = path.stem.split("_")[0].removeprefix("mixed").removeprefix("Mn") or "234"
        yield Measured(path, _MN_CLASSIFIER, "Mn", frozenset(map(int, digits)))
    yield Measured(root / "flexpes-nexafs" / "Cu_L23_CuO_TEY.csv", "flexpes-nexafs", "Cu",
                   frozenset({2}), "CuO")  # fmt: skip
    yield Measured(root / "pyTEMlib" / "SrTiO3_EELS_raw.csv", "pyTEMlib", "Ti", frozenset({4}),
                   "SrTiO3")  # fmt: skip


def _eels_db() -> Iterator[Measured]:
    root = shared_data("spectra", "msa")
    told = {
        "la0-7sr0-3mno3": ("Mn", frozenset({3, 4}), "La0.7Sr0.3MnO3", False),
        "la2nio4": ("Ni", frozenset({2}), "La2NiO4", False),
        "ta2o5": ("", frozenset[int](), "Ta2O5", True),
        "Ni_edge": ("Ni", frozenset[int](), "", False),
    }
    for path in sorted(root.glob("*.msa")):
        for start, (element, valences, compound, stranger) in told.items():
            if path.name.startswith(start):
                overlapped = compound in _OVERLAPPED
                yield Measured(
                    path, "EELS DB", element, valences, compound, stranger, overlapped=overlapped
                )


def _open() -> Iterator[Measured]:
    try:
        root = Path(os.environ["SPECTRADB_OPEN"])
    except KeyError:
        root = shared_data("l23_literature").parent / "open"
    for name, source, element, valence, compound, stranger, held_out in _OPEN:
        path = next(iter(sorted(root.rglob(name))), None)
        if path is not None:
            yield Measured(path, source, element, frozenset({valence}), compound, stranger,
                           held_out)  # fmt: skip
