"""Compressed, missing and foreign files, and the real ones."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import pytest

from compute.errors import ReadError
from compute.io import read
from tests.compute.io.samples import (
    fails,
    msa,
    one,
)
from tests.shared_data import shared_data


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
