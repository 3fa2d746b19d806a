"""The "9809" format of the Photon Factory, also written at SPring-8, SAGA-LS and Aichi SR.

Lines, after Nomura's definition of 1998: ``9809`` with facility and beamline; sample and dates; a
comment; ring; monochromator with ``D=`` spacing (Å); mode, repetitions and points; parameter file
with the number of blocks; the blocks; ``NDCH``; the columns; ``Mode``; ``Offset``; the data: angle
commanded, angle observed (degrees), time (s), counts of each channel. Modes: 1 is I0, 2 the
transmitted beam, 3 fluorescence; 101 and 103 (resets, incoming rates of an SSD) and 5 are monitors.

``E = 12398.52 / (2 D sin θ)`` (DESIGN §8). Counts are taken as written: whether the offsets were
subtracted already depends on the beamline's program, so that they are kept in the header.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np

from compute.io.assemble import HC_9809, bragg_energy, log_ratio, ratio, spectrum
from compute.io.raw import LIMITS, Faults, FloatArray, Given, Measurement, Mode, RawSpectrum, Role
from compute.io.text import decode, row_of, short_lines, table

_FIRST = re.compile(r"\s*9809\s+(\S+)[ \t]*(.*)", re.ASCII)
_SPACING = re.compile(r"\bD\s*=\s*(\d*\.?\d+)\s*(A|nm)?", re.ASCII | re.IGNORECASE)
_DATE = re.compile(r"(\d{2,4})[./](\d{1,2})[./](\d{1,2})\s+(\d{1,2}):(\d{2})", re.ASCII)
_POINTS = re.compile(r"Points\s*=\s*(\d{1,9})", re.ASCII)
_SIGNED = re.compile(r"(?<=\d)(?=-)")


def is_9809(head: str) -> bool:
    lines = re.split(r"\r\n|\r|\n", head, maxsplit=3)[:3]
    return any(_FIRST.match(line) for line in lines)


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """The spectra of one 9809 file: transmission, fluorescence (channels summed), or both.

    Raises
    ------
    ReadError
        With the line and what is missing or no number there.
    """
    faults = Faults()
    lines = short_lines(decode(data, faults), faults)
    start = next((i for i, line in enumerate(lines) if _FIRST.match(line)), None)
    if start is None:
        raise faults.fail("the first line must hold '9809' and the facility")
    offset = next(
        (i for i, line in enumerate(lines) if line.strip().lower().startswith("offset")), None
    )
    if offset is None:
        raise faults.fail("the line 'Offset' is missing, after which the data begin")
    header = lines[start:offset]
    modes = _modes(header, start, faults)
    spacing, mono = _monochromator(header, start, faults)
    values = _rows(lines[offset + 1 :], offset + 2, len(modes), faults)
    faults.raise_errors()
    if spacing is None:  # raised above
        raise faults.as_error()

    angle = values[:, 1] if np.any(values[:, 1]) else values[:, 0]
    energy = bragg_energy(angle, spacing, HC_9809)
    if not np.isfinite(energy).any():
        raise faults.fail("no angle gives an energy: the column Angle(o) must hold degrees")
    points = next((int(m.group(1)) for m in map(_POINTS.search, header) if m), None)
    if points is not None and points != len(values):
        faults.warn(f"the header announces {points} points, the file holds {len(values)}")
    fields = _header(header, lines[offset])
    measurement = _measurement(header, mono, spacing)
    return [
        spectrum(
            format="9809",
            energy=energy,
            intensity=intensity,
            quantity="mu",
            element=None,
            edge=None,
            given=Given() if role == "reference" else given,
            faults=faults,
            mode=mode,
            role=role,
            label=f"{measurement.sample_name or name} ({formed})",
            header=fields,
            measurement=measurement,
        )
        for intensity, mode, role, formed in _signals(values, modes, energy, faults)
    ]


def _modes(header: list[str], start: int, faults: Faults) -> list[int]:
    """The mode of each column after angle, angle and time."""
    for number, line in enumerate(header, start=start + 1):
        words = line.split()
        if words and words[0].lower() == "mode" and len(words) > 1:
            if all(re.fullmatch(r"\d{1,4}", word, re.ASCII) for word in words[1:]):
                modes = [int(word) for word in words[1:]]
                if len(modes) < 4:
                    faults.error(f"line {number}: Mode names no channel besides the angles")
                # Two zeros stand for the angles; the time has none.
                return modes[2:]
            faults.error(f"line {number}: Mode must hold whole numbers: {line.strip()[:60]!r}")
            return []
    faults.error("the line 'Mode' is missing: which channel is I0 and which the signal is unknown")
    return []


def _monochromator(
    header: list[str], start: int, faults: Faults
) -> tuple[float | None, str | None]:
    for number, line in enumerate(header, start=start + 1):
        if not line.strip().lower().startswith("mono"):
            continue
        crystal = re.match(r"\s*mono\s*:\s*(\S+)", line, re.IGNORECASE)
        match = _SPACING.search(line)
        if match is None or float(match.group(1)) <= 0:
            faults.error(
                f"line {number}: the crystal's spacing 'D= 3.13551 A' is missing: without it the "
                "angles give no energy"
            )
            return None, None
        spacing = float(match.group(1)) * (10 if (match.group(2) or "").lower() == "nm" else 1)
        return spacing, crystal.group(1) if crystal else None
    faults.error("the line 'Mono : … D= … A' is missing: without it the angles give no energy")
    return None, None


def _rows(lines: list[str], first: int, n_channels: int, faults: Faults) -> FloatArray:
    rows: list[list[float]] = []
    named = 3 + n_channels
    width = 0
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        if len(rows) > LIMITS.points:
            raise faults.fail(f"more than {LIMITS.points} points; that is the limit")
        # Fixed columns: a negative number may touch the one before it.
        row = row_of(_SIGNED.sub(" ", line).split()) or row_of(line.split())
        if row is None:
            faults.error(f"line {number}: {line.strip()[:60]!r} is no line of numbers")
        elif n_channels and len(row) < named:
            faults.error(
                f"line {number}: {len(row)} columns, but Mode names {named} (two angles, time, "
                f"{n_channels} channels)"
            )
        elif width and len(row) != width:
            faults.error(f"line {number}: {len(row)} columns, but the lines before have {width}")
        else:
            width = len(row)
            rows.append(row)
    if width > named > 3:
        faults.warn(f"Mode names {named} columns, the data have {width}: the last are not used")
    if not rows:
        faults.error("there are no data after the line 'Offset'")
    return table(rows, faults) if rows and len({len(r) for r in rows}) == 1 else np.empty((0, 3))


def _signals(
    values: FloatArray, modes: list[int], energy: FloatArray, faults: Faults
) -> list[tuple[FloatArray, Mode, Role, str]]:
    channels = {mode: [3 + i for i, m in enumerate(modes) if m == mode] for mode in set(modes)}
    if 1 not in channels:
        raise faults.fail(f"Mode names no I0 (1): it holds {' '.join(map(str, modes))}")
    i0 = values[:, channels[1][0]]
    found: list[tuple[FloatArray, Mode, Role, str]] = []
    passed = channels.get(2, [])
    if passed:
        mu = log_ratio(i0, values[:, passed[0]], energy, "I0/I", faults)
        if mu is not None:
            found.append((mu, "transmission", "sample", "transmission"))
    if len(passed) > 1:
        reference = log_ratio(values[:, passed[0]], values[:, passed[1]], energy, "I/I2", faults)
        if reference is not None:
            found.append((reference, "transmission", "reference", "reference"))
    if 3 in channels:
        counting = [i for i in channels[3] if np.any(values[:, i])]
        dead = len(channels[3]) - len(counting)
        if dead and counting:
            faults.warn(
                f"{dead} of {len(channels[3])} fluorescence channels count nothing: left out"
            )
        total = values[:, counting].sum(axis=1)
        n = len(counting)
        if n > 1:
            faults.warn(f"{n} fluorescence channels are summed, without dead-time correction")
        mu = ratio(total, i0, energy, "If/I0", faults)
        if mu is not None:
            found.append((mu, "fluorescence", "sample", "fluorescence"))
    if not found:
        raise faults.fail(
            "no spectrum can be formed: Mode names no channel with signal beside I0 (2: "
            "transmission, 3: fluorescence)"
        )
    return found


def _header(header: list[str], offset: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"text": [line.rstrip() for line in header[:100]]}
    for line in [*header, offset]:
        match = re.match(r"\s*([A-Za-z][A-Za-z ]{0,20}?)\s*[:=]\s*(\S.*)", line)
        if match:
            fields.setdefault(match.group(1), match.group(2).strip())
    fields["Offset"] = offset.split()[1:]
    return fields


def _measurement(header: list[str], mono: str | None, spacing: float) -> Measurement:
    first = _FIRST.match(header[0])
    second = header[1] if len(header) > 1 else ""
    comment = header[2].strip() if len(header) > 2 else ""
    date = _DATE.search(second)
    sample = second[: date.start()].strip() if date else second.strip()
    return Measurement(
        facility=first.group(1) if first else None,
        beamline=(first.group(2).strip() or None) if first else None,
        monochromator=mono,
        d_spacing_angstrom=spacing,
        sample_name=sample or None,
        sample_preparation=comment if not comment.lower().startswith("ring") else None,
        date=_when(date) if date else None,
    )


def _when(match: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute = (int(part) for part in match.groups())
    if year < 100:
        year += 1900 if year > 70 else 2000
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
