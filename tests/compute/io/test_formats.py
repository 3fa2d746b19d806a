"""9809, EMSA, Athena, columns, HDF5 and DM: what each reader takes and tells."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from compute.errors import ReadError, SkipFile
from compute.io import RawSpectrum, read, read_bytes
from tests.shared_data import shared_data


def one(name: str, text: str | bytes) -> RawSpectrum:
    data = text.encode() if isinstance(text, str) else text
    (spectrum,) = read_bytes(name, data)
    return spectrum


def fails(name: str, text: str | bytes) -> str:
    with pytest.raises(ReadError) as caught:
        read_bytes(name, text.encode() if isinstance(text, str) else text)
    return "\n".join(caught.value.errors)


# --- 9809 -------------------------------------------------------------------------------------

KEK = """  9809     {facility}   BL12C
 NiO foil        22.05.11 17:26 - 22.05.11 18:33
 a comment
 Ring :   2.5 GeV   425.1 mA -  449.9 mA
 Mono :   Si(111)       D=  3.13551 A    Initial angle= 13.93250 deg
 BL12C     Transmission( 2)   Repetition=  1     Points=    3
 Param file : Std-EXAFS       energy axis(2)     Block =    1

 Block      Init-Eng  Final-Eng      Step/eV     Time/s       Num
     1        8000.00   8010.00         1.00       1.00        10
 Ortec( 0)     NDCH = 3
  Angle(c)  Angle(o)    time/s         1         2
      Mode         0         0{modes}
    Offset         0         0    10.000    20.000
{rows}"""
ROWS = """  14.30000  14.30010      1.00    100000     50000
  14.28000  14.28010      1.00    100000     40000
  14.26000  14.26010      1.00    100000     30000
"""


def kek(facility: str = "KEK-PF", modes: str = "         1         2", rows: str = ROWS) -> str:
    return KEK.format(facility=facility, modes=modes, rows=rows)


@pytest.mark.parametrize("facility", ["KEK-PF", "SPring-8", "SAGA-LS", "AichiSR"])
def test_9809_angles_become_energies_by_the_format_s_own_constant(facility: str) -> None:
    found = one("a.dat", kek(facility))
    energy = 12398.52 / (2 * 3.13551 * np.sin(np.deg2rad([14.3001, 14.2801, 14.2601])))
    np.testing.assert_allclose(found.energy_ev, energy, rtol=1e-14)
    np.testing.assert_allclose(found.intensity, np.log([2, 2.5, 10 / 3]), rtol=1e-14)
    assert (found.format, found.mode, found.measurement.facility) == (
        "9809",
        "transmission",
        facility,
    )
    assert (found.element, found.edge) == (None, None)
    assert "which element and edge" in found.warnings[-1]
    assert found.measurement.date is not None
    assert found.measurement.date.year == 2022


def test_9809_may_end_in_control_z() -> None:
    assert one("a.dat", kek() + "\x1a\n").n_points == 3


def test_9809_fluorescence_channels_are_summed_and_rates_are_no_signal() -> None:
    rows = "".join(
        f"  {14.3 - 0.02 * i:.5f}  {14.3 - 0.02 * i:.5f}      1.00    10    20  1000    77    5\n"
        for i in range(3)
    )
    modes = "         3         3         1       103       101"
    found = one("a.dat", kek(modes=modes, rows=rows))
    assert found.mode == "fluorescence"
    np.testing.assert_allclose(found.intensity, 0.03)
    assert any("2 fluorescence channels are summed" in text for text in found.warnings)


def test_9809_with_transmission_and_fluorescence_gives_both() -> None:
    rows = "".join(
        f"  {14.3 - 0.02 * i:.5f}  {14.3 - 0.02 * i:.5f}      1.00    1000  500  20\n"
        for i in range(3)
    )
    found = read_bytes("a.dat", kek(modes="  1  2  3", rows=rows).encode())
    assert [spectrum.mode for spectrum in found] == ["transmission", "fluorescence"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (kek().replace("D=", "X="), "line 5: the crystal's spacing"),
        (kek().replace("      Mode", "      Made"), "the line 'Mode' is missing"),
        (kek(modes="  2  2"), "names no I0"),
        (kek(rows=ROWS + "  14.2 14.2 1.0 nonsense 3\n"), "line 18: "),
        (kek(rows=ROWS + "  14.2 14.2 1.0 3\n"), "line 18: 4 columns, but Mode names 5"),
        (kek(rows=""), "no data after the line 'Offset'"),
    ],
)
def test_9809_faults_name_their_line(text: str, said: str) -> None:
    assert said in fails("a.dat", text)


# --- EMSA -------------------------------------------------------------------------------------

MSA = """#FORMAT      : EMSA/MAS Spectral Data File
#VERSION     : 1.0
#TITLE       : NiO
#DATE        : 01-OCT-1991
#TIME        : 12:00
#NPOINTS     : 6.
#NCOLUMNS    : {columns}
#XUNITS      : {xunits}
#YUNITS      : Counts
#DATATYPE    : {kind}
#XPERCHAN    : 0.5
#OFFSET      : 850.0
#SIGNALTYPE  : ELS
#BEAMKV   -kV: 200
##VENDOR     : x
#SPECTRUM    : Spectral Data Starts Here
{rows}#ENDOFDATA   : End Of Data and File
"""


def msa(kind: str = "Y", rows: str = "1, 2, 3\n4, 5, 6\n", xunits: str = "eV") -> str:
    return MSA.format(kind=kind, rows=rows, xunits=xunits, columns=3 if kind == "Y" else 1)


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


# --- Athena -----------------------------------------------------------------------------------


def group(
    name: str, label: str, z: str = "Fe", edge: str = "k", start: float = 7000, **args: object
) -> str:
    x = ",".join(f"'{start + 2 * i}'" for i in range(120))
    y = ",".join(f"'{0.001 * i + (1.0 if i > 56 else 0.0)}'" for i in range(120))
    more = "".join(f",'{key}','{value}'" for key, value in args.items())
    return (
        f"$old_group = '{name}';\n@args = ('label','{label}','bkg_z','{z}','fft_edge','{edge}',"
        f"'is_xmu',1,'titles',['a\\'b','c'],'h',{{'k' => 'v'}}{more});\n"
        f"@x = ({x});\n@y = ({y});\n[record]   #\n\n"
    )


HEAD = "# Athena project file -- Demeter version 0.9.20\n"


def test_each_group_of_a_project_is_a_spectrum() -> None:
    text = HEAD + group("abc", "foil") + group("def", "  Ref foil")
    for data in (text.encode(), gzip.compress(text.encode())):
        found = read_bytes("a.prj", data)
        assert [(s.label, s.element, s.edge, s.role) for s in found] == [
            ("foil", "Fe", "K", "sample"),
            ("Ref foil", "Fe", "K", "reference"),
        ]
        assert found[0].n_points == 120
        assert found[0].header["titles"] == ["a'b", "c"]
        assert found[0].header["h"] == {"k": "v"}


def test_a_json_project_is_read_like_a_perl_one() -> None:
    args = {"bkg_z": "Fe", "fft_edge": "k"}
    content = {
        "_____header1": "# Athena project file -- Demeter version 0.9.26",
        "b": {"args": {"label": "two", **args}, "x": ["7100", "7120"], "y": [0, "1"]},
        "a": {"args": {"label": "one", **args}, "x": [7100, 7120], "y": [0, 1]},
        "_____order": ["a", "b"],
    }
    found = read_bytes("a.prj", json.dumps(content).encode())
    assert [s.label for s in found] == ["one", "two"]
    assert found[1].intensity.tolist() == [0, 1]


def test_chi_groups_are_left_out_with_the_reason() -> None:
    text = HEAD + group("abc", "foil") + group("def", "ex", is_chi=1)
    (found,) = read_bytes("a.prj", text.encode())
    assert any("'ex' is chi(k)" in warning for warning in found.warnings)
    with pytest.raises(SkipFile, match=r"chi\(k\)"):
        read_bytes("a.prj", (HEAD + group("def", "ex", is_chi=1)).encode())


def test_an_edge_outside_the_data_is_left_open() -> None:
    found = one("a.prj", HEAD + group("abc", "x", z="Fe", edge="l3"))
    assert (found.element, found.edge) == ("Fe", None)
    found = one("a.prj", HEAD + group("abc", "x", z="H", edge="k"))
    assert (found.element, found.edge) == (None, None)
    assert "which element and edge" in found.warnings[-1]


def test_an_assignment_that_most_groups_contradict_is_left_open() -> None:
    groups = [group(f"g{i}", f"V{i}", "V", "k", 5370) for i in range(3)]
    groups.append(group("odd", "V9", "La", "l3", 5370))
    found = read_bytes("a.prj", (HEAD + "".join(groups)).encode())
    assert [s.element for s in found] == ["V", "V", "V", None]
    assert any("3 other groups" in text for text in found[3].warnings)


def test_a_shift_made_in_athena_is_told_and_not_applied() -> None:
    found = one("a.prj", HEAD + group("abc", "x", bkg_eshift="5.8"))
    assert found.energy_ev[0] == 7000
    assert any("shifts this group by +5.8 eV" in text for text in found.warnings)


def test_padding_at_energy_zero_is_left_out() -> None:
    text = (
        group("abc", "x")
        .replace("@x = ('7000'", "@x = ('0'")
        .replace("@x = ('7000.0'", "@x = ('0'")
    )
    found = one("a.prj", HEAD + text)
    assert found.n_points == 119
    assert found.energy_ev[0] == 7002


def test_a_broken_group_is_told_and_the_others_are_read() -> None:
    broken = group("bad", "bad").replace("@y = (", "@y = ('1' '2',")
    (found,) = read_bytes("a.prj", (HEAD + group("abc", "ok") + broken).encode())
    assert any("@y of group 'bad' is broken" in text for text in found.warnings)
    assert "is broken" in fails("a.prj", HEAD + broken)


# --- columns ----------------------------------------------------------------------------------


def rows(*columns: object, sep: str = " ") -> str:
    return "".join(sep.join(f"{v}" for v in row) + "\n" for row in zip(*columns, strict=True))  # type: ignore[call-overload]


E = [7000 + 5 * i for i in range(20)]
I0 = [100000 + 10 * i for i in range(20)]
IT = [50000 - 100 * i for i in range(20)]
MU = [float(np.log(a / b)) for a, b in zip(I0, IT, strict=True)]


def test_labels_choose_the_columns_and_the_choice_is_told() -> None:
    found = one("a.dat", "# energy time I0 It\n" + rows(E, [1] * 20, I0, IT))
    np.testing.assert_allclose(found.intensity, MU)
    assert {"energy: energy", "intensity: ln(I0/It)"} <= set(found.warnings)


def test_columns_without_names_are_found_by_arithmetic() -> None:
    found = one("a.dat", rows(E, I0, IT, MU))
    assert any("column 4, which equals ln(column 2/column 3)" in text for text in found.warnings)


@pytest.mark.parametrize(
    "text",
    [
        "energy,mu\n" + rows(E, MU, sep=","),
        "Energy (keV)\tmu\n" + rows([e / 1000 for e in E], MU, sep="\t"),
        rows([e / 1000 for e in E], MU),
        "energy;mu\n" + rows(E, MU, sep=" ; ").replace(".", ","),
        "! energy mu\n" + rows(E, MU).replace("0.", ".").replace("e-", "D-"),
    ],
    ids=["csv", "keV by label", "keV by size", "decimal comma", "Fortran"],
)
def test_separators_units_and_number_styles_are_understood(text: str) -> None:
    text = text if ";" not in text else text.replace("energy;mu", "energy mu")
    found = one("a.dat", text)
    assert found.energy_ev[0] == pytest.approx(7000)
    np.testing.assert_allclose(found.intensity, MU, rtol=1e-12)


def test_element_and_edge_of_a_header_are_taken_and_wrong_ones_are_told() -> None:
    found = one("a.xmu", "#%atom: Fe\n#%edge: K\n# energy mu\n" + rows(E, MU))
    assert (found.element, found.edge) == ("Fe", "K")
    found = one("a.xmu", "#%atom: Fe2O3\n#%edge: K\n# energy mu\n" + rows(E, MU))
    assert (found.element, found.edge) == (None, "K")
    assert any("'Fe2O3' is no symbol" in text for text in found.warnings)
    assert "--element" in found.warnings[-1]


def test_zero_transmission_is_told_and_left_out() -> None:
    it = [0, *IT[1:]]
    found = one("a.dat", "# energy I0 It\n" + rows(E, I0, it))
    assert found.n_points == 19
    assert any("cannot be formed at 1 of 20 points" in text for text in found.warnings)


def test_a_line_of_text_among_the_data_is_told() -> None:
    lines = rows(E, MU).splitlines(keepends=True)
    lines.insert(7, "beam lost here\n")
    found = one("a.dat", "# energy mu\n" + "".join(lines))
    assert found.n_points == 20
    assert any("line 9: no line of numbers" in text for text in found.warnings)


def test_chi_is_skipped_with_the_reason() -> None:
    k = [0.05 * i for i in range(200)]
    chi = [float(np.sin(9 * v)) for v in k]
    for name, head in (("a.chi", ""), ("a.dat", "# k chi\n"), ("a.txt", "")):
        with pytest.raises(SkipFile, match=r"chi\(k\)"):
            read_bytes(name, (head + rows(k, chi)).encode())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a__metadata.json", b'{"title": "x", "edges": ["Mn_L2,3"]}'),
        ("README.md", b"# Spectra\nof 3 samples\n"),
        ("LICENSE", b"MIT"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0"),
        ("a.pdf", b"%PDF-1.4 ..."),
    ],
)
def test_side_cars_are_skipped(name: str, data: bytes) -> None:
    with pytest.raises(SkipFile):
        read_bytes(name, data)


def test_text_without_numbers_is_an_error() -> None:
    assert "no table of numbers" in fails("a.dat", "nothing here\n")
    assert "empty" in fails("a.dat", "")
    assert "binary file" in fails("a.dat", b"\x01\x02\x00\x00\x07")


def test_energies_relative_to_the_edge_are_made_absolute_for_fdmnes() -> None:
    head = (
        " 8333.000   28  1  1  0.0  0.0 = E_edge, Z, n_edge, j_edge, Abs\n    Energy    <xanes>\n"
    )
    found = one("a.txt", head + rows(range(-5, 15), MU))
    assert found.energy_ev[0] == 8328
    assert (found.element, found.edge) == ("Ni", "K")
    assert any("not measured" in text for text in found.warnings)


# --- HDF5 -------------------------------------------------------------------------------------


def hdf5(build: object) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        build(file)  # type: ignore[operator]
    return stream.getvalue()


def nxdata(parent: h5py.Group, unit: str = "eV", scale: float = 1.0) -> h5py.Group:
    data = parent.create_group("data")
    data.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": "energy"})
    data.create_dataset("energy", data=np.array(E) * scale).attrs["units"] = unit
    data.create_dataset("mu", data=MU)
    return data


def test_nxdata_is_read_with_the_entry_around_it() -> None:
    def build(file: h5py.File) -> None:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = "foil"
        entry.create_group("element")["symbol"] = "Fe"
        entry.create_group("edge")["name"] = "K"
        nxdata(entry, "keV", 1e-3)

    found = one("a.nxs", hdf5(build))
    assert (found.element, found.edge, found.label, found.format) == ("Fe", "K", "foil", "hdf5")
    assert found.energy_ev[0] == pytest.approx(7000)
    assert found.quantity == "mu"


def test_hdf5_never_follows_links_out_of_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        nxdata(file)

    def external(file: h5py.File) -> None:
        file["entry"] = h5py.ExternalLink(str(secret), "/")

    def through_soft(file: h5py.File) -> None:
        file["out"] = h5py.ExternalLink(str(secret), "/")
        file["entry"] = h5py.SoftLink("/out/data")

    def external_values(file: h5py.File) -> None:
        data = nxdata(file)
        del data["mu"]
        raw = tmp_path / "raw.bin"
        raw.write_bytes(np.array(MU).tobytes())
        data.create_dataset("mu", (20,), "f8", external=[(str(raw), 0, 160)])

    def virtual(file: h5py.File) -> None:
        data = nxdata(file)
        del data["mu"]
        layout = h5py.VirtualLayout((20,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "/data/mu", (20,))
        data.create_virtual_dataset("mu", layout)

    for build in (external, through_soft, external_values, virtual):
        assert fails("a.h5", hdf5(build))


def test_an_hdf5_without_spectrum_or_broken_is_an_error() -> None:
    assert "no NXdata group" in fails("a.h5", hdf5(lambda file: file.create_group("x")))
    assert "broken" in fails("a.h5", hdf5(nxdata)[:700])


def test_a_huge_dataset_is_not_read() -> None:
    def build(file: h5py.File) -> None:
        data = nxdata(file)
        del data["mu"]
        data.create_dataset("mu", (10**9,), "f8", chunks=(10**6,), compression="gzip")

    assert fails("a.h5", hdf5(build))


# --- DM3, gzip, limits --------------------------------------------------------------------------


def test_dm_files_ask_for_the_optional_package() -> None:
    if importlib.util.find_spec("rsciio"):
        pytest.skip("rosettasciio is installed here")
    assert "pip install rosettasciio" in fails("a.dm3", b"\x00\x00\x00\x03\x00\x00\x10\x00")


def test_a_gzip_bomb_is_refused_and_a_broken_one_is_told() -> None:
    assert "expands to more than" in fails("a.prj", gzip.compress(b"0" * 64 * 2**20, 9))
    assert "compression is broken" in fails("a.prj", gzip.compress(b"x" * 9999)[:40])


def test_any_text_format_may_be_compressed() -> None:
    assert one("a.msa.gz", gzip.compress(msa().encode())).format == "emsa"


def test_a_missing_file_is_an_error_that_may_pass(tmp_path: Path) -> None:
    with pytest.raises(ReadError) as caught:
        read(tmp_path / "none.xdi")
    assert not caught.value.permanent


# --- real files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "element", "edge", "n"),
    [
        ("athena/Fe.prj", "Fe", "K", 5),
        ("athena/NiO.prj", "Ni", "K", 24),
        ("athena/cu.prj", "Cu", "K", 3),
        ("athena/json_unzipped.prj", "Fe", "K", 4),
        ("athena/Vathena.prj", "V", "K", 88),
        ("columns/APS13ID_2019.dat", "Mn", "K", 1),
        ("columns/NSLS6BM_2019.dat", "V", "K", 1),
        ("columns/FDMNES_2022_Mo2C_out.dat", "Mo", "K", 1),
        ("columns/cu_10k.xmu", "Cu", "K", 1),
        ("columns/fe2o3_rt1.xmu", None, "K", 1),
        ("columns/PF9A_2022.dat", None, None, 1),
        ("columns/SSRL1_2006.dat", None, None, 2),
        ("msa/Ni_edge.msa", None, None, 1),
        ("msa/la2nio4-structure-of-k2nif4__data.msa", None, None, 1),
    ],
)
def test_real_files_give_their_element_or_a_question(
    name: str, element: str | None, edge: str | None, n: int
) -> None:
    found = read(shared_data("spectra") / name)
    assert len(found) == n
    assert (found[0].element, found[0].edge) == (element, edge)
    if element is None or edge is None:
        assert "the file does not say which" in found[0].warnings[-1]
