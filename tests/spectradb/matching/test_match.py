"""Matching stored and uploaded spectra."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from compute.errors import InputError
from compute.matching import calibrate_together
from spectradb.models import Kind, Status
from spectradb.services.matching import index as match_index
from spectradb.services.matching import reliability as match_reliability
from spectradb.services.matching.commonness import valence_weight
from spectradb.services.matching.groups import Group
from spectradb.services.matching.index import IndexState, library_of, refresh, state_of
from spectradb.services.matching.match import curve_of_row, match_curve
from spectradb.services.matching.options import MatchOptions
from spectradb.services.matching.reliability import reliability_of
from spectradb.services.matching.runs import Request, match_now
from spectradb.services.matching.teaching import expectations
from tests.factories import lorentzians, make_site, make_spectrum, make_structure

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]

EDGES = {"Mn": 640.0, "Ni": 853.0}


def _curve(element: str, k: int, energy: np.ndarray, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(1000 * len(element) + ord(element[0]) + 17 * k)
    start = EDGES[element]
    peaks = [
        (start + shift + p, h, a)
        for p, h, a in zip(
            [*rng.uniform(-2, 5, 4), *rng.uniform(10, 16, 2)],
            rng.uniform(0.25, 0.6, 6),
            rng.uniform(0.3, 1.0, 6),
            strict=True,
        )
    ]
    return lorentzians(energy, tuple(peaks))


def _theory(element: str, k: int, **fields):
    start = EDGES[element]
    energy = np.linspace(start - 10.0, start + 30.0, 401)
    return make_spectrum(
        absorber=element, energy=energy, intensity=_curve(element, k, energy), **fields
    )


def _measured(element: str, k: int, shift: float = 0.3, scan: int = 0):
    """A curve of its own noise for each ``scan``: of two scans only the substance is the same."""
    start = EDGES[element]
    energy = np.linspace(start - 14.0, start + 34.0, 330)
    noise = np.random.default_rng([k, scan]).normal(0.0, 0.01, energy.size)
    return energy, 400.0 * (_curve(element, k, energy, shift) + noise) + 50.0


def test_a_measured_curve_finds_its_element_and_spectrum():
    rows = {(e, k): _theory(e, k) for e in EDGES for k in range(8)}
    energy, intensity = _measured("Mn", 3)
    answer = match_curve(energy, intensity, MatchOptions())
    best = answer.matches[0]
    assert (best.spectrum_id, best.absorber) == (rows["Mn", 3].pk, "Mn")
    assert best.shift_ev == pytest.approx(0.3, abs=0.1)
    assert best.scale == pytest.approx(400.0, rel=0.2)
    assert answer.calibrated  # by what measured spectra taught, which is shipped
    assert answer.n_library == 8


def test_a_survey_over_two_edges_is_searched_for_both():
    rows = {(e, k): _theory(e, k) for e in EDGES for k in range(4)}
    energy = np.linspace(600.0, 900.0, 3001)
    intensity = 5.0 * _curve("Ni", 2, energy)
    intensity += np.random.default_rng(0).normal(0.0, 0.01, energy.size)
    best = match_curve(energy, intensity, MatchOptions()).matches[0]
    assert best.spectrum_id == rows["Ni", 2].pk


def test_counts_on_a_steep_background_are_matched():
    rows = [_theory("Ni", k) for k in range(6)]
    energy = np.linspace(780.0, 920.0, 1401)
    intensity = 3e4 * (energy / 853.0) ** -4 + 4e3 * _curve("Ni", 5, energy, 0.4)
    best = match_curve(energy, intensity, MatchOptions()).matches[0]
    assert best.spectrum_id == rows[5].pk


def test_a_background_that_steeply_falls_is_no_edge():
    rows = {(e, k): _theory(e, k) for e in EDGES for k in range(4)}
    energy = np.linspace(625.0, 900.0, 2751)  # nothing before Mn that its background is told by
    noise = np.random.default_rng(0).normal(0.0, 200.0, energy.size)
    intensity = 1e6 * (energy / 600.0) ** -4 + 2e4 * _curve("Ni", 2, energy) + noise
    answer = match_curve(energy, intensity, MatchOptions())
    assert answer.matches[0].spectrum_id == rows["Ni", 2].pk
    assert {edge.absorber for edge in answer.edges} == {"Ni"}
    only = match_curve(energy, intensity, MatchOptions(absorber="Mn"))
    assert "No edge is seen" in only.warnings[0]
    assert only.none_of_these > 0.9
    assert sum(one.probability for one in only.valences) < 0.1


def test_energies_in_kev_are_asked_about():
    _theory("Ni", 1)
    energy, intensity = _measured("Ni", 1)
    with pytest.raises(InputError, match="keV"):
        match_curve(energy / 1000.0, intensity, MatchOptions())


def test_the_index_follows_what_is_published():
    rows = [_theory("Ni", k) for k in range(5)]
    draft = _theory("Ni", 9, status=Status.DRAFT)
    group = Group("Ni", "L23", Kind.THEORY)
    assert state_of(group) is IndexState.MISSING
    first = library_of(group)
    assert set(first.ids) == {row.pk for row in rows}
    assert refresh(group) is first
    draft.status = Status.PUBLISHED
    draft.save()
    rows[0].status = Status.WITHDRAWN
    rows[0].save()
    assert state_of(group) is IndexState.STALE
    # Until it is brought up to date the old index answers, but for what is public no more.
    assert library_of(group) is first
    told = match_curve(*_measured("Ni", 9), MatchOptions())
    assert {one.spectrum_id for one in told.matches} == {row.pk for row in rows[1:]}
    match_index._LOADED.clear()  # as another process finds it
    assert set(refresh(group).ids) == {draft.pk, *(row.pk for row in rows[1:])}
    assert set(first.ids) == {row.pk for row in rows}  # whoever holds it is not disturbed
    assert state_of(group) is IndexState.CURRENT
    energy, intensity = _measured("Ni", 9)
    assert match_curve(energy, intensity, MatchOptions()).matches[0].spectrum_id == draft.pk


def test_published_measurements_of_known_structures_calibrate():
    for k in range(12):
        structure = make_structure()
        site = make_site(structure)
        _theory("Ni", k, structure=structure, site=site)
        energy, intensity = _measured("Ni", k, shift=0.1 * (k % 3))
        make_spectrum(Kind.EXPERIMENT, structure=structure, energy=energy, intensity=intensity)
    energy, intensity = _measured("Ni", 4, shift=0.2)
    answer = match_curve(energy, intensity, MatchOptions(kind="theory"))
    assert answer.calibrated
    assert answer.n_calibration_pairs == 12
    assert answer.none_of_these < 0.5


def test_pairs_of_neighbouring_elements_are_searched_for_once_and_teach_each_element(monkeypatch):
    for element in EDGES:
        for k in range(6):
            structure = make_structure()
            _theory(element, k, structure=structure, site=make_site(structure))
            energy, intensity = _measured(element, k, shift=0.1 * (k % 3))
            make_spectrum(
                Kind.EXPERIMENT, absorber=element, structure=structure,
                energy=energy, intensity=intensity,
            )  # fmt: skip
    manganese, nickel = (Group(one, "L23", Kind.THEORY) for one in EDGES)
    times = []

    def counted(*given):
        times.append(len(given[0]))
        return calibrate_together(*given)

    monkeypatch.setattr("spectradb.services.matching.teaching.calibrate_together", counted)
    refresh(manganese)
    # The other keeps its spectra meanwhile, and answers as one without pairs.
    assert state_of(nickel) is IndexState.STALE
    assert library_of(nickel).n_calibration_pairs != 12
    known = refresh(nickel).calibration
    assert times == [2]
    assert known.posterior.n_pairs == 12
    match_index.forget()
    alone = refresh(nickel).calibration
    assert times == [2, 2]
    for name in ("warp_ev", "area", "step", "smooth", "floor"):
        found, wanted = (getattr(one.discrepancy, name) for one in (known, alone))
        assert found == pytest.approx(wanted, rel=1e-6)


def test_a_stored_spectrum_is_not_matched_with_itself():
    rows = [_theory("Ni", k) for k in range(4)]
    energy, intensity, asked = curve_of_row(rows[1], MatchOptions())
    answer = match_curve(energy, intensity, asked, without=rows[1].pk)
    assert rows[1].pk not in [one.spectrum_id for one in answer.matches]
    assert answer.n_library == 3


def test_a_kept_match_keeps_its_candidates():
    rows = [_theory("Ni", k) for k in range(4)]
    energy, intensity = _measured("Ni", 2)
    query = make_spectrum(Kind.EXPERIMENT, status=Status.DRAFT, energy=energy, intensity=intensity)
    run = match_now(query, Request(MatchOptions(absorber="Ni", top=3)))
    assert run.job_status == "done"
    kept = list(run.matches.all())
    assert [one.rank for one in kept] == [1, 2, 3]
    assert kept[0].candidate_id == rows[2].pk
    assert kept[0].probability is not None
    assert 0.0 < kept[0].probability <= 1.0  # by what is shipped
    assert run.n_library == 4


def test_what_cannot_be_matched_is_told():
    with pytest.raises(InputError, match="no published spectrum"):
        match_curve(*_measured("Ni", 1), MatchOptions())
    _theory("Ni", 1)
    with pytest.raises(InputError, match="no published spectrum"):
        match_curve(*_measured("Mn", 1), MatchOptions())
    with pytest.raises(InputError, match="range"):
        match_curve(*_measured("Ni", 1), MatchOptions(energy_range=(0.0, 1.0)))


def test_command_answers_a_file_in_json(tmp_path):
    row = _theory("Ni", 2)
    _theory("Ni", 3)
    path = tmp_path / "query.csv"
    energy, intensity = _measured("Ni", 2)
    path.write_text(
        "energy_eV,intensity\n"
        + "\n".join(f"{e},{v}" for e, v in zip(energy, intensity, strict=True))
    )
    out = StringIO()
    call_command("match_spectrum", str(path), "--absorber", "Ni", "--output", "-", stdout=out)
    answer = json.loads(out.getvalue())
    assert answer["matches"][0]["spectrum_id"] == row.pk
    assert set(answer["matches"][0]) >= {
        "spectrum_id", "structure_id", "formula", "score", "probability",
        "shift_ev", "scale", "sigma_ev", "gamma_ev",
    }  # fmt: skip
    assert 0.0 <= answer["none_of_these"] <= 1.0


def test_command_tells_what_of_a_file_was_not_used(tmp_path):
    _theory("Ni", 2)
    path = tmp_path / "query.csv"
    energy, intensity = _measured("Ni", 2)
    intensity[40] = np.nan
    path.write_text(
        "energy_eV,intensity\n"
        + "\n".join(f"{e},{v}" for e, v in zip(energy, intensity, strict=True))
    )
    out, said = StringIO(), StringIO()
    call_command("match_spectrum", str(path), "--output", "-", stdout=out, stderr=said)
    assert any("1 of 330 points" in note for note in json.loads(out.getvalue())["notes"])
    assert "left out" in said.getvalue()


def test_command_names_the_file_that_cannot_be_matched(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("")
    with pytest.raises(CommandError, match="empty.csv: the file is empty"):
        call_command("match_spectrum", str(path))


def test_command_matches_within_the_elements_of_the_sample(tmp_path):
    _theory("Ni", 0, structure=make_structure("LiNiO2"))
    oxide = _theory("Ni", 1, structure=make_structure("NiO"))
    query = make_spectrum(
        Kind.EXPERIMENT, intensity=_measured("Ni", 0)[1], energy=_measured("Ni", 0)[0]
    )
    out = StringIO()
    asked = ("match_spectrum", str(query.pk), "--kind", "theory", "--only-elements")
    call_command(*asked, "Ni", "O", "--output", "-", stdout=out)
    assert [one["spectrum_id"] for one in json.loads(out.getvalue())["matches"]] == [oxide.pk]
    with pytest.raises(CommandError, match="--only-elements.*Qq"):
        call_command(*asked, "Ni", "Qq")


@pytest.mark.parametrize("top", [0, 401])
def test_more_candidates_than_are_compared_are_refused_by_the_name_of_the_option(top):
    _theory("Ni", 1)
    with pytest.raises(InputError, match="^top"):
        match_curve(*_measured("Ni", 1), MatchOptions(top=top))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"absorber": "Xx"}, "^absorber"),
        ({"edge": "Q9"}, "^edge"),
        ({"energy_range": (880.0, 850.0)}, "^range.*start below"),
        ({"max_shift_ev": -3.0}, "^max_shift_ev"),
    ],
)
def test_what_is_asked_wrongly_is_told_by_the_name_of_the_option(wrong, named):
    _theory("Ni", 1)
    with pytest.raises(InputError, match=named):
        match_curve(*_measured("Ni", 1), MatchOptions(**wrong))


def test_symbols_may_be_written_small():
    row = _theory("Ni", 1)
    answer = match_curve(*_measured("Ni", 1), MatchOptions(absorber="ni", edge="l23"))
    assert answer.matches[0].spectrum_id == row.pk


def test_a_scan_that_covers_too_little_of_an_edge_is_told_which_and_how_much_it_is():
    _theory("Ni", 1)
    energy, intensity = _measured("Ni", 1)
    part = energy > energy[-60]
    with pytest.raises(InputError, match=r"too little of Ni L23 \(\d+ to \d+ eV\): half is needed"):
        match_curve(energy[part], intensity[part], MatchOptions())


def test_of_a_scan_over_two_edges_the_other_is_told_too():
    for element in EDGES:
        for k in range(4):
            _theory(element, k)
    (e1, v1), (e2, v2) = (_measured(element, 2, shift=0.0) for element in EDGES)
    both = np.concatenate([e1, e2]), np.concatenate([v1, v2])
    answer = match_curve(*both, MatchOptions())
    first, other = answer.matches[0].absorber, *(set(EDGES) - {answer.matches[0].absorber})
    assert (
        f"An edge of {other} is in the scan, too: match it with {other} named." in answer.warnings
    )
    alone = match_curve(e1, v1, MatchOptions())
    assert not any("in the scan" in text for text in alone.warnings)
    assert first in EDGES


def test_a_lost_point_changes_nothing_and_is_told():
    rows = [_theory("Ni", k) for k in range(4)]
    energy, intensity = _measured("Ni", 2)
    whole = match_curve(energy, intensity, MatchOptions())
    lost = intensity.copy()
    at = int(np.argmax(intensity))
    lost[at] = intensity.min() - 0.5 * np.ptp(intensity)
    answer = match_curve(energy, lost, MatchOptions())
    assert answer.matches[0].spectrum_id == rows[2].pk == whole.matches[0].spectrum_id
    assert answer.matches[0].probability == pytest.approx(whole.matches[0].probability, abs=0.02)
    assert any(f"at {energy[at]:.2f} eV" in text for text in answer.warnings)
    assert not any("Single points" in text for text in whole.warnings)


@pytest.mark.parametrize("query", ["nothing.csv", "999999"])
def test_command_tells_what_is_not_there(query):
    with pytest.raises(CommandError, match="there is no"):
        call_command("match_spectrum", query)


def test_probabilities_are_summed_by_valence_and_edge():
    for k, valence in enumerate([2, 2, 3, 3.5]):
        structure = make_structure()
        site = make_site(structure, oxidation_state=valence)
        _theory("Mn", k, structure=structure, site=site)
    answer = match_curve(*_measured("Mn", 3), MatchOptions(top=1))
    assert len(answer.matches) == 1
    by_state = {v.oxidation_state: v.probability for v in answer.valences}
    assert set(by_state) == {2, 3, 4}
    assert by_state[4] == pytest.approx(0.5 * answer.matches[0].probability)
    assert sum(by_state.values()) + answer.none_of_these == pytest.approx(1.0)
    (edge,) = answer.edges
    assert (edge.absorber, edge.edge) == ("Mn", "L23")
    assert edge.probability == pytest.approx(1.0 - answer.none_of_these)


def test_a_substance_computed_three_times_weighs_as_one_computed_once():
    for k, valence in enumerate([2, 2, 2, 3, 2.5]):
        structure = make_structure()
        site = make_site(structure, oxidation_state=valence)
        _theory("Mn", k, structure=structure, site=site)
    group = Group("Mn", "L23", Kind.THEORY)
    known = expectations(group, library_of(group))
    state: dict[object, float | None] = dict(
        group.rows().values_list("pk", "site__oxidation_state")
    )
    total: dict[float | None, float] = {}
    for pk, value in known.weight.items():
        total[state[pk]] = total.get(state[pk], 0.0) + value
    # One substance of each: that of 2.5 belongs to both by halves, and takes a third of either.
    of = {state: valence_weight("Mn", state) / 1.5 for state in (2, 3)}
    assert total == pytest.approx({**of, 2.5: (of[2] + of[3]) / 2})
    assert len({known.substance[pk] for pk in state if state[pk] == 2}) == 1
    assert set(known.shift_err_ev) == set(known.weight) == set(known.error)


def test_a_site_of_mixed_valence_is_of_the_group_of_the_nearer_valence():
    rows: dict[float | None, int] = {}
    for k, valence in enumerate([2, 3, 2.00002, 2.84, 2.5, None]):
        structure = make_structure()
        site = make_site(structure, oxidation_state=valence)
        rows[valence] = _theory("Mn", k, structure=structure, site=site).pk
    group = Group("Mn", "L23", Kind.THEORY)
    of = expectations(group, library_of(group)).group
    label = {valence: of[pk] for valence, pk in rows.items()}
    assert label[2] == label[2.00002] == label[2.5]
    assert label[3] == label[2.84]
    assert len({label[2], label[3], label[None]}) == 3


def test_a_mixture_and_its_peaks_are_told_by_the_command(tmp_path):
    rows = [_theory("Ni", k) for k in range(6)]
    energy = np.linspace(840.0, 888.0, 400)
    intensity = 0.6 * _curve("Ni", 1, energy, 0.2) + 0.4 * _curve("Ni", 4, energy, 0.2)
    path = tmp_path / "mixed.csv"
    path.write_text(
        "energy_eV,intensity\n"
        + "\n".join(f"{e},{v}" for e, v in zip(energy, intensity, strict=True))
    )
    out = StringIO()
    call_command("match_spectrum", str(path), "--mixture", "--explain", "--output", "-", stdout=out)
    told = json.loads(out.getvalue())
    shares = {c["spectrum_id"]: c["share"] for c in told["mixture"]["components"]}
    assert set(shares) == {rows[1].pk, rows[4].pk}
    assert shares[rows[1].pk] == pytest.approx(0.6, abs=0.05)
    assert told["mixture"]["shift_ev"] == pytest.approx(0.2, abs=0.05)
    assert any(pair["difference_ev"] is not None for pair in told["peaks"])


def test_reliability_comes_from_curated_pairs_where_there_are_any(monkeypatch):
    monkeypatch.setattr(match_reliability, "SIMULATED", 6)
    group = Group("Ni", "L23", Kind.THEORY)
    for k in range(5):
        _theory("Ni", k)
    simulated = reliability_of(group)
    assert (simulated.source, simulated.n_queries) == ("simulated", 6)
    assert sum(one.count for one in simulated.bins) == 6
    assert reliability_of(group) == simulated  # kept
    for k in range(20, 23):
        structure = make_structure()
        _theory("Ni", k, structure=structure, site=make_site(structure))
        energy, intensity = _measured("Ni", k)
        make_spectrum(Kind.EXPERIMENT, structure=structure, energy=energy, intensity=intensity)
    curated = reliability_of(group)
    assert (curated.source, curated.n_queries) == ("curated", 3)


def test_measured_is_matched_with_measured():
    for k in range(4):
        energy, intensity = _measured("Ni", k)
        make_spectrum(
            Kind.EXPERIMENT, absorber="Ni", edge="L23", energy=energy, intensity=intensity
        )
    for scan, shift in enumerate([0.3, 0.6, 1.5], 1):
        energy, intensity = _measured("Ni", 2, shift, scan)
        best = match_curve(energy, intensity, MatchOptions(kind="experiment")).matches[0]
        assert best.shift_ev == pytest.approx(shift - 0.3, abs=0.1)
        assert best.kind == Kind.EXPERIMENT
        assert best.r_squared > 0.95
