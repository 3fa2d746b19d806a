"""XDI 1.0: what is taken, what is told, what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.errors import InputError, ReadError
from compute.io import RawSpectrum, read, read_bytes, write_xdi
from tests.shared_data import shared_data

FIELDS = {
    "Column.1": "energy eV",
    "Column.2": "i0",
    "Column.3": "itrans",
    "Element.symbol": "Cu",
    "Element.edge": "K",
    "Mono.d_spacing": "3.13553",
    "Facility.name": "APS",
    "Facility.xray_source": "undulator",
    "Beamline.name": "13ID",
    "Scan.start_time": "2001-06-26T22:27:31",
}
ROWS = "\n".join(f"  {8900 + 10 * i}.0  1000.0  {900 - 10 * i}.0" for i in range(20))


def xdi(
    fields: dict[str, str | None] | None = None,
    *,
    rows: str = ROWS,
    extra: str = "",
    end: str = "#----\n# energy i0 itrans\n",
    version: str = "# XDI/1.0 Test/1.0",
) -> bytes:
    """A correct file; ``fields`` replace its own, None removes one, ``extra`` lines follow them."""
    lines = {**FIELDS, **(fields or {})}
    header = "".join(f"# {k}: {v}\n" for k, v in lines.items() if v is not None)
    return f"{version}\n{header}{extra}{end}{rows}\n".encode()


def one(data: bytes, **given_: str) -> RawSpectrum:
    (spectrum,) = read_bytes("a.xdi", data, **given_)
    return spectrum


def errors(data: bytes, name: str = "a.xdi") -> list[str]:
    with pytest.raises(ReadError) as caught:
        read_bytes(name, data)
    return caught.value.errors


def test_a_correct_file_is_read_without_a_warning() -> None:
    found = one(xdi())
    assert (found.element, found.edge, found.mode, found.quantity) == (
        "Cu",
        "K",
        "transmission",
        "mu",
    )
    assert found.warnings == ()
    assert found.energy_ev[0] == 8900
    assert found.intensity[1] == pytest.approx(np.log(1000 / 890))
    assert found.measurement.d_spacing_angstrom == 3.13553


def test_arrays_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        one(xdi()).energy_ev[0] = 0


@pytest.mark.parametrize(
    ("fields", "extra", "said"),
    [
        ({"Element.symbol": None}, "", "Element.symbol is missing"),
        ({"Element.edge": None}, "", "Element.edge is missing"),
        ({"Element.symbol": "Cx"}, "", r"line 5: Element.symbol: 'Cx' is not a chemical element"),
        ({"Element.edge": "L2,3"}, "", r"line 6: Element.edge: 'L2,3' is not an edge"),
        ({"Element.edge": ""}, "", "Element.edge is missing"),
        ({}, "# Family:key: v\n", r"line 12: .*'Family' before the ':' has no '.'"),
        ({}, "# Family.key.sub: v\n", "more than one '.'"),
        ({}, "# 2Family.key: v\n", "must start with a letter"),
        ({}, "# Fam ily.key: v\n", "only letters, digits"),
        ({}, "# Famïly.key: v\n", "only letters, digits"),
        ({}, "# .key: v\n", "must start with a letter"),
        ({}, "# a line of text\n# Last.field: 1\n", "there is no ':'"),
        ({"Column.1": "angle degrees", "Mono.d_spacing": None}, "", "Mono.d_spacing is missing"),
        ({"Column.1": "energy pixel"}, "", "in pixel: this cannot be converted"),
    ],
)
def test_a_breach_that_leaves_the_spectrum_in_doubt_is_an_error(
    fields: dict[str, str | None], extra: str, said: str
) -> None:
    assert any(re.search(said, text) for text in errors(xdi(fields, extra=extra)))


@pytest.mark.parametrize(
    ("fields", "extra", "said"),
    [
        ({"Scan.start_time": "2001-06-26 22:27:31"}, "", "no ISO 8601"),
        ({"Scan.start_time": "2001-13-26T22:27:31"}, "", "it is not understood"),
        ({"Facility.name": None}, "", "Facility.name is missing; it is recommended"),
        ({"Facility.energy": "7.00 missing units"}, "", "should be a number and a unit"),
        ({"Facility.current": "100"}, "", "should be a number and a unit"),
        ({"Sample.temperature": "warm"}, "", "temperature is left open"),
        ({"Mono.d_spacing": "wide"}, "", "should be a positive number"),
        ({"Element.reference": "Qq"}, "", "Element.reference: 'Qq' is not known"),
        ({"Column.3": None, "Column.7": "itrans"}, "", "without a gap"),
        ({"Column.3": None}, "", "too few column labels"),
        ({"Column.4": "mutrans"}, "", "too many column labels"),
        ({"Column.1": "Energie eV"}, "", "taken as the energy because of its unit"),
        ({"Column.1": None}, "", "Column.1 is missing"),
        ({"Column.x": "y"}, "", "columns are numbered from 1"),
        ({}, "# Element.edge: L3\n# Element.edge: K\n", "already given"),
        ({}, "# one comment\n# another\n", "separated from the fields by a line '# ///'"),
    ],
)
def test_a_lesser_breach_is_told_and_the_spectrum_is_read(
    fields: dict[str, str | None], extra: str, said: str
) -> None:
    found = one(xdi(fields, extra=extra))
    assert any(re.search(said, text) for text in found.warnings), found.warnings
    assert (found.element, found.edge, found.n_points) == ("Cu", "K", 20)


def test_grating_data_need_no_d_spacing() -> None:
    assert one(xdi({"Mono.d_spacing": None})).warnings == ()


def test_names_are_blind_to_case_and_the_last_duplicate_wins() -> None:
    fields = {"Element.symbol": None, "eLeMeNt.SYMBOL": "Fe", "ELEMENT.symbol": "cu"}
    assert one(xdi(fields)).element == "Cu"


def test_a_missing_value_is_an_empty_string() -> None:
    found = one(xdi({"Family.key": ""}))
    assert found.header["Family.key"] == ""
    assert found.warnings == ()


def test_all_faults_of_a_file_are_told_at_once() -> None:
    said = errors(
        xdi({"Element.symbol": "Foo", "Element.edge": "Bar"}, extra="# no.colon\n# A.b: c\n")
    )
    assert len(said) == 3


def test_what_is_given_replaces_what_is_missing_or_invalid_but_not_what_is_there() -> None:
    found = one(xdi({"Element.symbol": "Foo", "Element.edge": None}), element="ni", edge="l2,3")
    assert (found.element, found.edge) == ("Ni", "L23")
    kept = one(xdi(), element="Fe")
    assert kept.element == "Cu"
    assert any("Fe was given, but the file says Cu" in text for text in kept.warnings)


def test_an_element_that_does_not_exist_cannot_be_given() -> None:
    with pytest.raises(InputError, match="element"):
        read_bytes("a.xdi", xdi(), element="Xx")


def test_generic_edges_are_legal_and_our_own_field_is_preferred() -> None:
    assert one(xdi({"Element.edge": "L"})).edge == "L"
    assert one(xdi({"Element.edge": "L", "SpectraDB.edge": "L23"})).edge == "L23"


def test_an_angle_becomes_an_energy() -> None:
    rows = "\n".join(f"{14.5 - 0.1 * i} 1000 {900 - i}" for i in range(5))
    found = one(xdi({"Column.1": "angle degrees"}, rows=rows))
    assert found.energy_ev[0] == pytest.approx(
        12398.42 / (2 * 3.13553 * np.sin(np.deg2rad(14.5))), rel=1e-6
    )
    radians = "\n".join(f"{float(np.deg2rad(14.5 - 0.1 * i))!r} 1000 {900 - i}" for i in range(5))
    again = one(xdi({"Column.1": "angle radians"}, rows=radians))
    np.testing.assert_allclose(again.energy_ev, found.energy_ev, rtol=1e-12)


def test_kev_becomes_ev() -> None:
    found = one(xdi({"Column.1": "energy keV"}, rows="8.9 10 9\n8.91 10 8\n8.92 10 7"))
    assert found.energy_ev.tolist() == pytest.approx([8900, 8910, 8920])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("8900 1 1\n8910 x 1\n", "line 15, column 2: 'x' is no number"),
        ("8900 1 1\n8910 1 1 1\n", "line 15: 4 columns"),
        ("8900 1 1\n8910 1\n", "line 15: 2 columns"),
        ("", "no data section"),
        ("8900 2 1\n", "at least 2"),
        ("8900 1 1_0\n8910 1 1\n", "'1_0' is no number"),
    ],
)
def test_broken_data_are_an_error_with_the_line(rows: str, said: str) -> None:
    assert any(said in text for text in errors(xdi(rows=rows)))


def test_nan_zero_counts_repeats_and_disorder_are_told() -> None:
    rows = (
        "8900 1000 900\n8920 1000 800\n8910 1000 850\n8930 nan 1\n8940 1000 0\n8950 9 3\n8950 9 3"
    )
    found = one(xdi(rows=rows))
    assert found.energy_ev.tolist() == [8900, 8910, 8920, 8950]
    text = " ".join(found.warnings)
    assert "not in order" in text
    assert "at the energy of the point before" in text
    assert "zero or negative counts" in text
    assert "without a finite number" in text


def test_a_reference_channel_is_a_spectrum_of_its_own() -> None:
    energy = np.arange(8880.0, 9200.0, 2.0)
    mu = 1 / (1 + np.exp(-(energy - 8979) / 2))
    rows = "\n".join(
        f"{e} 1000 {500 * np.exp(-m)} {200 * np.exp(-2 * m)}"
        for e, m in zip(energy, mu, strict=True)
    )
    end = "#---\n# energy i0 itrans irefer\n"
    fields: dict[str, str | None] = {"Column.4": "irefer"}
    sample, reference = read_bytes("a.xdi", xdi(fields, rows=rows, end=end))
    assert (sample.role, reference.role) == ("sample", "reference")
    assert (reference.element, reference.edge) == ("Cu", "K")
    assert any("Element.reference is missing" in text for text in reference.warnings)
    fields |= {"Element.reference": "Zn", "Element.ref_edge": "K"}
    assert read_bytes("a.xdi", xdi(fields, rows=rows, end=end))[1].element == "Zn"


def test_comments_are_kept_with_their_blanks() -> None:
    found = one(xdi(extra="# ///\n# first\n#\n#   a:  b\n"))
    assert found.header["XDI comments"] == ["first", "", "  a:  b"]
    assert found.warnings == ()


@pytest.mark.parametrize("eol", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(eol: str) -> None:
    assert one(xdi().replace(b"\n", eol.encode())).n_points == 20


def test_a_file_without_version_line_is_no_xdi() -> None:
    assert "must begin with '# XDI/1.0'" in errors(xdi(version="# Cu foil"))[0]


def test_names_with_other_letters_are_kept() -> None:
    assert one(xdi({"Sample.name": "café 銅"})).measurement.sample_name == "café 銅"
    latin = xdi({"Sample.name": "cafe"}).replace(b"cafe", b"caf\xe9")
    found = one(latin)
    assert found.measurement.sample_name == "café"
    assert any("not UTF-8" in text for text in found.warnings)


# --- the suite of the format ------------------------------------------------------------------


def test_every_good_file_of_the_suite_is_read() -> None:
    paths = sorted(shared_data("spectra", "xdi_good").iterdir())
    assert len(paths) == 16
    for path in paths:
        assert read(path)[0].n_points >= 10


def test_bad_files_of_the_suite_are_judged_as_its_list_says() -> None:
    """Where the list notes that suite and specification disagree, the specification counts."""
    expected = json.loads(shared_data("spectra", "expected_bad_xdi.json").read_text())
    for name, verdict in expected.items():
        path = shared_data("spectra") / name
        strict = verdict.startswith("error:")
        if strict:
            with pytest.raises(ReadError):
                read(path)
        else:
            warned = len(read(path)[0].warnings) > 0
            assert warned == ("warn" in verdict), (name, verdict)


def test_the_library_is_read_and_each_file_has_the_element_of_its_folder() -> None:
    paths = [p for p in shared_data("spectra", "xdi_xaslib").rglob("*.*") if p.is_file()]
    assert len(paths) > 100
    for path in paths:
        assert read(path)[0].element == path.parent.name


# --- writing ----------------------------------------------------------------------------------


numbers = st.floats(-1e300, 1e300, allow_nan=False)


@given(
    energies=st.lists(st.floats(1, 1e5, allow_nan=False), min_size=2, max_size=30, unique=True).map(
        sorted
    ),
    data=st.data(),
    edge=st.sampled_from(["K", "L3", "L23", "M45", "L", "N67"]),
    quantity=st.sampled_from(["mu", "normalised", "counts", "arbitrary"]),
    mode=st.sampled_from(["transmission", "fluorescence", "TEY", None]),
    text=st.text(max_size=40),
)
def test_what_is_written_reads_back_to_the_last_bit(
    energies: list[float],
    data: st.DataObject,
    edge: str,
    quantity: str,
    mode: str | None,
    text: str,
) -> None:
    values = data.draw(st.lists(numbers, min_size=len(energies), max_size=len(energies)))
    base = one(xdi())
    written = replace(
        base,
        energy_ev=np.array(energies),
        intensity=np.array(values),
        edge=edge,
        quantity=quantity,  # type: ignore[arg-type]
        mode=mode,  # type: ignore[arg-type]
        measurement=replace(base.measurement, sample_name=text, temperature_k=77.3),
    )
    back = one(write_xdi(written).encode("utf-8", errors="replace"))
    np.testing.assert_array_equal(back.energy_ev, written.energy_ev)
    np.testing.assert_array_equal(back.intensity, written.intensity)
    assert (back.element, back.edge, back.quantity, back.mode, back.role) == (
        "Cu", edge, quantity, mode, "sample",
    )  # fmt: skip
    assert back.measurement.temperature_k == 77.3
    assert back.measurement.date == base.measurement.date


def test_written_files_keep_the_fields_and_comments_of_other_programs() -> None:
    found = one(xdi({"GSE.EXTRA": "config 1"}, extra="# ///\n# a comment\n"))
    back = one(write_xdi(found).encode())
    assert back.header["GSE.EXTRA"] == "config 1"
    assert back.header["XDI comments"] == ["a comment"]


def test_a_value_can_never_start_a_line_of_its_own() -> None:
    base = one(xdi())
    nasty = "x\n# Element.symbol: Fe\r9000 1 1\u2028#----"
    text = write_xdi(replace(base, measurement=replace(base.measurement, sample_name=nasty)))
    assert one(text.encode()).element == "Cu"
    assert one(text.encode()).n_points == 20


def test_a_real_file_survives_writing(tmp_path: Path) -> None:
    for path in sorted(shared_data("spectra", "xdi_good").iterdir()):
        for found in read(path):
            back = read_bytes("b.xdi", write_xdi(found).encode())[0]
            np.testing.assert_array_equal(back.energy_ev, found.energy_ev)
            np.testing.assert_array_equal(back.intensity, found.intensity)
            assert (back.element, back.edge) == (found.element, found.edge)
