"""Files at hand: whose they are, how long, and that every page takes them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.utils import timezone

from compute.isolation import parent
from spectradb.models import Spectrum, Upload
from spectradb.services.imports import at_hand
from spectradb.services.imports.uploads import forget_old, keep_spectrum_file
from spectradb.turns import turn
from tests.factories import lorentzians, make_spectrum, make_user, rocksalt
from tests.hostile_files import SPECTRA, STRUCTURES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]
ENERGY = np.linspace(842.0, 888.0, 300)


def scan(*columns: Any) -> bytes:
    """A measured Ni L2,3 edge as columns."""
    signals = columns or (lorentzians(ENERGY, ((853.4, 0.8, 1.0), (871.0, 1.0, 0.6))),)
    rows = [",".join(f"{v:.5f}" for v in row) for row in zip(ENERGY, *signals, strict=True)]
    head = ",".join(["energy_eV", *(f"signal{k}" for k in range(len(signals)))])
    return "\n".join([head.replace("signal0", "intensity"), *rows]).encode()


def bring(client: Client, name: str = "ni.csv", data: bytes | None = None, **fields: str) -> str:
    """The token of a file that this client brings."""
    file = SimpleUploadedFile(name, data or scan())
    answer = client.post("/bring/", {"file": file, **fields})
    assert answer.status_code == 302, answer.content.decode()
    return Upload.objects.order_by("-pk")[0].token


PAGES = (
    "/file/{t}/", "/match/?file={t}", "/compare/?file={t}", "/fit/?file={t}",
    "/normalisation/?file={t}", "/multiplet/?file={t}",
)  # fmt: skip


def test_every_page_takes_a_file_at_hand_and_shows_it_to_nobody_else(client: Client) -> None:
    token = bring(client)
    for page in PAGES:
        answer = client.get(page.format(t=token))
        assert answer.status_code == 200, page
        assert "ni.csv" in answer.content.decode(), page
        other = Client().get(page.format(t=token))
        assert "ni.csv" not in other.content.decode(), page
    assert Client().get(f"/file/{token}/").status_code == 404


def test_a_file_of_another_edge_is_told_under_the_sliders(client: Client) -> None:
    token, words = bring(client), "it may be of another edge"
    assert words not in client.get(f"/multiplet/?file={token}&ion=Ni2").content.decode()
    page = client.get(f"/multiplet/?file={token}&ion=Ti4").content.decode()
    assert words in page
    assert "far from Ti L3 (" in page


def test_the_tray_names_the_edge_of_a_file(client: Client) -> None:
    lines = [f"{7000 + k} {0.1 if k < 112 else 1.0}" for k in range(300)]
    head = "# XDI/1.0\n# Element.symbol: Fe\n# Element.edge: K\n# Column.1: energy eV\n"
    text = head + "# Column.2: mutrans\n#---\n" + "\n".join(lines)
    bring(client, "feo.xdi", text.encode())
    assert ">Fe K</span>" in client.get("/cite/").content.decode()


def test_the_tray_holds_what_was_brought_on_pages_that_know_nothing_of_it(client: Client) -> None:
    assert "At hand" not in client.get("/cite/").content.decode()
    token = bring(client)
    page = client.get("/cite/").content.decode()
    assert f"?file={token}" in page


def test_a_visitors_file_goes_after_a_day_and_an_accounts_own_stays_within_its_quota(
    client: Client, settings: LazySettings
) -> None:
    visitor = Upload.objects.get(token=bring(client))
    assert visitor.expires is not None
    assert timedelta(hours=23) < visitor.expires - timezone.now() <= timedelta(hours=24)
    user = make_user("somebody")
    assert keep_spectrum_file("ni.csv", scan(), user).expires is None
    settings.ACCOUNT_MAX_MB = 0
    assert keep_spectrum_file("ni.csv", scan(), user).expires is not None
    Upload.objects.filter(pk=visitor.pk).update(expires=timezone.now() - timedelta(minutes=1))
    assert client.get(f"/file/{visitor.token}/").status_code == 404
    assert forget_old() == 1


def test_who_signs_in_takes_along_what_was_brought_before(client: Client) -> None:
    user = make_user("somebody", "contributor")
    token = bring(client)
    client.post("/login/", {"username": "somebody", "password": "password"})
    row = Upload.objects.get(token=token)
    assert row.requested_by == user
    assert row.expires is None
    fresh = Client()
    fresh.force_login(user)
    assert fresh.get(f"/file/{token}/").status_code == 200


def test_what_is_brought_is_read_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    token = bring(client)

    def refuse(*_args: object) -> None:
        raise AssertionError("the file was read again")

    monkeypatch.setattr(at_hand, "spectra_of", refuse)
    assert client.get(f"/compare/?file={token}").status_code == 200
    row = at_hand.spectrum_of(Upload.objects.get(token=token))
    np.testing.assert_allclose(row.energy, ENERGY, atol=1e-5)


def test_a_file_of_two_signals_is_addressed_by_part(client: Client) -> None:
    first = lorentzians(ENERGY, ((853.4, 0.8, 1.0),))
    prj = [first, 2.0 + 3.0 * lorentzians(ENERGY, ((860.0, 0.8, 1.0),))]
    rows = [keep_spectrum_file("a.csv", scan(one), None) for one in prj]
    two = Upload.objects.get(pk=rows[0].pk)
    two.told["parts"] += rows[1].told["parts"]
    two.curves = np.hstack([rows[0].curves, rows[1].curves])
    two.save()
    assert at_hand.spectrum_of(two, 1).energy[int(np.argmax(at_hand.curve_of(two, 1)[1]))] == (
        pytest.approx(860.0, abs=0.2)
    )


def test_what_nothing_in_the_library_overlaps_is_drawn_all_the_same(client: Client) -> None:
    token = bring(client)
    answer = client.post("/match/", {"file": token}, follow=True)
    text = answer.content.decode()
    assert "Not matched." in text
    assert 'id="plot"' in text
    assert f"/compare/?file={token}" in text


def test_the_normalisation_said_here_goes_along_to_the_draft() -> None:
    client = Client()
    client.force_login(make_user("somebody", "contributor"))
    token = bring(client)
    client.post(f"/file/{token}/say/", {"element": "Ni", "edge": "L3", "part": "0"})
    kept = {"go": "1", "file": token, "background_lo": "842", "background_hi": "848"}
    answer = client.post("/normalisation/", kept, follow=True)
    assert "Kept with the file" in answer.content.decode()
    client.post("/upload/", {"file": token})
    row = Spectrum.objects.get()
    assert (row.absorber, row.edge) == ("Ni", "L3")
    assert row.normalisation == {"stated": {"background": [842.0, 848.0]}}


def test_a_file_is_deleted_by_its_owner_alone(client: Client) -> None:
    token = bring(client)
    assert Client().post(f"/file/{token}/forget/").status_code == 404
    client.post(f"/file/{token}/forget/")
    assert not Upload.objects.exists()


def test_an_unreadable_file_is_told_in_words_and_not_kept(client: Client) -> None:
    answer = client.post("/bring/", {"file": SimpleUploadedFile("x.csv", b"\x00\x01\x02")})
    assert answer.status_code == 400
    assert "x.csv" in answer.content.decode()
    assert not Upload.objects.exists()


def test_no_page_is_left_for_another_site_by_what_then_says(client: Client) -> None:
    file = SimpleUploadedFile("ni.csv", scan())
    answer = client.post("/bring/", {"file": file, "then": "https://example.org/"})
    assert answer["Location"].startswith("/file/")
    row = make_spectrum()
    file = SimpleUploadedFile("ni.csv", scan())
    answer = client.post("/bring/", {"file": file, "then": f"/compare/?ids={row.pk}"})
    assert answer["Location"].startswith(f"/compare/?ids={row.pk}&file=")


def test_the_fit_of_a_file_can_be_downloaded(client: Client) -> None:
    token = bring(client)
    page = f"/fit/?file={token}&go=1&lo=850&hi=876&edge=none&max_peaks=4"
    assert "Not fitted yet" not in client.get(page).content.decode()
    table = client.get(f"{page}&format=csv")
    assert table.content.decode().startswith("position_ev")
    assert "ni-peaks.csv" in table["Content-Disposition"]


# --- what strangers bring -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["POSCAR", "POSCAR.tiny", "operations-sites.cif", "charge.json"])
def test_a_crystal_that_costs_too_much_is_refused_in_words(client: Client, name: str) -> None:
    refused(client, name, STRUCTURES[name]())


@pytest.mark.parametrize("name", ["chunk.h5", "kek-min.dat", "nested.prj", "text.dat.gz"])
def test_a_spectrum_that_costs_too_much_is_refused_in_words(client: Client, name: str) -> None:
    refused(client, name, SPECTRA[name]())


def refused(client: Client, name: str, data: bytes) -> None:
    answer = client.post("/bring/", {"file": SimpleUploadedFile(name, data)})
    assert answer.status_code == 400
    assert f"Can’t read {name}" in answer.content.decode()
    assert not Upload.objects.exists()


def test_files_are_read_in_a_child_and_by_no_page_itself(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[bytes] = []
    ask = parent._ask

    def seen(call: bytes, *arguments: Any) -> Any:
        asked.append(call)
        return ask(call, *arguments)

    monkeypatch.setattr(parent, "_ask", seen)
    bring(client)
    assert [b"read_bytes" in call for call in asked] == [True]
    rocksalt("NiO").to(str(tmp_path / "nio.cif"))
    bring(client, "nio.cif", (tmp_path / "nio.cif").read_bytes())
    assert [b"read_crystals" in asked[1], b"analyze_sites" in asked[2]] == [True, True]


def test_one_file_of_a_person_is_read_at_a_time(client: Client, rf: RequestFactory) -> None:
    request = rf.post("/bring/")
    request.user = AnonymousUser()
    with turn(request):
        answer = client.post("/bring/", {"file": SimpleUploadedFile("ni.csv", scan())})
    assert answer.status_code == 429
    assert answer["Retry-After"]


# --- what a file leaves open ---------------------------------------------------------------------


def open_columns() -> bytes:
    """A table of an energy and two signals, neither of which is called the spectrum."""
    first = lorentzians(ENERGY, ((853.4, 0.8, 1.0),))
    second = 2.0 + 3.0 * lorentzians(ENERGY, ((860.0, 0.8, 1.0),))
    rows = [f"{e:.3f} {a:.5f} {b:.5f}" for e, a, b in zip(ENERGY, first, second, strict=True)]
    return "\n".join(["# energy_eV ch1 ch2", *rows]).encode()


@pytest.mark.parametrize(("door", "then"), [("/bring/", ""), ("/match/", "/match/")])
def test_a_file_that_leaves_its_columns_open_asks_and_is_read_by_the_answer(
    client: Client, door: str, then: str
) -> None:
    file = SimpleUploadedFile("two.dat", open_columns())
    answer = client.post(door, {"file": file})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "Which is the spectrum?" in text
    assert 'action="/bring/"' in text
    assert "ch1 as it stands" in text
    client.cookies["django_language"] = "ja"
    asked = client.post(door, {"file": SimpleUploadedFile("two.dat", open_columns())})
    assert "ch1をそのまま" in asked.content.decode()
    assert "transmission" not in asked.content.decode()
    client.cookies["django_language"] = "en"
    kept = Upload.objects.order_by("pk")[0]
    Upload.objects.exclude(pk=kept.pk).delete()
    assert "two.dat" not in client.get("/cite/").content.decode()
    again = client.post("/bring/", {"file": kept.token})
    assert "Which is the spectrum?" in again.content.decode()
    wrong = client.post("/bring/", {"file": kept.token, "signal": "nothing"})
    assert "nothing" in wrong.content.decode()
    done = client.post("/bring/", {"file": kept.token, "signal": "ch2", "then": then})
    row = Upload.objects.get()
    assert done["Location"] == (f"{then}?file={row.token}" if then else f"/file/{row.token}/")
    energy, intensity = at_hand.curve_of(row)
    assert energy[int(np.argmax(intensity))] == pytest.approx(860.0, abs=0.2)
    assert client.get(f"/compare/?file={row.token}").status_code == 200


def test_the_columns_that_were_named_hold_when_the_file_is_sent() -> None:
    client = Client()
    client.force_login(make_user("somebody", "contributor"))
    client.post("/bring/", {"file": SimpleUploadedFile("two.dat", open_columns())})
    client.post("/bring/", {"file": Upload.objects.get().token, "signal": "ch2"})
    client.post("/upload/", {"file": Upload.objects.get().token})
    row = Spectrum.objects.get()
    assert row.energy[int(np.argmax(row.intensity))] == pytest.approx(860.0, abs=0.2)


def test_a_question_is_answered_by_whoever_brought_the_file_alone(client: Client) -> None:
    client.force_login(make_user("somebody", "contributor"))
    client.post("/bring/", {"file": SimpleUploadedFile("two.dat", open_columns())})
    token = Upload.objects.get().token
    assert Client().post("/bring/", {"file": token, "signal": "ch2"}).status_code == 404


def test_the_page_of_a_file_asks_in_plain_words_what_it_is_of(client: Client) -> None:
    page = f"/file/{bring(client)}/"
    text = client.get(page).content.decode()
    assert "does not say which element and edge were measured: fill them in." in text
    assert re.search(r"steepest rise is at 85\d\.\d eV, near .*Ni L3", text)
    client.cookies["django_language"] = "ja"
    assert "does not say" not in client.get(page).content.decode()
    client.cookies["django_language"] = "en"
    client.post(f"{page}say/", {"element": "Ni", "edge": "L23"})
    assert "does not say" not in client.get(page).content.decode()
