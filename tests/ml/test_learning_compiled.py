"""Compiling ahead leaves nothing to compile for the first prediction."""

from __future__ import annotations

import pytest

from ml import crystals, distances
from ml.cgcnn import graphs, messages
from ml.compiled import compile_kernels
from ml.kinds.base import FitOptions
from ml.kinds.doors import fit_model
from ml.scattering import waves
from tests.compiled import signatures
from tests.ml.samples import halides


def compiled() -> dict[str, int]:
    return signatures(crystals, distances, graphs, messages, waves)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["krr-nmf", "cgcnn"])
def test_nothing_is_compiled_for_a_prediction_afterwards(kind: str) -> None:
    compile_kernels()
    before = compiled()
    assert len(before) > 5
    model = fit_model(kind, halides(40), FitOptions(epochs=1, n_members=2), lambda step: None)
    model.answer(halides(5, seed=1))
    assert compiled() == before
