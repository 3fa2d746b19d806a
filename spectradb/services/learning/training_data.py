"""From a queryset to arrays that a model learns from, in bounded memory.

Targets are written row by row into a memory-mapped file named by what went into it, so that the
same rows on the same grid are interpolated once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import QuerySet
from numpy.typing import NDArray

from ml.crystals import Crystal
from ml.data import Dataset, common_grid, resample
from ml.errors import LearningError
from spectradb.models import Spectrum, Structure

_CHUNK = 2000
_FINEST, _COARSEST = 0.1, 0.25  # eV, steps of a grid chosen from data


@dataclass(frozen=True)
class TrainingRows:
    """A dataset and where its rows come from.

    Attributes
    ----------
    data : Dataset
    keys : list of (source id, structure pk, site index), one a row
    data_hash : str
        Of the rows, the grid and the scale.
    left_out : int
        Spectra without a structure and site, or that do not cover the grid.
    """

    data: Dataset
    keys: list[tuple[str, int, int]]
    data_hash: str
    left_out: int


def crystal_of(data: Mapping[str, Any], group: str = "") -> Crystal:
    """A pymatgen dictionary as plain arrays.

    Raises
    ------
    LearningError
        If a site is partly occupied or holds something that is no element.
    """
    from pymatgen.core import Element

    numbers = []
    for at, site in enumerate(data["sites"]):
        species = site["species"]
        if len(species) != 1 or abs(species[0]["occu"] - 1) > 1e-3:
            raise LearningError(f"site {at}", species, "is partly occupied; models need order")
        symbol = "".join(c for c in species[0]["element"] if c.isalpha())
        if not Element.is_valid_symbol(symbol):
            raise LearningError(f"site {at}", symbol, "is no element")
        numbers.append(Element(symbol).Z)
    return Crystal(
        np.array(data["lattice"]["matrix"], dtype=np.float64),
        np.array(numbers, dtype=np.int64),
        np.array([site["abc"] for site in data["sites"]], dtype=np.float64),
        group,
    )


def training_rows(
    spectra: QuerySet[Spectrum],
    *,
    grid: NDArray[np.float64] | None = None,
    target_scale: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrainingRows:
    """Arrays of all spectra that have a structure and a site.

    The absorbers' valence goes with them except at K edges: it decides a multiplet, and a K edge
    learns nothing from it that the surroundings do not tell (docs/learning.md).

    Parameters
    ----------
    grid : (g,), optional
        Energies, eV; chosen from the data when None. A spectrum that starts inside the grid is
        held constant below its first point, as long as it covers nine tenths of the grid.
    target_scale : mapping, optional
        ``"source_id:site_index"`` → factor on the intensity; a row without one is left out.

    Raises
    ------
    LearningError
        If no row is left, or the scale is none.
    """
    if target_scale is not None:
        check_scale(target_scale)
    usable = spectra.filter(structure__isnull=False, site__isnull=False)
    total = spectra.count()
    if grid is None:
        grid = _grid_of(usable)
    span = grid[-1] - grid[0]
    fields = ("pk", "content_hash", "structure_id", "structure__source_id", "site__index")
    primary = "structure__is_primary"  # another cell numbers its atoms otherwise
    rows: list[tuple[int, str, int, str, int]] = []
    valence: list[float | None] = []
    digest = hashlib.sha256(grid.tobytes())
    repeated = 0
    seen: set[int] = set()  # calculations: other people's records of one are the same curve
    for pk, content, structure, source_id, index, edge, oxidation_state, calculation, answers in (
        usable.filter(energy_min__lte=grid[0] + 0.1 * span, energy_max__gte=grid[-1] - 0.1 * span)
        .order_by("structure_id", "site__index", "pk")
        .values_list(*fields, "edge", "site__oxidation_state", "calculation", primary)
        .iterator(_CHUNK)
    ):
        if calculation in seen:
            repeated += 1
            continue
        if calculation is not None:
            seen.add(calculation)
        if target_scale is not None and not (answers and f"{source_id}:{index}" in target_scale):
            continue
        rows.append((pk, content, structure, source_id or f"structure-{structure}", index))
        valence.append(None if edge == "K" else oxidation_state)
        digest.update(content.encode())
        if valence[-1] is not None:
            digest.update(f"{valence[-1]:g}".encode())
    if not rows:
        raise LearningError("spectra", total, "none has a structure, a site and covers the grid")
    if target_scale is not None:
        digest.update(json.dumps(target_scale, sort_keys=True).encode())
    data_hash = digest.hexdigest()

    structures = list(dict.fromkeys(row[2] for row in rows))
    if target_scale is not None:
        names = {key.rpartition(":")[0] for key in target_scale}
        refuse_ambiguous("--target-scale", names, structures)
    place = {pk: at for at, pk in enumerate(structures)}
    name_of = {row[2]: row[3] for row in rows}
    crystals = _crystals(structures, name_of)
    factors = [1.0 if target_scale is None else target_scale[f"{r[3]}:{r[4]}"] for r in rows]
    target = _targets([row[0] for row in rows], factors, grid, data_hash, progress)
    data = Dataset(
        grid,
        crystals,
        np.array([place[row[2]] for row in rows], dtype=np.int64),
        np.array([row[4] for row in rows], dtype=np.int64),
        target,
        Path(settings.VAR_DIR) / "training",
        None if None in valence else np.array(valence, dtype=np.float64),
    )
    keys = [(r[3], r[2], r[4]) for r in rows]
    return TrainingRows(data, keys, data_hash, total - repeated - len(rows))


def check_scale(given: object) -> None:
    """Refuse what is no factor for each site.

    Raises
    ------
    LearningError
        Naming the first sites with something else than a positive number.
    """
    if not isinstance(given, Mapping):
        raise LearningError("target_scale", given, 'must be {"source_id:site_index": factor}')
    wrong = {
        site: factor
        for site, factor in given.items()
        if isinstance(factor, bool)
        or not isinstance(factor, int | float)
        or not 0 < factor < np.inf
    }
    if wrong:
        few = dict(list(wrong.items())[:3])
        raise LearningError("target_scale", few, "factors are positive numbers")


def refuse_ambiguous(option: str, names: Collection[str], structures: Sequence[int]) -> None:
    """Refuse a source id that fits two of these structures, which are not cells of one material.

    Raises
    ------
    LearningError
        Naming both.
    """
    wanted, first = set(names), dict[str, tuple[int, str]]()
    for at in range(0, len(structures), _CHUNK):
        some = Structure.objects.filter(pk__in=structures[at : at + _CHUNK], is_primary=True)
        for pk, source, name in some.order_by("pk").values_list("pk", "source", "source_id"):
            if name not in wanted:
                continue
            other, other_source = first.setdefault(name, (pk, source))
            if other != pk:
                both = f"SDB-S{other} ({other_source}) and SDB-S{pk} ({source})"
                raise LearningError(option, name, f"fits two structures, {both}")


def _grid_of(spectra: QuerySet[Spectrum]) -> NDArray[np.float64]:
    """What nearly all of the spectra cover, with their own step as far as that makes sense."""
    rows = list(spectra.values_list("energy_min", "energy_max", "n_points"))
    steps = [(high - low) / max(n - 1, 1) for low, high, n in rows]
    step = float(np.clip(np.median(steps), _FINEST, _COARSEST)) if steps else _COARSEST
    return common_grid([(low, high) for low, high, _ in rows], round(step, 2))


def _crystals(structures: list[int], name_of: Mapping[int, str]) -> list[Crystal]:
    found: dict[int, Crystal] = {}
    for at in range(0, len(structures), _CHUNK):
        some = Structure.objects.filter(pk__in=structures[at : at + _CHUNK])
        for pk, data in some.values_list("pk", "data").iterator(100):  # they are heavy, unpacked
            found[pk] = crystal_of(data, name_of[pk])
    return [found[pk] for pk in structures]


def _targets(
    pks: list[int],
    factors: list[float],
    grid: NDArray[np.float64],
    data_hash: str,
    progress: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """(n, g) float32, read-only; from the cache if the same rows were asked for before."""
    path: Path = settings.VAR_DIR / "training" / f"{data_hash}.npy"
    if path.exists():
        return np.asarray(np.load(path, mmap_mode="r"))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    target = np.lib.format.open_memmap(
        part, mode="w+", dtype=np.float32, shape=(len(pks), grid.size)
    )
    for at in range(0, len(pks), _CHUNK):
        some = pks[at : at + _CHUNK]
        arrays: dict[int, Any] = {
            pk: (energy, intensity)
            for pk, energy, intensity in Spectrum.objects.filter(pk__in=some).values_list(
                "pk", "energy", "intensity"
            )
        }
        for row, pk in enumerate(some, start=at):
            energy, intensity = arrays[pk]
            target[row] = factors[row] * resample(energy, intensity, grid)
        progress(min(at + _CHUNK, len(pks)), len(pks))
    target.flush()
    part.replace(path)  # whole or not at all
    return np.asarray(np.load(path, mmap_mode="r"))
