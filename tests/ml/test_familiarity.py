"""Trust: what was trained on is known, another chemistry is not taken for the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.crystals import Crystal
from ml.data import Dataset
from ml.familiarity import STRANGE_TRUST, Familiarity
from ml.kinds.base import FitOptions, Model
from ml.kinds.doors import fit_model, load_model
from ml.prediction import Calibration, ErrorModel, Predicted
from tests.ml.samples import GRID, halides, rotation


@pytest.fixture(scope="module")
def model() -> Model:
    """Trained on copper bonded to fluorine and chlorine."""
    return fit_model("krr-nmf", halides(40), FitOptions(), lambda step: None)


def answer(model: Model, *crystals: Crystal, site: int = 0) -> Predicted:
    n = len(crystals)
    empty = np.zeros((n, GRID.size), np.float32)
    rows, sites = np.arange(n), np.full(n, site, np.int64)
    return model.answer(Dataset(GRID, list(crystals), rows, sites, empty))


def test_a_structure_that_was_trained_on_is_trusted_and_said_so(model: Model) -> None:
    found = model.answer(halides(40))
    assert found.known is not None
    assert found.known.all()
    assert found.trust.min() >= 0.9
    np.testing.assert_array_equal(found.neighbours[:, 0], np.arange(40))


def test_it_is_known_turned_moved_relabelled_and_doubled(model: Model) -> None:
    one = halides(40).crystals[3]
    turned = Crystal(one.lattice @ rotation(2), one.numbers, one.frac + 0.21)
    doubled = Crystal(
        one.lattice * np.array([[1.0], [2.0], [1.0]]),
        np.concatenate([one.numbers, one.numbers]),
        np.concatenate([one.frac, one.frac + [0, 1, 0]]) / [1, 2, 1],
    )
    assert answer(model, turned, doubled).known.tolist() == [True, True]  # type: ignore[union-attr]
    swapped = Crystal(one.lattice, one.numbers[::-1], one.frac[::-1])
    assert answer(model, swapped, site=1).known.tolist() == [True]  # type: ignore[union-attr]


def test_another_cell_of_the_same_chemistry_is_not_known(model: Model) -> None:
    new = halides(10, seed=1)
    assert not model.answer(new).known.any()  # type: ignore[union-attr]
    assert model.answer(new).trust.max() < 1


def test_another_ligand_and_the_metal_are_never_trusted(model: Model) -> None:
    one = halides(40).crystals[3]
    bromide = Crystal(one.lattice, np.array([29, 35]), one.frac)
    metal = Crystal(1.805 * (np.ones((3, 3)) - np.eye(3)), np.array([29]), np.zeros((1, 3)))
    found = answer(model, bromide, metal)
    assert found.unbonded == [(35,), (29,)]
    assert found.unseen == [(35,), ()]
    assert found.trust.max() <= STRANGE_TRUST
    plain = model.predict(Dataset(GRID, [bromide], np.zeros(1, int), np.zeros(1, int), GRID[None]))
    assert (found.sigma[0] > 1.5 * plain.sigma[0]).all()


def test_the_metal_is_strange_though_absorbers_touch_each_other_in_training_rows() -> None:
    """Every row has copper beside five fluorines in the shell of its copper; all hold fluorine."""
    places = np.array(
        [[0, 0, 0], [2, 0, 0], [-2, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 2], [0, 0, -2]]
    )
    base = halides(30)
    crystals = [
        Crystal((12 + k / 40) * np.eye(3), np.array([29, 29, 9, 9, 9, 9, 9]), places / 12, f"m{k}")
        for k in range(30)
    ]
    oxides = fit_model("krr-nmf", replace(base, crystals=crystals), FitOptions(), lambda step: None)
    metal = Crystal(1.805 * (np.ones((3, 3)) - np.eye(3)), np.array([29]), np.zeros((1, 3)))
    salt = Crystal(5 * np.eye(3), np.array([29, 29, 17]), places[[0, 1, 2]] / 5)
    found = answer(oxides, metal, salt)
    assert found.unbonded == [(29,), (29, 17)] or found.unbonded == [(29,), (17, 29)]
    assert found.lacking == [(9,), (9,)]
    assert found.trust.max() <= STRANGE_TRUST


def test_what_a_chemistry_of_its_own_costs_is_learnt_where_it_was_held_out() -> None:
    """Each system has an element of its own, which the fold of its system lacks."""
    base = halides(60)
    crystals = [
        replace(
            one, numbers=np.array([29, 9, 31 + k // 3]), frac=np.vstack([one.frac, [[0.25] * 3]])
        )
        for k, one in enumerate(base.crystals)
    ]
    told = replace(base, crystals=crystals)
    fitted = fit_model("krr-nmf", told, FitOptions(), lambda step: None)
    assert fitted.familiar is not None
    assert fitted.familiar.costs[0] == pytest.approx(
        1.0
    )  # all rows are such: none is worse than all


def test_a_stored_model_knows_what_it_knew(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    one = halides(40)
    again = load_model(tmp_path)
    np.testing.assert_allclose(again.answer(one).trust, model.answer(one).trust)
    new = halides(4, seed=1)
    np.testing.assert_allclose(again.answer(new).trust, model.answer(new).trust, rtol=1e-5)


def test_a_model_in_half_precision_and_in_the_layout_of_before_knows_its_rows(model: Model) -> None:
    assert model.familiar is not None
    arrays = model.familiar.arrays()
    arrays["familiar.signature"] = arrays["familiar.signature"].astype(np.float16)
    old = {
        "familiar.signature": arrays["familiar.signature"],
        "familiar.elements": np.array([9, 17, 29]),
        "familiar.ligands": np.array([9, 17]),
        "familiar.cost": np.array([2.0]),
    }
    rows = halides(40)
    for kept in (arrays, old):
        familiar = Familiarity.of_arrays(kept)
        assert familiar is not None
        found = familiar.judge(rows, model.predict(rows), model.validation)
        assert found.known is not None
        assert found.known.all()


def test_trust_is_how_often_the_error_is_tolerable() -> None:
    rng = np.random.default_rng(0)
    spread = np.exp(rng.normal(size=4000) / 2)
    error = spread * np.exp(rng.normal(size=4000) / 2)
    learnt, rest = slice(0, 2000), slice(2000, None)
    one = Calibration.learn(
        error[learnt, None] * np.ones(3), spread[learnt], np.ones(2000), error[learnt]
    )
    assert (error[learnt] <= one.tolerance).mean() == pytest.approx(0.75, abs=0.01)
    trust, right = one.trust(spread[rest]), error[rest] <= one.tolerance
    for low in (0.2, 0.4, 0.6, 0.8):
        inside = (trust >= low) & (trust < low + 0.2)
        assert right[inside].mean() == pytest.approx(low + 0.1, abs=0.08)


def test_no_sign_of_doubt_makes_a_row_surer() -> None:
    rng = np.random.default_rng(1)
    away = np.exp(rng.normal(size=500))
    signs = np.column_stack([away, away * np.exp(0.05 * rng.normal(size=500))])
    error = (away**1.5 / signs[:, 1])[:, None] * np.ones(4)  # alone, the second sign has b < 0
    model = ErrorModel.learn(signs, error, np.ones(500))
    assert (model.weights[1:] >= 0).all()
    far = model.spread(np.array([[1.0, 1.0], [1.0, 50.0], [50.0, 50.0]]))
    assert far[0] <= far[1] <= far[2]
