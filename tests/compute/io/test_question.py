"""What is ambiguous is a question with answers that can be given, never a guess."""

from __future__ import annotations

import json

import numpy as np
import pytest

from compute.errors import InputError, ReadError
from compute.io import ColumnChoice, QuestionError, RawSpectrum, read_bytes
from tests.compute.io.test_several import X, step, text

I0 = 1e5 * (1 + 1e-4 * (X - X[0]))
IT = I0 * np.exp(-step(7112))
UNKNOWN = "energy detA detB\n" + text(X, I0, IT)


def ask(content: str, name: str = "a.dat") -> QuestionError:
    with pytest.raises(QuestionError) as caught:
        read_bytes(name, content.encode())
    return caught.value


def answered(content: str, **options: object) -> list[RawSpectrum]:
    choice = ColumnChoice.checked(**options)  # type: ignore[arg-type]
    return read_bytes("a.dat", content.encode(), columns=choice)


def test_channels_of_unknown_role_are_asked_for() -> None:
    question = ask(UNKNOWN).question
    assert "which of its columns is the spectrum" in question.what
    told = question.as_json()
    assert json.loads(json.dumps(told)) == told
    assert {"what", "choices", "columns", "header"} <= set(told)
    assert question.table is not None
    assert question.table.shape == (120, 3)


def test_each_choice_of_a_question_can_be_given_as_it_stands() -> None:
    for choice in ask(UNKNOWN).question.choices:
        options = {k: [v] if k == "signal" else v for k, v in choice.options}
        assert len(answered(UNKNOWN, **options)) == 1


def test_a_question_is_an_error_that_names_its_answers() -> None:
    error = ask(UNKNOWN)
    assert isinstance(error, ReadError)
    assert "--signal detA" in str(error)


@pytest.mark.parametrize(
    "options",
    [
        {"signal": ["ln(detA/detB)"]},
        {"signal": ["ln(2/3)"]},
        {"signal": ["detB"], "i0": "detA"},
        {"signal": ["3"], "i0": "2"},
        {"i0": "detA"},
        {"energy": "energy", "i0": "2", "unit": "eV"},
    ],
)
def test_named_columns_form_the_signal(options: dict[str, object]) -> None:
    (found,) = answered(UNKNOWN, **options)
    np.testing.assert_allclose(found.intensity, step(7112), rtol=1e-4)
    assert found.mode == "transmission"


def test_a_count_that_rises_at_the_edge_is_divided_by_i0() -> None:
    content = "energy detA detB\n" + text(X, I0, I0 * step(7112, 0.02))
    (found,) = answered(content, signal=["detB"], i0="detA")
    np.testing.assert_allclose(found.intensity, step(7112, 0.02), rtol=1e-4)
    assert "rises at the edge" in " ".join(found.warnings)


def test_several_signals_are_several_spectra() -> None:
    found = answered(UNKNOWN, signal=["detA", "detB"])
    assert [f.label for f in found] == ["a, detA", "a, detB"]


@pytest.mark.parametrize("name", ["nothing", "9", "0"])
def test_a_column_that_is_not_there_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(ReadError, match="energy, detA, detB"):
        answered(UNKNOWN, signal=[name])


def test_an_answer_holds_for_files_of_the_same_header_only() -> None:
    header = ask(UNKNOWN).question.header
    assert len(answered(UNKNOWN, signal=["ln(2/3)"], header=header)) == 1
    other = "energy detA detB detC\n" + text(X, I0, IT, I0)
    assert ask(other).question.header != header
    with pytest.raises(QuestionError):
        answered(other, signal=["ln(2/3)"], header=header)
    plain = "energy mu extra\n" + text(X, step(7112), X * 0 + 1)
    (found,) = answered(plain, signal=["ln(2/3)"], header=header)
    assert any("another header" in warning for warning in found.warnings)


def test_unit_is_ev_or_kev() -> None:
    with pytest.raises(InputError, match="unit"):
        ColumnChoice.checked(unit="furlong")
    assert ColumnChoice.checked() is None


# --- energies ---------------------------------------------------------------------------------


def test_small_energies_without_a_unit_are_asked_for() -> None:
    content = "energy mu\n" + text(X / 1000, step(7112))
    assert [c.command for c in ask(content).question.choices] == ["--unit eV", "--unit keV"]
    assert answered(content, unit="keV")[0].energy_ev[0] == pytest.approx(7060)
    assert answered(content, unit="eV")[0].energy_ev[0] == pytest.approx(7.06)


def test_the_known_edge_decides_between_ev_and_kev() -> None:
    content = "# element: Fe\n# edge: K\nenergy mu\n" + text(X / 1000, step(7112))
    assert read_bytes("a.dat", content.encode())[0].energy_ev[0] == pytest.approx(7060)
    low = "# Energy Intensity\n" + text(50 + 0.1 * np.arange(300), np.arange(300.0))
    found = read_bytes("a.dat", low.encode(), element="Li", edge="K")[0]
    assert found.energy_ev[0] == 50


@pytest.mark.parametrize(("start", "step_"), [(50.0, 0.1), (95.0, 0.1), (3.0, 0.2)])
def test_energies_with_steps_of_ev_are_ev(start: float, step_: float) -> None:
    content = "# Energy Intensity\n" + text(start + step_ * np.arange(300), np.arange(300.0))
    assert read_bytes("a.dat", content.encode())[0].energy_ev[0] == start


def test_a_header_that_gives_its_energies_in_kev_says_the_unit() -> None:
    content = "#C moved to E = 7.1 keV\n#L energy  mu\n" + text(X / 1000, step(7112))
    assert read_bytes("a.dat", content.encode())[0].energy_ev[0] == pytest.approx(7060)


@pytest.mark.parametrize(
    "label", ["theta", "pixel", "Channel", "E-E0", "relative energy (eV)", "k (1/A)"]
)
def test_an_abscissa_that_is_no_energy_is_refused(label: str) -> None:
    with pytest.raises(ReadError, match="no energy among|chi"):
        read_bytes("a.txt", (f"{label}\tmu\n" + text(X - 7000, step(7112), sep="\t")).encode())


def test_time_and_row_numbers_are_no_energy() -> None:
    for label in ("time", "index"):
        with pytest.raises(ReadError):
            read_bytes("a.txt", (f"{label}\tmu\n" + text(X, step(7112), sep="\t")).encode())
    counted = text(np.arange(120.0), step(7112))
    with pytest.raises(ReadError, match="counts the points"):
        read_bytes("a.dat", counted.encode())


def test_energies_relative_to_an_edge_that_the_header_gives_become_absolute() -> None:
    content = "# E0: 7112.0\n# E-E0 mu\n" + text(X - 7112, step(7112))
    (found,) = read_bytes("a.dat", content.encode())
    assert found.energy_ev[0] == pytest.approx(7060)
    assert any("7112 eV, which is added" in warning for warning in found.warnings)


def test_energies_below_zero_are_refused_unless_they_are_losses() -> None:
    x = -10 + 0.1 * np.arange(300)
    with pytest.raises(ReadError, match="start at -10"):
        read_bytes("a.dat", ("# energy mu\n" + text(x, x)).encode())
    assert (
        read_bytes("a.dat", ("# energy_loss counts\n" + text(x, x)).encode())[0].technique == "EELS"
    )


# --- never the spectrum -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    [
        "time", "Time(s)", "dwell", "clock", "Seconds", "event_id", "ring_current", "SRcurrent",
        "mu_err", "sigma", "std", "live_time", "ICR1", "dead_time", "temperature", "Epoch",
        "background", "pre_edge", "scaler_preset_time", "point",
    ],
)  # fmt: skip
def test_a_column_of_another_role_is_never_the_spectrum(label: str) -> None:
    other = step(7112, 3.0)
    for order in ("{0} mu", "mu {0}"):
        columns = [other, step(7112)] if order.startswith("{") else [step(7112), other]
        content = f"energy {order.format(label)}\n" + text(X, *columns)
        (found,) = read_bytes("a.dat", content.encode())
        np.testing.assert_allclose(found.intensity, step(7112), rtol=1e-6)
        assert any(f"columns not used: {label}" in warning for warning in found.warnings)
    with pytest.raises(ReadError):
        read_bytes("a.dat", (f"energy {label}\n" + text(X, other)).encode())


def test_i0_alone_is_no_spectrum() -> None:
    with pytest.raises(ReadError):
        read_bytes("a.dat", ("energy I0\n" + text(X, I0)).encode())


def test_two_columns_of_counts_without_names_are_asked_for() -> None:
    noisy = I0 * (1 + 1e-3 * np.random.default_rng(0).standard_normal(X.size))
    question = ask(text(X, noisy, noisy * np.exp(-step(7112)))).question
    assert any("ln(" in choice.label for choice in question.choices)


def test_a_flat_beam_is_offered_as_i0() -> None:
    flat = 1e5 * (1 + 1e-3 * np.random.default_rng(1).standard_normal(X.size))
    content = "energy detA detB\n" + text(X, flat, flat * np.exp(-step(7112)))
    labels = [choice.label for choice in ask(content).question.choices]
    assert "ln(detA/detB): transmission" in labels
