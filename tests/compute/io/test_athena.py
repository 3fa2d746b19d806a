"""Athena projects: groups, shifts, assignments."""

from __future__ import annotations

import gzip
import json

import pytest

from compute.errors import SkipFile
from compute.io import read_bytes
from tests.compute.io.samples import (
    HEAD,
    fails,
    group,
    one,
)


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


def test_a_shift_made_in_athena_is_applied_and_told() -> None:
    found = one("a.prj", HEAD + group("abc", "x", bkg_eshift="5.8"))
    assert found.energy_ev[0] == pytest.approx(7005.8)
    assert any("shifted by +5.8 eV" in text for text in found.warnings)
    assert found.header["bkg_eshift"] == "5.8"


def test_padding_at_energy_zero_stays_padding_under_a_shift() -> None:
    text = group("abc", "x", bkg_eshift="3").replace("@x = ('7000'", "@x = ('0'")
    text = text.replace("@x = ('7000.0'", "@x = ('0'")
    assert one("a.prj", HEAD + text).energy_ev[0] == 7005


def test_strings_may_run_over_lines() -> None:
    text = group("abc", "one") + group("def", "two").replace("'c'", "'c\n@x = (1,2);\nd'")
    found = read_bytes("a.prj", (HEAD + text).encode())
    assert [(s.label, s.n_points, s.element) for s in found] == [
        ("one", 120, "Fe"),
        ("two", 120, "Fe"),
    ]


def test_a_group_calculated_with_feff_is_theory() -> None:
    found = one("a.prj", HEAD + group("abc", "x", is_xmudat=1))
    assert (found.kind, found.code) == ("theory", "FEFF")


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
