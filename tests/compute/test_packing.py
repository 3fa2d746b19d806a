"""Curves in few bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compute.errors import InputError
from compute.packing import pack_curve, rounded, unpack_curve

curves = arrays(float, st.integers(2, 60), elements=st.floats(-1e6, 1e6, allow_subnormal=False))


@settings(max_examples=30, deadline=None)
@given(curves)
def test_a_curve_comes_back_within_a_ten_thousandth_of_its_maximum(values):
    found = unpack_curve(*pack_curve(values))
    assert found.shape == values.shape
    assert np.abs(found - values).max() <= 1e-4 * np.abs(values).max() + 1e-300


def test_the_steepest_curve_there_is_comes_back():
    values = np.array([1.0, -1.0] * 20)
    assert unpack_curve(*pack_curve(values)) == pytest.approx(values, abs=1e-4)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_is_refused(wrong: float):
    with pytest.raises(InputError):
        pack_curve(np.array([1.0, wrong]))
    with pytest.raises(InputError, match="in twos"):
        unpack_curve(1.0, b"abc")


def test_numbers_of_json_are_rounded_and_nothing_else():
    given_ = {"a": [1.23456789012, 3, True, None, "x"], "b": {"c": 1e-20 / 3}}
    assert rounded(given_, 4) == {"a": [1.235, 3, True, None, "x"], "b": {"c": 3.333e-21}}
