"""Writing a spectrum as XDI 1.0, so that it reads back as the same spectrum.

Numbers are written as the shortest text that reads back to the same double. What XDI has no word
for (joined edges, what the intensity is, electron yield) stands in the family ``SpectraDB``, which
our reader prefers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from compute.edges import normalise_edge
from compute.errors import InputError
from compute.io.raw import FloatArray, Measurement, RawSpectrum

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\.[A-Za-z0-9_-]+", re.ASCII)
_OURS = ("element", "column", "spectradb")


@dataclass(frozen=True)
class XdiRecord:
    """What is written; ``fields`` are further fields ``Family.key``, kept where XDI allows them,
    ``own`` those that the exporting program says itself, such as ``SpectraDB.id``."""

    energy_ev: FloatArray
    intensity: FloatArray
    element: str | None
    edge: str | None
    quantity: str
    technique: str = "XANES"
    mode: str | None = None
    role: str = "sample"
    measurement: Measurement = Measurement()
    fields: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    axis_unit: str = "eV"


def write_xdi(spectrum: RawSpectrum | XdiRecord) -> str:
    """The text of an XDI file.

    Raises
    ------
    InputError
        If the arrays differ in length.
    """
    return "".join(xdi_lines(spectrum))


def xdi_lines(spectrum: RawSpectrum | XdiRecord) -> Iterator[str]:
    """The file line by line, each ended by a newline, for writing without holding it all."""
    record = _record(spectrum) if isinstance(spectrum, RawSpectrum) else spectrum
    if record.energy_ev.shape != record.intensity.shape or record.energy_ev.ndim != 1:
        raise InputError("intensity", record.intensity.shape, "must be as long as the energy")
    yield "# XDI/1.0 SpectraDB/1.0\n"
    label = _column_label(record)
    abscissa = "energy" if record.axis_unit == "eV" else "abscissa"
    yield f"# Column.1: {abscissa} {_one_line(record.axis_unit)}\n"
    yield f"# Column.2: {label}\n"
    for name, value in _fields(record).items():
        yield f"# {name}: {_one_line(value)}\n"
    if record.comments:
        yield "# ///\n"
        for comment in record.comments:
            yield f"# {_one_line(comment)}\n"
    yield "#----\n"
    yield f"# {abscissa} {label}\n"
    for energy, value in zip(record.energy_ev.tolist(), record.intensity.tolist(), strict=True):
        yield f"  {energy!r}  {value!r}\n"


def _record(raw: RawSpectrum) -> XdiRecord:
    header = raw.header if raw.format == "xdi" else {}
    comments = header.get("XDI comments") or ()
    return XdiRecord(
        energy_ev=raw.energy_ev,
        intensity=raw.intensity,
        element=raw.element,
        edge=raw.edge,
        quantity=raw.quantity,
        technique=raw.technique,
        mode=raw.mode,
        role=raw.role,
        measurement=raw.measurement,
        fields={key: value for key, value in header.items() if isinstance(value, str)},
        comments=tuple(str(comment) for comment in comments),
        axis_unit=raw.axis_unit,
    )


def _fields(record: XdiRecord) -> dict[str, str]:
    m = record.measurement
    edge = normalise_edge(record.edge or "")
    legal = edge if edge is None or len(edge) <= 2 else edge[0]
    named: dict[str, object | None] = {
        "Element.symbol": record.element,
        "Element.edge": legal,
        "Facility.name": m.facility,
        "Facility.xray_source": m.source,
        "Beamline.name": m.beamline,
        "Mono.name": m.monochromator,
        "Mono.d_spacing": repr(m.d_spacing_angstrom) if m.d_spacing_angstrom else None,
        "Sample.name": m.sample_name,
        "Sample.stoichiometry": m.sample_formula,
        "Sample.prep": m.sample_preparation,
        "Sample.reference": m.reference,
        "Sample.temperature": f"{m.temperature_k!r} K" if m.temperature_k is not None else None,
        "Scan.start_time": m.date.isoformat() if m.date else None,
        "SpectraDB.edge": edge,
        "SpectraDB.quantity": record.quantity,
        "SpectraDB.technique": record.technique,
        "SpectraDB.mode": record.mode,
        "SpectraDB.role": record.role,
        "SpectraDB.resolution": f"{m.resolution_ev!r} eV" if m.resolution_ev else None,
    }
    written = {name: str(value) for name, value in named.items() if value is not None}
    taken = {name.lower() for name in written}
    for name, value in record.fields.items():
        family = name.partition(".")[0].lower()
        if _NAME.fullmatch(name) and name.lower() not in taken and family not in _OURS:
            written[name] = value
    for name, value in record.own.items():
        if not _NAME.fullmatch(name):
            raise InputError("own", name, "the name of a field must be Family.key")
        written.setdefault(name, value)
    return written


def _column_label(record: XdiRecord) -> str:
    """A label of the dictionary where one fits, for readers other than ours."""
    stem = {"mu": "mu", "normalised": "norm"}.get(record.quantity)
    ending = {"transmission": "trans", "fluorescence": "fluor"}.get(record.mode or "")
    return stem + ending if stem and ending and record.role == "sample" else "intensity"


def _one_line(text: str) -> str:
    """No line ends and no control characters: a value can never start a line of its own."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text).strip()
