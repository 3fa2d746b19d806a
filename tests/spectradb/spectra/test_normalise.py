"""What a person states of a normalisation is kept, marked, and wins; the rest is derived."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from compute.errors import InputError
from spectradb.models import Kind, Spectrum
from spectradb.services.curation.quality import run_checks
from spectradb.services.curation.workflow import history_of
from spectradb.services.spectra import normalise as service
from tests.compute.made_edges import Made, scan
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db
IRON = Made(7120.0, others=((7717.0, 4.0),))
X = scan(7120.0, after=900.0)


@pytest.fixture
def author() -> User:
    return make_user(role="contributor")


@pytest.fixture
def iron(author: User) -> Spectrum:
    return make_spectrum(
        Kind.EXPERIMENT,
        contributor=author,
        absorber="Fe",
        edge="K",
        formula="CoFe2O4",
        quantity="mu",
        energy=X,
        intensity=IRON(X, noise=0.002),
    )


@pytest.fixture
def nickel(author: User) -> Spectrum:
    energy = np.arange(800.0, 900.0, 0.2)
    law = 500 * (energy / 830) ** -3.0
    lines = 900 / (1 + (energy - 853.0) ** 2) + 400 / (1 + (energy - 870.5) ** 2)
    return make_spectrum(
        Kind.EXPERIMENT,
        contributor=author,
        technique="EELS",
        quantity="counts",
        energy=energy,
        intensity=law + lines,
    )


def put(person: User | None, row: Spectrum, values: Any) -> Any:
    client = Client()
    if person is not None:
        client.force_login(person)
    address = reverse("api:spectrum-normalised", args=[row.pk])
    return client.put(address, values, content_type="application/json")


def test_element_and_edge_and_sample_are_known_to_the_normalisation(iron: Spectrum) -> None:
    found = service.normalise(iron)
    assert found.e0 == pytest.approx(7120, abs=1)
    assert found.numbers["step"] == pytest.approx(1, abs=0.08)
    assert any("Co K" in text or "a step in the data" in text for text in found.warnings)
    assert not [check for check in run_checks(iron) if check.verdict == "fail"]


def test_what_is_stated_wins_and_is_marked(iron: Spectrum, author: User) -> None:
    service.state(iron, {"e0": 7118.0, "pre": [-120, -40]}, user=author)
    row = Spectrum.objects.get(pk=iron.pk)
    assert row.normalisation == {"stated": {"e0": 7118.0, "pre": [-120.0, -40.0]}}
    found = service.normalise(row)
    assert found.e0 == 7118.0
    assert found.numbers["pre"] == (-120.0, -40.0)
    assert found.numbers["rule"] == "stated"
    assert found.stated == ("e0", "pre")
    newest = history_of(row)[0]
    assert newest["who"] == author
    assert "e0 7118" in newest["reason"]


def test_nothing_stated_is_derived_again(iron: Spectrum, author: User) -> None:
    service.state(iron, {"e0": 7118.0}, user=author)
    service.state(iron, {"e0": None}, user=author)
    assert iron.normalisation == {}
    assert service.normalise(iron).stated == ()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"e0": 9000.0}, "e0"),
        ({"e0": "7112"}, "e0"),
        ({"pre": [-30]}, "pre"),
        ({"post": [300, 100]}, "post"),
        ({"post": [5000, 6000]}, "post"),
        ({"degree": 1.5}, "degree"),
        ({"background": [7000, 7050]}, "background"),
        ({"colour": 1}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    iron: Spectrum, author: User, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(InputError) as caught:
        service.state(iron, values, user=author)
    assert caught.value.field == field
    assert Spectrum.objects.get(pk=iron.pk).normalisation == {}


def test_only_its_author_and_curators_state(iron: Spectrum) -> None:
    with pytest.raises(PermissionDenied):
        service.state(iron, {"e0": 7118.0}, user=make_user(role="contributor"))
    service.state(iron, {"e0": 7118.0}, user=make_user(role="curator"))


def test_a_background_survives_negative_counts(nickel: Spectrum, author: User) -> None:
    clean = service.normalise(nickel)
    counts = nickel.intensity.copy()
    counts[100] = -1.0
    spoilt = make_spectrum(
        Kind.EXPERIMENT, technique="EELS", energy=nickel.energy, intensity=counts
    )
    found = service.normalise(spoilt)
    np.testing.assert_allclose(found.lines["background"], clean.lines["background"], rtol=1e-3)
    assert any("left out" in text for text in found.warnings)


def test_the_ranges_of_white_lines_are_stated_too(nickel: Spectrum, author: User) -> None:
    service.state(nickel, {"background": [805, 845], "range": [840, 890]}, user=author)
    found = service.normalise(nickel)
    assert found.numbers["background"] == (805.0, 845.0)
    assert found.energy[0] >= 840
    assert found.energy[-1] <= 890


def test_the_api_tells_and_states(iron: Spectrum, author: User) -> None:
    address = reverse("api:spectrum-normalised", args=[iron.pk])
    told = Client().get(address).json()
    assert told["numbers"]["e0"] == pytest.approx(7120, abs=1)
    assert told["stated"] == []
    answer = put(author, iron, {"e0": 7117.0, "post": [60, 500]})
    assert answer.status_code == 200, answer.content
    assert answer.json()["stated"] == ["e0", "post"]
    again = Client().get(address).json()
    assert again["numbers"]["e0"] == 7117.0
    assert again["numbers"]["post"] == [60.0, 500.0]
    assert put(author, iron, {}).json()["stated"] == []


@pytest.mark.parametrize(
    ("values", "field"),
    [({"e0": 1.0}, "e0"), ({"pre": [1]}, "pre"), ({"nonsense": 1}, "nonsense")],
)
def test_the_api_names_what_it_refuses(
    iron: Spectrum, author: User, values: dict[str, Any], field: str
) -> None:
    answer = put(author, iron, values)
    assert answer.status_code == 400
    assert field in answer.json()


def test_the_api_lets_nobody_else_state(iron: Spectrum) -> None:
    assert put(None, iron, {"e0": 7118.0}).status_code in (401, 403)
    assert put(make_user(role="contributor"), iron, {"e0": 7118.0}).status_code == 403
    assert put(make_user(role="curator"), make_spectrum(), {}).status_code == 409


# --- the page ---------------------------------------------------------------------------------


def page(row: Spectrum) -> str:
    return reverse("spectrum-normalisation", args=[row.pk])


def test_the_page_shows_what_its_form_gives_and_keeps_it(iron: Spectrum, author: User) -> None:
    client = Client()
    client.force_login(author)
    shown = client.get(page(iron))
    assert shown.status_code == 200
    assert b"7120" in shown.content
    sent = {"go": "1", "e0": "7118", "pre_lo": "-120", "pre_hi": "-40", "degree": ""}
    seen = client.get(page(iron), sent)
    assert seen.status_code == 200
    assert Spectrum.objects.get(pk=iron.pk).normalisation == {}
    assert client.post(page(iron), sent).status_code == 302
    row = Spectrum.objects.get(pk=iron.pk)
    assert row.normalisation == {"stated": {"e0": 7118.0, "pre": [-120.0, -40.0]}}
    told = client.get(reverse("spectrum", args=[iron.pk]), {"norm": "normalised"}).content.decode()
    assert "stated by a person: e0, pre" in told
    assert page(iron) in told
    assert client.post(page(iron), {"go": "1"}).status_code == 302
    assert Spectrum.objects.get(pk=iron.pk).normalisation == {}


def test_white_lines_have_a_form_of_their_own(nickel: Spectrum, author: User) -> None:
    client = Client()
    client.force_login(author)
    assert b"background_lo" in client.get(page(nickel)).content
    sent = {"go": "1", "background_lo": "805", "background_hi": "840", "scaling": "maximum"}
    assert client.post(page(nickel), sent).status_code == 302
    stated = Spectrum.objects.get(pk=nickel.pk).normalisation["stated"]
    assert stated == {"background": [805.0, 840.0], "scaling": "maximum"}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"e0": "9000"}, "the data run from"),
        ({"e0": "seven"}, "write a number"),
        ({"post_lo": "10", "post_hi": ""}, "write a number"),
        ({"pre_lo": "-10", "pre_hi": "-100"}, "from low to high"),
    ],
)
def test_the_page_says_what_is_wrong(
    iron: Spectrum, author: User, sent: dict[str, str], words: str
) -> None:
    client = Client()
    client.force_login(author)
    answer = client.post(page(iron), {"go": "1", **sent})
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert Spectrum.objects.get(pk=iron.pk).normalisation == {}


def test_nobody_else_has_the_page(iron: Spectrum) -> None:
    client = Client()
    assert client.get(page(iron)).status_code == 302
    client.force_login(make_user(role="contributor"))
    assert client.get(page(iron)).status_code == 403
    assert page(iron) not in client.get(reverse("spectrum", args=[iron.pk])).content.decode()
