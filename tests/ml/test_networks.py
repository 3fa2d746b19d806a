"""Networks: what must not change, and that they learn."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ml.cgcnn import STEP, CgcnnNetwork, CgcnnSize, GatedConv, build_graph, collate, gaussians
from ml.crystals import Crystal
from ml.data import (
    Dataset,
    common_grid,
    folds_of,
    material_weights,
    split_by_material,
)
from ml.distributed import group
from ml.errors import LearningError
from ml.features import describe_rows
from ml.inputs import Inputs
from ml.kinds import trained_kind
from ml.kinds.base import FitOptions
from ml.kinds.doors import fit_model
from ml.kinds.krr_nmf import KrrNmf
from ml.kinds.mlp import Mlp, MlpSize
from ml.metrics import coverage
from ml.output import Basis, Mixing, shifted
from ml.surroundings import every_atom
from ml.training import TrainingConfig, pick_device
from ml.tuning import tune
from tests.ml.samples import GRID, halides, random_crystal


def untrained() -> CgcnnNetwork:
    torch.manual_seed(0)
    target = np.random.default_rng(0).random((50, GRID.size), np.float32)
    return CgcnnNetwork(Basis.of(target), CgcnnSize()).eval()


def test_relabelling_atoms_relabels_the_output() -> None:
    conv = GatedConv(4, 3)
    atoms, bonds = torch.randn(5, 4), torch.randn(6, 3)
    edges, order = torch.randint(0, 5, (2, 8)), torch.randperm(5)
    kinds = torch.randint(0, 6, (8,)), torch.rand(8)
    moved = conv(atoms[order], bonds, order.argsort()[edges], *kinds)
    torch.testing.assert_close(moved, conv(atoms, bonds, edges, *kinds)[order])


def test_a_crystal_alone_and_in_a_batch_gives_the_same_spectrum() -> None:
    network = untrained()
    graphs = [build_graph(random_crystal(seed, 4)) for seed in range(3)]
    together = network(collate(graphs, [[0], [1, 3], [2]]))
    alone = network(collate([graphs[1]], [[3]]))
    torch.testing.assert_close(together[2], alone[0], atol=1e-5, rtol=1e-4)


def test_a_supercell_gives_the_same_spectrum() -> None:
    network = untrained()
    data = halides(1)
    small = data.crystals[0]
    doubled = Crystal(
        small.lattice * np.array([[2.0], [1.0], [1.0]]),
        np.tile(small.numbers, 2),
        np.concatenate([small.frac, small.frac + [1, 0, 0]]) / [2, 1, 1],
    )
    a = network(collate([build_graph(small)], [[0]]))
    b = network(collate([build_graph(doubled)], [[0]]))
    torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_a_lonely_atom_still_has_a_neighbour() -> None:
    crystal = Crystal(np.eye(3) * 12.0, np.array([29]), np.zeros((1, 3)))
    assert STEP * build_graph(crystal).length.min() == pytest.approx(12.0)


def test_far_neighbours_are_small_but_no_subnormal_numbers() -> None:
    away = torch.linspace(-40.0, 40.0, 400, dtype=torch.float32)
    found = gaussians(away)
    exact = torch.exp(-0.5 * away.double() ** 2)
    assert float((found - exact).abs().max()) < 2e-7  # of single precision
    assert float(found.min()) > 1e-12


def test_what_is_mixed_lies_between_two_rows() -> None:
    torch.manual_seed(0)
    mixing = Mixing.drawn(50, 0.2, torch.device("cpu"))
    assert mixing.share.min() >= 0.5
    assert mixing.share.max() <= 1.0
    rows = torch.arange(50.0)[:, None] * torch.ones(1, 3)
    expected = mixing.share * rows + (1 - mixing.share) * mixing.partner[:, None]
    torch.testing.assert_close(mixing.of(rows), expected)


def test_a_network_answers_for_what_lies_between_two_rows() -> None:
    data = halides(12)
    inputs = Inputs.prepare(data, Mlp.sees.of(data))
    network = Mlp.network(inputs, Basis.of(data.target), MlpSize(hidden=16)).eval()
    (batch,) = inputs.batches(data, None, None, 12)(None)
    mixing = Mixing(torch.full((12, 1), 0.7), torch.arange(12).flip(0))
    rows = batch.inputs
    assert isinstance(rows, torch.Tensor)
    between = network(0.7 * rows + 0.3 * rows.flip(0))
    torch.testing.assert_close(network(rows, mixing), between)


def test_shifting_by_whole_steps_moves_the_curve() -> None:
    curve = torch.randn(2, 30)
    moved = shifted(curve, torch.tensor([[3.0], [-2.0]]))
    torch.testing.assert_close(moved[0, 3:], curve[0, :-3])
    torch.testing.assert_close(moved[1, :-2], curve[1, 2:])


@pytest.mark.parametrize("kind", ["mlp", "cgcnn", pytest.param("ace", marks=pytest.mark.slow)])
def test_an_ensemble_learns(kind: str) -> None:
    data = halides(90)
    chosen = trained_kind(kind)
    config = replace(
        chosen.defaults(data, FitOptions(n_members=2)),
        batch_size=16,
        training=TrainingConfig(epochs=20, learning_rate=4e-3),
    )
    model = chosen.fit(data, config)
    new = halides(60, seed=1)
    predicted = model.predict(new)
    truth = new.target.astype(np.float64)
    mean = data.target.mean(axis=0)
    explained = 1 - ((predicted.mean - truth) ** 2).sum() / ((mean - truth) ** 2).sum()
    assert explained > 0.8
    assert 0.5 < coverage(truth, predicted.mean, predicted.sigma, 0.68) < 0.9


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("kind", ["mlp", "cgcnn", "ace"])
def test_many_rows_are_answered_on_the_device_as_on_the_cpu(
    kind: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = halides(40)
    model = fit_model(kind, data, FitOptions(0, device, 1, 2), lambda step: None)
    asked: list[str] = []

    def pick(name: str) -> torch.device:
        asked.append(name)
        return torch.device("cpu" if name == "cpu" else device)

    monkeypatch.setattr("ml.kinds.networks.pick_device", pick)
    alone = model.predict(data)
    monkeypatch.setattr("ml.kinds.networks._MANY", 40)
    together = model.predict(data)
    assert asked == ["cpu", "auto"]
    np.testing.assert_allclose(together.mean, alone.mean, atol=1e-4)
    np.testing.assert_allclose(together.sigma, alone.sigma, rtol=1e-2)


def test_a_search_goes_on_where_it_stopped_and_beats_its_first_trial(tmp_path: Path) -> None:
    data = replace(halides(40), cache=tmp_path)  # described once for all trials
    options = FitOptions(epochs=3, n_members=2)
    first = tune(KrrNmf, data, options, 2, tmp_path / "s.sqlite3", "study")
    more = tune(KrrNmf, data, options, 6, tmp_path / "s.sqlite3", "study")
    assert len(first.trials) == 2
    assert len(more.trials) == 6
    assert more.trials[:2] == first.trials
    assert more.value <= first.value
    assert set(more.importance) <= {"n_components", "alpha", "gamma"}


def test_a_search_on_other_rows_or_with_other_settings_is_another(tmp_path: Path) -> None:
    """Their errors cannot be compared: a part that is easier would win for ever."""
    data = replace(halides(40), cache=tmp_path)
    options = FitOptions(epochs=3, n_members=2)
    store = tmp_path / "s.sqlite3"
    tune(KrrNmf, data, options, 2, store, "study")
    assert len(tune(KrrNmf, data.rows(np.arange(30)), options, 1, store, "study").trials) == 1
    landmarks = replace(options, n_landmarks=20)
    assert len(tune(KrrNmf, data, landmarks, 1, store, "study").trials) == 1


@pytest.mark.slow
def test_hopeless_trials_are_given_up(tmp_path: Path) -> None:
    data = replace(halides(40), cache=tmp_path)  # described once for all trials
    options = FitOptions(epochs=24, n_members=2)
    found = tune(Mlp, data, options, 9, tmp_path / "s.sqlite3", "study")
    states = {trial["state"] for trial in found.trials}
    assert "PRUNED" in states
    assert "COMPLETE" in states


@pytest.mark.parametrize(("kind", "share"), [("krr-nmf", 0.05), ("mlp", 0.2), ("ace", 0.2)])
def test_the_valence_is_learnt_from_where_the_data_tell_it(kind: str, share: float) -> None:
    """The line follows a charge that no other descriptor shows."""
    data = halides(60)
    charge = np.random.default_rng(5).choice([2.0, 3.0], 60)
    line = 1 / (1 + (GRID - 5 * charge[:, None]) ** 2)
    told = replace(data, target=line.astype(np.float32), valence=charge)
    rest, out = np.arange(40), np.arange(40, 60)
    model = fit_model(kind, told.rows(rest), FitOptions(n_members=2), lambda step: None)
    error = model.predict(told.rows(out)).mean - line[out]
    assert (error**2).sum() < share * ((line[out] - line[rest].mean(axis=0)) ** 2).sum()
    with pytest.raises(LearningError, match="oxidation states"):
        model.predict(replace(told, valence=None))


def test_a_material_is_never_divided() -> None:
    groups = np.repeat([f"mp-{i}" for i in range(200)], 3)
    labels = split_by_material(groups)
    assert all(len(set(labels[3 * i : 3 * i + 3])) == 1 for i in range(200))
    assert 0.7 < (labels == "train").mean() < 0.9


def in_systems(numbers: list[tuple[int, ...]]) -> Dataset:
    """A row of a crystal of each set of elements."""
    crystals = [
        Crystal(
            5 * np.eye(3), np.array(some), np.arange(3 * len(some)).reshape(-1, 3) / 20, f"m{k}"
        )
        for k, some in enumerate(numbers)
    ]
    n = len(crystals)
    return Dataset(
        GRID, crystals, np.arange(n), np.zeros(n, np.int64), np.zeros((n, GRID.size), np.float32)
    )


def test_folds_are_by_chemical_system_where_there_are_enough() -> None:
    data = in_systems([(29, 8, 10 + k // 3) for k in range(60)])  # 20 systems of 3 materials
    folds, by = folds_of(data, 5)
    assert by == "system"
    assert all(len(set(folds[data.systems == one])) == 1 for one in data.systems)
    assert np.bincount(folds).tolist() == [12] * 5


def test_few_and_many_folds_keep_the_same_whole() -> None:
    """A tenth of the rows and more are of one system, as in the Cu K set: it fills a fold of ten
    alone, and kinds of five and of ten folds are weighed in one mixture."""
    data = in_systems([(29, 8, 10 + max(k - 8, 0) // 2) for k in range(60)])
    assert {folds_of(data, n)[1] for n in (2, 5, 10)} == {"system"}
    assert np.bincount(folds_of(data, 10)[0]).max() == 10  # the others have six at most
    assert folds_of(in_systems([(29, 8, 10 + max(k - 20, 0)) for k in range(60)]), 2)[1] != "system"


def test_folds_are_by_formula_or_material_where_systems_are_few() -> None:
    by_formula = in_systems([(29, *[8] * (1 + k // 2)) for k in range(60)])
    assert folds_of(by_formula, 5)[1] == "formula"
    folds, by = folds_of(halides(30), 5)
    assert by == "material"
    assert np.bincount(folds).tolist() == [6] * 5


def test_too_few_materials_are_told_with_the_part_that_counts() -> None:
    with pytest.raises(LearningError, match="materials: in the training part; 5-fold"):
        folds_of(halides(3), 5)


def test_ranges_without_overlap_are_refused() -> None:
    with pytest.raises(LearningError, match="share no energy range"):
        common_grid([(0.0, 10.0), (20.0, 30.0)], 0.25)


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(tmp_path: Path) -> None:
    script = tmp_path / "fit.py"
    script.write_text(
        "import sys\n"
        "import numpy as np\n"
        "from ml import distributed\n"
        "from ml.cgcnn import CgcnnSize\n"
        "from ml.kinds.cgcnn import Cgcnn\n"
        "from ml.kinds.networks import NetworkConfig\n"
        "from ml.training import TrainingConfig, pick_device\n"
        "from tests.ml.samples import halides\n"
        "size = CgcnnSize(dropout=0.0, atom_dim=8, hidden=16)\n"
        "config = NetworkConfig(size, 2, 8, TrainingConfig(epochs=2, mixup=0.0), 'cpu')\n"
        "with distributed.group():\n"
        "    mean = Cgcnn.fit(halides(23), config).predict(halides(5, seed=1)).mean\n"
        "    np.save(f'{sys.argv[1]}-{distributed.rank()}-{distributed.world_size()}.npy', mean)\n"
    )
    place = str(tmp_path / "mean")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    for command in ([sys.executable], [*torchrun, "--nproc-per-node", "2"]):
        subprocess.run([*command, str(script), place], check=True, env=environment, timeout=600)
    alone = np.load(f"{place}-0-1.npy")
    for rank in (0, 1):
        np.testing.assert_allclose(np.load(f"{place}-{rank}-2.npy"), alone, rtol=1e-3, atol=1e-4)


def test_a_mixture_fits_only_what_was_not_fitted_before(tmp_path: Path) -> None:
    data = replace(halides(40), cache=tmp_path)
    options = FitOptions(epochs=1, n_members=2)
    seen: list[str] = []
    fit_model("mlp", data, options, lambda step: None)
    fit_model("mixed", data, options, lambda step: seen.append(step.part))
    assert "mlp" not in seen
    assert "ace" in seen


def test_every_material_counts_alike() -> None:
    weights = material_weights(["a", "a", "a", "b"])
    np.testing.assert_allclose(weights, [2 / 3, 2 / 3, 2 / 3, 2])


@pytest.mark.parametrize("name", ["quantum", "cuda:99", ""])
def test_a_device_that_is_not_here_is_refused_by_name(name: str) -> None:
    with pytest.raises(LearningError, match="device: cannot be used here"):
        pick_device(name)


def test_more_processes_than_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for name, value in (("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(LearningError, match="share 1 CUDA devices"), group():
        pass


def test_descriptors_are_computed_once_for_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = replace(halides(6), cache=tmp_path)
    first = describe_rows(data, ("rdf",))["rdf"]
    monkeypatch.setattr("ml.features.describe", None)
    np.testing.assert_array_equal(describe_rows(data, ("rdf",))["rdf"], first)
    with pytest.raises(TypeError):  # other rows are not in the cache
        describe_rows(data.rows(np.arange(3)), ("rdf",))


def test_blocks_of_a_potential_come_of_states_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every atom they are asked for once, and are those of the block made alone."""
    data = halides(6)
    asked: list[int] = []

    def embed(potential: str, crystals: Sequence[Crystal]) -> Iterator[NDArray[np.float32]]:
        asked.append(len(crystals))
        for crystal in crystals:
            yield np.outer(crystal.numbers + crystal.lattice[0, 1], [1, 2]).astype(np.float32)

    monkeypatch.setattr("ml.pretrained.embed", embed)
    alone = describe_rows(data, ("chgnet",))["chgnet"]
    kept = replace(data, cache=tmp_path)
    np.testing.assert_array_equal(describe_rows(kept, ("chgnet",))["chgnet"], alone)
    describe_rows(every_atom(kept), ("chgnet-atom",))
    assert asked == [6, 6]


def test_rows_that_are_every_atom_do_not_wait_for_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embed(potential: str, crystals: Sequence[Crystal]) -> Iterator[NDArray[np.float32]]:
        return (crystal.numbers[:, None].astype(np.float32) for crystal in crystals)

    def refused(file: Any, how: int) -> None:
        flock(file, how | fcntl.LOCK_NB)

    flock = fcntl.flock
    monkeypatch.setattr("ml.pretrained.embed", embed)
    monkeypatch.setattr(fcntl, "flock", refused)  # who would wait raises
    data = replace(every_atom(halides(3)), cache=tmp_path)
    assert describe_rows(data, ("chgnet",))["chgnet"].shape == (6, 3)


def test_rows_without_order_get_their_own_descriptors() -> None:
    data = halides(7)
    order = np.array([4, 0, 6, 2])
    np.testing.assert_array_equal(
        describe_rows(data.rows(order), ("rdf",))["rdf"],
        describe_rows(data, ("rdf",))["rdf"][order],
    )


def test_descriptors_do_not_depend_on_how_many_are_made_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = halides(9)
    whole = describe_rows(data, ("rdf", "bonds"))
    monkeypatch.setattr("ml.features._CHUNK", 2)
    parts = describe_rows(replace(data, cache=tmp_path), ("rdf", "bonds"))
    for block, values in whole.items():
        np.testing.assert_array_equal(parts[block], values)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".lock"}


def test_a_lone_atom_in_a_box_is_learnt_from_and_predicted() -> None:
    data = halides(30)
    lone = Crystal(np.eye(3) * 20.0, np.array([29]), np.zeros((1, 3)), "lone")
    both = replace(
        data,
        crystals=[*data.crystals, lone],
        crystal_of=np.append(data.crystal_of, len(data.crystals)),
        site=np.append(data.site, 0),
        target=np.concatenate([data.target, data.target[:1]]),
        valence=None,
    )
    model = KrrNmf.fit(both, KrrNmf.defaults(both, FitOptions()))
    alone = both.rows(np.array([len(data)]))
    assert np.isfinite(model.predict(alone).mean).all()
