"""A library on disk: a folder of .npy arrays (read by memory map) and one JSON file; no pickle."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compute.errors import InputError, ReadError
from compute.matching.align import AlignmentPrior
from compute.matching.alternatives import Alternative
from compute.matching.calibration import Calibration
from compute.matching.discrepancy import Discrepancy
from compute.matching.grid import ComparisonGrid
from compute.matching.index import EXPECTED, Rows
from compute.matching.posterior import Posterior
from compute.matching.temper import Temper
from compute.matching.version import VERSION

FORMAT = 4  # of the files; raised whenever their layout changes
_META = "library.json"


@dataclass(frozen=True)
class Saved:
    """What is on disk."""

    grid: ComparisonGrid
    rows: Rows
    ids: list[Hashable]
    calibration: Calibration | None
    alternatives: list[Alternative]


def save(
    path: Path,
    grid: ComparisonGrid,
    rows: Rows,
    ids: list[Hashable],
    calibration: Calibration | None,
    alternatives: Sequence[Alternative] = (),
) -> None:
    """Write a library; the folder at ``path`` is replaced whole or not at all."""
    if not (all(type(i) is int for i in ids) or all(type(i) is str for i in ids)):
        kinds = sorted({type(i).__name__ for i in ids})
        raise InputError("ids", kinds, "must be all integers or all strings to be saved")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        np.save(fresh / "values.npy", rows.values)
        np.save(fresh / "height.npy", rows.height)
        np.save(fresh / "ratios.npy", rows.ratios)
        for name in EXPECTED:
            np.save(fresh / f"{name}.npy", getattr(rows, name))
        np.save(fresh / "ids.npy", np.array(ids))
        meta: dict[str, Any] = {"format": FORMAT, "version": VERSION, "grid": asdict(grid)}
        if calibration is not None:
            meta["calibration"] = calibration_json(calibration)
        meta["alternatives"] = [_alternative_json(one) for one in alternatives]
        (fresh / _META).write_text(json.dumps(meta))
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
            os.rename(path, old / "library")  # noqa: PTH104
            os.rename(fresh, path)  # noqa: PTH104
            shutil.rmtree(old)
        else:
            os.rename(fresh, path)  # noqa: PTH104
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def load(path: Path) -> Saved:
    """Read what `save` wrote; rows stay on disk until they are used.

    Raises
    ------
    ReadError
        If it is not there, of another format or version, or its parts do not agree.
    """
    try:
        meta = json.loads((path / _META).read_text())
        if meta["format"] != FORMAT:
            raise ReadError([f"{path}: format {meta['format']}, this code reads {FORMAT}"])
        if meta.get("version") != VERSION:
            raise ReadError(
                [
                    f"{path}: indexed by {meta.get('version', 'an unknown version')}, "
                    f"this code is {VERSION}"
                ]
            )
        grid = ComparisonGrid(**meta["grid"])
        rows = Rows(
            np.load(path / "values.npy", mmap_mode="r", allow_pickle=False),
            np.load(path / "height.npy", allow_pickle=False),
            np.load(path / "ratios.npy", mmap_mode="r", allow_pickle=False),
        )
        for name in EXPECTED:
            setattr(rows, name, np.load(path / f"{name}.npy", allow_pickle=False))
        ids = np.load(path / "ids.npy", allow_pickle=False).tolist()
        told = meta.get("calibration")
        calibration = None if told is None else calibration_from(told)
        alternatives = [_alternative_from(one) for one in meta["alternatives"]]
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError([f"{path}: not a saved library ({error})"]) from error
    if rows.values.shape != (len(ids), grid.size):
        raise ReadError([f"{path}: {rows.values.shape} rows for {len(ids)} ids"])
    return Saved(grid, rows, ids, calibration, alternatives)


def calibration_json(calibration: Calibration) -> dict[str, Any]:
    """A calibration as plain values."""
    posterior = calibration.posterior
    return {
        "discrepancy": _fields(calibration.discrepancy),
        "alignment": _fields(calibration.alignment),
        "posterior": _fields(posterior)
        | {"temper": _fields(posterior.temper), "across": _fields(posterior.across)},
    }


def calibration_from(data: dict[str, Any]) -> Calibration:
    """What `calibration_json` wrote."""
    posterior = _arrays(data["posterior"], "known", "direction", "strange")
    for name in ("temper", "across"):
        posterior[name] = Temper(**_arrays(posterior[name], "beta", "epsilon", "weight"))
    return Calibration(
        _discrepancy(data["discrepancy"]), AlignmentPrior(**data["alignment"]),
        Posterior(**posterior),
    )  # fmt: skip


def _alternative_json(one: Alternative) -> dict[str, Any]:
    rows = {name: value for name, value in _fields(one.rows).items() if name != "broadened"}
    return _fields(one) | {"rows": rows}


def _alternative_from(data: dict[str, Any]) -> Alternative:
    told = data["rows"]
    rows = Rows(
        np.array(told["values"], np.float32),
        np.array(told["height"], np.float64),
        np.array(told["ratios"], np.float32),
    )
    for name in EXPECTED:
        setattr(rows, name, np.array(told[name]))
    return Alternative(data["name"], data["oxidation_state"], rows)


def _discrepancy(data: dict[str, Any]) -> Discrepancy:
    given = _arrays(data, "factors")
    return Discrepancy(**given | {"sizes": tuple(given["sizes"])})


def _arrays(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return given | {name: np.array(given[name], np.float64) for name in names}


def _fields(one: object) -> dict[str, Any]:
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(one).items()
    }
