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
from django.db.models import Q, QuerySet
from numpy.typing import NDArray

from compute.errors import InputError
from ml.crystals import Crystal, together
from ml.data import Dataset, common_grid, resample
from ml.errors import LearningError
from ml.files import clear, one_at_a_time, whole_or_not
from ml.kinds.base import FITTED
from spectradb.models import Kind, Quantity, Spectrum, Structure
from spectradb.services.learning.selection import LeftOut
from spectradb.services.learning.selection import in_words as told
from spectradb.services.spectra.normalise import normalise

_CHUNK = 2000
_COVERED = 0.9  # of the grid, at least
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
    left_out : dict
        Spectra that are no rows, by the reason (:mod:`.selection`).
    spectra : list of int
        The spectrum of each row.
    """

    data: Dataset
    keys: list[tuple[str, int, int]]
    data_hash: str
    left_out: LeftOut
    spectra: list[int]


def material_of(source_id: str, structure_id: int) -> str:
    """The name by which a material is on one side of a split."""
    return source_id or f"structure-{structure_id}"


def crystal_of(data: Mapping[str, Any], group: str = "") -> Crystal:
    """A pymatgen dictionary as plain arrays.

    Raises
    ------
    LearningError
        If a site is partly occupied or holds something that is no element, or two are at one
        place.
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
    crystal = Crystal(
        np.array(data["lattice"]["matrix"], dtype=np.float64),
        np.array(numbers, dtype=np.int64),
        np.array([site["abc"] for site in data["sites"]], dtype=np.float64),
        group,
    )
    if pair := together(crystal):
        place = crystal.frac[pair[0]].tolist()
        raise LearningError(f"sites {pair[0]} and {pair[1]}", place, "are at one place")
    return crystal


@dataclass(frozen=True)
class _Row:
    """A spectrum that is learnt from."""

    pk: int
    content: str
    structure: int
    name: str  # of the material
    site: int
    valence: float | None


def training_rows(
    spectra: QuerySet[Spectrum],
    *,
    grid: NDArray[np.float64] | None = None,
    target_scale: Mapping[str, float] | None = None,
    normalised: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrainingRows:
    """Arrays of all spectra that have a structure and a site.

    The absorbers' valence goes with them except at K edges: it decides a multiplet, and a K edge
    learns nothing from it that the surroundings do not tell (docs/learning.md).

    Parameters
    ----------
    grid : (g,), optional
        Energies, eV; chosen from the data when None. A spectrum that covers nine tenths of the
        grid or more is held constant where it does not reach.
    target_scale : mapping, optional
        ``"source_id:site_index"`` → factor on the intensity; a row without one is left out.
    normalised : bool
        Whether raw measured spectra are normalised.

    Raises
    ------
    LearningError
        If no row is left, or the scale is none.
    """
    if target_scale is not None:
        check_scale(target_scale)
    usable = spectra.filter(structure__isnull=False, site__isnull=False)
    left_out: LeftOut = {}
    if homeless := list(
        spectra.filter(Q(structure=None) | Q(site=None)).order_by().values_list("pk", flat=True)
    ):
        left_out["structure"] = homeless
    if grid is None:
        grid = _grid_of(usable)
    rows = _rows_of(usable, grid, target_scale, left_out)
    curves = _normalised(spectra, left_out) if normalised else {}
    crystals, place = _crystals(rows, left_out)
    gone = {pk for reason in ("disordered", "normalisation") for pk in left_out.get(reason, ())}
    rows = [row for row in rows if row.pk not in gone]
    if not rows:
        span = f"{grid[0]:g} to {grid[-1]:g} eV"
        raise LearningError("spectra", spectra.count(), f"none is left ({span}): {told(left_out)}")
    digest = hashlib.sha256(grid.tobytes())
    for row in rows:
        digest.update(row.content.encode())
        if row.valence is not None:
            digest.update(f"{row.valence:g}".encode())
        if row.pk in curves:
            digest.update(np.concatenate(curves[row.pk]).tobytes())
    if target_scale is not None:
        digest.update(json.dumps(target_scale, sort_keys=True).encode())
        names = {key.rpartition(":")[0] for key in target_scale}
        refuse_ambiguous("--target-scale", names, sorted({row.structure for row in rows}))
    data_hash = digest.hexdigest()
    factors = [
        1.0 if target_scale is None else target_scale[f"{row.name}:{row.site}"] for row in rows
    ]
    target = _targets([row.pk for row in rows], factors, grid, data_hash, curves, progress)
    valence = [row.valence for row in rows]
    data = Dataset(
        grid,
        crystals,
        np.array([place[row.structure] for row in rows], dtype=np.int64),
        np.array([row.site for row in rows], dtype=np.int64),
        target,
        cache_folder(),
        None if None in valence else np.array(valence, dtype=np.float64),
    )
    keys = [(row.name, row.structure, row.site) for row in rows]
    return TrainingRows(data, keys, data_hash, left_out, [row.pk for row in rows])


def cache_folder() -> Path:
    """Where what is derived from rows is kept until it is old."""
    return Path(settings.VAR_DIR) / "training"


def clear_cache() -> int:
    """Remove what no training has used for long, and the longest unused where it is too much.

    Returns
    -------
    int
        Bytes that were freed.
    """
    folder = cache_folder()
    return clear(
        [folder, folder / FITTED],
        max_days=settings.TRAINING_CACHE_DAYS,
        max_bytes=settings.TRAINING_CACHE_GB * 1e9,
    )


def _rows_of(
    usable: QuerySet[Spectrum],
    grid: NDArray[np.float64],
    target_scale: Mapping[str, float] | None,
    left_out: LeftOut,
) -> list[_Row]:
    """In the order of structures and sites; what is left out is added to ``left_out``."""
    least = _COVERED * (grid[-1] - grid[0])
    fields = ("pk", "content_hash", "structure_id", "structure__source_id", "site__index")
    primary = "structure__is_primary"  # another cell numbers its atoms otherwise
    more = ("edge", "site__oxidation_state", "calculation", primary, "energy_min", "energy_max")
    rows: list[_Row] = []
    seen: set[int] = set()  # calculations: other people's records of one are the same curve
    found = usable.order_by("structure_id", "site__index", "pk").values_list(*fields, *more)
    for (
        pk,
        content,
        structure,
        source_id,
        site,
        edge,
        state,
        made,
        own,
        low,
        high,
    ) in found.iterator(_CHUNK):
        reason = ""
        if made in seen:
            reason = "repeated"
        elif min(high, grid[-1]) - max(low, grid[0]) < least:
            reason = "grid"
        elif target_scale is not None and not (own and f"{source_id}:{site}" in target_scale):
            reason = "scale"
        if reason:
            left_out.setdefault(reason, []).append(pk)
            continue
        if made is not None:
            seen.add(made)
        name = material_of(source_id, structure)
        valence = None if edge == "K" else state
        rows.append(_Row(pk, content, structure, name, site, valence))
    return rows


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


def _normalised(
    spectra: QuerySet[Spectrum], left_out: LeftOut
) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Energy and intensity of the raw measured spectra, by their number."""
    found = {}
    raw = spectra.filter(kind=Kind.EXPERIMENT, structure__isnull=False, site__isnull=False)
    for one in raw.exclude(quantity=Quantity.NORMALISED).select_related("measurement"):
        try:
            made = normalise(one)
        except InputError:
            left_out.setdefault("normalisation", []).append(one.pk)
            continue
        found[one.pk] = np.asarray(made.energy), np.asarray(made.intensity)
    return found


def _crystals(rows: list[_Row], left_out: LeftOut) -> tuple[list[Crystal], dict[int, int]]:
    """The crystals of the rows in their order, and the place of each structure among them."""
    name_of = {row.structure: row.name for row in rows}
    structures = list(name_of)
    found: dict[int, Crystal] = {}
    for at in range(0, len(structures), _CHUNK):
        some = Structure.objects.filter(pk__in=structures[at : at + _CHUNK])
        for pk, data in some.values_list("pk", "data").iterator(100):  # they are heavy, unpacked
            try:
                found[pk] = crystal_of(data, name_of[pk])
            except LearningError:
                left_out.setdefault("disordered", []).extend(
                    row.pk for row in rows if row.structure == pk
                )
    kept = [pk for pk in structures if pk in found]
    return [found[pk] for pk in kept], {pk: at for at, pk in enumerate(kept)}


def _targets(
    pks: list[int],
    factors: list[float],
    grid: NDArray[np.float64],
    data_hash: str,
    curves: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]],
    progress: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """(n, g) float32, read-only; from the cache if the same rows were asked for before.

    Of several processes that ask at once, one writes and the others wait for it.
    """
    path = cache_folder() / f"{data_hash}.npy"
    with one_at_a_time(path):
        if not path.exists():
            with whole_or_not(path) as part:
                target = np.lib.format.open_memmap(
                    part, mode="w+", dtype=np.float32, shape=(len(pks), grid.size)
                )
                for at in range(0, len(pks), _CHUNK):
                    some = pks[at : at + _CHUNK]
                    arrays: dict[int, Any] = {
                        pk: (energy, intensity)
                        for pk, energy, intensity in Spectrum.objects.filter(
                            pk__in=some
                        ).values_list("pk", "energy", "intensity")
                    }
                    for row, pk in enumerate(some, start=at):
                        energy, intensity = curves.get(pk, arrays[pk])
                        target[row] = factors[row] * resample(energy, intensity, grid)
                    progress(min(at + _CHUNK, len(pks)), len(pks))
                target.flush()
    progress(len(pks), len(pks))
    path.touch()  # used: what is not for long is cleared
    return np.asarray(np.load(path, mmap_mode="r"))
