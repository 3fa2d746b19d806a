"""Spectra of route ``cheap`` in a release put on the energy scale of the present version.

    python -m tests.benchmarks.release_rescaled [FOLDER ...] [--processes 2]

For versions that differ from the last in the offset and in the parameters of few sites. Each site
is analysed and its case prepared anew: where its parameters are those of the release the curve is
kept and its energies are moved; where they are not, and of mixtures, whose ions move apart, it is
solved again. What the route refuses by now, as outside its range, is counted and stays as it is,
and so does all else of a release, structures and other routes.
``release_recomputed`` tells whether it came out as computed spectra do.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from compute import routes
from compute.errors import OutOfRangeError
from compute.l23 import routes as l23
from compute.packing import pack_curve, rounded
from tests.benchmarks.output import say
from tests.benchmarks.release_recomputed import STARTER, site_of  # sets Django up

from spectradb.services.calculations.inputs import present_versions  # isort: skip
from spectradb.services.calculations.structures import kept  # isort: skip
from spectradb.services.library.publish import DIGITS  # isort: skip
from spectradb.services.library.release import Release, read_release, write_release  # isort: skip

ROUTE = "cheap"
_SAME_EV = 1e-5
_CASE = ("initial", "final", "crystal_field", "charge_transfer", "final_field")


def rescaled(folder: Path, at: int) -> tuple[dict[str, Any], str]:
    """The spectrum of a row of a release at the present version, and what was done for it."""
    release = _release(folder)
    row = release.spectra[at]
    try:
        return _anew(release, row)
    except OutOfRangeError:
        return row, "refused"


def _anew(release: Release, row: dict[str, Any]) -> tuple[dict[str, Any], str]:
    structure, sites, site = site_of(release, row)
    told = {"version": present_versions(ROUTE)}
    if "mixture" not in row["results"]:
        case = l23.prepare(structure, sites, site, ROUTE)
        if _same(row["parameters"], case.as_json()):
            by = case.energy_offset_ev - row["offset_ev"]
            ends = {name: row[name] + by for name in ("first_ev", "last_ev")}
            offset = {"offset_ev": case.energy_offset_ev, "offset_err": case.energy_offset_err}
            return row | told | offset | ends, "moved"
    found = routes.site_spectrum(structure, sites, site, row["edge"], ROUTE)
    parameters, results = (rounded(one, DIGITS) for one in kept(found))
    largest, curve = pack_curve(found.intensity)
    return row | told | {
        "parameters": parameters,
        "results": results,
        "offset_ev": found.energy_offset_ev,
        "offset_err": found.energy_offset_err,
        "first_ev": float(found.energy_ev[0]),
        "last_ev": float(found.energy_ev[-1]),
        "n": found.energy_ev.size,
        "largest": largest,
        "curve": curve,
    }, "solved"  # fmt: skip


@cache
def _release(folder: Path) -> Release:
    return read_release(folder)


def _same(old: Any, new: Any) -> bool:
    """Whether the parts of two cases that lines depend on are the same numbers."""
    return all(_alike(old.get(name), new.get(name)) for name in _CASE)


def _alike(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return all(_alike(old.get(name), value) for name, value in new.items())
    if old is None or new is None:
        return old is new
    shapes = np.shape(old) == np.shape(new)
    return shapes and bool(np.allclose(old, new, rtol=_SAME_EV, atol=_SAME_EV))


def rescale(folder: Path, processes: int) -> Counter[str]:
    """Write the release anew; how many spectra were moved, solved again, refused."""
    release = _release(folder)
    chosen = [
        k
        for k, row in enumerate(release.spectra)
        if row["route"] == ROUTE and row["version"] != present_versions(ROUTE)
    ]
    done: Counter[str] = Counter()
    with ProcessPoolExecutor(processes) as pool:
        found = pool.map(partial(rescaled, folder), chosen, chunksize=8)
        for k, (row, what) in zip(chosen, found, strict=True):
            release.spectra[k] = row
            done[what] += 1
    if done:
        about = {k: v for k, v in release.manifest.items() if k not in _WRITTEN}
        about["engines"] = about["engines"] | {ROUTE: present_versions(ROUTE)}
        version = release.manifest["version"]
        write_release(folder, version, release.structures, release.spectra, about)
    return done


_WRITTEN = ("format", "format_version", "version", "files")  # by write_release


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    supplements = sorted((STARTER / "supplements").iterdir())
    parser.add_argument("folders", type=Path, nargs="*", default=[STARTER, *supplements])
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    for folder in given.folders:
        done = rescale(folder, given.processes)
        counts = f"{done['moved']} moved, {done['solved']} solved again, {done['refused']} refused"
        say(f"{folder.name}: {counts}")


if __name__ == "__main__":
    main()
