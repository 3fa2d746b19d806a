"""Maps of a stored series: what each method gives, written in parts that a restart continues."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from compute.errors import InputError
from compute.series.factor import Factors, components_by_validation, mcr, nmf
from compute.series.io.store import Stored
from compute.series.misfit import probabilities
from compute.series.noise import Noise, noise_of
from compute.series.parameters import QUANTITIES
from compute.series.references import SAMPLE, Unmixing
from compute.series.version import VERSION
from spectradb.models import Series
from spectradb.services.series.references import Reference, references_on
from spectradb.services.series.store import opened

Floats = NDArray[np.float64]

METHODS = ("references", "nmf", "mcr", "parameters")
PART = 4096  # spectra at most between two marks of a restart
PART_BYTES = 64 * 2**20
WHOLE_BYTES = 2**30  # that a method may hold which needs all spectra at once


@dataclass(frozen=True)
class Asked:
    """What is asked of a series; with the series and the version it is the key of a restart."""

    method: str
    references: tuple[str, ...] = ()
    components: int | None = None
    free: tuple[str, ...] = ()
    noise: str | None = None
    quantities: tuple[str, ...] = ()
    windows: tuple[tuple[float, float], ...] = ()

    def key(self, row: Series, curves: Sequence[Reference]) -> str:
        told = [VERSION, row.content_hash, asdict(self), [one.digest for one in curves]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclass
class Progress:
    """Spectra done of all, after each part."""

    done: int
    total: int
    warnings: list[str] = field(default_factory=list)


def analyse(row: Series, asked: Asked, output: Path) -> Iterator[Progress]:
    """Write the maps of a series to ``output``; ends with all spectra done.

    ``/components/<name>/{value, err}`` on the series' axes, ``/residual``, ``/none_of_these``,
    ``/spectra`` (components on ``/energy``). The file appears when it is whole; until then parts
    are kept, and the same question asked again goes on where it was stopped.

    Raises
    ------
    InputError
        A method, references or windows that cannot be.
    ReadError
        If the file of the series is missing or broken.
    """
    if asked.method not in METHODS:
        raise InputError("method", asked.method, f"is one of {', '.join(METHODS)}")
    with opened(row) as stored:
        if asked.method == "references":
            yield from _by_references(row, stored, asked, output)
        elif asked.method == "parameters":
            yield from _by_parameters(row, stored, asked, output)
        else:
            yield from _by_factors(row, stored, asked, output)


class _Maps:
    """The file of the maps while it is made: flat datasets and how many spectra are done."""

    def __init__(self, key: str, n: int, names: Sequence[str]) -> None:
        folder = Path(settings.VAR_DIR) / "series-maps"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{key}.part.h5"
        self.n = n
        try:
            self.file = h5py.File(self.path, "a")
        except OSError:  # torn by a kill while it was written
            self.path.unlink()
            self.file = h5py.File(self.path, "a")
        for name in names:
            if name not in self.file:
                self.file.create_dataset(name, (n,), "f8", fillvalue=np.nan)

    @property
    def done(self) -> int:
        return int(self.file.attrs.get("done", 0))

    def put(self, start: int, values: dict[str, Floats]) -> None:
        """A part is on the disk before it counts as done."""
        stop = start
        for name, one in values.items():
            stop = start + len(one)
            self.file[name][start:stop] = one
        self.file.flush()
        self.file.attrs["done"] = stop
        self.file.flush()

    def finish(
        self, stored: Stored, output: Path, energy: Floats, spectra: Floats, told: dict[str, Any]
    ) -> None:
        """All datasets on the axes, whole, under the name asked for."""
        shape = stored.shape or (1,)
        partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
        try:
            with h5py.File(partial, "w") as out:
                out.attrs.update(
                    {"version": VERSION, **{k: json.dumps(v) for k, v in told.items()}}
                )
                names: list[str] = []
                self.file.visit(names.append)
                for name in names:
                    if isinstance(self.file[name], h5py.Dataset):
                        out.create_dataset(name, data=self.file[name][()].reshape(shape))
                out.create_dataset("spectra", data=spectra)
                out.create_dataset("energy", data=energy).attrs["units"] = "eV"
                for i, axis in enumerate(stored.axes):
                    one = out.create_dataset(f"axes/{i}", data=axis.values)
                    one.attrs.update({"name": axis.name, "units": axis.unit})
            partial.replace(output)
        finally:
            partial.unlink(missing_ok=True)
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        self.file.close()


def _rows(stored: Stored) -> int:
    return int(max(1, min(PART, PART_BYTES // (8 * stored.n_channels))))


def _by_references(row: Series, stored: Stored, asked: Asked, output: Path) -> Iterator[Progress]:
    curves, inside, warnings = references_on(asked.references, stored.energy_ev)
    energy = stored.energy_ev[inside]
    sample = stored.sample(SAMPLE)[:, inside]
    unmixing = Unmixing.judged(
        sample,
        np.array([one.values for one in curves]),
        noise=asked.noise,
        free=asked.free,
        energy_ev=energy,
    )
    names = [one.name for one in curves]
    sets = [f"components/{name}/{part}" for name in names for part in ("value", "err", "upper")]
    single = ["residual", "p_value", "total", *[f"moved/{one}" for one in asked.free]]
    single += [f"moved/{one}_err" for one in asked.free]
    maps = _Maps(asked.key(row, curves), stored.n_spectra, [*sets, *single, "none_of_these"])
    try:
        for start, rows in stored.parts(_rows(stored)):
            if start + len(rows) <= maps.done:
                continue
            found = unmixing.of(rows[:, inside])
            values: dict[str, Floats] = {}
            for j, name in enumerate(names):
                values[f"components/{name}/value"] = found.fractions[:, j]
                values[f"components/{name}/err"] = found.errors[:, j]
                values[f"components/{name}/upper"] = found.upper[:, j]
            values |= {"residual": found.residual, "p_value": found.p_value, "total": found.total}
            moved = {"shift": (found.shift, found.shift_error),
                     "width": (found.width, found.width_error)}  # fmt: skip
            for one in asked.free:
                values[f"moved/{one}"], values[f"moved/{one}_err"] = moved[one]
            maps.put(start, values)
            yield Progress(maps.done, stored.n_spectra, warnings)
        maps.file["none_of_these"][:] = probabilities(maps.file["p_value"][()])
        told = {"method": "references", "names": names, "noise": unmixing.noise.kind,
                "background": len(unmixing.extra), "warnings": warnings}  # fmt: skip
        maps.finish(stored, output, energy, np.array([one.values for one in curves]), told)
    finally:
        maps.close()
    yield Progress(stored.n_spectra, stored.n_spectra, warnings)


def _by_parameters(row: Series, stored: Stored, asked: Asked, output: Path) -> Iterator[Progress]:
    names = asked.quantities or ("centre_of_mass",)
    windows = asked.windows or ((float(stored.energy_ev[0]), float(stored.energy_ev[-1])),)
    for name in names:
        if name not in QUANTITIES:
            raise InputError("quantity", name, f"is one of {', '.join(QUANTITIES)}")
        if QUANTITIES[name][1] != len(windows):
            raise InputError("window", windows, f"{name} takes {QUANTITIES[name][1]} of them")
    sample = stored.sample(500)
    noise = noise_of(np.asarray(sample, float), asked.noise, np.nanmean(sample, axis=0)[None])
    sets = [f"components/{name}/{part}" for name in names for part in ("value", "err")]
    maps = _Maps(asked.key(row, ()), stored.n_spectra, [*sets, "residual", "none_of_these"])
    try:
        for start, rows in stored.parts(_rows(stored)):
            if start + len(rows) <= maps.done:
                continue
            sigma = _sigma(rows, noise)
            values: dict[str, Floats] = {}
            for name in names:
                found = QUANTITIES[name][0](stored.energy_ev, rows, sigma, windows)
                values[f"components/{name}/value"] = found.value
                values[f"components/{name}/err"] = found.err
            maps.put(start, values)
            yield Progress(maps.done, stored.n_spectra)
        told = {"method": "parameters", "names": list(names), "windows": windows,
                "noise": noise.kind}  # fmt: skip
        maps.finish(stored, output, stored.energy_ev, np.empty((0, stored.n_channels)), told)
    finally:
        maps.close()
    yield Progress(stored.n_spectra, stored.n_spectra)


def _sigma(rows: NDArray[Any], noise: Noise) -> Floats:
    if noise.variances is not None:
        return np.asarray(np.sqrt(noise.variances))
    level = np.maximum(np.asarray(rows, float), noise.gain)
    return np.asarray(np.sqrt(noise.constant + noise.gain * level))


def _by_factors(row: Series, stored: Stored, asked: Asked, output: Path) -> Iterator[Progress]:
    size = stored.n_spectra * stored.n_channels * 4
    if size > WHOLE_BYTES:
        raise InputError(
            "method", asked.method, f"needs all {size / 1e9:.1f} GB at once: bin first"
        )
    curves, inside, more = references_on(asked.references, stored.energy_ev)
    spectra = stored.rows(0, stored.n_spectra)[:, inside].astype(np.float32)
    gaps = np.asarray(np.isnan(spectra).any(axis=1))
    whole = spectra[~gaps]
    if len(whole) < 2:
        raise InputError("series", row.pk, "has fewer than two spectra without gaps")
    warnings = [f"{int(gaps.sum())} spectra with gaps are left out"] if gaps.any() else []
    count = asked.components or components_by_validation(whole[:: -(-len(whole) // 1000)])
    found: Factors
    if asked.method == "nmf":
        found = nmf(whole, count)
    else:
        start = nmf(whole, count).components.astype(float)
        known = np.array([one.values for one in curves]) if curves else start[:0]
        free = start[: max(count - len(known), 0)] if len(known) else start
        found = mcr(whole, np.vstack([known, free]), known=len(known))
    names = [one.name for one in curves] if asked.method == "mcr" else []
    names += [f"component{i + 1}" for i in range(len(names), len(found.components))]
    unit = np.linalg.pinv(found.components @ found.components.T)
    err = found.residual[:, None] * np.sqrt(np.maximum(np.diag(unit), 0))
    sets = [f"components/{name}/{part}" for name in names for part in ("value", "err")]
    maps = _Maps(asked.key(row, curves), stored.n_spectra, [*sets, "residual", "none_of_these"])
    try:
        values: dict[str, Floats] = {"residual": _spread(found.residual, gaps)}
        for j, name in enumerate(names):
            values[f"components/{name}/value"] = _spread(found.amounts[:, j], gaps)
            values[f"components/{name}/err"] = _spread(err[:, j], gaps)
        maps.put(0, values)
        told = {"method": asked.method, "names": names, "loss": found.loss,
                "warnings": [*warnings, *more]}  # fmt: skip
        maps.finish(stored, output, stored.energy_ev[inside], found.components, told)
    finally:
        maps.close()
    yield Progress(stored.n_spectra, stored.n_spectra, [*warnings, *more])


def _spread(values: Floats, gaps: NDArray[np.bool_]) -> Floats:
    """Values of the spectra without gaps at their places."""
    out = np.full(gaps.shape, np.nan)
    out[~gaps] = values
    return out
