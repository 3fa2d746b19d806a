"""Output of programs that calculate spectra: recognised by what only they write.

The mere name of a program makes no calculation: measured files name the programs that fitted
them. A code counts where its line says that it wrote the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compute.edges import SYMBOLS, normalise_edge
from compute.errors import ReadError
from compute.io.raw import Faults, FloatArray

_FEFF_LABELS = re.compile(r"[#\s]*omega\s+e\s+k\s+mu\s+mu0\s+chi\b", re.IGNORECASE)
_FEFF_VERSION = re.compile(r"\bFEFF\s?(\d[\w.]*)", re.IGNORECASE)
_FEFF_ABSORBER = re.compile(r"\bAbs\s+Z\s*=\s*(\d{1,3}).*?\b([KLMN]\d?)\s+shell", re.IGNORECASE)
_FDMNES_FULL = re.compile(
    r"[#\s]*([\d.]+)\s+(\d+)\s+(\d)\s+(\d)\s.*=\s*E_edge, Z, n_edge, j_edge", re.ASCII
)
_FDMNES_EDGE = re.compile(r"[#\s]*([\d.]+)\s.*=\s*E_edge\b", re.ASCII)
_FDMNES_VERSION = re.compile(r"FDMNES\s+program,\s*(.{1,60}?)\s*$", re.IGNORECASE)
_CODES = (
    *("FEFF", "FDMNES", "OCEAN", "Quanty", "Crispy", "CTM4XAS", "CTM4DOC", "WIEN2k", "CASTEP"),
    *("OptaDOS", "ORCA", "VASP", "exciting", "MXAN", "GPAW", "CP2K", "StoBe", "XSpectra"),
    *("Quantum ESPRESSO", "NWChem", "Q-Chem", "EDRIXS", "MultiX", "TT-MULTIPLETS", "FDMX"),
    *("SpectraDB", "PyMBXAS", "Xclaim", "Siesta", "ABINIT", "BerkeleyGW", "Questaal", "FHI-aims"),
    *("deMon", "Gaussian", "ADF", "Dalton", "Psi4", "PySCF", "Yambo", "SPR-KKR", "Hilbert++"),
)
_NAMES = "|".join(re.escape(code) for code in _CODES)
_SAID = re.compile(
    r"(?:(?:calculated|computed|simulated|generated|created|written|output)\s+(?:with|by|using|of|"
    rf"from)\s+(?:the\s+)?(?:program\s+|code\s+)?({_NAMES})\b"
    rf"|^\W*(?:program|code|engine|calculator|software)\s*[:=]\s*({_NAMES})\b"
    rf"|^\W*({_NAMES})\s+(?:program|code|output|calculation|simulation|version|release|v\.?\s?\d))"
    r"[\s,:v]*(\d[\w.]*)?",
    re.IGNORECASE,
)
_XSPECTRA = re.compile(
    r"final state angular momentum|sigmatot|broadening parameter \(in eV\)", re.I
)


@dataclass(frozen=True)
class Theory:
    """What a header says of a calculation.

    Attributes
    ----------
    code, version : str
    shift_ev : float or None
        To be added to energies that are counted from the edge; None if nothing says where it is.
    element, edge : str or None
    columns : tuple of str
        Labels of the columns where the format fixes them, the energy first.
    signal : str or None
        The one of them that is the spectrum.
    """

    code: str
    version: str = ""
    shift_ev: float | None = None
    element: str | None = None
    edge: str | None = None
    columns: tuple[str, ...] = ()
    signal: str | None = None


def recognise(header: Sequence[str]) -> Theory | None:
    """The calculation that a header tells of; None for a measurement."""
    lines = [line[:500] for line in header[:400]]
    return _feff(lines) or _fdmnes(lines) or _named(lines)


def absolute(theory: Theory, energy: FloatArray, faults: Faults) -> FloatArray:
    """The energies in absolute eV.

    Raises
    ------
    ReadError
        If they are relative and the file does not say to what.
    """
    finite = energy[np.isfinite(energy)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    version = f" ({theory.version})" if theory.version else ""
    said = f"calculated with {theory.code}{version}, not measured"
    if theory.shift_ev is not None and max(abs(low), abs(high)) < 0.5 * theory.shift_ev:
        faults.warn(
            f"{said}: the energies are counted from the edge, which the file puts at "
            f"{theory.shift_ev:.6g} eV; this is added"
        )
        return energy + theory.shift_ev
    if low <= 0:
        raise ReadError(
            [
                f"{said}; its energies start at {low:.6g} eV, so that they are relative, and the "
                "file does not say where the edge lies: write absolute energies"
            ]
        )
    faults.warn(f"{said}: the energies are as the program gives them")
    return energy


def _feff(lines: list[str]) -> Theory | None:
    marked = any(_FEFF_LABELS.match(line) for line in lines)
    wrote = any("xsedge+" in line for line in lines)
    if not marked and not wrote:
        return None
    version = next((m.group(1) for line in lines[:5] if (m := _FEFF_VERSION.search(line))), "")
    found = next((m for line in lines if (m := _FEFF_ABSORBER.search(line))), None)
    z = int(found.group(1)) if found else 0
    return Theory(
        "FEFF",
        version,
        element=SYMBOLS[z - 1] if 0 < z <= len(SYMBOLS) else None,
        edge=normalise_edge(found.group(2)) if found else None,
        columns=("omega", "e", "k", "mu", "mu0", "chi") if marked else (),
        signal="mu" if marked else None,
    )


def _fdmnes(lines: list[str]) -> Theory | None:
    program = next((m.group(1) for line in lines if (m := _FDMNES_VERSION.search(line))), None)
    full = next((m for line in lines if (m := _FDMNES_FULL.match(line))), None)
    start = full or next((m for line in lines if (m := _FDMNES_EDGE.match(line))), None)
    if full is None and (program is None or start is None):
        return Theory("FDMNES", program) if program is not None else None
    element = edge = None
    if full is not None:
        z, shell = int(full.group(2)), int(full.group(3))
        element = SYMBOLS[z - 1] if 0 < z <= len(SYMBOLS) else None
        letter = "KLMNO"[shell - 1] if 0 < shell <= 5 else ""
        edge = normalise_edge("K" if letter == "K" else letter + full.group(4)) if letter else None
    shift = float(start.group(1)) if start is not None else None
    return Theory("FDMNES", program or "", shift, element, edge)


def _named(lines: list[str]) -> Theory | None:
    for line in lines:
        match = _SAID.search(line)
        if match:
            name = next(part for part in match.group(1, 2, 3) if part)
            code = next(code for code in _CODES if code.lower() == name.lower())
            return Theory(code, match.group(4) or "")
    if any(_XSPECTRA.search(line) for line in lines):
        return Theory("XSpectra")
    return None
