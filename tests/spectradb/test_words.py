"""Names of commands, options and code never reach a page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from compute.errors import ComputeError, InputError
from compute.multiplet.case import parse_case
from compute.peaks import decompose
from spectradb.words import in_words

CODE = re.compile(r"--[a-z]|[a-z]_[a-z]|\bgot '|[a-z]\[\d+\]|manage\.py")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            InputError("sites[0]", "Cu +1", "the 3d shell is full: no 2p electron can go there"),
            "Cu1+ (atom 1): the 3d shell is full: no 2p electron can go there",
        ),
        (
            InputError("gaussian_sigma_ev", -1.0, "must not be negative"),
            "Gaussian σ is -1.0: must not be negative",
        ),
        (
            InputError("crystal_field.ten_dq", "a", "must be a number"),
            "10Dq is a: must be a number",
        ),
        (
            "negative: use --phase (peaks of either sign; these point down at 3 eV)",
            "negative: use the choice “Dispersive phases” (peaks of either sign; these point down "
            "at 3 eV)",
        ),
        ("import_spectra: --element Cu is not Ni", "the element Cu is not Ni"),
        ("read without a doubt", "read without a doubt"),
        ("file.dat: line 3 has 2 columns", "file.dat: line 3 has 2 columns"),
    ],
)
def test_an_error_is_told_in_words(told: object, words: str) -> None:
    assert in_words(told) == words


def test_what_the_engines_refuse_is_told_without_their_names() -> None:
    energy, ones = np.linspace(0, 10, 50), np.ones(50)
    asked = [
        lambda: parse_case({"element": "Ni", "charge": 2, "hwhm_ev": {"l3": -1, "l2": 1}}),
        lambda: parse_case({"element": "Ni", "charge": 2, "charge_transfer": {"delta": 1}}),
        lambda: parse_case({"element": "Ni", "charge": 2, "exchange_field_ev": [1]}),
        lambda: parse_case({"element": "Ni", "charge": 2, "fwhm_gauss_ev": -2}),
        lambda: parse_case({"element": "Ni", "charge": 12}),
        lambda: decompose(energy, ones, gaussian_sigma_ev=-1.0),
        lambda: decompose(energy, ones, max_peaks=0),
        lambda: decompose(energy[::-1], ones),
    ]
    for ask in asked:
        with pytest.raises(ComputeError) as error:
            ask()
        assert not CODE.search(in_words(error.value)), in_words(error.value)


def test_pages_say_no_error_as_it_is_raised() -> None:
    views = Path(settings.BASE_DIR) / "spectradb" / "views"
    for path in views.rglob("*.py"):
        assert not re.search(r"\bstr\((error|problem)\)", path.read_text()), path
