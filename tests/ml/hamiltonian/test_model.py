"""Parameters are learnt as corrections, turn with the site, and say how far they are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ml.errors import LearningError
from ml.hamiltonian.model import HamiltonianModel, UnknownSiteError
from ml.hamiltonian.parameters import CONSTANTS, NAMES, SCALARS
from ml.hamiltonian.train import HeldOut, errors_of, train
from tests.ml.hamiltonian.made import made_set, made_site, of_d, truth_of, turned


@pytest.fixture(scope="module")
def trained() -> tuple[HamiltonianModel, HeldOut]:
    return train(*made_set(), {"route": "teacher-1"})


def test_a_family_left_out_is_answered_nearer_than_by_the_quick_calculation(
    trained: tuple[HamiltonianModel, HeldOut],
) -> None:
    sites, truths, _ = made_set()
    for k, name in enumerate(SCALARS):
        errors = [
            errors_of(found, truth)[k]
            for found, truth in zip(trained[1].estimates, truths, strict=True)
            if found is not None
        ]
        assert len(errors) == len(sites)
        quick = [
            site.scalars[name] - truth.scalars[name]
            for site, truth in zip(sites, truths, strict=True)
        ]
        assert np.std(errors) < 0.4 * np.sqrt(np.mean(np.square(quick)))


def test_what_is_the_ions_alone_is_exact_also_where_its_family_is_left_out(
    trained: tuple[HamiltonianModel, HeldOut],
) -> None:
    _, truths, _ = made_set()
    for found, truth in zip(trained[1].estimates, truths, strict=True):
        assert found is not None
        assert {name: found.scalars[name] for name in CONSTANTS} == {
            name: truth.scalars[name] for name in CONSTANTS
        }


def test_matrices_of_a_new_site_are_near_the_rule(
    trained: tuple[HamiltonianModel, HeldOut],
) -> None:
    site = made_site((26, 2), [8, 8, 8, 8, 9, 9], 99)
    found, truth = trained[0].predict(site).hamiltonian, truth_of(site)
    for name, matrix in truth.matrices.items():
        difference = np.linalg.norm(found.matrices[name] - matrix)
        assert difference < 0.1 * np.linalg.norm(matrix), name


def test_turning_the_crystal_turns_the_matrices_and_changes_nothing_else(
    trained: tuple[HamiltonianModel, HeldOut],
) -> None:
    site = made_site((27, 2), [8, 8, 8, 17, 17, 8], 5)
    rotation = Rotation.random(random_state=1).as_matrix()
    d = of_d(rotation)
    first = trained[0].predict(site)
    second = trained[0].predict(turned(site, rotation))
    assert dict(second.hamiltonian.scalars) == pytest.approx(dict(first.hamiltonian.scalars))
    assert dict(second.sigma) == pytest.approx(dict(first.sigma), abs=1e-9)
    for name, matrix in first.hamiltonian.matrices.items():
        moved = second.hamiltonian.matrices[name]
        np.testing.assert_allclose(d @ matrix @ d.T, moved, rtol=0.0, atol=1e-9)


def test_errors_left_out_lie_within_sigma_as_often_as_they_should(
    trained: tuple[HamiltonianModel, HeldOut],
) -> None:
    _, truths, _ = made_set()
    model, held = trained
    within = []
    for found, truth, far in zip(held.estimates, truths, held.leverage, strict=True):
        assert found is not None
        sigma = np.array(list(model.sigma_of(found, float(far)).values()))
        within.append(np.abs(errors_of(found, truth)) <= sigma)
    assert np.mean(within) == pytest.approx(0.683, abs=0.03)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"ion": (22, 4)}, "ion"), ({"ligands": (8, 8, 8, 8, 8, 16)}, "ligand")],
)
def test_an_ion_or_ligand_that_was_not_trained_on_is_refused_by_name(
    trained: tuple[HamiltonianModel, HeldOut], changes: dict, field: str
) -> None:
    site = replace(made_site((26, 2), [8] * 6, 1), **changes)
    with pytest.raises(UnknownSiteError, match=field):
        trained[0].predict(site)


def test_a_site_far_from_all_others_is_refused(
    trained: tuple[HamiltonianModel, HeldOut],
) -> None:
    site = made_site((26, 2), [8] * 6, 1)
    far = replace(site, potential=site.potential * 4.0, distances=site.distances * 1.5)
    with pytest.raises(UnknownSiteError, match="leverage"):
        trained[0].predict(far)


def test_draws_scatter_by_sigma_and_keep_an_errors_parameters_together(
    trained: tuple[HamiltonianModel, HeldOut],
) -> None:
    model = trained[0]
    estimate = model.predict(made_site((26, 2), [8] * 6, 1))
    drawn = model.drawn(estimate, 400)
    values = np.array([[one.scalars[name] for name in SCALARS] for one in drawn])
    sigma = np.array([estimate.sigma[name] for name in SCALARS])
    ratio = values.std(axis=0) / sigma
    assert (ratio > 0.5).all()
    assert (ratio < 2.0).all()
    assert set(estimate.sigma) == set(NAMES)


def test_a_saved_model_is_the_same_model(
    trained: tuple[HamiltonianModel, HeldOut], tmp_path: Path
) -> None:
    trained[0].save(tmp_path / "model.npz")
    again = HamiltonianModel.load(tmp_path / "model.npz")
    assert again.identity == trained[0].identity
    assert again.about["route"] == "teacher-1"
    site = made_site((25, 2), [9] * 6, 3)
    first, second = (one.predict(site).hamiltonian for one in (trained[0], again))
    for name in SCALARS:
        assert second.scalars[name] == pytest.approx(first.scalars[name], rel=1e-4)


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_bytes(b"nothing")
    with pytest.raises(LearningError, match="cannot be read"):
        HamiltonianModel.load(tmp_path / "model.npz")


def test_a_model_cut_off_anywhere_is_told(
    trained: tuple[HamiltonianModel, HeldOut], tmp_path: Path
) -> None:
    path = tmp_path / "model.npz"
    trained[0].save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 50)):
        path.write_bytes(whole[:length])
        with pytest.raises(LearningError, match=r"cannot be read.*model\.npz"):
            HamiltonianModel.load(path)


def test_a_model_is_not_touched_by_one_that_could_not_be_written(
    trained: tuple[HamiltonianModel, HeldOut], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    trained[0].save(path)

    def full(file: IO[bytes], **arrays: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        trained[0].save(path)
    assert HamiltonianModel.load(path).identity == trained[0].identity
    assert list(tmp_path.iterdir()) == [path]


def test_too_few_sites_are_told() -> None:
    sites, truths, families = made_set()
    with pytest.raises(LearningError, match="too few"):
        train(sites[:5], truths[:5], families[:5], {})


def test_families_of_which_none_is_like_another_are_told() -> None:
    chosen = [one for one in zip(*made_set(), strict=True) if one[2].endswith(") O")]
    sites, truths, families = zip(*chosen * 4, strict=True)
    with pytest.raises(LearningError, match="known from another family"):
        train(sites, truths, families, {})
