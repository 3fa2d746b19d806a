"""Scans of X-ray microscopes: a header and its tables of counts."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import ReadError
from compute.series.io import read_series
from compute.series.io import stxm as reader

ENERGY = [700.0, 700.5, 701.25, 703.0]
X, Y = [-3.2, -3.1, -3.0], [10.0, 10.2]
COUNTS = np.random.default_rng(0).poisson(300, (4, 2, 3)).astype(float)


def points(values):
    return f"Points = ({len(values)}, {', '.join(f'{one:.3f}' for one in values)});"


def axis(key, name, unit, values):
    return (
        f'{key} = {{ Name = "{name}"; Unit = "{unit}"; Min = {values[0]}; Max = {values[-1]}; '
        f"Dir = 1;\n\t{points(values)}\n}};\n"
    )


def header(regions, stack="", channels=("counter0",)):
    told = ",\n".join(f'{{ Name = "{one}"; Unit = "Hz";}}' for one in channels)
    return (
        '\nScanDefinition = { Label = "0042.hdr"; Type = "NEXAFS Image Scan"; Dwell = 0.4;\n'
        f"\tRegions = ({len(regions)},\n{','.join(regions)});\n\n{stack}\n"
        f"\tChannels = ({len(channels)},\n{told});\n}};\n"
        ' Time = "2017 March 14 21:40:13"; BeamFeedback = true;\n'
        "CoarseZ = { Name = CoarseZ; LastPosition =  1000; Vel = 0;};\n"
        'Image2 = {StorageRingCurrent = 255.26; Time = "2017 March 14 21:40:44";};\n'
    )


def region(x=X, y=Y):
    return "{\n" + axis("PAxis", "Sample X", "um", x) + axis("QAxis", "Sample Y", "um", y) + "}"


STACK = axis("StackAxis", "Energy", "eV", ENERGY)


def saved(path, table):
    path.write_text("\n".join("\t".join(f"{v:.6f}" for v in row) + "\t" for row in table) + "\n")


@pytest.fixture
def scan(tmp_path):
    (tmp_path / "0042.hdr").write_text(header([region()], STACK), encoding="latin-1")
    for i, table in enumerate(COUNTS):
        saved(tmp_path / f"0042_a{i:03d}.xim", table)
    return tmp_path


def spectra_of(series):
    return np.vstack(list(series.parts()))


@pytest.mark.parametrize("by", ["folder", "header"])
def test_a_stack_is_a_map_of_spectra(scan, by):
    series, errors = read_series([scan if by == "folder" else scan / "0042.hdr"])
    assert errors == []
    assert [one.told() for one in series.axes] == [
        {"name": "y", "unit": "um", "size": 2},
        {"name": "x", "unit": "um", "size": 3},
    ]
    np.testing.assert_array_equal(series.axes[1].values, X)
    np.testing.assert_array_equal(series.energy_ev, ENERGY)
    np.testing.assert_array_equal(spectra_of(series), np.moveaxis(COUNTS, 0, -1).reshape(6, 4))
    assert (series.quantity, series.header["title"]) == ("counts", "0042")
    assert any("optical density" in text for text in series.warnings)


def test_parts_of_a_stack_follow_each_other(scan, monkeypatch):
    monkeypatch.setattr("compute.series.io.arrays.PART_BYTES", 1)
    series, _ = read_series([scan])
    assert [len(one) for one in series.parts()] == [1] * 6
    np.testing.assert_array_equal(spectra_of(series), np.moveaxis(COUNTS, 0, -1).reshape(6, 4))


def test_a_line_scan_has_its_energies_in_columns(tmp_path):
    one = "{\n" + axis("PAxis", "Energy", "eV", ENERGY) + axis("QAxis", "Sample", "um", Y) + "}"
    (tmp_path / "line.hdr").write_text(header([one]))
    saved(tmp_path / "line_a.xim", COUNTS[:, :, 0].T)
    series, _ = read_series([tmp_path / "line.hdr"])
    assert series.shape == (2,)
    np.testing.assert_array_equal(series.energy_ev, ENERGY)
    np.testing.assert_array_equal(spectra_of(series), COUNTS[:, :, 0].T)


def test_of_several_regions_and_channels_one_is_taken_and_told(tmp_path):
    text = header([region(x=X[:2]), region()], STACK, ("counter0", "analog1"))
    (tmp_path / "0042.hdr").write_text(text)
    for i, table in enumerate(COUNTS):
        saved(tmp_path / f"0042_a{i:03d}0.xim", table[:, :2])
        saved(tmp_path / f"0042_a{i:03d}1.xim", table)
        saved(tmp_path / f"0042_b{i:03d}1.xim", -table)
    series, _ = read_series([tmp_path])
    np.testing.assert_array_equal(spectra_of(series), np.moveaxis(COUNTS, 0, -1).reshape(6, 4))
    assert any("region 2 of 2" in one for one in series.warnings)
    assert any("not taken: analog1" in one for one in series.warnings)


def test_a_scan_that_was_stopped_ends_where_its_tables_do(scan):
    (scan / "0042_a003.xim").unlink()
    saved(scan / "0042_a002.xim", COUNTS[2][:1])  # stopped within this one
    series, _ = read_series([scan])
    np.testing.assert_array_equal(series.energy_ev, ENERGY[:2])
    assert any("2 of 4 energies have no whole table, the first at 701.25" in one
               for one in series.warnings)  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda at: [one.unlink() for one in at.glob("*.xim")], "0 of its 4 tables"),
        (lambda at: (at / "0042.hdr").unlink(), "belong to one .hdr"),
        (lambda at: (at / "other.hdr").write_text(""), "belong to one .hdr"),
        (lambda at: (at / "0042.hdr").write_text("ENVI\nsamples = 3"), "ScanDefinition"),
        (lambda at: (at / "0042.hdr").write_text("ScanDefinition = {" * 99), "without an end"),
        (lambda at: (at / "0042.hdr").write_text(header([region()], STACK)[:200]), "ends within"),
        (lambda at: (at / "0042.hdr").write_text(header([region()])), "StackAxis is missing"),
        (
            lambda at: (at / "0042.hdr").write_text(
                header([region()], STACK).replace("(4,", "(5,")
            ),
            "StackAxis.Points: a list",
        ),
        (
            lambda at: (at / "0042.hdr").write_text(
                header([region()], STACK).replace("700.500", "hot")
            ),
            "could not convert",
        ),
        (
            lambda at: (at / "0042.hdr").write_text(
                header([region()], axis("StackAxis", "Energy", "eV", [700.0]))
            ),
            "one energy",
        ),
    ],
)
def test_what_is_no_scan_is_told(scan, damage, why):
    damage(scan)
    with pytest.raises(ReadError, match=why):
        read_series([scan])


@pytest.mark.parametrize(
    ("text", "why"),
    [("1 2 3\n1 2\n", "row 2 has 2 values"), ("1 2 3\n1 x 3\n", "row 2: could not convert")],
)
def test_a_table_that_is_not_as_its_header_says_is_named(scan, text, why):
    (scan / "0042_a001.xim").write_text(text)
    series, _ = read_series([scan])
    with pytest.raises(ReadError, match=f"0042_a001.xim: {why}"):
        spectra_of(series)


def test_a_header_without_an_end_of_size_is_not_read(scan, monkeypatch):
    monkeypatch.setattr(reader, "_HEADER_BYTES", 10)
    with pytest.raises(ReadError, match="too large"):
        read_series([scan])


def test_channels_may_be_told_by_their_names_alone(scan):
    path = scan / "0042.hdr"
    told = path.read_text(encoding="latin-1")
    path.write_text(told.replace('{ Name = "counter0"; Unit = "Hz";}', "counter0"))
    series, _ = read_series([scan])
    assert series.n_spectra == len(X) * len(Y)
