"""What every form of the site keeps to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.factories import make_spectrum, make_user

_FORM = re.compile(r"<form\b([^>]*(?:{%.*?%}[^>]*)*)>(.*?)</form>", re.DOTALL | re.IGNORECASE)
TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_no_form_puts_its_token_into_an_address(path: Path) -> None:
    for attributes, body in _FORM.findall(path.read_text()):
        if not re.search(r'method="?post', attributes, re.IGNORECASE):
            assert "{% csrf_token %}" not in body, attributes


@pytest.mark.django_db
def test_a_button_that_posts_from_a_form_of_searches_carries_the_token_itself() -> None:
    """The address that such a form asks for has none, and its post is accepted."""
    client = Client(enforce_csrf_checks=True)
    user = make_user("anna", "contributor")
    client.force_login(user)
    record = make_spectrum("experiment", contributor=user)
    for address, target in (
        (f"/spectra/{record.pk}/fit/?go=1&max_peaks=2", f"/spectra/{record.pk}/fit/accept/"),
        (f"/spectra/{record.pk}/normalisation/", f"/spectra/{record.pk}/normalisation/"),
        ("/multiplet/?ion=Ti4", "/multiplet/save/"),
    ):
        text = client.get(address).content.decode()
        buttons = [b for b in re.findall(r"<button[^>]*>", text) if 'formmethod="post"' in b]
        assert len(buttons) == 1, address
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', buttons[0])
        assert token, address
        assert client.post(target, {}).status_code == 403
        fields = {"csrfmiddlewaretoken": token[1], "ion": "Ti4", "max_peaks": "2", "go": "1"}
        assert client.post(target, fields).status_code == 302, address
