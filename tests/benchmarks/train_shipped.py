"""Train the models in the box.

    python -m tests.benchmarks.train_shipped cu_k --landmarks 1500 [--kind krr-nmf] [--to FOLDER]
    python -m tests.benchmarks.train_shipped l23 --absorber Fe --landmarks 350

``cu_k`` reads the Cu K spectra of the Materials Project (FEFF 9.9.1) in the shared data, with its
own parts of materials and its scale; ``l23`` the theory release, which has been loaded. What is
written is weights, in half the bytes; the error on the validation part is told before and after.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.output import say
from tests.shared_data import shared_data

if TYPE_CHECKING:
    from ml.kinds.base import FitOptions
    from spectradb.services.learning.selection import Selected
    from spectradb.services.learning.train import TrainingRequest
    from spectradb.services.learning.training_data import TrainingRows

STARTER = Path(__file__).parents[2] / "spectradb" / "starter" / "models"
GRID = (8983.176, 9018.176, 0.25)
CU_K = {
    "source": "3,756 Cu K spectra of 1,626 crystals of the Materials Project (FEFF 9.9.1), as the "
    "OmniXAS set holds them; weights, held-out errors and three of its spectra as examples",
    "licence": "CC BY 4.0 (Materials Project)",
    "citation": "K. Mathew et al., Sci. Data 5 (2018) 180151; C. Zheng et al., Patterns 1 (2020) "
    "100013; A. Jain et al., APL Mater. 1 (2013) 011002",
    "command": "python -m tests.benchmarks.train_shipped cu_k --landmarks 1500",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cu_k", "l23"])
    parser.add_argument("--kind", default="krr-nmf")
    parser.add_argument("--absorber", default="Ni", help="of l23")
    parser.add_argument("--landmarks", type=int, help="of kernels, at most")
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)  # the training looks for its materials among those stored
    from ml.kinds.base import FitOptions

    options = FitOptions(n_landmarks=given.landmarks)
    if given.what == "cu_k":
        cu_k(given.kind, options, given.to or STARTER / "cu-k")
    else:
        name = f"l23-{given.absorber.lower()}"
        l23(given.absorber, given.kind, options, given.to or STARTER / name)


def cu_k(kind: str, options: FitOptions, to: Path) -> None:
    from spectradb.models import Quantity, Spectrum
    from spectradb.services.learning.selection import Selected
    from spectradb.services.learning.train import TrainingRequest

    rows, split = cu_k_rows()
    query = {"absorber": ["Cu"], "edge": ["K"], "kind": ["theory"]}
    request = TrainingRequest(kind, "cu-k", query, split=split, grid=GRID, options=options)
    selected = Selected(Spectrum.objects.none(), "Cu", "K", Quantity.NORMALISED)
    _train(request, rows, selected, CU_K, to)


def l23(absorber: str, kind: str, options: FitOptions, to: Path) -> None:
    from spectradb.services.learning.selection import select
    from spectradb.services.learning.train import TrainingRequest
    from spectradb.services.learning.training_data import training_rows

    query = {"absorber": [absorber], "edge": ["L23"], "kind": ["theory"]}
    selected = select(query)
    rows = training_rows(selected.spectra, normalised=selected.normalised)
    # Structures have other numbers where the model will be loaded.
    rows = replace(rows, keys=[(name, 0, site) for name, _, site in rows.keys])
    release = json.loads((STARTER.parent / "manifest.json").read_text(encoding="utf-8"))
    about = {
        "source": f"{len(rows.keys):,} {absorber} L2,3 spectra of the theory release "
        f"{release['version']} ({', '.join(release['engines'].values())})",
        "licence": release["licence"],
        "citation": release["citation"],
        "command": f"python -m tests.benchmarks.train_shipped l23 --absorber {absorber}"
        + (f" --landmarks {options.n_landmarks}" if options.n_landmarks else ""),
    }
    request = TrainingRequest(kind, f"l23-{absorber.lower()}", query, options=options)
    _train(request, rows, selected, about, to)


def _train(
    request: TrainingRequest,
    rows: TrainingRows,
    selected: Selected,
    about: dict[str, str],
    to: Path,
) -> None:
    from ml.data import split_by_material
    from ml.kinds.doors import load_model
    from spectradb.services.learning.measure import measure
    from spectradb.services.learning.shipped import write_shipped
    from spectradb.services.learning.train import learn

    begun = time.perf_counter()
    trained = learn(request, rows, selected, lambda step: say(f"{step.part} {step.text}"))
    assert trained is not None
    seconds = time.perf_counter() - begun
    size = write_shipped(trained, request, seconds, about, to)
    before = trained.fields["metrics"]["val"]
    parts = split_by_material(rows.data.groups, request.split)
    train = rows.data.rows(parts == "train")
    mean = np.asarray(train.target, np.float64).mean(axis=0)
    systems = set(train.systems.tolist())
    after, _ = measure(load_model(to), rows, parts == "val", mean, systems)
    for name, found in (("in full", before), ("shipped", after)):
        say(
            f"{name}: val MSE {found['mse']['value']:.5f}, r2_vs_mean "
            f"{found['r2_vs_mean']['value']:.3f}, captured {found['captured']['value']:.2f}"
        )
    say(f"{len(train)} rows, {size / 1e6:.2f} MB, {seconds:.0f} s")


def cu_k_rows() -> tuple[TrainingRows, dict[str, str]]:
    """Rows of the shared set on its grid and scale, and its parts by material."""
    from pymatgen.core import Element

    from ml.crystals import Crystal
    from ml.data import Dataset, resample
    from spectradb.services.learning.train import grid_of
    from spectradb.services.learning.training_data import TrainingRows

    folder, grid = shared_data("feff_cu_k"), grid_of(GRID)
    assert grid is not None
    with np.load(folder / "spectra.npz", allow_pickle=False) as file:
        kept = {
            name: file[name] for name in file.files
        }  # an array is unpacked each time it is asked
    with gzip.open(folder / "structures.jsonl.gz", "rt") as lines:
        found = {one["material_id"]: one for one in map(json.loads, lines)}
    crystals: list[Any] = []
    place: dict[str, int] = {}
    chosen, target, split = [], [], {}
    span = 0.1 * (grid[-1] - grid[0])
    for k, name in enumerate(kept["material_id"].tolist()):
        part = slice(kept["offset"][k], kept["offset"][k + 1])
        energy, mu = kept["energy"][part], kept["mu"][part]
        if energy[0] > grid[0] + span or energy[-1] < grid[-1] - span:
            continue
        if name not in place:
            one, place[name] = found[name], len(crystals)
            numbers = np.array([Element(symbol).Z for symbol in one["species"]], np.int64)
            crystals.append(Crystal(np.array(one["lattice"]), numbers, np.array(one["frac"]), name))
        chosen.append((name, 0, int(kept["site"][k])))
        target.append(kept["scale"][k] * resample(energy, mu, grid))
        split[name] = str(kept["split"][k])
    data = Dataset(
        grid,
        crystals,
        np.array([place[name] for name, _, _ in chosen]),
        np.array([site for _, _, site in chosen]),
        np.array(target, np.float32),
    )
    numbers = list(range(len(chosen)))
    return TrainingRows(data, chosen, data.content_hash(), {}, numbers), split


if __name__ == "__main__":
    main()
