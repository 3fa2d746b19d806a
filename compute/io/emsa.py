"""EMSA/MAS spectral files (ISO 22029), ``.msa``: keyword lines ``#KEY : value``, then numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePath

import numpy as np

from compute.edges import normalise_edge, normalise_element
from compute.io.assemble import spectrum
from compute.io.raw import LIMITS, Faults, FloatArray, Given, Measurement, Quantity, RawSpectrum
from compute.io.roles import unit_name
from compute.io.text import decode, first_float, number, short_lines, table, temperature_k

_KEYWORD = re.compile(r"#{1,2}\s*([A-Za-z][A-Za-z0-9_ -]{0,30}?)\s*(?:-\s*([^:]{0,20}?)\s*)?:(.*)")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905


def is_emsa(head: str) -> bool:
    for line in head.splitlines()[:10]:
        if line.strip():
            return re.match(r"\s*#\s*FORMAT\s*:.*EMSA", line, re.IGNORECASE) is not None
    return False


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """The one spectrum of the file. Keywords of an edge are not part of the standard.

    Raises
    ------
    ReadError
        If the data type, the scale (XPERCHAN, OFFSET) or the numbers are missing or wrong.
    """
    faults = Faults()
    fields, numbers, rows_at = _split(short_lines(decode(data, faults), faults), faults)
    kind = fields.get("DATATYPE", "").upper()
    if kind not in ("XY", "Y"):
        faults.error(f"#DATATYPE is {kind or 'missing'!r}: it must be Y or XY")
        faults.raise_errors()
    x, y = _pairs(numbers, rows_at, faults) if kind == "XY" else _channels(fields, numbers, faults)
    faults.raise_errors()
    _check_count(fields, y, faults)
    if kind == "XY":
        _check_scale(fields, x, faults)
    x = _in_ev(fields, x, faults)
    signal = fields.get("SIGNALTYPE", "").upper()
    if signal and signal not in ("ELS", "EELS", "XAS"):
        faults.warn(
            f"#SIGNALTYPE is {signal}: this is no energy-loss or absorption spectrum; check before "
            "publishing"
        )
    element = normalise_element(fields.get("ELEMENT", ""))
    edge = normalise_edge(fields.get("EDGE", ""))
    units = fields.get("YUNITS", "").lower()
    quantity: Quantity = "counts" if units in ("", "counts", "count", "intensity") else "arbitrary"
    return [
        spectrum(
            format="emsa",
            energy=x,
            intensity=y,
            quantity=quantity,
            element=element,
            edge=edge,
            given=given,
            faults=faults,
            label=fields.get("TITLE") or PurePath(name).stem,
            header=dict(fields),
            measurement=_measurement(fields),
            technique="XAS" if signal == "XAS" else "EELS",
        )
    ]


def _split(lines: list[str], faults: Faults) -> tuple[dict[str, str], list[list[float]], list[int]]:
    """Keywords (repeated ones joined by lines), the rows of numbers, and their line numbers."""
    fields: dict[str, str] = {}
    rows: list[list[float]] = []
    where: list[int] = []
    started = ended = False
    count = headed = 0
    for line_number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        if text.startswith("#"):
            headed += 1
            if headed > LIMITS.header_lines:
                raise faults.fail(
                    f"line {line_number}: more than {LIMITS.header_lines} keyword lines; that is "
                    "the limit"
                )
            match = _KEYWORD.match(text[:1000])
            key = re.sub(r"\W", "", match.group(1)).upper() if match else ""
            if key == "SPECTRUM":
                started = True
            elif key == "ENDOFDATA" or text.upper().startswith("#ENDOFDATA"):
                ended = True
                break
            elif match is None:
                faults.warn(f"line {line_number}: {text[:40]!r} is no keyword line '#KEY : value'")
            elif started:
                faults.warn(f"line {line_number}: a keyword among the data is left out")
            else:
                value = match.group(3).strip()
                fields[key] = f"{fields[key]}\n{value}" if fields.get(key) else value
            continue
        if not started:
            faults.error(f"line {line_number}: data before the line '#SPECTRUM'")
            started = True
        tokens = [token for token in re.split(r"[\s,;]+", text) if token]
        values = [number(token) for token in tokens]
        if None in values:
            bad = tokens[values.index(None)]
            faults.error(f"line {line_number}: {bad[:40]!r} is no number")
            continue
        count += len(values)
        if count > 2 * LIMITS.points:
            raise faults.fail(f"line {line_number}: more than {LIMITS.points} points")
        rows.append([value for value in values if value is not None])
        where.append(line_number)
    if not ended:
        faults.warn("the line '#ENDOFDATA' is missing: the file may have been cut short")
    return fields, rows, where


def _pairs(
    rows: list[list[float]], where: list[int], faults: Faults
) -> tuple[FloatArray, FloatArray]:
    """DATATYPE XY: an energy and an intensity on each line, or such pairs in sequence."""
    for row, line in zip(rows, where, strict=True):
        if len(row) % 2:
            faults.error(f"line {line}: {len(row)} numbers; XY data come in pairs")
    flat = [value for row in rows for value in row]
    if faults.errors or len(flat) < 4:
        faults.error("fewer than two pairs of energy and intensity")
        return np.empty(0), np.empty(0)
    pairs = table([list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)], faults)
    return pairs[:, 0], pairs[:, 1]


def _channels(
    fields: dict[str, str], rows: list[list[float]], faults: Faults
) -> tuple[FloatArray, FloatArray]:
    """DATATYPE Y: intensities in sequence; energies from OFFSET and XPERCHAN."""
    step = _required(fields, "XPERCHAN", faults)
    y = np.array([value for row in rows for value in row], dtype=np.float64)
    if y.size > LIMITS.points:
        faults.error(f"{y.size} points; the limit is {LIMITS.points}")
    announced = first_float(fields.get("NPOINTS", ""))
    if announced and 0 < announced[0] < y.size and rows and len(rows[-1]) > 1:
        # The last line may be filled up to NCOLUMNS.
        y = y[: int(announced[0])] if y.size - announced[0] < len(rows[0]) else y
    if step is None:
        return np.empty(0), np.empty(0)
    if step == 0:
        faults.error("#XPERCHAN is 0: the energies would all be the same")
    start = _start(fields, step, faults)
    if start is None:
        return np.empty(0), np.empty(0)
    x: FloatArray = start + step * np.arange(y.size, dtype=np.float64)
    return x, y


def _start(fields: dict[str, str], step: float, faults: Faults) -> float | None:
    """The energy of the first channel: OFFSET, which CHOFFSET repeats in channels.

    CHOFFSET is the channel whose value is zero units: ``OFFSET = -CHOFFSET x XPERCHAN``. It adds
    nothing where OFFSET is there; 0 stands for "not given" in what most programs write.
    """
    zero = first_float(fields.get("CHOFFSET", ""))
    if first_float(fields.get("OFFSET", "")) is None and zero is not None and zero[0] != 0:
        start = -zero[0] * step
        faults.warn(f"#OFFSET is missing: {start:g} follows from #CHOFFSET, the channel of zero")
        return start
    start_ = _required(fields, "OFFSET", faults)
    if start_ is not None and zero is not None and zero[0] != 0:
        follows = -zero[0] * step
        if abs(follows - start_) > 1.5 * abs(step):
            faults.warn(
                f"#CHOFFSET {zero[0]:g} puts the first channel at {follows:g}, #OFFSET at "
                f"{start_:g}: #OFFSET counts"
            )
    return start_


def _required(fields: dict[str, str], key: str, faults: Faults) -> float | None:
    found = first_float(fields.get(key, ""))
    if found is None:
        faults.error(f"#{key} is missing or no number ({fields.get(key, '')!r})")
        return None
    return found[0]


def _check_count(fields: dict[str, str], y: FloatArray, faults: Faults) -> None:
    announced = first_float(fields.get("NPOINTS", ""))
    if announced is None:
        faults.warn("#NPOINTS is missing")
    elif announced[0] != y.size:
        faults.warn(f"#NPOINTS announces {announced[0]:.0f} points, the file holds {y.size}")


def _check_scale(fields: dict[str, str], x: FloatArray, faults: Faults) -> None:
    """With XY the energies written count; a scale that contradicts them is told."""
    step = first_float(fields.get("XPERCHAN", ""))
    if step is None or x.size < 2:
        return
    mean = (x[-1] - x[0]) / (x.size - 1)
    if np.isfinite(mean) and abs(mean - step[0]) > 0.02 * abs(step[0]) + 1e-9:
        faults.warn(f"#XPERCHAN is {step[0]:g}, but the energies step by {mean:.4g}: those count")


def _in_ev(fields: dict[str, str], x: FloatArray, faults: Faults) -> FloatArray:
    """The abscissa in eV, by XUNITS in the words of any vendor."""
    text = fields.get("XUNITS", "").strip().strip("<>")
    unit = unit_name(text) or unit_name(fields.get("XLABEL", ""))
    if unit in ("keV", "meV"):
        faults.warn(f"#XUNITS is {unit}: converted to eV")
        return x * (1000.0 if unit == "keV" else 0.001)
    if unit == "eV":
        return x
    if text.lower() in ("", "undefined", "none", "n/a", "unknown"):
        faults.warn(f"#XUNITS is {fields.get('XUNITS', '').strip() or 'missing'}: taken as eV")
        return x
    if unit is None and re.search(r"energy|loss", text, re.IGNORECASE):
        faults.warn(f"#XUNITS is {text!r}, without a unit: taken as eV")
        return x
    raise faults.fail(f"#XUNITS is {text!r}: only eV and keV are an energy")


def _measurement(fields: dict[str, str]) -> Measurement:
    beam = first_float(fields.get("BEAMKV", ""))
    temperature = fields.get("TEMPERATURE", "")
    return Measurement(
        facility=fields.get("OWNER") or None,
        source=f"electron beam, {beam[0]:g} kV"
        if beam and 0 < beam[0] < 5000
        else (f"electron beam, {beam[0] / 1000:g} kV" if beam and beam[0] >= 5000 else None),
        temperature_k=temperature_k(temperature) if temperature else None,
        sample_name=fields.get("TITLE") or None,
        date=_when(fields.get("DATE", ""), fields.get("TIME", "")),
    )


def _when(day: str, hour: str) -> datetime | None:
    """``DD-MMM-YYYY`` and ``HH:MM``, as the standard writes them."""
    match = re.fullmatch(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})", day.strip(), re.ASCII)
    if match is None or match.group(2).lower() not in _MONTHS:
        return None
    clock = re.match(r"(\d{1,2}):(\d{2})", hour.strip(), re.ASCII)
    try:
        return datetime(
            int(match.group(3)),
            _MONTHS.index(match.group(2).lower()) + 1,
            int(match.group(1)),
            int(clock.group(1)) if clock else 0,
            int(clock.group(2)) if clock else 0,
            tzinfo=UTC,
        )
    except ValueError:
        return None
