"""Curation in the admin: roles, queue, decision with edits, bulk decisions, versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse

from spectradb.admin.lists import Listed
from spectradb.models import Spectrum
from spectradb.services.curation import workflow as curation
from spectradb.services.curation.quality import keep_checks
from spectradb.services.curation.revise import revise
from spectradb.services.curation.workflow import save_with_reason
from tests.factories import make_site, make_spectrum, make_structure, make_user

pytestmark = pytest.mark.django_db
QUEUE = "/admin/spectradb/spectrum/"


@pytest.fixture
def curator() -> User:
    return make_user("cur", "curator")


@pytest.fixture
def desk(curator: User) -> Client:
    client = Client()
    client.force_login(curator)
    return client


def submitted(curator: User, **fields: Any) -> Spectrum:
    """In the queue; fields emptied as records from before something was needed have them."""
    emptied = {name: value for name, value in fields.items() if value == ""}
    given = {name: value for name, value in fields.items() if name not in emptied}
    row = curation.submit(make_spectrum("experiment", status="draft", **given), curator)
    if emptied:
        for name, value in emptied.items():
            setattr(row, name, value)
        keep_checks(row)
        row.save()
    return row


def page_of(row: Spectrum) -> str:
    return f"{QUEUE}{row.pk}/change/"


def form_of(desk: Client, row: Spectrum, **changes: Any) -> dict[str, Any]:
    """What the browser would send back of the unchanged page, with some fields changed."""
    form = desk.get(page_of(row)).context["adminform"].form
    values = {}
    for field in form:
        value = field.value()
        values[field.html_name] = "" if value is None else value
        for index, widget in enumerate(getattr(field.field.widget, "widgets", [])):
            del widget
            values[f"{field.html_name}_{index}"] = ""
    return {**values, **changes}


def test_what_was_computed_is_not_edited_beside_its_calculation(desk: Client) -> None:
    row = make_spectrum(status="submitted")
    desk.post(page_of(row), form_of(desk, row, absorber="Co", edge="K", title="Mine"))
    row.refresh_from_db()
    assert (row.absorber, row.edge, row.title) == ("Ni", "L23", "Mine")


def test_only_curators_enter() -> None:
    row = make_spectrum("experiment", status="submitted")
    for role in ("", "contributor"):
        client = Client()
        client.force_login(make_user(role=role))
        for path in ("/admin/", QUEUE, page_of(row)):
            assert client.get(path).status_code == 302
        assert client.post(page_of(row), {"_decide": "publish"}).status_code == 302
    assert Client().get(QUEUE)["Location"].startswith("/admin/login/")
    assert Spectrum.objects.get().status == "submitted"


def test_every_admin_page_is_closed_to_contributors_and_opens_for_curators(desk: Client) -> None:
    from django.contrib import admin

    person = Client()
    person.force_login(make_user(role="contributor"))
    names = [
        one.name
        for model_admin in admin.site._registry.values()
        for one in model_admin.get_urls()
        if isinstance(one, URLPattern) and one.name and one.name.endswith("_changelist")
    ]
    assert len(names) >= 9
    for name in names:
        path = reverse(f"admin:{name}")
        assert person.get(path).status_code == 302
        assert desk.get(path).status_code in {200, 403}  # users and keys: administrators only
        assert desk.get(path.removesuffix("/") + "/add/").status_code == 403


def test_the_queue_shows_what_waits_longest_first(desk: Client, curator: User) -> None:
    rows = [submitted(curator) for _ in range(3)]
    make_spectrum("experiment")
    shown = [row.pk for row in desk.get(QUEUE).context["cl"].result_list]
    assert shown == [row.pk for row in rows]
    assert len(desk.get(f"{QUEUE}?queue=published").context["cl"].result_list) == 1
    assert len(desk.get(f"{QUEUE}?queue=all").context["cl"].result_list) == 4


def test_the_queue_takes_the_same_queries_however_long(
    desk: Client, curator: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(8):
        submitted(curator)
    with django_assert_max_num_queries(8) as captured:
        desk.get(QUEUE)
    assert all('"intensity"' not in one["sql"] for one in captured.captured_queries)


def test_a_row_of_the_queue_can_be_chosen_and_leads_back_to_its_filters(
    desk: Client, curator: User
) -> None:
    row = submitted(curator, title='<b>"odd"</b>', formula="NiO")
    page = desk.get(f"{QUEUE}?queue=all&kind=experiment").content.decode()
    label = f"Select this object for an action - SDB-{row.pk} NiO"
    assert f'name="_selected_action" value="{row.pk}" class="action-select"' in page
    assert f'aria-label="{label}' in page
    back = "_changelist_filters=queue%3Dall%26kind%3Dexperiment"
    assert f'href="{page_of(row)}?{back}"' in page
    assert f'href="{page_of(row)}"' in desk.get(QUEUE).content.decode()


def test_the_page_shows_plot_checks_and_neighbours(desk: Client, curator: User) -> None:
    rows = [submitted(curator) for _ in range(3)]
    answer = desk.get(page_of(rows[1]))
    html = answer.content.decode()
    assert answer.context["place"].position == 2
    assert page_of(rows[0]) in html
    assert page_of(rows[2]) in html
    assert "<svg" in html
    assert "checks passed" in html
    for view in ("normalised", "theory", "nonsense"):
        assert desk.get(page_of(rows[1]), {"plot": view}).status_code == 200


def test_publishing_saves_the_edits_and_goes_to_the_next(desk: Client, curator: User) -> None:
    first, second = submitted(curator, edge=""), submitted(curator)
    blocked = desk.post(page_of(first), form_of(desk, first, _decide="publish"), follow=True)
    assert "does not give the edge" in blocked.content.decode()
    first.refresh_from_db()
    assert first.status == "submitted"
    site = make_site()
    sent = form_of(
        desk, first, edge="L23", structure=site.structure_id, m_beamline="BL-16A",
        _decide="publish", decision_note="Good", go_on="1",
    )  # fmt: skip
    answer = desk.post(page_of(first), sent)
    assert answer["Location"] == page_of(second)
    first.refresh_from_db()
    assert (first.status, first.edge, first.structure) == ("published", "L23", site.structure)
    assert first.measurement is not None
    assert first.measurement.beamline == "BL-16A"
    reasons = [one["reason"] for one in curation.history_of(first)[:2]]
    assert reasons == ["Published. Good", "Edited edge, structure, beamline."]


@pytest.mark.parametrize("action", ["send_back", "reject"])
def test_a_refusal_without_a_note_is_not_taken(desk: Client, curator: User, action: str) -> None:
    row = submitted(curator)
    answer = desk.post(page_of(row), form_of(desk, row, _decide=action), follow=True)
    assert "A note is needed" in answer.content.decode()
    row.refresh_from_db()
    assert row.status == "submitted"
    desk.post(page_of(row), form_of(desk, row, _decide=action, decision_note="Which scan?"))
    row.refresh_from_db()
    assert (row.status_note, row.status) == (
        "Which scan?",
        {"send_back": "draft", "reject": "rejected"}[action],
    )


def test_a_bad_edit_is_told_at_its_field_and_nothing_is_decided(
    desk: Client, curator: User
) -> None:
    row = submitted(curator)
    other = make_site()
    answer = desk.post(
        page_of(row), form_of(desk, row, absorber="Qq", site=other.pk, _decide="publish")
    )
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"absorber", "site"}
    row.refresh_from_db()
    assert (row.status, row.absorber) == ("submitted", "Ni")


def test_bulk_decisions_take_a_comment(desk: Client, curator: User) -> None:
    rows = [submitted(curator), submitted(curator), submitted(curator, absorber="")]
    ids = [row.pk for row in rows]
    sent = {"action": "publish", "_selected_action": ids, "note": "Batch of June"}
    html = desk.post(QUEUE, sent, follow=True).content.decode()
    assert "Published: 2." in html
    assert f"SDB-{ids[2]} cannot be published" in html
    assert [Spectrum.objects.get(pk=pk).status for pk in ids] == [
        "published", "published", "submitted",
    ]  # fmt: skip
    assert Spectrum.objects.get(pk=ids[0]).status_note == "Batch of June"


def test_versions_are_told_apart(desk: Client, curator: User) -> None:
    old = make_spectrum("experiment")
    new = revise(
        old, old.energy, old.intensity * 1.1, user=curator, reason="Dead time", title="corrected"
    )
    answer = desk.get(page_of(new), {"plot": "version"})
    changes = {field: (before, after) for field, before, after in answer.context["version_changes"]}
    assert "differs by up to 10 %" in changes["Intensity"][1]
    assert "Changes against version 1" in answer.content.decode()


def test_the_queue_goes_the_way_of_previous_and_next(desk: Client, curator: User) -> None:
    late, soon = submitted(curator), submitted(curator)
    Spectrum.objects.filter(pk=soon.pk).update(submitted_at="2001-01-01T00:00Z")
    shown = desk.get("/admin/spectradb/spectrum/").content.decode()
    assert shown.index(f"SDB-{soon.pk}<") < shown.index(f"SDB-{late.pk}<")
    assert f"{late.pk}/change" in desk.get(page_of(soon)).context["next_url"]


def test_the_history_page_tells_who_changed_what(desk: Client, curator: User) -> None:
    row = submitted(curator)
    curation.publish(row, curator, "Looks right.")
    text = desk.get(f"/admin/spectradb/spectrum/{row.pk}/history/").content.decode()
    assert "Published. Looks right." in text
    assert curator.username in text
    row.refresh_from_db()
    row.contributor = curator
    curation.save_with_reason(row, curator, "Found the author.")
    text = desk.get(page_of(row)).content.decode()
    assert f"→ {curator.username}" in text


def test_the_first_page_counts_what_waits(desk: Client, curator: User) -> None:
    assert "Nothing waits for a decision." in desk.get("/admin/").content.decode()
    submitted(curator)
    assert "1 spectrum waits for a decision." in desk.get("/admin/").content.decode()


def test_a_second_tab_does_not_silently_undo_the_first(desk: Client, curator: User) -> None:
    row = submitted(curator, title="Scan 1", measurement_facility="KEK")
    first, second = form_of(desk, row), form_of(desk, row)
    desk.post(page_of(row), {**first, "title": "NiO, 10 K"})
    answer = desk.post(page_of(row), {**second, "doi": "10.1/x"})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "changed since this page was opened" in text
    assert "NiO, 10 K" in text  # what is stored now
    row.refresh_from_db()
    assert (row.title, row.doi) == ("NiO, 10 K", "")
    # Of the measurement too, and a decision with it.
    third, fourth = form_of(desk, row), form_of(desk, row)
    desk.post(page_of(row), {**third, "m_beamline": "BL-2"})
    answer = desk.post(page_of(row), {**fourth, "_decide": "reject", "decision_note": "no"})
    assert answer.status_code == 200
    row.refresh_from_db()
    assert (row.status, row.measurement.beamline) == ("submitted", "BL-2")
    # Whoever has read that may keep their own.
    again = answer.context["adminform"].form
    sent = {field.html_name: again[field.name].value() or "" for field in again}
    assert desk.post(page_of(row), {**fourth, "seen": sent["seen"]}).status_code == 302
    row.measurement.refresh_from_db()
    assert row.measurement.beamline == ""


def test_the_other_pages_of_the_admin_see_a_second_tab_as_well(desk: Client) -> None:
    site = make_site()
    for path, values in (
        (f"/admin/spectradb/structure/{site.structure_id}/change/", ("name", "One", "Two")),
        (f"/admin/spectradb/site/{site.pk}/change/", ("oxidation_state", "2", "3")),
    ):
        name, one, two = values
        form = desk.get(path).context["adminform"].form
        sent = {f.html_name: "" if f.value() is None else f.value() for f in form}
        desk.post(path, {**sent, name: one, "reason": "seen"})
        stored = desk.get(path).context["adminform"].form.instance
        answer = desk.post(path, {**sent, name: two, "reason": "seen"})
        if f"{getattr(stored, name)}" != f"{sent[name]}":
            assert "changed since this page was opened" in answer.content.decode(), path
            stored.refresh_from_db()
            assert f"{getattr(stored, name):}".startswith(one), path


def test_what_is_looked_up_reads_as_numbers_and_lists_not_as_code(desk: Client) -> None:
    site = make_site(mean_bond_length=2.0890000000000004)
    page = desk.get(f"/admin/spectradb/site/{site.pk}/change/").content.decode()
    assert "2.089" in page
    assert "2.0890000000000004" not in page
    row = make_spectrum(calculation_parameters={"ten_dq": 0.1 + 0.2, "matrix": [[1.0, 0.5]]})
    page = desk.get(f"/admin/spectradb/calculation/{row.calculation_id}/change/").content.decode()
    assert "<dt>ten dq</dt><dd>0.3</dd>" in page
    assert '<td class="num">0.5</td>' in page
    assert "{&quot;" not in page


def test_the_admin_writes_formulae_groups_and_edges_as_pages_do(desk: Client) -> None:
    structure = make_structure("Fe2CuO4", space_group_symbol="P2_1/c", source_id="mp-1")
    make_site(structure, index=3, oxidation_state=1.0000533333333335)
    assert ">1+<" in desk.get("/admin/spectradb/site/").content.decode()
    row = make_spectrum(
        structure=structure, site=make_site(structure), absorber="Ni", formula="Fe2CuO4"
    )
    listed = desk.get("/admin/spectradb/structure/").content.decode()
    assert "CuFe<sub>2</sub>O<sub>4</sub>" in listed
    assert "P2<sub>1</sub>/c" in listed
    jobs = desk.get("/admin/spectradb/calculation/").content.decode()
    assert "L<sub>2,3</sub>" in jobs
    assert str(structure) == "CuFe2O4 (mp-1)"
    assert str(row) == f"SDB-{row.pk} CuFe2O4 Ni L2,3"
    job = row.calculation
    told = desk.get(f"/admin/spectradb/calculation/{job.pk}/change/").content.decode()
    assert f"{job.pk}: Ni L2,3" in told
    assert "spectradb.multiplet Ni" not in told


def test_times_are_written_in_the_admin_as_on_every_page(desk: Client) -> None:
    row = make_spectrum(submitted_at=datetime(2026, 3, 1, 20, 5, tzinfo=UTC))
    page = desk.get("/admin/spectradb/spectrum/?queue=all").content.decode()
    assert "2026-03-01 20:05" in page
    assert "p.m." not in page
    assert f"SDB-{row.pk}" in page


def test_the_admin_speaks_the_language_of_its_reader(desk: Client, curator: User) -> None:
    row = submitted(curator)
    desk.cookies["django_language"] = "ja"
    queue = desk.get(QUEUE).content.decode()
    for words in ("組成式", "状態", "審査待ち", "差し戻す", "種別"):
        assert words in queue, words
    page = desk.get(page_of(row)).content.decode()
    assert "公開されるときの姿" in page
    assert "Needed to send back" not in page
    structure = desk.get(f"/admin/spectradb/structure/{make_structure().pk}/change/")
    assert "空間群番号" in structure.content.decode()
    assert "N sites" not in structure.content.decode()


def test_the_history_names_columns_as_people_do(desk: Client, curator: User) -> None:
    row = submitted(curator)
    save_with_reason(row, curator, "Edited facility, energy_offset_ev.")
    text = desk.get(page_of(row)).content.decode()
    assert "Edited: Facility, Anchor of the energy scale (eV)." in text


def test_the_check_box_of_a_row_escapes_what_the_row_is_called() -> None:
    row = Spectrum(pk=5, formula='"><script>')
    assert str(row) == 'SDB-5 "><script>'
    box = Listed(Spectrum, admin.site).action_checkbox(row)
    assert 'SDB-5 &quot;&gt;&lt;script&gt;">' in box
