"""Plain columns of numbers, with or without a header: beamline files, ``.xmu``, ``.csv`` …

There is no standard to follow, so each choice (energy column, signal, unit) is told in the
warnings, and an element or edge that the header does not name is left open.
"""

from __future__ import annotations

import re
from pathlib import PurePath

import numpy as np

from compute.edges import SYMBOLS, normalise_edge, normalise_element
from compute.errors import SkipFile
from compute.io.assemble import in_ev, log_ratio, spectrum
from compute.io.column_table import COMMENT, ColumnTable, find_table
from compute.io.raw import (
    Faults,
    FloatArray,
    Given,
    Measurement,
    Quantity,
    RawSpectrum,
)
from compute.io.signals import LONGEST_LABEL, Signal, role_of, signals
from compute.io.text import (
    decode,
    first_float,
    lines_of,
    temperature_k,
    time_of,
)

_LONGEST_LABELS = 20_000
_PAIR = re.compile(r"[#%!;*/\s]*([A-Za-z][\w. -]{0,40}?)\s*[:=]\s*(\S.*)", re.ASCII)
_COLUMN = re.compile(r"[#%!\s]*column[ ._]?(\d{1,4})\s*[:=]\s*(\S+)\s*([^|]*)", re.IGNORECASE)
_FDMNES = re.compile(
    r"\s*([\d.]+)\s+(\d+)\s+(\d)\s+(\d)\s.*=\s*E_edge, Z, n_edge, j_edge", re.ASCII
)
_UNIT = re.compile(r"(.*?)[\s_]*[(\[/_]\s*(k?ev)\s*[)\]]?", re.IGNORECASE)


def read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    """The sample's spectrum, and the reference channel's where the columns show one.

    Raises
    ------
    ReadError
        If no table of numbers, no energy or no intensity is found.
    SkipFile
        If the file is a side-car or holds chi(k).
    """
    faults = Faults()
    lines = lines_of(decode(data, faults))
    found = find_table(lines, name, faults)
    fields = _fields(found.header)
    _name_columns(found, faults)
    _refuse_chi(found, name)
    element, edge = _absorber(fields, faults)
    energy, column, offset = _energy(found, faults)
    fdmnes = next((m for m in map(_FDMNES.match, found.header) if m), None)
    if fdmnes:
        energy, element, edge = _fdmnes(fdmnes, energy, faults)
    elif offset:
        faults.warn(offset)
    eels = _is_eels(found, name)
    chosen = _signals(found, column, energy, element or given.element, eels, name, faults)
    spectra = []
    for signal in chosen:
        own = Faults()
        own.warnings = list(faults.warnings)
        reference = signal.role == "reference"
        if reference:
            own.warn("the element of the reference channel is left open")
        spectra.append(
            spectrum(
                format="columns",
                energy=energy,
                intensity=signal.values,
                quantity=signal.quantity,
                element=None if reference else element,
                edge=None if reference else edge,
                given=Given() if reference else given,
                faults=own,
                mode=signal.mode,
                role=signal.role,
                label=_label(fields, name) + (" (reference)" if reference else ""),
                header={"text": found.header[:400], **fields},
                measurement=_measurement(fields),
                technique="EELS" if eels else "XAS",
            )
        )
    return spectra


def _refuse_chi(found: ColumnTable, name: str) -> None:
    x = found.values[:, 0]
    roles = [role_of(label) for label in found.labels]
    named = "chi" in roles or (roles and roles[0] == "wavenumber" and x.max() < 60)
    suffix = PurePath(name.lower()).suffix
    by_name = suffix in (".chi", ".chik", ".chir", ".chiq") and x.min() >= 0 and x.max() < 60
    step = np.diff(x)
    sign = np.sign(found.values[:, 1])
    by_grid = (
        not found.labels
        and x[0] == 0
        and x[-1] <= 30
        and bool(np.allclose(step, 0.05, atol=1e-6))
        and int((sign[1:] * sign[:-1] < 0).sum()) > 4
    )
    if named or by_name or by_grid:
        raise SkipFile(
            "a chi(k) or its transform over the wavenumber, not a spectrum over energy: import "
            "the mu(E) it was made from"
        )


# --- labels and energy ------------------------------------------------------------------------


def _name_columns(found: ColumnTable, faults: Faults) -> None:
    width = found.values.shape[1]
    numbered: dict[int, tuple[str, str]] = {}
    for line in found.header:
        match = _COLUMN.match(line)
        if match and 1 <= int(match.group(1)) <= width:
            numbered[int(match.group(1))] = (match.group(2), match.group(3).strip().lower())
    names: list[str] = []
    if 1 in numbered:
        names = [numbered.get(i, (f"column {i}", ""))[0] for i in range(1, width + 1)]
        unit = numbered[1][1]
        found.unit = {"ev": "eV", "kev": "keV"}.get(unit)
    else:
        names = _label_line(found.header, width)
    found.n_named = len(names)
    if 0 < len(names) < width:
        faults.warn(
            f"line {found.first_line - 1}: {len(names)} labels for {width} columns: the columns "
            f"after {names[-1]} have no name and are not used"
        )
        names += [f"column {i}" for i in range(len(names) + 1, width + 1)]
    clean: list[str] = []
    for index, label in enumerate(names[:width]):
        match = _UNIT.fullmatch(label) if len(label) <= LONGEST_LABEL else None
        if match and match.group(1):
            if role_of(match.group(1)) == "energy" and found.unit is None:
                found.unit = "keV" if match.group(2).lower() == "kev" else "eV"
            clean.append(match.group(1))
        else:
            clean.append(label)
        if index == 0 and label.strip().lower() in ("ev", "kev"):
            found.unit = "keV" if label.strip().lower() == "kev" else "eV"
    found.labels = clean


def _label_line(header: list[str], width: int) -> list[str]:
    """The labels right above the table: on one line, or one a line as SSRL writes them."""
    texts = [line.replace('"', "").strip().lstrip(COMMENT).strip() for line in header]
    while texts and not texts[-1]:
        texts.pop()
    if not texts:
        return []
    block = texts[-width:]
    marked = len(texts) > width and texts[-width - 1].lower().rstrip(":") in ("data", "columns")
    if len(block) == width and marked:
        return block
    for text in reversed([text for text in texts[-3:] if len(text) < _LONGEST_LABELS]):
        text = re.sub(r"^L\s+(?=\S+\s)", "", text)  # SPEC's "#L"
        for pattern in (r"\t+", r"\s*[,;]\s*", r"\s{2,}", r"\s+"):
            words = [word for word in re.split(pattern, text) if word]
            known = sum(
                role_of(_UNIT.sub(r"\1", word[:LONGEST_LABEL])) is not None for word in words
            )
            if len(words) == width and known:
                return words
        if 2 <= len(words) < width and role_of(words[0]) == "energy" and known > 1:
            return words
    return []


def _energy(found: ColumnTable, faults: Faults) -> tuple[FloatArray, int, str]:
    """The energy column in eV, its index, and what to say of it."""
    roles = [role_of(label) for label in found.labels]
    candidates = [i for i, role in enumerate(roles) if role == "energy"]
    best = [i for i in candidates if re.search(r"(?i)achiev|attain|read|actual", found.labels[i])]
    wanted = [i for i, role in enumerate(roles) if role == "requested"]
    index = next(iter(best + candidates + wanted), None)
    if index is None and "angle" in roles:
        raise faults.fail(
            "there is an angle but no energy among the columns "
            f"({' '.join(found.labels)}): convert the angle to an energy in eV"
        )
    if index is None:
        index = next((i for i in range(found.values.shape[1]) if _is_scan(found.values[:, i])), 0)
    label = found.labels[index] if found.labels else f"column {index + 1}"
    unit = found.unit
    said = f"energy: {label}" + (f" in {unit}" if unit else "")
    return in_ev(found.values[:, index], unit, faults), index, said


def _is_scan(x: FloatArray) -> bool:
    step = np.diff(x)
    ups = float((step > 0).mean())
    return bool(np.isfinite(x).all() and max(ups, 1 - ups) > 0.95 and abs(x[-1] - x[0]) > 1)


# --- signals ----------------------------------------------------------------------------------


def _signals(
    found: ColumnTable,
    column: int,
    energy: FloatArray,
    element: str | None,
    eels: bool,
    name: str,
    faults: Faults,
) -> list[Signal]:
    others = [i for i in range(found.values.shape[1]) if i != column]
    values = found.values[:, others]
    labels = [found.labels[i] if found.labels else f"column {i + 1}" for i in others]
    chosen = signals(labels[: max(found.n_named, 0)], values, energy, faults, element=element)
    if not found.labels or not chosen:
        chosen = _by_arithmetic(labels, values) or _by_order(labels, values, energy, eels, faults)
    suffix = PurePath(name.lower()).suffix
    if suffix == ".nor" and chosen[0].quantity == "arbitrary":
        chosen[0] = Signal(chosen[0].values, "normalised", None, "sample", chosen[0].formed)
    if suffix in (".xmu", ".mu") and chosen[0].quantity in ("arbitrary", "counts"):
        chosen[0] = Signal(chosen[0].values, "mu", None, "sample", chosen[0].formed)
    for signal in chosen:
        what = "reference" if signal.role == "reference" else "intensity"
        faults.warn(f"{what}: {signal.formed}")
    return chosen


def _by_arithmetic(labels: list[str], values: FloatArray) -> list[Signal]:
    """Columns without names where one is the logarithm of the ratio of two others.

    The first such column is the sample's; one whose incident beam is the sample's transmitted
    one is the reference's.
    """
    width = min(values.shape[1], 10)
    good: list[tuple[int, int, int]] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values[:, :width])
    for c in range(width):
        if np.ptp(values[:, c]) == 0:
            continue
        for a in range(width):
            for b in range(width):
                if len({a, b, c}) == 3:
                    difference = np.abs(values[:, c] - (logs[:, a] - logs[:, b]))
                    if np.mean(difference < 1e-6) > 0.95:
                        good.append((c, a, b))
    if not good:
        return []
    c, a, b = good[0]
    formed = f"{labels[c]}, which equals ln({labels[a]}/{labels[b]})"
    chosen = [Signal(values[:, c], "mu", "transmission", "sample", formed)]
    for c2, a2, b2 in good[1:]:
        if c2 != c and np.array_equal(values[:, a2], values[:, b]):
            formed = f"{labels[c2]}, which equals ln({labels[a2]}/{labels[b2]})"
            chosen.append(Signal(values[:, c2], "mu", "transmission", "reference", formed))
            break
    return chosen


def _by_order(
    labels: list[str], values: FloatArray, energy: FloatArray, eels: bool, faults: Faults
) -> list[Signal]:
    """Columns without names: I0 and It if the next two look like counts, else the next one."""
    first = values[:, 0]
    if values.shape[1] >= 2 and not eels:
        both = values[:, :2]
        if np.isfinite(both).all() and (both > 0).all() and np.median(both, axis=0).min() > 50:
            names = f"{labels[0]}/{labels[1]}"
            mu = log_ratio(both[:, 0], both[:, 1], energy, names, faults)
            if mu is not None:
                formed = f"ln({names}): two columns of counts without names, taken as I0 and It"
                return [Signal(mu, "mu", "transmission", "sample", formed)]
    finite = first[np.isfinite(first)]
    counts = eels or (finite.size > 0 and bool(np.median(np.abs(finite)) > 50))
    kind: Quantity = "counts" if counts else "arbitrary"
    return [Signal(first, kind, None, "sample", f"{labels[0]}, as it stands")]


# --- header -----------------------------------------------------------------------------------


def _fields(header: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in header[:2000]:
        match = _PAIR.match(line[:500])
        if match and not _COLUMN.match(line):
            fields[match.group(1).strip()] = match.group(2).strip()
    return fields


def _absorber(fields: dict[str, str], faults: Faults) -> tuple[str | None, str | None]:
    element = edge = None
    for name, value in fields.items():
        key = re.split(r"[. ]", name.lower())[-1]
        if key in ("element", "atom", "absorber", "symbol") and element is None:
            element = normalise_element(value)
            if element is None:
                faults.warn(f"header field {name}: {value[:40]!r} is no symbol of an element")
        if key == "edge" and edge is None:
            edge = normalise_edge(value)
            if edge is None:
                faults.warn(f"header field {name}: {value[:40]!r} is no name of an edge")
    return element, edge


def _fdmnes(
    match: re.Match[str], energy: FloatArray, faults: Faults
) -> tuple[FloatArray, str | None, str | None]:
    start, z, n, j = float(match.group(1)), int(match.group(2)), match.group(3), match.group(4)
    element = SYMBOLS[z - 1] if 0 < z <= len(SYMBOLS) else None
    shell = "KLMNO"[int(n) - 1] if 0 < int(n) <= 5 else ""
    edge = normalise_edge("K" if shell == "K" else shell + j) if shell else None
    faults.warn(
        "calculated with FDMNES, not measured: the energies are counted from the edge, which the "
        f"file puts at {start:.6g} eV; this is added"
    )
    return energy + start, element, edge


def _is_eels(found: ColumnTable, name: str) -> bool:
    text = " ".join([*found.labels, *(line[:500] for line in found.header[:50])]).lower()
    said = re.search(r"\beels\b|\belnes\b|energy[ _-]?loss", text) is not None
    return said or name.lower().endswith((".msa", ".ems"))


def _label(fields: dict[str, str], name: str) -> str:
    lower = {key.lower(): value for key, value in fields.items()}
    for key in ("sample.name", "name", "sample", "title"):
        if lower.get(key):
            return lower[key]
    return PurePath(name).stem


def _measurement(fields: dict[str, str]) -> Measurement:
    lower = {key.lower(): value for key, value in fields.items()}

    def text(*keys: str) -> str | None:
        return next((lower[key] for key in keys if lower.get(key)), None)

    temperature = text("sample.temperature", "temperature", "temp")
    when = text("scan.start_time", "date", "start_time")
    spacing = first_float(text("mono.d_spacing", "d_spacing") or "")
    return Measurement(
        facility=text("facility.name", "facility"),
        beamline=text("beamline.name", "beamline", "beam"),
        monochromator=text("mono.name", "mono", "monochromator"),
        d_spacing_angstrom=spacing[0] if spacing and spacing[0] > 0 else None,
        temperature_k=temperature_k(temperature) if temperature else None,
        sample_name=text("sample.name", "name", "sample"),
        sample_formula=text("sample.formula", "sample.stoichiometry", "formula"),
        sample_preparation=text("sample.prep", "prep"),
        reference=text("sample.reference", "ref"),
        date=time_of(when)[0] if when else None,
    )
