"""The same bytes from two people: a draft for each, and nobody learns of the other."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from spectradb.admin.page import _checks
from spectradb.models import Calculation, Export, SourceFile, Spectrum
from spectradb.services.calculations.records import Curve, ask, store_records
from spectradb.services.exports.jobs import request_export
from spectradb.services.imports.spectra import import_file
from tests.compute.io.test_theory import feff
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db
COLUMNS = "# energy mu\n" + "\n".join(
    f"{8300 + n} {1 / (1 + 2.0 ** (30 - n)):.6f}" for n in range(80)
)


def send(name: str, text: str, who: Any, **given: Any) -> Any:
    done = import_file(name, text.encode(), contributor=who, **given)
    assert not done.errors
    return done


@pytest.mark.parametrize("text", [COLUMNS, feff()], ids=["measured", "calculated"])
def test_each_person_has_an_own_draft_under_the_own_name(text: str) -> None:
    anna, bela = make_user(role="contributor"), make_user(role="contributor")
    first = send("secret project.dat", text, anna, element="Ni", edge="K")
    second = send("xmu.dat", text, bela, element="Cu", edge="K")
    assert (first.status, second.status) == ("imported", "imported")
    rows = [Spectrum.objects.get(pk=one.spectra[0]["id"]) for one in (first, second)]
    assert [row.contributor for row in rows] == [anna, bela]
    assert {row.absorber for row in rows if row.kind == "experiment"} <= {"Ni", "Cu"}
    assert send("again.dat", text, bela, element="Cu", edge="K").status == "unchanged"
    client = Client()
    client.force_login(bela)
    told = client.get(f"/api/v1/spectra/{rows[1].pk}/").content.decode()
    if rows[1].calculation_id:
        told += client.get(f"/api/v1/calculations/{rows[1].calculation_id}/").content.decode()
    told += client.get(f"/spectra/{rows[1].pk}/").content.decode()
    assert "secret" not in told
    assert f"SDB-{rows[0].pk}" not in told
    assert client.get(f"/spectra/{rows[0].pk}/").status_code == 404
    assert SourceFile.objects.count() == 1


def test_the_original_comes_back_under_the_own_name() -> None:
    anna, bela = make_user(role="contributor"), make_user(role="contributor")
    send("secret.dat", COLUMNS, anna, element="Ni", edge="K")
    mine = send("mine.dat", COLUMNS, bela, element="Ni", edge="K").spectra[0]["id"]
    client = Client()
    client.force_login(bela)
    answer = client.get(f"/spectra/{mine}/original/")
    assert answer.content == COLUMNS.encode()
    assert answer["Content-Disposition"] == 'attachment; filename="mine.dat"'


def test_only_curators_see_that_it_is_a_duplicate() -> None:
    anna, bela = make_user(role="contributor"), make_user(role="contributor")
    first = send("a.dat", COLUMNS, anna, element="Ni", edge="K").spectra[0]["id"]
    second = send("b.dat", COLUMNS, bela, element="Ni", edge="K").spectra[0]["id"]
    row = Spectrum.objects.get(pk=second)
    assert str(first) not in str([one["spectrum_id"] for one in row.checks])
    [seen] = [one for one in _checks(row) if one["name"] == "Not a duplicate"]
    assert (seen["verdict"], seen["spectrum_id"]) == ("check", first)


def test_what_is_published_is_not_kept_twice() -> None:
    anna, bela = make_user(role="contributor"), make_user(role="contributor")
    first = send("a.dat", COLUMNS, anna, element="Ni", edge="K").spectra[0]["id"]
    Spectrum.objects.filter(pk=first).update(status="published")
    again = send("b.dat", COLUMNS, bela, element="Ni", edge="K")
    assert (again.status, again.spectra[0]["id"]) == ("unchanged", first)


def test_a_deleted_account_publishes_nothing() -> None:
    anna, visitor, curator = make_user(role="contributor"), Client(), make_user(role="curator")
    draft = make_spectrum("experiment", status="draft", contributor=anna)
    computed = make_spectrum(status="draft", contributor=anna, calculation_public=False)
    waiting = Calculation.objects.create(
        engine="spectradb.multiplet", absorber="Ni", edge="L23", input_hash="w", public=False
    )
    waiting.requesters.add(anna)
    export = request_export({"absorber": ["Ni"]}, "csv", user=anna)
    mine = f"/api/v1/exports/{export.pk}/"
    calculations = [waiting.pk, computed.calculation_id]
    anna.delete()
    hidden = [
        f"/spectra/{draft.pk}/",
        mine,
        f"{mine}file/",
        f"/export/{export.pk}/",
        *(f"/jobs/{pk}/" for pk in calculations),
        *(f"/multiplet/?calculation={pk}" for pk in calculations),
    ]
    assert {visitor.get(path).status_code for path in hidden} == {404}
    assert set(Export.objects.visible_to(curator)) == {export}
    theirs = request_export({}, "csv", user=None) if make_spectrum() else None
    assert theirs is not None
    assert visitor.get(f"/api/v1/exports/{theirs.pk}/").status_code == 200


def test_a_draft_of_a_deleted_account_is_no_record_of_the_operator() -> None:
    anna = make_user(role="contributor")
    draft = make_spectrum(
        status="draft", contributor=anna, calculation_public=False, calculation_route="cheap"
    )
    row = draft.calculation
    assert row is not None
    anna.delete()
    store_records(row, Curve(draft.energy, draft.intensity))
    assert not row.spectra.filter(status="published").exists()
    ask([row], None)
    assert row.spectra.filter(status="published", contributor=None).count() == 1
