"""Gatan DigitalMicrograph files (DM3, DM4) through rosettasciio, an optional extra.

rosettasciio is under the GPL and is therefore not among the requirements: install it beside them
(``pip install rosettasciio``) where such files are to be read.
"""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from compute.errors import ReadError
from compute.io.assemble import spectrum
from compute.io.raw import LIMITS, Faults, Given, Measurement, RawSpectrum


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """A spectrum for each one-dimensional signal over eV or keV.

    Raises
    ------
    ReadError
        If rosettasciio is not installed, the file is broken or holds no such signal.
    """
    try:
        reader = importlib.import_module("rsciio.digitalmicrograph").file_reader
    except ImportError as error:
        raise ReadError(
            [
                "DM3 and DM4 files need the optional package rosettasciio: install it with "
                "'pip install rosettasciio', or export the spectrum as EMSA (.msa)"
            ],
            permanent=False,
        ) from error
    suffix = PurePath(name).suffix.lower()
    suffix = suffix if suffix in (".dm3", ".dm4") else (".dm4" if data[3] == 4 else ".dm3")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{suffix}"
        path.write_bytes(data)
        try:
            signals: list[dict[str, Any]] = reader(str(path))
        # A foreign parser fails in ways of its own on a broken file.
        except Exception as error:
            raise ReadError([f"this DigitalMicrograph file is broken: {error}"]) from error
    faults = Faults()
    found = [_spectrum(signal, name, given, faults) for signal in signals if _is_curve(signal)]
    if not found:
        shapes = ", ".join(str(np.shape(signal["data"])) for signal in signals)
        raise faults.fail(
            f"no one-dimensional spectrum over eV in this file (it holds {shapes or 'nothing'}): "
            "export single spectra from maps first"
        )
    return found


def _is_curve(signal: dict[str, Any]) -> bool:
    axes = signal["axes"]
    return (
        np.ndim(signal["data"]) == 1
        and len(axes) == 1
        and str(axes[0].get("units", "")).lower() in ("ev", "kev")
        and np.size(signal["data"]) <= LIMITS.points
    )


def _spectrum(signal: dict[str, Any], name: str, given: Given, faults: Faults) -> RawSpectrum:
    axis = signal["axes"][0]
    y = np.asarray(signal["data"], dtype=np.float64)
    x = axis["offset"] + axis["scale"] * np.arange(y.size, dtype=np.float64)
    if str(axis["units"]).lower() == "kev":
        x = x * 1000.0
    general = signal.get("metadata", {}).get("General", {})
    title = str(general.get("title") or PurePath(name).stem)
    return spectrum(
        format="dm",
        energy=x,
        intensity=y,
        quantity="counts",
        element=None,
        edge=None,
        given=given,
        faults=faults,
        label=title,
        header={"General": {str(k): str(v) for k, v in general.items()}},
        measurement=Measurement(sample_name=title),
        technique="EELS",
    )
