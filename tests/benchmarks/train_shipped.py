"""Train the models in the box.

    python -m tests.benchmarks.train_shipped cu_k [--kind krr-nmf] [--to FOLDER]

``cu_k`` reads the Cu K spectra of the Materials Project (FEFF 9.9.1) in the shared data, with its
own parts of materials and its scale. What is written is weights, in half the bytes; the error on
the validation part is told before and after.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.output import say
from tests.shared_data import shared_data

if TYPE_CHECKING:
    from spectradb.services.learning.training_data import TrainingRows

STARTER = Path(__file__).parents[2] / "spectradb" / "starter" / "models"
GRID = (8983.176, 9018.176, 0.25)
CU_K = {
    "source": "3,756 Cu K spectra of 1,626 crystals of the Materials Project (FEFF 9.9.1), as the "
    "OmniXAS set holds them; weights only, none of its spectra",
    "licence": "CC BY 4.0 (Materials Project)",
    "citation": "K. Mathew et al., Sci. Data 5 (2018) 180151; C. Zheng et al., Patterns 1 (2020) "
    "100013; A. Jain et al., APL Mater. 1 (2013) 011002",
    "command": "python -m tests.benchmarks.train_shipped cu_k",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cu_k"])
    parser.add_argument("--kind", default="krr-nmf")
    parser.add_argument("--landmarks", type=int, help="of kernels, at most")
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)  # the training looks for its materials among those stored
    cu_k(given.kind, given.landmarks, given.to or STARTER / "cu-k")


def cu_k(kind: str, landmarks: int | None, to: Path) -> None:
    from ml.kinds.base import FitOptions
    from ml.kinds.doors import load_model
    from spectradb.models import Quantity, Spectrum
    from spectradb.services.learning.measure import measure
    from spectradb.services.learning.selection import Selected
    from spectradb.services.learning.shipped import write_shipped
    from spectradb.services.learning.train import TrainingRequest, learn

    rows, split = cu_k_rows()
    query = {"absorber": ["Cu"], "edge": ["K"], "kind": ["theory"]}
    options = FitOptions(n_landmarks=landmarks)
    request = TrainingRequest(kind, "cu-k", query, split=split, grid=GRID, options=options)
    begun = time.perf_counter()
    selected = Selected(Spectrum.objects.none(), "Cu", "K", Quantity.NORMALISED)
    trained = learn(request, rows, selected, lambda step: say(f"{step.part} {step.text}"))
    assert trained is not None
    seconds = time.perf_counter() - begun
    size = write_shipped(trained, request, seconds, CU_K, to)
    before = trained.fields["metrics"]["val"]
    inside = np.array([split[group] == "val" for group in rows.data.groups])
    train = rows.data.rows(~inside)
    mean = np.asarray(train.target, np.float64).mean(axis=0)
    after, _ = measure(load_model(to), rows, inside, mean, set(train.systems.tolist()))
    for name, found in (("in full", before), ("shipped", after)):
        say(
            f"{name}: val MSE {found['mse']['value']:.5f}, r2_vs_mean "
            f"{found['r2_vs_mean']['value']:.3f}, captured {found['captured']['value']:.2f}"
        )
    say(f"{size / 1e6:.2f} MB, {seconds:.0f} s")


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
