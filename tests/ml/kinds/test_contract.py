"""What every kind of model keeps to: a new one is tested here as soon as it is registered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.crystals import Crystal
from ml.data import Dataset
from ml.errors import LearningError
from ml.kinds import EVERY_KIND, KINDS, kind_class, trained_kind
from ml.kinds.base import FitOptions, Model, Trained
from ml.kinds.doors import fit_model, load_model
from tests.ml.kinds.models import data, every_kind, fitted, silent
from tests.ml.kinds.numbers import NUMBERS, numbers_of
from tests.ml.samples import (
    GRID,
    halides,
    lonely,
    mixed_octahedron,
    random_crystal,
    rotation,
)

Fitted = Callable[[str], Model]


@pytest.fixture(scope="module")
def model_of(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Each kind's model, fitted once."""
    cache = tmp_path_factory.mktemp("cache")
    made: dict[str, Model] = {}

    def of(kind: str) -> Model:
        if kind not in made:
            made[kind] = fitted(kind, cache)
        return made[kind]

    return of


def about(*crystals: Crystal, site: int = 0) -> Dataset:
    """Rows to predict, one of each crystal."""
    rows = np.arange(len(crystals))
    sites = np.full(len(crystals), site, np.int64)
    empty = np.zeros((len(crystals), GRID.size), np.float32)
    return Dataset(GRID, list(crystals), rows, sites, empty)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_its_class_bears_its_name_and_a_version(kind: str) -> None:
    found = kind_class(kind)
    assert found.kind == kind
    assert found.version >= 1
    assert issubclass(found, Trained) == (kind in KINDS)


@pytest.mark.parametrize("kind", every_kind())
def test_its_predictions_are_spectra_with_error_bars_and_trust(kind: str, model_of: Fitted) -> None:
    model, new = model_of(kind), halides(5, seed=1)
    found = model.predict(new)
    assert found.mean.shape == found.sigma.shape == (5, model.energy_ev.size)
    assert np.isfinite(found.mean).all()
    assert found.mean.min() >= 0
    assert found.sigma.min() > 0
    assert ((found.trust >= 0) & (found.trust <= 1)).all()
    assert ((found.neighbours >= 0) & (found.neighbours < len(data()))).all()


@pytest.mark.parametrize("kind", every_kind())
def test_it_is_the_same_when_loaded(kind: str, model_of: Fitted, tmp_path: Path) -> None:
    model, new = model_of(kind), halides(5, seed=1)
    model.save(tmp_path)
    again = load_model(tmp_path)
    assert type(again) is type(model)
    assert again.code_version() == model.code_version()
    assert again.figures() == model.figures()
    assert again.losses() == model.losses()
    np.testing.assert_allclose(again.energy_ev, model.energy_ev)
    one, two = model.predict(new), again.predict(new)
    for name in ("mean", "sigma", "trust", "spread"):
        np.testing.assert_allclose(
            getattr(two, name), getattr(one, name), rtol=1e-5, atol=1e-6, err_msg=name
        )
    np.testing.assert_array_equal(two.neighbours, one.neighbours)
    rows = np.arange(3)
    np.testing.assert_allclose(
        again.validation.of_training_rows(rows).sigma,
        model.validation.of_training_rows(rows).sigma,
        rtol=1e-5,
    )


@pytest.fixture(scope="module")
def second_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where nothing is yet."""
    return tmp_path_factory.mktemp("second")


@pytest.mark.parametrize("kind", every_kind())
def test_its_seed_reproduces_it(kind: str, model_of: Fitted, second_cache: Path) -> None:
    new = halides(5, seed=1)
    again = fitted(kind, second_cache)
    np.testing.assert_allclose(again.predict(new).mean, model_of(kind).predict(new).mean, atol=1e-6)


@pytest.mark.parametrize("kind", every_kind())
def test_turning_the_crystal_changes_nothing(kind: str, model_of: Fitted) -> None:
    crystal = random_crystal(7, 5)
    turned = Crystal(crystal.lattice @ rotation(1), crystal.numbers, crystal.frac)
    found = model_of(kind).predict(about(crystal, turned, site=2)).mean
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)


@pytest.mark.parametrize("kind", every_kind())
def test_relabelling_and_moving_the_atoms_changes_nothing(kind: str, model_of: Fitted) -> None:
    crystal = random_crystal(8, 5)
    order = np.array([3, 1, 0, 2, 4])
    moved = Crystal(crystal.lattice, crystal.numbers[order], crystal.frac[order] + 0.37)
    model = model_of(kind)
    np.testing.assert_allclose(
        model.predict(about(moved, site=2)).mean,
        model.predict(about(crystal, site=0)).mean,
        atol=1e-4,
    )


@pytest.mark.parametrize("kind", every_kind())
def test_unlike_neighbours_at_one_distance_have_no_order(kind: str, model_of: Fitted) -> None:
    moved = mixed_octahedron((0, 6, 5, 4, 3, 2, 1))
    found = model_of(kind).predict(about(mixed_octahedron(), moved)).mean
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)


@pytest.mark.parametrize("kind", every_kind())
def test_another_environment_has_another_spectrum(kind: str, model_of: Fitted) -> None:
    new = halides(5, seed=1)
    assert model_of(kind).predict(new).mean.std(axis=0).max() > 1e-3


@pytest.mark.parametrize("kind", every_kind())
def test_a_row_alone_and_among_others_has_the_same_prediction(kind: str, model_of: Fitted) -> None:
    model, new = model_of(kind), halides(5, seed=1)
    order = np.array([4, 2, 0, 3, 1])
    together, alone = model.predict(new), model.predict(new.rows(np.array([2])))
    np.testing.assert_allclose(alone.mean[0], together.mean[2], atol=1e-5)
    np.testing.assert_allclose(alone.sigma[0], together.sigma[2], rtol=1e-3)
    np.testing.assert_allclose(model.predict(new.rows(order)).mean, together.mean[order], atol=1e-5)


@pytest.mark.parametrize("kind", every_kind())
def test_an_atom_without_neighbours_has_a_spectrum(kind: str, model_of: Fitted) -> None:
    found = model_of(kind).predict(about(lonely()))
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.sigma).all()


@pytest.mark.parametrize("kind", every_kind(KINDS))
def test_one_material_is_refused(kind: str) -> None:
    """Nothing of it could be held out to tell how wrong the model is."""
    one = data().crystals[0]
    rows = np.zeros(30, np.int64)
    alike = Dataset(GRID, [one], rows, rows, np.ones((30, GRID.size), np.float32))
    with pytest.raises(LearningError, match="materials"):
        fit_model(kind, alike, FitOptions(epochs=1, n_members=2), silent)


@pytest.mark.parametrize("kind", every_kind(KINDS))
@pytest.mark.parametrize("n", [1, 3])
def test_a_handful_of_rows_is_refused(kind: str, n: int) -> None:
    with pytest.raises(LearningError, match="spectra|materials"):
        fit_model(kind, halides(n), FitOptions(epochs=1, n_members=2), silent)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_search_suggests_is_a_configuration_of_its_own(kind: str) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = trained_kind(kind)
    base = found.defaults(data(), FitOptions())
    trial = optuna.create_study().ask()
    config = found.suggest(trial, base)
    assert type(config) is type(base)
    assert bool(trial.params) == found.searchable
    assert (config != base) == found.searchable


@pytest.mark.parametrize("kind", every_kind())
def test_its_numbers_are_those_of_its_version(kind: str, model_of: Fitted) -> None:
    """Who changes them on purpose raises the version and runs ``tests.ml.kinds.numbers``."""
    known = json.loads(NUMBERS.read_text(encoding="utf-8")).get(kind)
    assert known is not None, f"run python -m tests.ml.kinds.numbers {kind}"
    found = numbers_of(model_of(kind))
    same = np.allclose(found["mean"], known["mean"], atol=5e-4) and np.allclose(
        found["sigma"], known["sigma"], rtol=0.02, atol=5e-4
    )
    assert (same, found["version"]) == (True, known["version"])
