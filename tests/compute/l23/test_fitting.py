"""The constants in use are those of the fits, and what was fitted to says where it is from."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from compute.l23.charge_transfer import DELTA_EV, U_DD_EV
from compute.l23.cheap.anchor import ANCHORS, SIZES, measured_and_computed
from compute.l23.fitting.charge_transfer import fit_plane
from compute.l23.fitting.cheap_anchors import left_out, most_likely
from compute.l23.fitting.published import published, weight
from compute.l23.fitting.references import REFERENCES


@pytest.mark.parametrize(("key", "in_use"), [("delta", DELTA_EV), ("u_dd", U_DD_EV)])
def test_the_planes_in_use_are_the_fitted_ones_rounded(key: str, in_use: tuple[float, ...]):
    plane, error = fit_plane(published()["charge_transfer"], key)
    assert plane == pytest.approx(in_use, abs=0.06)
    assert 0.5 < error < 1.0


def test_every_value_says_whether_it_was_read_at_its_source():
    for kind, entries in published().items():
        for entry in entries:
            assert isinstance(entry["seen"], bool), (kind, entry)
            assert entry["source"], (kind, entry)
            assert weight(entry) == (1.0 if entry["seen"] else 0.7)


def test_a_number_as_printed_comes_with_its_page_and_date_and_is_the_number_used():
    printed = [e for entries in published().values() for e in entries if "printed" in e]
    assert printed
    for entry in printed:
        assert entry["seen"]
        assert entry["address"].startswith(("https://", "public source text"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry["read_on"])
        numbers = [float(x) for x in re.findall(r"\d+\.?\d*", entry["printed"].replace(",", ""))]
        if "wavenumber_cm" in entry:  # as 10Dq, as Dq, as Jørgensen's f g, or as a printed range
            ways = numbers + [10.0 * x for x in numbers]
            ways += [1000.0 * a * b for a in numbers for b in numbers]
            ways += [(a + b) / 2.0 for a in numbers for b in numbers]
            assert min(abs(way - entry["wavenumber_cm"]) for way in ways) <= 10.0, entry
            splitting = abs(entry["total_10dq"])
            assert splitting == pytest.approx(entry["wavenumber_cm"] / 8065.544, abs=1.5e-3)
        else:
            used = [abs(v) for v in entry.values() if type(v) is float]
            assert set(used) & set(numbers), entry


def test_the_anchors_are_those_of_the_reference_compounds():
    table = json.loads(ANCHORS.read_text(encoding="utf-8"))["references"]
    kept = [(r["element"], r["valence"], r["crystal"], r["l3_ev"], r["seen"]) for r in table]
    assert kept == [(r.element, r.valence, r.crystal, r.l3_ev, r.seen) for r in REFERENCES]


@pytest.mark.parametrize(("way", "most_ev"), [("ion", 0.6), ("element", 0.75)])
def test_measured_references_left_out_are_missed_by_what_the_scale_states(way: str, most_ev: float):
    table = json.loads(ANCHORS.read_text(encoding="utf-8"))
    miss, sigma = left_out(measured_and_computed(table), way)
    assert np.sqrt(np.mean(miss**2)) < most_ev
    assert 0.5 <= np.mean((miss / sigma) ** 2) <= 1.8


def test_the_sizes_in_use_are_the_most_likely_ones_rounded():
    found, in_use = (dataclasses.asdict(sizes) for sizes in (most_likely(), SIZES))
    assert found == pytest.approx(in_use, abs=0.06)


def test_ligands_and_coordinations_beyond_the_measured_oxides_are_computed_references():
    table = json.loads(ANCHORS.read_text(encoding="utf-8"))
    assert all(row["softness"] == 0.0 for row in table["references"])
    computed = table["computed"]
    assert {row["element"] for row in computed} >= {row["element"] for row in table["references"]}
    assert min(row["softness"] for row in computed) < -0.6  # fluorides
    assert max(row["softness"] for row in computed) > 0.8  # sulphides
    assert {row["ligands"] for row in computed} >= {4, 5, 6}
