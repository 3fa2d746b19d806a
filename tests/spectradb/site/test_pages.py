"""Every page answers, shows what its reader may see, and asks the database a constant number of
times."""

from __future__ import annotations

import numpy as np
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compute.atom import atomic_parameters
from spectradb.models import Kind, Status
from spectradb.throttle import Throttle
from tests.factories import make_peak_fit, make_site, make_spectrum, make_structure, make_user

pytestmark = pytest.mark.django_db
MOST_QUERIES = 16


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def library():
    """Two theory spectra and a measured one of NiO, published; one draft of a contributor."""
    structure = make_structure("NiO")
    site = make_site(structure)
    first = make_spectrum(structure=structure, site=site, sparkline="M0 0l10 10")
    second = make_spectrum(structure=structure, site=site)
    measured = make_spectrum(Kind.EXPERIMENT, formula="NiO", absorber="Ni", edge="L23")
    draft = make_spectrum(
        Kind.EXPERIMENT, status=Status.DRAFT, contributor=make_user("anna", "contributor")
    )
    return {"first": first, "second": second, "measured": measured, "draft": draft}


def _queries(client: Client, address: str) -> int:
    cache.clear()
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.parametrize(
    "address",
    ["/", "/spectra/", "/compare/", "/jobs/", "/cite/", "/methods/", "/accessibility/", "/api/",
     "/login/", "/register/", "/export/"],
)  # fmt: skip
def test_pages_answer_an_empty_library(client, address) -> None:
    assert client.get(address).status_code == 200


def test_results_list_published_spectra_only(client, library) -> None:
    text = client.get("/spectra/").content.decode()
    assert f"SDB-{library['first'].pk}" in text
    assert f"SDB-{library['draft'].pk}" not in text


def test_contributor_sees_own_draft_and_visitor_gets_404(client, library) -> None:
    address = f"/spectra/{library['draft'].pk}/"
    assert client.get(address).status_code == 404
    for path in ("download/csv/", "download/xdi/", "plot.svg", "table/", "nearest/", "original/"):
        assert client.get(address + path).status_code == 404, path
    client.force_login(library["draft"].contributor)
    assert client.get(address).status_code == 200


def test_withdrawn_spectrum_leaves_its_reason_without_its_data(client, library) -> None:
    library["first"].status = Status.WITHDRAWN
    library["first"].status_note = "Wrong sample."
    library["first"].save()
    answer = client.get(f"/spectra/{library['first'].pk}/")
    assert answer.status_code == 410
    assert b"Wrong sample." in answer.content
    assert b"json" not in answer.content


def test_spectrum_is_drawn_before_any_script(client, library) -> None:
    make_peak_fit(library["first"], (853.0, 0.3, 1.0), (870.5, 0.5, 0.5))
    text = client.get(f"/spectra/{library['first'].pk}/").content.decode()
    assert '<svg class="fig"' in text
    assert 'class="c  k-s1"' in text
    assert "853.00" in text
    assert "Show the data as a table" in text


def test_measured_spectrum_is_dots(client, library) -> None:
    text = client.get(f"/spectra/{library['measured'].pk}/").content.decode()
    assert 'class="dots k-ink"' in text


def test_overlay_says_shift_and_scale(client, library) -> None:
    address = f"/spectra/{library['first'].pk}/?overlay={library['measured'].pk}&shift=-1.5"
    text = client.get(address).content.decode()
    assert "shifted −1.5 eV" in text


def test_facet_counts_are_those_of_the_filtered_set(client, library) -> None:
    text = client.get("/spectra/?absorber=Ni").content.decode()
    assert '<span>Theory</span><span class="n">2</span>' in text
    assert '<span>Experiment</span><span class="n">1</span>' in text
    chosen = client.get("/spectra/?absorber=Ni&kind=theory").content.decode()
    assert "2 spectra" in chosen
    assert '<span>Experiment</span><span class="n">1</span>' in chosen  # the way back shows


def test_unknown_key_and_bad_value_are_named(client) -> None:
    answer = client.get("/spectra/?colour=blue")
    assert answer.status_code == 400
    assert b"colour" in answer.content


def test_exact_number_goes_straight_there(client, library) -> None:
    pk = library["first"].pk
    assert client.get(f"/spectra/?q=SDB-{pk}").headers["Location"] == f"/spectra/{pk}/"


def test_empty_result_offers_the_way_out(client, library) -> None:
    text = client.get("/spectra/?absorber=Ni&elements=Cl").content.decode()
    assert "Drop “Contains Cl”" in text


@pytest.mark.parametrize("address", ["/", "/spectra/", "/spectra/?absorber=Ni"])
def test_number_of_queries_does_not_grow(client, library, address) -> None:
    before = _queries(client, address)
    for _ in range(12):
        structure = make_structure("CoO")
        make_spectrum(structure=structure, site=make_site(structure))
    after = _queries(client, address)
    assert after <= before <= MOST_QUERIES


def test_spectrum_and_structure_pages_ask_a_constant_number(client, library) -> None:
    spectrum = library["first"]
    structure = spectrum.structure
    pages = [f"/spectra/{spectrum.pk}/", f"/structures/{structure.pk}/"]
    before = [_queries(client, page) for page in pages]
    for index in range(1, 9):
        site = make_site(structure, index=index)
        make_spectrum(structure=structure, site=site)
    assert [_queries(client, page) for page in pages] == before
    assert max(before) <= MOST_QUERIES


def test_a_list_of_names_reads_no_arrays(client, library) -> None:
    with CaptureQueriesContext(connection) as seen:
        text = client.get(f"/spectra/{library['first'].pk}/").content.decode()
    assert f"SDB-{library['measured'].pk}</option>" in text
    assert sum('"intensity"' in one["sql"] for one in seen.captured_queries) == 1


def test_export_counts_once_for_all_its_formats(client, library) -> None:
    with CaptureQueriesContext(connection) as seen:
        client.get("/export/?absorber=Ni")
    assert sum("SUM(" in one["sql"] for one in seen.captured_queries) == 1


def test_a_page_of_jobs_is_in_order_whatever_their_state(client) -> None:
    rows = [make_spectrum().calculation for _ in range(3)]
    numbers = [one.pk for one in rows]
    for address in ("/jobs/", "/jobs/?status=done"):
        told = client.get(address).context["rows"]
        assert [one["row"].pk for one in told] == numbers[::-1]
    type(rows[0]).objects.update(job_status="queued")
    told = client.get("/jobs/?status=queued").context["rows"]
    assert [one["row"].pk for one in told] == numbers


def test_compare_shows_twenty_at_most_and_shifts(client, library) -> None:
    ids = [library["first"].pk, library["second"].pk]
    text = client.get(f"/compare/?ids={ids[0]},{ids[1]}&s{ids[1]}=-1.5").content.decode()
    assert "NiO, SDB" in text
    assert "−1.5 eV" in text
    assert "How alike are they?" in text


def test_csv_has_the_stored_numbers(client, library) -> None:
    row = library["first"]
    text = client.get(f"/spectra/{row.pk}/download/csv/").content.decode()
    lines = text.splitlines()
    body = lines[lines.index("energy_ev,intensity") + 1 :]
    table = np.array([[float(value) for value in line.split(",")] for line in body])
    assert (table[:, 0] == row.energy).all()
    assert (table[:, 1] == row.intensity).all()


def test_theme_is_kept_in_a_cookie_and_returns_to_this_site_only(client) -> None:
    answer = client.post("/theme/", {"theme": "dark", "next": "//evil.example/"})
    assert answer.headers["Location"] == "/"
    assert b'data-theme="dark"' in client.get("/cite/").content


def test_key_is_shown_once_and_can_be_revoked(client) -> None:
    user = make_user("berta", "contributor")
    client.force_login(user)
    shown = client.post("/account/", {"name": "script"}).content.decode()
    key = user.api_keys.get()
    assert "sdb_" in shown
    assert shown.split('id="issued">')[1].split("<")[0].startswith(key.prefix)
    assert 'id="issued"' not in client.get("/account/").content.decode()
    client.post(f"/account/keys/{key.pk}/revoke/")
    key.refresh_from_db()
    assert key.revoked


def test_jobs_are_cancelled_by_curators_only(client) -> None:
    client.force_login(make_user("carl", "contributor"))
    assert client.post("/jobs/act/", {"do": "cancel"}).status_code == 403
    client.force_login(make_user("dora", "curator"))
    assert client.post("/jobs/act/", {"do": "cancel"}).status_code == 302


def test_pages_carry_the_content_security_policy(client) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy


def test_multiplet_is_saved_as_a_job_and_a_private_draft(
    client, django_capture_on_commit_callbacks
) -> None:
    user = make_user("emil", "contributor")
    client.force_login(user)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/multiplet/save/", {"ion": "Ti4", "ten_dq": "2.0"})
    job = client.get(answer.headers["Location"]).content.decode()
    assert "Done" in job
    row = user.spectra.get()
    assert (row.absorber, row.status) == ("Ti", Status.DRAFT)
    assert row.calculation is not None
    assert row.calculation.parameters["crystal_field"]["ten_dq"] == 2.0
    client.logout()
    assert client.get(f"/spectra/{row.pk}/").status_code == 404


def test_peaks_are_fitted_and_kept(client, library) -> None:
    address = f"/spectra/{library['first'].pk}/fit/"
    search = f"{address}?go=1&lo=846&hi=880&max_peaks=4"
    seen = client.get(search).content.decode()
    assert "853.0" in seen
    assert "Keep this fit" not in seen
    assert client.post(f"{address}accept/").status_code == 403
    client.force_login(make_user("fred", "curator"))
    assert "Keep this fit" in client.get(search).content.decode()
    form = {"lo": "846", "hi": "880", "max_peaks": "4", "sigma": "0", "background": "auto"}
    assert client.post(f"{address}accept/", form).status_code == 302
    fit = library["first"].fits.get()
    assert fit.accepted
    assert abs(fit.peaks.first().position_ev - 853.0) < 0.01


def test_fits_are_asked_for_so_many_times_an_hour(client, library, monkeypatch) -> None:
    monkeypatch.setattr(Throttle, "THROTTLE_RATES", {"ask": "1/hour"})
    address = f"/spectra/{library['first'].pk}/fit/"
    search = f"{address}?go=1&lo=846&hi=880&max_peaks=4"
    assert client.get(search).status_code == 200
    assert client.get(search).status_code == 429
    assert client.get(address).status_code == 200


def test_bad_numbers_of_forms_are_named(client, library) -> None:
    answer = client.get(f"/spectra/{library['first'].pk}/fit/?lo=9&hi=3&go=1")
    assert answer.status_code == 400
    assert b"the lower one first" in answer.content
    answer = client.get("/multiplet/?ten_dq=1,1")
    assert answer.status_code == 400
    assert b"ten_dq" in answer.content


def test_a_shared_charge_tells_whose_levels_and_parameters_are_shown(client) -> None:
    cases = [{"element": "Fe", "charge": charge, "n_d": 8 - charge} for charge in (2, 3)]
    mixture = [{"weight": 0.5, "parameters": case} for case in cases]
    levels = {"initial_eigenvalues_ev": [0.0, 0.1], "expectation": {"n_d": 5.7}}
    shared, whole = (
        make_spectrum(
            absorber="Fe",
            calculation_parameters=cases[0] | {"crystal_field": {"ten_dq": 1.0}},
            calculation_results=levels | results,
        )
        for results in ({"mixture": mixture}, {})
    )
    text = client.get(f"/spectra/{shared.pk}/").content.decode()
    assert "Fe<sup>2+</sup> · lowest 2" in text
    assert text.count("50 % Fe<sup>2+</sup>, 50 % Fe<sup>3+</sup>") == 2  # provenance, expectation
    text = client.get(f"/spectra/{whole.pk}/").content.decode()
    assert "lowest 2" in text
    assert "Fe<sup>2+</sup>" not in text


@pytest.mark.parametrize(
    ("route", "told"), [("cluster", "of the cluster’s orbitals"), ("cheap", "0.8 × HF")]
)
def test_slater_integrals_are_told_to_be_a_free_ions_only_where_they_are(
    client, route, told
) -> None:
    case = {"element": "Ni", "charge": 2, "n_d": 8, "slater_scale": 0.8, "final": {"F2pd": 6.2}}
    row = make_spectrum(calculation_route=route, calculation_parameters=case)
    text = client.get(f"/spectra/{row.pk}/").content.decode()
    assert [told in text, text.count("Slater, ")] == [True, 1]


def test_the_sliders_show_the_cubic_mean_of_a_spectrum_made_from_a_structure(client) -> None:
    ion = atomic_parameters("Ni", 2)
    case = {
        "element": "Ni", "charge": 2, "n_d": 8, "slater_scale": 1.0,
        "final": {key: 0.9 * value for key, value in ion["final"].items()},
        "crystal_field": {"matrix": np.diag([0.5, 0.3, -0.1, -0.3, -0.4]).tolist()},
        "charge_transfer": {
            "delta": 5.6, "u_dd": 6.5, "u_pd": 8.0, "configurations": 2,
            "v": np.diag([1.9, 2.1, 1.0, 1.1, 1.2]).tolist(), "ligand": np.zeros((5, 5)).tolist(),
        },
    }  # fmt: skip
    row = make_spectrum(calculation_parameters=case)
    chosen = client.get(f"/multiplet/?calculation={row.calculation_id}").context["chosen"].values
    asked = {"ten_dq": 2 / 3, "v_eg": 2.0, "v_t2g": 1.1, "delta": 5.6, "slater_scale": 0.9}
    assert {key: chosen[key] for key in asked} == pytest.approx(asked)
