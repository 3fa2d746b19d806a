"""EMSA/MAS files: scale, units, and what is told."""

from __future__ import annotations

import pytest

from tests.compute.io.samples import (
    fails,
    msa,
    one,
)


def test_emsa_energies_follow_from_offset_and_step() -> None:
    found = one("a.msa", msa())
    assert found.energy_ev.tolist() == [850, 850.5, 851, 851.5, 852, 852.5]
    assert found.intensity.tolist() == [1, 2, 3, 4, 5, 6]
    assert (found.format, found.technique, found.mode, found.quantity) == (
        "emsa", "EELS", "EELS", "counts",
    )  # fmt: skip
    assert found.measurement.source == "electron beam, 200 kV"
    assert found.measurement.date is not None


def test_emsa_pairs_count_more_than_the_scale() -> None:
    rows = "".join(f"{860 + i} {i}\n" for i in range(6))
    found = one("a.msa", msa("XY", rows))
    assert found.energy_ev[0] == 860
    assert any("#XPERCHAN is 0.5" in text for text in found.warnings)


def test_choffset_repeats_the_offset_and_is_never_added() -> None:
    text = msa().replace("#OFFSET      : 850.0", "#OFFSET : 850.0\n#CHOFFSET : -1700.0")
    assert one("a.msa", text).energy_ev[0] == 850
    alone = msa().replace("#OFFSET      : 850.0", "#CHOFFSET : -1700.0")
    found = one("a.msa", alone)
    assert found.energy_ev[0] == 850
    assert any("follows from #CHOFFSET" in warning for warning in found.warnings)
    other = msa().replace("#OFFSET      : 850.0", "#OFFSET : 850.0\n#CHOFFSET : -100.0")
    found = one("a.msa", other)
    assert found.energy_ev[0] == 850
    assert any("#OFFSET counts" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "words",
    [
        "eV loss",
        "Energy (eV)",
        "Energy Loss [eV]",
        "electron volts",
        "EV",
        "energy loss / eV",
        "ΔE (eV)",
    ],
)
def test_units_of_ev_are_understood_in_the_words_of_vendors(words: str) -> None:
    assert one("a.msa", msa(xunits=words)).energy_ev[0] == 850


@pytest.mark.parametrize("words", ["channel", "pixels", "deg", "nm", "s", "MeV"])
def test_other_units_are_refused(words: str) -> None:
    assert "only eV and keV" in fails("a.msa", msa(xunits=words))


def test_emsa_in_kev_is_converted() -> None:
    found = one("a.msa", msa("XY", "0.85 1\n0.851 2\n", "keV"))
    assert found.energy_ev.tolist() == pytest.approx([850, 851])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (msa().replace("#XPERCHAN    : 0.5", "#XPERCHAN : x"), "#XPERCHAN is missing or no number"),
        (msa().replace("#DATATYPE    : Y", "#DATATYPE : Z"), "#DATATYPE is 'Z'"),
        (msa(rows="1, x, 3\n"), "line 17: 'x' is no number"),
        (msa("XY", "1 2\n3\n"), "line 18: 1 numbers; XY data come in pairs"),
        (msa("XY", "1 2\n3 4\n", "nm"), "#XUNITS is 'nm'"),
    ],
)
def test_emsa_faults_are_told(text: str, said: str) -> None:
    assert said in fails("a.msa", text)


def test_a_cut_emsa_file_is_told() -> None:
    found = one("a.msa", msa().split("#ENDOFDATA")[0])
    assert any("cut short" in text for text in found.warnings)


def test_negative_counts_are_kept_and_told() -> None:
    found = one("a.msa", msa(rows="-1 2 3 4 5 6\n"))
    assert found.intensity[0] == -1
    assert any("1 of 6 counts are negative" in text for text in found.warnings)
