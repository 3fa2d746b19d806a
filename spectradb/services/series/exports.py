"""Maps of an analysis as files: the HDF5 as it is, TIFF, CSV, a notebook."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spectradb.models import SeriesAnalysis
from spectradb.services.series.maps import opened_maps

_LINES = 2000  # of a CSV, written at once


def write_tiff(analysis: SeriesAnalysis, path: Path) -> None:
    """Every map as a page of float32, named in its description; of one axis, one line each.

    Axes before the last two follow one another as pages.

    Raises
    ------
    ReadError
        If there are no maps, or their file is damaged.
    """
    import tifffile

    with opened_maps(analysis) as maps, tifffile.TiffWriter(path) as out:
        for key in maps.keys:
            values = np.asarray(maps.get(key), np.float32)
            pages = (
                values.reshape(-1, *values.shape[-2:]) if values.ndim > 1 else values[None, None]
            )
            for k, page in enumerate(pages):
                told = {"map": key, "series": f"SDB-M{analysis.series_id}", "analysis": analysis.pk}
                if len(pages) > 1:
                    told["frame"] = k
                out.write(
                    page, description=json.dumps(told), metadata=None, photometric="minisblack"
                )


def csv_lines(analysis: SeriesAnalysis) -> Iterator[str]:
    """A line a spectrum: its place on every axis, then every map.

    Raises
    ------
    ReadError
        As :func:`write_tiff`, before the first line.
    """
    series = analysis.series
    with opened_maps(analysis) as maps:
        keys = maps.keys
        columns = [maps.get(key).ravel() for key in keys]
    heads = [
        f"{axis['name']} ({axis['unit']})" if axis["unit"] else axis["name"] for axis in series.axes
    ]
    places = [
        one.ravel()
        for one in np.meshgrid(
            *[series.axis_values(k) for k in range(len(series.axes))], indexing="ij"
        )
    ]
    yield _written([[*heads, *keys]])
    table = [*places, *columns]
    for start in range(0, series.n_spectra, _LINES):
        parts = [one[start : start + _LINES].tolist() for one in table]
        yield _written([[_number(value) for value in line] for line in zip(*parts, strict=True)])


def _number(value: float) -> str:
    return "" if value != value else f"{value:.8g}"


def _written(rows: list[list[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def notebook(analysis: SeriesAnalysis, address: str) -> dict[str, Any]:
    """A Jupyter notebook (nbformat 4.5) that draws the maps again from their HDF5.

    Parameters
    ----------
    address : str
        Of the HDF5 file of maps; without a right to it, the file is put beside the notebook.
    """
    with opened_maps(analysis) as maps:
        one_axis = len(maps.shape) < 2
    name = f"SDB-M{analysis.series_id}-analysis-{analysis.pk}.h5"
    load = (
        "import pathlib, urllib.request\n"
        "import h5py, numpy as np, matplotlib.pyplot as plt\n"
        f'path = pathlib.Path("{name}")\n'
        "if not path.exists():  # a draft asks for a key: download the file on its page instead\n"
        f'    urllib.request.urlretrieve("{address}", path)\n'
        "maps = h5py.File(path)\n"
        "{name: value for name, value in maps.attrs.items()}"
    )
    values = (
        'names = list(maps["components"])\n'
        'axes = [(maps[f"axes/{k}"].attrs["name"], maps[f"axes/{k}"].attrs["units"], '
        'maps[f"axes/{k}"][()]) for k in range(len(maps["axes"]))]\n'
        "names, [(name, unit, len(at)) for name, unit, at in axes]"
    )
    along = (
        "name, unit, at = axes[0]\n"
        "for component in names:\n"
        '    value, err = (maps[f"components/{component}/{part}"][()] '
        'for part in ("value", "err"))\n'
        "    plt.plot(at, value, label=component)\n"
        "    plt.fill_between(at, value - err, value + err, alpha=0.25)\n"
        'plt.xlabel(f"{name} ({unit})"); plt.legend(); plt.show()'
    )
    images = (
        "frame = (0,) * (len(axes) - 2)  # of the axes before the last two\n"
        "for component in names:\n"
        "    fig, both = plt.subplots(1, 2, figsize=(11, 4))\n"
        '    for ax, part in zip(both, ("value", "err")):\n'
        '        shown = ax.imshow(maps[f"components/{component}/{part}"][frame])\n'
        '        ax.set_title(f"{component}, {part}"); fig.colorbar(shown, ax=ax)\n'
        "    plt.show()"
    )
    curves = (
        'if len(maps["spectra"]):\n'
        '    plt.plot(maps["energy"][()], maps["spectra"][()].T, label=names)\n'
        '    plt.xlabel("Energy (eV)"); plt.legend(); plt.show()'
    )
    title = (
        f"# SDB-M{analysis.series_id}, analysis {analysis.pk}\n\n"
        f"Method: {analysis.method}, version {analysis.told.get('version', '')}. "
        f"SHA-256 of the maps: `{analysis.sha256}`."
    )
    sources = [load, values, along if one_axis else images, curves]
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": title}
    ]
    cells += [
        {"cell_type": "code", "id": f"cell-{k}", "metadata": {}, "execution_count": None,
         "outputs": [], "source": text}
        for k, text in enumerate(sources)
    ]  # fmt: skip
    return {
        "cells": cells,
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
