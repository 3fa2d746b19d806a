"""SevenNet-0: our layers, its weights; and what of a file of weights is opened."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ml import pretrained
from ml.crystals import Crystal
from ml.errors import LearningError
from ml.pretrained import batches, sevennet, sevennet_network
from ml.pretrained.sevennet_network import CHANNELS, LAYERS, SevenNet
from tests.ml.pretrained.test_pretrained import crystal
from tests.ml.samples import lonely, rotation

REFERENCE = Path(__file__).with_name("sevenn_energies.json")
"""Of :func:`crystal` 0 … 3 and an atom alone, by sevenn 0.13.0."""
_PYTHON = os.environ.get("SEVENN_PYTHON")
needs_weights = (
    pytest.mark.slow,
    pytest.mark.skipif(not pretrained.is_available("sevennet"), reason="needs sevennet"),
)


def crystals() -> list[Crystal]:
    return [*(crystal(seed) for seed in range(4)), lonely()]


class _Thing:
    """Something that a file of numbers does not hold."""

    def __reduce__(self) -> Any:
        return os.getpid, ()


def network(device: str = "cpu") -> SevenNet:
    """The layers with random weights."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=shape).astype(np.float32))

    n = 60  # elements
    sizes = {"onehot_to_feature_x": n * 128}
    weights = {
        "edge_embedding.basis_function.coeffs": torch.pi / 5 * torch.arange(1.0, 9.0),
        "reduce_input_to_hidden.linear.weight": normal(128 * 64),
        "reduce_hidden_to_energy.linear.weight": normal(64),
        "rescale_atomic_energy.scale": normal(n),
        "rescale_atomic_energy.shift": normal(n),
    }
    for layer in range(LAYERS):
        state = CHANNELS if layer else CHANNELS[:1]
        made = CHANNELS if layer < LAYERS - 1 else CHANNELS[:1]
        paths, heard = sevennet_network._paths(len(state), len(made) - 1)
        widths = (128 + sum(made[1:]), *made[1:])
        name = f"{layer}_convolution"
        sizes |= {
            f"{layer}_self_connection_intro": _dense(state, widths),
            f"{layer}_self_interaction_1": _dense(state, state),
            f"{layer}_self_interaction_2": _dense(heard, widths),
        }
        total = paths[-1][-1].weights.stop
        for k, shape in enumerate(((8, 64), (64, 64), (64, total))):
            weights[f"{name}.weight_nn.layer{k}.weight"] = normal(*shape)
        weights[f"{name}.denominator"] = torch.tensor([4.0])
        for l in range(len(state)):
            for path in paths[l]:
                if min(l, path.l_edge, path.l_out) > 0:
                    place = f"{name}.convolution._compiled_main_left_right"
                    three = l, path.l_edge, path.l_out
                    weights[f"{place}._w3j_{l}_{path.l_edge}_{path.l_out}"] = _coupling(*three)
    weights |= {f"{name}.linear.weight": normal(size) for name, size in sizes.items()}
    return SevenNet(weights, {z: z - 1 for z in range(1, n + 1)}, torch.device(device))


def _dense(rows: Any, columns: Any) -> int:
    return sum(a * b for a, b in zip(rows, columns, strict=False))


def _coupling(*three: int) -> torch.Tensor:
    """The one tensor of unit length that no rotation changes: of a matrix that turns it by two
    rotations and takes itself away, the last right singular vector."""
    rows = []
    for seed in (1, 2):
        a, b, c = (_turn(l, rotation(seed)) for l in three)
        whole = np.einsum("ai,bj,ck->abcijk", a, b, c)
        size = a.shape[0] * b.shape[0] * c.shape[0]
        rows.append(whole.reshape(size, size) - np.eye(size))
    *_, last = np.linalg.svd(np.concatenate(rows))[2]
    shape = [2 * l + 1 for l in three]
    return torch.from_numpy(last.reshape(shape).astype(np.float32))


def _turn(l: int, matrix: np.ndarray) -> np.ndarray:
    """(2l + 1, 2l + 1) of a rotation, from what it does to the harmonics of many directions."""
    points = np.random.default_rng(0).normal(size=(1, 50, 3))
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    before, after = (
        sevennet_network._harmonics(torch.from_numpy(p))[l][0].numpy()
        for p in (points, points @ matrix)
    )
    return np.asarray(np.linalg.lstsq(before, after, rcond=None)[0].T)


@pytest.fixture
def random_weights(monkeypatch: pytest.MonkeyPatch) -> SevenNet:
    made = network()
    monkeypatch.setattr(sevennet, "_model", lambda: made)
    return made


@pytest.mark.usefixtures("random_weights")
def test_no_rotation_changes_the_states_whatever_the_weights() -> None:
    one = crystal(1)
    turned = Crystal(one.lattice @ rotation(5), one.numbers, one.frac)
    a, b = sevennet.embed([one, turned])
    assert a.std(axis=0).max() > 0.1
    np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("random_weights")
def test_states_are_in_the_order_of_the_atoms_and_of_the_crystals() -> None:
    one, order = crystal(1), np.array([3, 1, 0, 4, 2])
    moved = Crystal(one.lattice, one.numbers[order], one.frac[order] - 0.6)
    a, alone, b = sevennet.embed([one, lonely(), moved])
    assert len(alone) == 1
    np.testing.assert_allclose(b, a[order], rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("random_weights")
def test_bonds_by_parts_give_the_same_states(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(sevennet.embed(crystals()))
    monkeypatch.setattr(sevennet_network, "_BONDS", 7)
    monkeypatch.setattr(batches, "_ATOMS", 3)
    for a, b in zip(sevennet.embed(crystals()), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("random_weights")
def test_a_state_fades_as_a_neighbour_leaves_the_cutoff() -> None:
    """Two atoms in a large cell: at 5 Å they are as alone as beyond."""

    def pair(apart: float) -> Crystal:
        return Crystal(
            14.0 * np.eye(3), np.array([29, 8]), np.array([[0, 0, 0], [apart, 0, 0]]) / 14
        )

    near, edge, beyond = sevennet.embed([pair(2.0), pair(4.9999), pair(5.5)])
    np.testing.assert_allclose(edge, beyond, atol=1e-3)
    assert np.abs(near - beyond).max() > 0.01


@pytest.mark.usefixtures("random_weights")
def test_an_element_that_was_not_trained_on_is_named() -> None:
    with pytest.raises(LearningError, match=r"elements.*85"):
        list(sevennet.embed([replace(lonely(), numbers=np.array([85]))]))


@pytest.mark.gpu
def test_states_on_the_device_are_those_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for device in ("cpu", "cuda"):
        made = network(device)
        monkeypatch.setattr(sevennet, "_model", lambda made=made: made)
        found.append(list(sevennet.embed(crystals())))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-3)


def test_a_file_that_names_code_is_refused_and_none_of_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"model_state_dict": {}, "config": {"shift": _Thing()}}, path)
    with pytest.raises(LearningError, match="holds more than numbers") as told:
        sevennet.read_checkpoint(path)
    assert "getpid" in str(told.value)


def test_numbers_and_texts_of_a_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({"config": {"shift": np.arange(3.0), "cutoff": 5.0}, "w": torch.ones(2)}, path)
    found = sevennet.read_checkpoint(path)
    np.testing.assert_array_equal(found["config"]["shift"], [0, 1, 2])


def test_other_weights_of_the_same_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({}, path)
    monkeypatch.setattr(sevennet, "_weights", lambda: path)
    monkeypatch.setattr(sevennet, "_model", sevennet._model.__wrapped__)
    with pytest.raises(LearningError, match="SHA-256"):
        list(sevennet.embed([lonely()]))


@pytest.mark.parametrize(
    "of",
    [
        pytest.param("reference", marks=needs_weights),
        pytest.param(
            "package",
            marks=(*needs_weights, pytest.mark.skipif(not _PYTHON, reason="needs SEVENN_PYTHON")),
        ),
    ],
)
def test_energies_are_those_of_the_package(of: str) -> None:
    told = REFERENCE.read_text(encoding="utf-8")
    if of == "package":
        told = _of_package()
    for one, expected in zip(crystals(), json.loads(told), strict=True):
        np.testing.assert_allclose(sevennet.energies(one), expected, atol=1e-5)


def _of_package() -> str:
    """Energies by ``sevenn`` itself, in a Python of its own."""
    asked = [
        {name: getattr(one, name).tolist() for name in ("lattice", "numbers", "frac")}
        for one in crystals()
    ]
    assert _PYTHON is not None
    return subprocess.run(
        [_PYTHON, Path(__file__).with_name("sevenn_energies.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
