"""Solving on a torch device gives what the compiled kernels give."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from compute.errors import InputError
from compute.series import on_device, unmix
from compute.series.factor import mcr, nmf
from compute.series.parallel import device_of
from tests.compute.series.made import CHANNELS, REFERENCES, mixtures

torch = pytest.importorskip("torch")

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
RNG = np.random.default_rng(0)


def of_any_sign():
    """Amounts of any sign: every set of bounds is met, none and all of them as well."""
    signal = RNG.normal(0, 1, (300, 3)) @ REFERENCES
    return np.vstack([signal, -REFERENCES.sum(axis=0)]) + RNG.normal(0, 0.1, (301, CHANNELS))


def with_gaps():
    spectra, _ = mixtures(40, seed=3, counts=30)
    spectra[:, 100:104] = np.nan  # dead channels
    spectra[5, 70:100] = np.nan
    spectra[6] = np.nan
    spectra[7, 3:] = np.nan  # fewer values than rows of the design
    spectra[8, :] = 0
    return spectra


CASES = {
    "counts": (mixtures(200, seed=1)[0], {"noise": "poisson"}),
    "few counts, one absent": (mixtures(200, seed=2, counts=2, zero=1)[0], {"noise": "poisson"}),
    "any sign": (of_any_sign(), {"noise": 0.1, "background": -1}),
    "any sign, background": (of_any_sign(), {"noise": 0.1, "background": 1}),
    "σ of each value": (of_any_sign(), {"noise": 0.1 + RNG.random((301, CHANNELS))}),
    "mixed": (mixtures(200, seed=4)[0] * 0.3 + RNG.normal(0, 3, (200, CHANNELS)), {}),
    "gaps": (with_gaps(), {"noise": "poisson", "background": 0}),
    "one": (mixtures(1, seed=5)[0], {"noise": "poisson"}),
    "odd number of channels": (mixtures(50, seed=6)[0][:, :-3], {"noise": "poisson"}),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", CASES)
def test_every_number_is_that_of_the_processors(case, device):
    spectra, how = CASES[case]
    references = REFERENCES[:, : spectra.shape[1]]
    here = unmix(spectra, references, **how)
    there = unmix(spectra, references, device=device, **how)
    for one in fields(here):
        if one.name in ("noise", "background"):
            continue
        tolerance = 1e-8 if one.name in ("fractions", "unbounded", "amplitudes") else 1e-6
        np.testing.assert_allclose(
            getattr(there, one.name), getattr(here, one.name), rtol=tolerance, atol=tolerance,
            err_msg=one.name,
        )  # fmt: skip


def test_the_size_of_a_batch_is_seen_nowhere(monkeypatch):
    from compute.series import on_device

    spectra = mixtures(50, seed=7)[0]
    at_once = unmix(spectra, REFERENCES, device="cpu")
    monkeypatch.setattr(on_device, "_HOST_BYTES", 7 * 8 * CHANNELS * 40)
    np.testing.assert_allclose(
        unmix(spectra, REFERENCES, device="cpu").fractions, at_once.fractions, rtol=1e-12
    )


@pytest.mark.parametrize("device", DEVICES)
def test_factors_are_those_of_the_processors(device):
    spectra = mixtures(200, seed=8)[0]
    here, there = nmf(spectra, 3), nmf(spectra, 3, device=device)
    assert there.rounds == here.rounds
    np.testing.assert_allclose(there.components, here.components, atol=1e-8)
    here = mcr(spectra, REFERENCES[::-1], known=1)
    there = mcr(spectra, REFERENCES[::-1], known=1, device=device)
    np.testing.assert_allclose(there.amounts, here.amounts, rtol=1e-6, atol=1e-6)


def test_data_that_do_not_fit_on_a_device_are_brought_there_in_batches(monkeypatch):
    data = np.random.default_rng(3).random((50, 40))
    components, amounts = np.ones((3, 40)), np.arange(150.0).reshape(50, 3)
    monkeypatch.setattr(on_device, "_HOST_BYTES", 7 * 2 * data[0].nbytes)  # seven rows of fifty
    with_components, with_amounts = on_device.products(data, "cpu")
    np.testing.assert_allclose(with_components(components), data @ components.T, rtol=1e-12)
    np.testing.assert_allclose(with_amounts(amounts), amounts.T @ data, rtol=1e-12)


def full_beyond(monkeypatch, rows: int) -> list[int]:
    """A device that is full wherever more than so many rows come; the sizes that were tried."""
    tried: list[int] = []
    real = torch.as_tensor

    def as_tensor(data, **how):
        if np.ndim(data) == 2 and len(data) > 8:  # no design and no components
            tried.append(len(data))
            if len(data) > rows:
                raise torch.OutOfMemoryError("no room")
        return real(data, **how)

    monkeypatch.setattr(torch, "as_tensor", as_tensor)
    return tried


def test_a_device_that_is_full_is_asked_for_half_as_much(monkeypatch):
    spectra = mixtures(50, seed=7)[0]
    at_once = unmix(spectra, REFERENCES, device="cpu")
    tried = full_beyond(monkeypatch, 15)
    there = unmix(spectra, REFERENCES, device="cpu")
    np.testing.assert_allclose(there.fractions, at_once.fractions, rtol=1e-12)
    assert tried[:4] == [50, 25, 12, 12]
    assert max(tried[2:]) <= 15


def test_products_on_a_device_that_is_full_go_on_in_batches(monkeypatch):
    data = np.random.default_rng(3).random((50, 40))
    components, amounts = np.ones((3, 40)), np.arange(150.0).reshape(50, 3)
    tried = full_beyond(monkeypatch, 15)
    with_components, with_amounts = on_device.products(data, "cpu")
    np.testing.assert_allclose(with_components(components), data @ components.T, rtol=1e-12)
    np.testing.assert_allclose(with_amounts(amounts), amounts.T @ data, rtol=1e-12)
    assert tried[0] == 50
    assert 12 in tried


def test_a_device_without_room_for_one_spectrum_is_told():
    def work(rows):
        raise torch.OutOfMemoryError("no room")

    with pytest.raises(InputError, match="too little free memory for one spectrum"):
        on_device.in_batches(50, 8, "cpu", work)


def test_a_device_that_is_not_here_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no GPU here"):
        device_of("cuda")
    with pytest.raises(InputError, match="auto, cpu, cuda"):
        device_of("tpu")
    assert device_of("cpu") is None


@pytest.mark.parametrize("there", [True, False])
def test_auto_takes_a_gpu_only_where_there_is_one(there, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(Path, "exists", lambda self: True)
    assert device_of("auto") == ("cuda" if there else None)


def test_shift_and_width_are_left_to_the_processors():
    with pytest.raises(InputError, match="^device"):
        unmix(mixtures(5)[0], REFERENCES, noise="poisson", free=("shift",), device="cpu")
