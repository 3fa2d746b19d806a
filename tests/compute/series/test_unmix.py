"""References in every spectrum of a series."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from compute.errors import InputError
from compute.series import unmix
from tests.compute.series.made import CHANNELS, FOREIGN, REFERENCES, mixtures


@pytest.fixture(scope="module")
def counted():
    return mixtures(1500, seed=1)


@pytest.fixture(scope="module")
def unmixed(counted):
    return unmix(counted[0], REFERENCES)


def test_fractions_are_unbiased_and_their_errors_cover(counted, unmixed):
    truth = counted[1]
    z = (unmixed.fractions - truth) / unmixed.errors
    inside = (truth > 3 * unmixed.errors) & (truth < 1 - 3 * unmixed.errors)
    for j in range(3):
        one = z[inside[:, j], j]
        assert abs(one.mean()) < 0.2
        assert 0.63 < (np.abs(one) < 1).mean() < 0.73


def test_upper_limits_cover_what_is_not_there():
    spectra, truth = mixtures(1000, seed=2, zero=1, counts=100)
    found = unmix(spectra, REFERENCES)
    # what the limit has to be by chance alone: not just any number above 0
    assert (found.upper[:, 1] >= truth[:, 1]).all()
    assert np.median(found.upper[:, 1] / found.errors[:, 1]) < 2.2
    assert 0.4 < (found.fractions[:, 1] == 0).mean() < 0.6
    small = found.upper[:, 1] > 0.5 * found.errors[:, 1]
    assert small.mean() > 0.99


def test_upper_limits_cover_small_fractions_as_often_as_they_say():
    rng = np.random.default_rng(3)
    truth = np.tile([0.7, 0.01, 0.29], (1500, 1))
    spectra = rng.poisson(100 * truth @ REFERENCES)
    found = unmix(spectra, REFERENCES)
    assert (found.upper[:, 1] >= 0.01).mean() > 0.93


def test_half_the_counts_widen_the_errors_by_the_root_of_two():
    few, many = (unmix(mixtures(400, seed=4, counts=c)[0], REFERENCES) for c in (250, 500))
    ratio = np.median(few.errors, axis=0) / np.median(many.errors, axis=0)
    np.testing.assert_allclose(ratio, np.sqrt(2), rtol=0.05)


def test_amplitudes_are_those_of_non_negative_least_squares():
    rng = np.random.default_rng(5)
    spectra = rng.normal(0, 1, (40, 3)) @ REFERENCES + rng.normal(0, 0.1, (40, CHANNELS))
    sigma = 0.05 + 0.1 * rng.random(CHANNELS)
    found = unmix(spectra, REFERENCES, noise=sigma, background=-1)
    for row, amplitude in zip(spectra, found.amplitudes, strict=True):
        expected, _ = nnls((REFERENCES / sigma).T, row / sigma)
        np.testing.assert_allclose(amplitude, expected, atol=1e-8)


def test_weights_of_counts_follow_the_model_to_the_likeliest_answer():
    """The score of Poisson's likelihood vanishes, which 1/counts as weights would bias."""
    spectra, _ = mixtures(20, seed=6, counts=20)
    found = unmix(spectra, REFERENCES, noise="poisson", background=-1)
    inside = (found.amplitudes > 0).all(axis=1)
    mu = found.amplitudes @ REFERENCES
    score = ((spectra - mu) / mu) @ REFERENCES.T
    size = np.sqrt((1 / mu) @ (REFERENCES**2).T)
    assert inside.any()
    assert np.abs(score / size)[inside].max() < 0.05


def test_thickness_scales_the_total_and_no_fraction(counted, unmixed):
    rows = counted[0][:50]
    thick = unmix(3.0 * rows, REFERENCES, noise=3.0 * np.sqrt(np.maximum(rows, 1)))
    thin = unmix(rows, REFERENCES, noise=np.sqrt(np.maximum(rows, 1)))
    np.testing.assert_allclose(thick.fractions, thin.fractions, atol=1e-8)
    np.testing.assert_allclose(thick.total, 3 * thin.total, rtol=1e-8)
    assert unmixed.total.mean() == pytest.approx(500, rel=0.01)


@pytest.mark.parametrize("scale", [1.0, 1 / 500, 7.0])
def test_counts_of_any_gain_are_recognised(counted, unmixed, scale):
    found = unmix(counted[0][:300] * scale, REFERENCES)
    np.testing.assert_allclose(found.errors, unmixed.errors[:300], rtol=0.1)
    assert found.residual.mean() == pytest.approx(1, abs=0.03)


def test_constant_noise_is_found_under_drifting_peaks():
    rng = np.random.default_rng(8)
    clean = np.array([np.roll(REFERENCES[i % 3], i % 5 - 2) for i in range(200)])
    found = unmix(clean + rng.normal(0, 0.02, clean.shape), REFERENCES)
    assert found.noise.kind == "gaussian"
    assert found.noise.variances is not None
    assert np.sqrt(found.noise.variances[0, 0]) == pytest.approx(0.02, rel=0.03)


def test_noise_alone_is_flagged_as_often_as_said(unmixed):
    assert 0.03 < (unmixed.p_value < 0.05).mean() < 0.08
    assert unmixed.none_of_these.mean() < 0.1


def test_less_misfit_than_noise_is_no_sign_of_something_else():
    _, fractions = mixtures(50, seed=3)
    found = unmix(fractions @ REFERENCES, REFERENCES)
    np.testing.assert_allclose(found.fractions, fractions, atol=1e-9)
    assert found.none_of_these.max() < 0.3


def test_something_else_is_flagged():
    spectra, _ = mixtures(300, seed=9, foreign=0.3)
    assert (unmix(spectra, REFERENCES).p_value < 0.05).mean() > 0.75
    alone = unmix(spectra[0], REFERENCES)
    assert alone.none_of_these.shape == (1,)
    assert alone.none_of_these[0] > 0.5


def test_probabilities_count_what_is_there():
    """Of a mixed series, as many are flagged on average as hold something else."""
    good, _ = mixtures(900, seed=10, counts=100)
    bad, _ = mixtures(100, seed=11, counts=100, foreign=0.12)
    found = unmix(np.vstack([good, bad]), REFERENCES)
    assert found.none_of_these.sum() == pytest.approx(100, rel=0.35)
    assert found.none_of_these[900:].mean() > 3 * found.none_of_these[:900].mean()


def test_a_background_is_taken_where_the_series_asks_for_it():
    without, truth = mixtures(300, seed=12)
    assert unmix(without, REFERENCES).background == 0
    under, truth = mixtures(300, seed=12, background=0.5)
    found = unmix(under, REFERENCES)
    assert found.background > 0
    assert np.abs(((found.fractions - truth) / found.errors).mean(axis=0)).max() < 0.3


def test_a_row_without_structure_is_background_and_no_phase():
    under, truth = mixtures(300, seed=13, background=0.5)
    found = unmix(under, np.vstack([REFERENCES, np.ones(CHANNELS)]))
    np.testing.assert_allclose(found.fractions[:, 3].mean(), 0.5, atol=0.02)
    z = (found.fractions[:, :3] - truth) / found.errors[:, :3]
    assert np.abs(z.mean(axis=0)).max() < 0.3


def test_gaps_are_left_out():
    spectra, truth = mixtures(30, seed=14)
    spectra[3, 80:90] = np.nan
    spectra[4] = np.nan
    found = unmix(spectra, REFERENCES)
    assert np.isnan(found.fractions[4]).all()
    assert np.isnan(found.none_of_these[4])
    assert np.abs((found.fractions[3] - truth[3]) / found.errors[3]).max() < 4
    assert (found.errors[3] > 1.01 * unmix(mixtures(30, seed=14)[0], REFERENCES).errors[3]).all()


def test_an_empty_spectrum_has_no_fractions():
    spectra, _ = mixtures(30, seed=15)
    spectra[7] = np.random.default_rng(0).normal(0, 1, CHANNELS)
    found = unmix(spectra, REFERENCES, noise=np.maximum(np.sqrt(np.abs(spectra)), 1.0))
    assert np.isnan(found.fractions[7]).all()
    assert abs(found.total[7]) < 4 * found.total_error[7]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"spectra": np.ones((2, 5))}, "references"),
        ({"spectra": np.full((2, CHANNELS), np.inf)}, r"spectra\[0\]"),
        ({"spectra": np.array([["a"]])}, "spectra"),
        (
            {"references": np.vstack([REFERENCES, REFERENCES[0] + REFERENCES[1]])},
            r"references\[0\]",
        ),
        ({"references": np.ones((1, CHANNELS))}, "references"),
        ({"references": np.vstack([REFERENCES, np.zeros(CHANNELS)])}, r"references\[3\]"),
        ({"noise": 0.0}, "noise"),
        ({"spectra": np.zeros((5, CHANNELS))}, "noise"),
        ({"noise": np.ones(7)}, "noise"),
        ({"noise": "pink"}, "noise"),
        ({"free": ("phase",)}, "free"),
        ({"free": ("shift",), "max_shift": -1.0}, "max_shift"),
        ({"free": ("shift",), "energy_ev": np.arange(CHANNELS) ** 1.1}, "energy_ev"),
    ],
)
def test_what_does_not_fit_is_named(change, field):
    given = {"spectra": FOREIGN[None] * 100, "references": REFERENCES, **change}
    with pytest.raises(InputError, match=f"^{field}"):
        unmix(given.pop("spectra"), given.pop("references"), **given)
