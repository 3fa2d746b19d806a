"""The seven worked cases, number by number, by every solver."""

from __future__ import annotations

import numpy as np
import pytest

from compute.multiplet import solve
from tests.compute.multiplet.reference_cases import NAMES, as_case, load


@pytest.mark.parametrize("method", ["dense", "lanczos", "rscg"])
@pytest.mark.parametrize("name", NAMES)
def test_case_is_reproduced(name: str, method: str) -> None:
    data = load(name)
    result = solve(as_case(data, method=method))

    assert result["method"] == method
    assert result["dimension"] == data["dimensions"]
    assert result["n_initial_states"] == data["n_initial_states_used"]
    assert result["ground_state_energy_ev"] == pytest.approx(data["ground_state_energy"], abs=1e-6)
    levels = np.array(data["initial_eigenvalues_rel"])
    found = result["initial_eigenvalues_ev"][: len(levels)]
    assert len(found) == (len(levels) if method == "dense" else data["n_initial_states_used"])
    np.testing.assert_allclose(found, levels[: len(found)], atol=1e-6)
    expected = np.array(data["spectrum"]["I_iso"])
    np.testing.assert_allclose(result["intensity"], expected, atol=1e-5 * expected.max())
    assert result["total_intensity"] == pytest.approx(data["total_intensity"], abs=1e-8)
    assert result["total_intensity"] == pytest.approx(
        4 / 3 * result["mean_d_holes"] / 10, abs=1e-12
    )
    share = data["L3_fraction"]["by_core_j_projection"]
    assert result["l3_fraction"] == pytest.approx(share, abs=1e-6 if method == "dense" else 2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_sticks_are_reproduced(name: str) -> None:
    data = load(name)
    sticks = solve(as_case(data, method="dense"))["sticks"]
    keep = sticks["intensity"] > 2e-6 * data["total_intensity"]
    # Line by line is not defined where lines touch: the running sum is.
    grid = np.linspace(-20, 20, 401) + 0.0123
    expected = np.array(data["sticks"]["energy"]), np.array(data["sticks"]["I_iso"])
    ours = [sticks["intensity"][keep & (sticks["energy_ev"] < e)].sum() for e in grid]
    theirs = [expected[1][expected[0] < e].sum() for e in grid]
    np.testing.assert_allclose(ours, theirs, atol=3e-3 * data["total_intensity"])


@pytest.mark.parametrize("method", ["dense", "lanczos", "rscg"])
@pytest.mark.parametrize("polarization", ["z", "x", "y"])
def test_linear_dichroism_of_the_tetragonal_case(polarization: str, method: str) -> None:
    data = load("Mn3p_d4_D4h_300K")
    result = solve(as_case(data, method=method, polarization=polarization))
    letter = "z" if polarization == "z" else "x"
    assert result["total_intensity"] == pytest.approx(data[f"total_{letter}"], abs=1e-8)
    sticks = data["sticks"]
    offset = data["spectrum"]["start"] + data["spectrum"]["step"] * np.arange(801)
    expected = sum(
        i * 0.2 / np.pi / ((offset - e) ** 2 + 0.04)
        for e, i in zip(sticks["energy"], sticks[f"I_{letter}"], strict=True)
    )
    # The file leaves out sticks below 1e-6 of the total.
    np.testing.assert_allclose(result["intensity"], expected, atol=3e-4 * expected.max())


def test_configuration_weights_of_charge_transfer() -> None:
    data = load("CT_Ni2p_d8_2conf_300K")
    weights = solve(as_case(data))["expectation"]["configuration_weights"]
    np.testing.assert_allclose(weights, data["ground_state_config_weights"], atol=1e-6)
