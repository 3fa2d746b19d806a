"""What every pretrained potential that is installed keeps to."""

from __future__ import annotations

import numpy as np
import pytest

from ml import pretrained
from ml.crystals import Crystal
from ml.data import Dataset
from ml.errors import LearningError
from ml.inputs import Inputs, Sees
from ml.kinds import KINDS, default_kind, kind_class
from ml.kinds.base import FitOptions
from ml.kinds.doors import fit_model
from ml.pretrained import POTENTIALS, atom_block, describe, embed
from tests.ml.samples import GRID, halides, lonely, rotation

installed = [
    pytest.param(
        name,
        marks=(
            pytest.mark.slow,
            pytest.mark.skipif(not pretrained.is_available(name), reason=f"needs {name}"),
        ),
    )
    for name in POTENTIALS
]


def crystal(seed: int) -> Crystal:
    """A distorted cell of a ternary oxide, bonds as in a solid."""
    rng = np.random.default_rng(seed)
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    lattice = 3.9 * np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3))
    frac = np.array(places) + rng.uniform(-0.04, 0.04, (5, 3))
    return Crystal(lattice, np.array([56, 29, 8, 8, 8]), frac, f"perovskite {seed}")


@pytest.mark.parametrize(
    ("potential", "kind", "command"),
    [
        ("chgnet", "chgnet-mlp", "pip install chgnet"),
        ("sevennet", "sevennet-mlp", "pip install --no-deps -r requirements-sevennet.txt"),
    ],
)
def test_without_the_package_its_kinds_say_how_to_get_it(
    potential: str, kind: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pretrained._module(potential)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(module, "_model", module._model.__wrapped__)
    assert not pretrained.is_available(potential)
    with pytest.raises(LearningError, match=command):
        fit_model(kind, halides(30), FitOptions(epochs=1, n_members=2), lambda step: None)


@pytest.mark.parametrize("here", [(), ("chgnet",), ("sevennet",), POTENTIALS])
def test_the_default_kind_needs_what_is_here_alone(
    here: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "is_available", lambda name: name in here)
    needs = kind_class(default_kind()).needs
    assert set(needs) <= set(here)
    assert bool(needs) == bool(here)


def test_a_kind_needs_what_it_is_made_of() -> None:
    for name in KINDS:
        one = kind_class(name)
        inside = {need for part in getattr(one, "made_of", ()) for need in kind_class(part).needs}
        assert inside <= set(one.needs)


@pytest.mark.parametrize("potential", installed)
def test_a_rotated_crystal_has_the_same_states(potential: str) -> None:
    one = crystal(3)
    turned = Crystal(one.lattice @ rotation(0), one.numbers, one.frac)
    a, b = describe(potential, [one, turned], [[1, 2], [1, 2]]).reshape(2, 2, -1)
    np.testing.assert_allclose(a, b, atol=2e-3)
    assert np.abs(a[0] - a[1]).max() > 0.01


@pytest.mark.parametrize("potential", installed)
def test_relabelled_moved_and_doubled_atoms_have_the_same_states(potential: str) -> None:
    one, order = crystal(4), np.array([3, 1, 0, 4, 2])
    moved = Crystal(one.lattice, one.numbers[order], one.frac[order] + 0.37)
    half = one.frac / [1, 1, 2]
    doubled = Crystal(
        one.lattice * [[1], [1], [2]],
        np.tile(one.numbers, 2),
        np.concatenate([half, half + [0, 0, 0.5]]),
    )
    expected, again, large = embed(potential, [one, moved, doubled])
    np.testing.assert_allclose(again, expected[order], atol=2e-3)
    np.testing.assert_allclose(large, np.tile(expected, (2, 1)), atol=2e-3)


@pytest.mark.parametrize("potential", installed)
def test_crystals_in_one_batch_do_not_see_each_other(potential: str) -> None:
    crystals = [crystal(seed) for seed in range(3)]
    together = list(embed(potential, crystals))
    (alone,) = embed(potential, [crystals[1]])
    np.testing.assert_allclose(together[1], alone, atol=1e-3)


@pytest.mark.parametrize("potential", installed)
def test_an_atom_without_neighbours_has_states(potential: str) -> None:
    assert np.isfinite(describe(potential, [lonely()], [[0]])).all()


@pytest.mark.parametrize("potential", installed)
def test_atoms_of_new_rows_are_put_on_the_scale_of_the_training_rows(potential: str) -> None:
    crystals = [crystal(k) for k in range(4)]
    rows = np.arange(4)
    data = Dataset(GRID, crystals, rows, rows % 3, np.ones((4, GRID.size), np.float32))
    inputs = Inputs.prepare(data, Sees((atom_block(potential),), around=True))
    again = inputs.again(data.rows(np.array([2])))
    assert inputs.described is not None
    assert again.described is not None
    np.testing.assert_allclose(again.described.matrix, inputs.described.matrix[10:15], atol=1e-3)
