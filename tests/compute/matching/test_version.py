"""What a query is answered changes only with the version of the matching.

After a wanted change of the numbers: raise ``VERSION``, then
``python -m tests.compute.matching.test_version`` writes the reference anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compute.matching import VERSION, SpectrumLibrary, calibration

REFERENCE = Path(__file__).parent / "reference.json"
N_ROWS = 40
PEAKS_AT = np.linspace(700.0, 740.0, 120)
EDGE_AT = np.linspace(7100.0, 7150.0, 120)


def _peaks(rng: np.random.RandomState, moved: float = 0.0) -> np.ndarray:
    position, width = rng.uniform(703.0, 737.0, 5), rng.uniform(0.3, 1.5, 5)
    x = (PEAKS_AT[:, None] - moved - position) / (width + abs(moved) / 10.0)
    return np.asarray(np.sum(rng.uniform(0.3, 1.0, 5) / (1.0 + x**2), axis=1))


def _edge(rng: np.random.RandomState, moved: float = 0.0) -> np.ndarray:
    edge, width = 7115.0 + rng.uniform(-2.0, 2.0), rng.uniform(0.6, 1.5)
    position, wide = edge + rng.uniform(0.0, 25.0, 4), rng.uniform(0.8, 3.0, 4)
    energy, more = EDGE_AT - moved, abs(moved) / 10.0
    step = 0.5 + np.arctan((energy - edge) / (width + more)) / np.pi
    x = (energy[:, None] - position) / (wide + more)
    return np.asarray(step + np.sum(rng.uniform(0.1, 0.8, 4) / (1.0 + x**2), axis=1))


KINDS = {"peaks": (PEAKS_AT, _peaks), "edges": (EDGE_AT, _edge)}
# row -> how far it is moved, eV; widths grow by a tenth of that
QUERIES = {3: 1.7, 22: -3.1}


def numbers(kind: str, n_pairs: int) -> list[dict[str, Any]]:
    """The leading candidates of each query of a small library, after so many known pairs."""
    energy, make = KINDS[kind]

    def query(row: int, moved: float) -> np.ndarray:
        # The legacy generator: its stream is frozen.
        noise = 0.005 * np.random.RandomState(1000 + row).standard_normal(energy.size)
        return np.asarray(make(np.random.RandomState(row), moved) + noise)

    rows = np.array([make(np.random.RandomState(row)) for row in range(N_ROWS)])
    library = SpectrumLibrary(energy, rows, range(N_ROWS))
    if n_pairs:
        library.calibrate((energy, query(k, 0.1 * k), k) for k in range(25, 25 + n_pairs))
    answers = []
    for row, moved in QUERIES.items():
        answer = library.match(energy, query(row, moved), top=2)
        answers.append(
            {
                "ids": [one.spectrum_id for one in answer.matches],
                "score": [one.score for one in answer.matches],
                "probability": [one.probability for one in answer.matches],
                "shift_ev": answer.matches[0].shift_ev,
                "none_of_these": answer.none_of_these,
            }
        )
    return answers


CASES = {"peaks, no pairs": ("peaks", 0), "peaks, 10 pairs": ("peaks", 10),
         "edges, no pairs": ("edges", 0)}  # fmt: skip


def test_the_reference_is_that_of_this_version():
    assert json.loads(REFERENCE.read_text())["version"] == VERSION


@pytest.mark.usefixtures("few_simulated")
@pytest.mark.parametrize("name", CASES)
def test_answers_change_only_with_the_version(name):
    expected = json.loads(REFERENCE.read_text())["cases"][name]
    for found, wanted in zip(numbers(*CASES[name]), expected, strict=True):
        assert found["ids"][0] == wanted["ids"][0]
        assert set(found["ids"]) == set(wanted["ids"])
        # Products in single precision differ between processors, and alignments start from them.
        assert found["score"] == pytest.approx(wanted["score"], abs=0.1)
        assert found["probability"] == pytest.approx(wanted["probability"], abs=5e-3)
        assert found["shift_ev"] == pytest.approx(wanted["shift_ev"], abs=2e-3)
        assert found["none_of_these"] == pytest.approx(wanted["none_of_these"], abs=5e-3)


if __name__ == "__main__":
    calibration._SYNTHETIC_PAIRS = 4  # as the fixture few_simulated
    made = {"version": VERSION, "cases": {name: numbers(*how) for name, how in CASES.items()}}
    REFERENCE.write_text(json.dumps(made, indent=1) + "\n")
