"""A training set in one call: spectra on one grid with crystals, sites, splits and noise."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from compute.peaks.seeds import noise_level
from ml.data import check_split, split_by_material
from ml.errors import LearningError
from ml.exported import TrainingSet, write_training_set
from spectradb.models import Kind
from spectradb.services.exports.write import Exported
from spectradb.services.learning.selection import LeftOut, select
from spectradb.services.learning.train import grid_of
from spectradb.services.learning.training_data import refuse_ambiguous, training_rows

FORMATS = ("parquet", "hdf5")
_BATCH = 500


def training_set(
    query: Mapping[str, Sequence[str]],
    *,
    split: Mapping[str, str] | None = None,
    grid: tuple[float, float, float] | None = None,
    target_scale: Mapping[str, float] | None = None,
) -> tuple[TrainingSet, LeftOut]:
    """What a training of the same search, split, grid and scale would learn from and be measured
    on, and what it would leave out.

    Raises
    ------
    LearningError
        If nothing is left or an argument is none.
    """
    if split is not None:
        check_split(split)
    chosen = select(query)
    rows = training_rows(
        chosen.spectra,
        grid=grid_of(grid),
        target_scale=target_scale,
        normalised=chosen.normalised,
    )
    if split is not None:
        refuse_ambiguous("--split", split, [key[1] for key in rows.keys])
    measured = set(chosen.spectra.filter(kind=Kind.EXPERIMENT).values_list("pk", flat=True))
    energy = rows.data.energy_ev
    sigma = np.array(
        [
            noise_level(energy, np.asarray(rows.data.target[k], np.float64))
            if pk in measured
            else 0.0
            for k, pk in enumerate(rows.spectra)
        ]
    )
    groups = rows.data.groups
    parts = split_by_material(groups, split)
    found = TrainingSet(rows.data, sigma, parts, groups, np.array(rows.spectra, np.int64))
    return found, chosen.left_out | rows.left_out


def export_training_set(rows: TrainingSet, format: str, to: Path) -> Exported:
    """Write a training set to a file, which appears when it is whole.

    Raises
    ------
    LearningError
        If the format is none of :data:`FORMATS`, or ``to`` cannot be a file.
    """
    if format not in FORMATS:
        raise LearningError("--format", format, f"a training set is {' or '.join(FORMATS)}")
    to = to.absolute()
    if to.is_dir() or not to.parent.is_dir():
        raise LearningError("--to", str(to), "name a file in a folder that is there")
    with tempfile.TemporaryDirectory(prefix=".export-", dir=to.parent) as folder:
        part = Path(folder) / "part"
        if format == "hdf5":
            write_training_set(rows, part)
        else:
            _parquet(rows, part)
        part.replace(to)
    return Exported(to, len(rows), to.stat().st_size)


def _parquet(rows: TrainingSet, path: Path) -> None:
    """A row a spectrum with its crystal; the grid is in every row, so that each stands alone."""
    floats = pa.list_(pa.float64())
    schema = pa.schema(
        [
            ("spectrum", pa.int64()),
            ("material", pa.string()),
            ("split", pa.string()),
            ("site", pa.int64()),
            ("valence", pa.float64()),
            ("lattice", floats),  # 9 numbers, Å, a row after the other
            ("numbers", pa.list_(pa.int64())),
            ("frac", floats),  # 3 numbers an atom
            ("energy_ev", floats),
            ("intensity", pa.list_(pa.float32())),
            ("sigma", pa.float64()),
        ]
    )
    data = rows.data
    energy = data.energy_ev.tolist()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for at in range(0, len(rows), _BATCH):
            batch: list[dict[str, Any]] = []
            for k in range(at, min(at + _BATCH, len(rows))):
                crystal = data.crystals[data.crystal_of[k]]
                batch.append(
                    {
                        "spectrum": int(rows.spectrum[k]),
                        "material": str(rows.material[k]),
                        "split": str(rows.split[k]),
                        "site": int(data.site[k]),
                        "valence": None if data.valence is None else float(data.valence[k]),
                        "lattice": crystal.lattice.ravel().tolist(),
                        "numbers": crystal.numbers.tolist(),
                        "frac": crystal.frac.ravel().tolist(),
                        "energy_ev": energy,
                        "intensity": rows.intensity[k],
                        "sigma": float(rows.sigma[k]),
                    }
                )
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
