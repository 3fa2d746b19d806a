"""Maps of valence and compound against the library."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from compute.errors import InputError
from spectradb.models import Series
from spectradb.services.matching.match import match_curve
from spectradb.services.matching.options import MatchOptions
from spectradb.services.series.analyse import analyse
from spectradb.services.series.store import import_series
from spectradb.services.series.writing import Asked
from tests.factories import lorentzians, make_site, make_spectrum, make_structure

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]

ENERGY = 628 + 0.1 * np.arange(400)
SHAPE = (3, 4)
STRANGER = (1, 1)


def curve(k: int, energy: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(40 + k)
    places = [*rng.uniform(638, 644, 4), *rng.uniform(650, 655, 2)]
    widths, heights = rng.uniform(0.3, 0.7, 6), rng.uniform(0.3, 1.0, 6)
    return lorentzians(energy, tuple(zip(places, widths, heights, strict=True)))


@pytest.fixture
def library() -> dict[int, int]:
    """Six manganese spectra of three valences; number and valence."""
    made = {}
    energy = np.linspace(625.0, 672.0, 471)
    for k in range(6):
        structure = make_structure("MnO")
        site = make_site(structure, element="Mn", oxidation_state=float(2 + k % 3))
        row = make_spectrum(
            absorber="Mn", structure=structure, site=site, formula=f"Mn{k + 1}O",
            energy=energy, intensity=curve(k, energy),
        )  # fmt: skip
        made[row.pk] = 2 + k % 3
    return made


@pytest.fixture
def stored(tmp_path: Path) -> Series:
    """Left MnO of 2+, right of 3+, and one place of something else, counted."""
    rng = np.random.default_rng(3)
    spectra = np.array([[curve(0 if x < 2 else 1, ENERGY) for x in range(4)] for _ in range(3)])
    spectra[STRANGER] = 2 + np.sin(ENERGY / 1.3) + 0.5 * np.sin(ENERGY / 0.9)
    spectra = rng.poisson(400 * spectra + 40).astype(float)
    np.save(tmp_path / "map.npy", spectra)
    axes = [{"name": name, "unit": "nm", "start": 0, "step": 1} for name in "yx"]
    axes.append({"name": "energy", "unit": "eV", "start": 628.0, "step": 0.1})
    told = {"axes": axes, "element": "Mn", "edge": "L23"}
    (tmp_path / "map.json").write_text(json.dumps(told))
    return Series.objects.get(pk=import_series([tmp_path / "map.npy"]).id)


def maps_of(row: Series, smooth: str, path: Path) -> h5py.File:
    list(analyse(row, Asked("library", smooth=smooth), path))
    return h5py.File(path)


def test_each_place_is_answered_as_a_match_of_its_spectrum(library, stored, tmp_path):
    spectra = np.load(tmp_path / "map.npy")
    with maps_of(stored, "none", tmp_path / "maps.h5") as maps:
        compounds = json.loads(maps["likeliest/compounds"][()])
        for place in np.ndindex(SHAPE):
            answer = match_curve(ENERGY, spectra[place], MatchOptions(absorber="Mn", edge="L23"))
            assert maps["none_of_these"][place] == pytest.approx(answer.none_of_these, abs=1e-6)
            for share in answer.valences:
                found = maps[f"components/Mn {share.oxidation_state}+/value"][place]
                assert found == pytest.approx(share.probability, abs=1e-6)
            index = maps["likeliest/compound_index"][place]
            if answer.none_of_these < 0.5:
                assert compounds[int(index)] == answer.compounds[0].formula
            else:
                assert np.isnan(index)
        assert maps["none_of_these"][STRANGER] > 0.9
        told = json.loads(maps.attrs["asked"])
        assert told["method"] == "library"


def test_neighbours_inform_each_other_and_a_stranger_stays_one(library, stored, tmp_path):
    with maps_of(stored, "alike", tmp_path / "maps.h5") as maps:
        valence, pooled = maps["likeliest/valence"][()], maps["pooled"][()]
        assert pooled[STRANGER] == 1
        assert maps["none_of_these"][STRANGER] > 0.9
        assert np.isnan(valence[STRANGER])
        valence[STRANGER] = 2
        assert (valence == [2, 2, 3, 3]).all()
        assert pooled.max() > 2


def test_a_series_without_a_library_says_so(stored, tmp_path):
    with pytest.raises(InputError, match="no published spectrum of Mn L23"):
        list(analyse(stored, Asked("library"), tmp_path / "maps.h5"))
    assert not (tmp_path / "maps.h5").exists()
