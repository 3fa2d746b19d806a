"""Collections: private, by link, public; their readers see what they may see anyhow."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from spectradb.models import ApiKey, Collection, Notice, Share, Spectrum, Status
from spectradb.services.accounts.own_data import delete_account
from spectradb.services.collections import lists
from spectradb.services.collections.lists import CollectionError
from spectradb.services.curation.workflow import CurationError, decide
from spectradb.services.exports.write import FORMATS
from tests.factories import make_spectrum, make_user

pytestmark = [pytest.mark.django_db]


def _filled(status: str = Status.DRAFT) -> tuple[Collection, list[Spectrum]]:
    """A published, an own draft and an embargoed record, in this order."""
    owner = make_user("owner", "contributor", first_name="Ada", last_name="Byron")
    rows = [
        make_spectrum(title="first", published_at=timezone.now()),
        make_spectrum(status=Status.DRAFT, contributor=owner),
        make_spectrum(
            "experiment", contributor=owner, embargo_until=timezone.localdate() + timedelta(days=9)
        ),
    ]
    row = lists.create(owner, "Nickel")
    lists.add(row, owner, [one.pk for one in rows], "kept")
    Collection.objects.filter(pk=row.pk).update(status=status, published_at=timezone.now())
    row.refresh_from_db()
    return row, rows


def test_records_are_added_from_pages_searches_and_comparisons(client: Client) -> None:
    owner, row = make_user("owner", "contributor"), make_spectrum()
    other = make_spectrum()
    hidden = make_spectrum(status=Status.DRAFT, contributor=make_user())
    client.force_login(owner)
    address = f"/collections/add/?ids={row.pk}"
    for path in (f"/spectra/{row.pk}/", "/spectra/", f"/compare/?ids={row.pk}"):
        assert "/collections/add/" in client.get(path).content.decode()
    assert "Add 1 spectrum" in client.get(address).content.decode()
    client.post("/collections/add/", {"ids": f"{row.pk},{hidden.pk}", "title": "Mine"})
    made = Collection.objects.get()
    assert lists.entries_of(made) == [(row.pk, "")]
    assert "Mine" in client.get(address).content.decode()
    client.post("/collections/add/", {"ids": f"{row.pk},{other.pk}", "collection": made.pk})
    assert [pk for pk, _ in lists.entries_of(made)] == [row.pk, other.pk]
    assert client.post("/collections/add/", {"title": " "}).status_code == 400
    theirs = lists.create(make_user(), "Theirs")
    sent = client.post("/collections/add/", {"ids": row.pk, "collection": theirs.pk})
    assert sent.status_code == 404


def test_a_list_is_ordered_annotated_and_emptied_by_its_owner(client: Client) -> None:
    row, (a, b, c) = _filled()
    client.force_login(row.contributor)
    path = f"/collections/{row.pk}/entry/"
    client.post(path, {"spectrum": c.pk, "do": "up"})
    client.post(path, {"spectrum": a.pk, "do": "down"})
    client.post(path, {"spectrum": a.pk, "note": "the <i>best</i>"})
    assert [pk for pk, _ in lists.entries_of(row)] == [c.pk, a.pk, b.pk]
    page = client.get(f"/collections/{row.pk}/").content.decode()
    assert "the &lt;i&gt;best&lt;/i&gt;" in page
    client.post(path, {"spectrum": b.pk, "do": "remove"})
    assert [pk for pk, _ in lists.entries_of(row)] == [c.pk, a.pk]
    client.post(f"/collections/{row.pk}/edit/", {"title": "New", "description": "All of it"})
    assert "All of it" in client.get(f"/collections/{row.pk}/").content.decode()
    client.post(f"/collections/{row.pk}/delete/")
    assert not Collection.objects.exists()


def test_a_public_collection_shows_only_what_its_reader_may_see(client: Client) -> None:
    row, (a, b, c) = _filled(Status.PUBLISHED)
    path = f"/collections/{row.pk}/"
    page = client.get(path).content.decode()
    assert f"/spectra/{a.pk}/" in page
    for hidden in (b, c):
        assert f"SDB-{hidden.pk}<" not in page
        assert f"/spectra/{hidden.pk}/" not in page
    assert "not shown to you" not in page
    told = client.get(f"/api/v1/collections/{row.pk}/").json()
    assert told["entries"] == [{"spectrum": a.pk, "note": "kept"}]
    assert told["authors"] == "Ada Byron"
    feed = client.get(f"{path}feed.atom").content.decode()
    assert f"/spectra/{a.pk}/" in feed
    assert f"/spectra/{c.pk}/" not in feed
    for format in FORMATS:
        answer = client.get(f"{path}download/{format}/")
        assert answer.status_code == 200
        assert f"SDB-C{row.pk}" in answer["Content-Disposition"]
        assert b"".join(answer)  # type: ignore[arg-type]  # read to its end, it closes itself
    text = b"".join(client.get(f"{path}download/csv/")).decode()  # type: ignore[arg-type]
    assert {line["id"] for line in csv.DictReader(io.StringIO(text))} == {str(a.pk)}
    client.force_login(row.contributor)
    answer = client.get(f"{path}download/json/")
    assert [one["id"] for one in json.loads(b"".join(answer))] == [a.pk, b.pk, c.pk]  # type: ignore[arg-type]


def test_it_is_cited_by_names_title_date_licence_and_version(client: Client) -> None:
    row, _ = _filled(Status.PUBLISHED)
    page = client.get(f"/collections/{row.pk}/").content.decode()
    words = (
        f"Ada Byron ({row.published_at.year}). Nickel. SpectraDB collection SDB-C{row.pk}, "
        f"version 1 of {row.updated:%Y-%m-%d}, 1 spectrum. CC BY 4.0. "
        f"http://testserver/collections/{row.pk}/"
    )
    assert words in page


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.PUBLISHED])
def test_what_a_curator_looks_at_or_has_published_is_changed_by_nobody(
    client: Client, status: str
) -> None:
    row, (a, _b, _c) = _filled(status)
    owner = row.contributor
    client.force_login(owner)
    path = f"/collections/{row.pk}/"
    assert client.post(f"{path}edit/", {"title": "Another"}).status_code == 403
    for do in ("note", "up", "down", "remove"):
        sent = {"spectrum": a.pk, "do": do, "note": "changed"}
        assert client.post(f"{path}entry/", sent).status_code == 403
    answer = client.patch(
        f"/api/v1/collections/{row.pk}/", {"title": "x"}, content_type="application/json"
    )
    assert answer.status_code == 403
    with pytest.raises(PermissionDenied):
        lists.add(row, owner, [make_spectrum().pk])
    added = client.post("/collections/add/", {"ids": a.pk, "collection": row.pk})
    assert added.status_code == 404
    row.refresh_from_db()
    assert (row.title, row.version) == ("Nickel", 1)
    assert {note for _, note in lists.entries_of(row)} == {"kept"}
    page = client.get(path).content.decode()
    assert "Save" not in page
    assert "Make a link" in page


def test_a_public_one_is_changed_by_a_new_version_that_takes_its_place(client: Client) -> None:
    row, (a, b, c) = _filled(Status.PUBLISHED)
    owner, curator = row.contributor, make_user("curator", "curator")
    client.force_login(owner)
    answer = client.post(f"/collections/{row.pk}/revise/")
    new = Collection.objects.get(replaces=row)
    assert answer["Location"] == f"/collections/{new.pk}/"
    assert (new.status, new.version, new.title) == (Status.DRAFT, 2, "Nickel")
    assert lists.entries_of(new) == [(one.pk, "kept") for one in (a, b, c)]
    with pytest.raises(CollectionError, match="newer version"):
        lists.revise(row, owner)
    with pytest.raises(PermissionDenied):
        lists.revise(row, curator)
    lists.remove(new, owner, b.pk)
    assert len(lists.entries_of(row)) == 3, "the public one is as it was"
    assert f"/collections/{new.pk}/" not in Client().get(f"/collections/{row.pk}/").content.decode()
    decide(new, "submit", owner)
    decide(new, "publish", curator)
    row.refresh_from_db()
    assert row.status == Status.WITHDRAWN
    assert row.status_note == f"Replaced by SDB-C{new.pk}, version 2."
    assert "version 2 of" in client.get(f"/collections/{new.pk}/").content.decode()


def test_a_link_shows_a_private_one_until_it_is_taken_back_or_ends(client: Client) -> None:
    row, (a, b, _c) = _filled()
    path = f"/collections/{row.pk}/"
    assert client.get(path).status_code == 404
    owner = Client()
    owner.force_login(row.contributor)
    owner.post(f"{path}share/", {"days": "7"})
    link = Share.objects.get()
    assert len(link.token) >= 22  # 128 bits
    shown = client.get(f"/shared/{link.token}/")
    page = shown.content.decode()
    assert f"/spectra/{a.pk}/" in page
    assert f"SDB-{b.pk}<" not in page
    assert f"/collections/{row.pk}/" not in page, "its own address leads nowhere"
    assert shown["X-Robots-Tag"] == "noindex, nofollow"
    assert shown["Referrer-Policy"] == "no-referrer"
    file = client.get(f"/shared/{link.token}/download/json/")
    assert file.status_code == 200
    assert file["Cache-Control"] == "private, no-store"
    assert [one["id"] for one in json.loads(b"".join(file))] == [a.pk]  # type: ignore[arg-type]
    Share.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert client.get(f"/shared/{link.token}/").status_code == 404
    Share.objects.update(expires=timezone.now() + timedelta(days=1))
    Collection.objects.update(status=Status.WITHDRAWN)
    assert client.get(f"/shared/{link.token}/").status_code == 404
    Collection.objects.update(status=Status.DRAFT)
    owner.post(f"{path}share/", {"link": link.token})
    assert client.get(f"/shared/{link.token}/").status_code == 404


def test_a_curator_decides_what_is_public_and_the_owner_is_told(client: Client) -> None:
    row, _ = _filled()
    curator = make_user("curator", "curator")
    with pytest.raises(CurationError, match="empty"):
        decide(lists.create(row.contributor, "Empty"), "submit", row.contributor)
    client.force_login(row.contributor)
    client.post(f"/collections/{row.pk}/step/", {"step": "submit"})
    assert client.post(f"/collections/{row.pk}/step/", {"step": "publish"}).status_code == 403
    assert Client().get(f"/collections/{row.pk}/").status_code == 404
    client.force_login(curator)
    assert "1 collection to decide on" in client.get("/admin/").content.decode()
    client.post(
        "/admin/spectradb/collection/",
        {"action": "send_back", "note": "Say more.", "_selected_action": [row.pk]},
    )
    row.refresh_from_db()
    assert (row.status, row.status_note) == (Status.DRAFT, "Say more.")
    decide(row, "submit", row.contributor)
    client.post(f"/collections/{row.pk}/step/", {"step": "publish"})
    assert Client().get(f"/collections/{row.pk}/").status_code == 200
    assert f"/collections/{row.pk}/" in Client().get("/collections/").content.decode()
    assert f"/collections/{row.pk}/" in Client().get("/sitemap-collections.xml").content.decode()
    assert list(Notice.objects.values_list("kind", flat=True)) == ["draft", "published"]
    client.force_login(row.contributor)
    assert "Nickel" in client.get("/notices/").content.decode()
    with pytest.raises(CollectionError, match="public"):
        lists.discard(row, row.contributor)


def test_scripts_write_their_owners_collections_alone(client: Client) -> None:
    owner, a, b = make_user("owner", "contributor"), make_spectrum(), make_spectrum()
    hidden = make_spectrum(status=Status.DRAFT, contributor=make_user())
    _, text = ApiKey.issue(owner, "script")
    key = {"Authorization": f"Bearer {text}"}

    def ask(method: str, path: str, body: object) -> tuple[int, dict]:
        answer = client.generic(
            method, f"/api/v1/collections/{path}", json.dumps(body),
            content_type="application/json", headers=key,
        )  # fmt: skip
        return answer.status_code, answer.json() if answer.content else {}

    status, made = ask("POST", "", {"title": "By script"})
    assert status == 201
    path = f"{made['id']}/"
    status, told = ask("POST", f"{path}entries/", {"entries": [{"spectrum": a.pk}]})
    assert (status, told["entries"]) == (200, [{"spectrum": a.pk, "note": ""}])
    new = [{"spectrum": b.pk, "note": "one"}, {"spectrum": a.pk, "note": "two"}]
    assert ask("PUT", f"{path}entries/", {"entries": new})[1]["entries"] == new
    status, told = ask("PUT", f"{path}entries/", {"entries": [{"spectrum": hidden.pk}]})
    assert status == 400
    assert f"SDB-{hidden.pk}" in str(told)
    status, told = ask("PUT", f"{path}entries/", {"entries": [new[0], new[0]]})
    assert (status, "twice" in str(told)) == (400, True)
    assert ask("PATCH", path, {"description": "x"})[1]["description"] == "x"
    assert ask("PATCH", path, {"title": ""})[0] == 400
    theirs = lists.create(make_user(), "Theirs")
    assert ask("PATCH", f"{theirs.pk}/", {"title": "Mine now"})[0] == 404
    assert client.get("/api/v1/collections/").json()["results"] == []
    assert ask("DELETE", path, None)[0] == 204


def test_an_account_leaves_its_public_collections_with_its_name() -> None:
    row, _ = _filled(Status.PUBLISHED)
    owner = row.contributor
    lists.create(owner, "Private")
    delete_account(owner)
    kept = Collection.objects.get()
    assert (kept.contributor, kept.authors) == (None, "Ada Byron")


def test_a_version_that_was_replaced_still_answers_to_its_number(client: Client) -> None:
    row, _ = _filled(Status.PUBLISHED)
    owner, curator = row.contributor, make_user("curator", "curator")
    new = lists.revise(row, owner)
    decide(new, "submit", owner)
    decide(new, "publish", curator)
    told = client.get(f"/collections/{row.pk}/")
    assert told.status_code == 410
    assert row.title not in told.text
    assert f'href="/collections/{new.pk}/"' in told.text
    decide(new, "withdraw", curator, "Wrong.")
    assert f'href="/collections/{new.pk}/"' not in client.get(f"/collections/{row.pk}/").text
    for old in (row, new):
        with pytest.raises(CollectionError, match="cited"):
            lists.discard(old, owner)
