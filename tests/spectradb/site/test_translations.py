"""The Japanese catalogue is whole, compiled, and keeps every placeholder and tag."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.utils.translation.template import templatize

from compute.sites.polyhedra import _shapes
from spectradb.elements import ELEMENTS
from spectradb.management.commands.compile_translations import mo_bytes, read_po

ROOT = Path(settings.BASE_DIR)
FOLDER = ROOT / "spectradb" / "locale" / "ja" / "LC_MESSAGES"
PAGES = ("views", "services", "templatetags", "admin", "forms.py", "labels.py", "apps.py")
_STRING = r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"


def _in_python(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        first = node.args[0]
        if name in {"gettext", "gettext_lazy", "_"} and isinstance(first, ast.Constant):
            yield str(first.value)
        if name == "ngettext" and isinstance(node.args[1], ast.Constant):
            yield "\0".join(str(part.value) for part in node.args[:2])  # type: ignore[attr-defined]


def _in_template(source: str) -> Iterator[str]:
    text = templatize(source)
    for one, many in re.findall(rf"ngettext\({_STRING},\s*{_STRING}", text):
        yield f"{ast.literal_eval(one)}\0{ast.literal_eval(many)}"
    for one in re.findall(rf"(?<!n)gettext\({_STRING}", text):
        yield ast.literal_eval(one)


def _used() -> set[str]:
    found: set[str] = set()
    for part in PAGES:
        path = ROOT / "spectradb" / part
        for file in [path] if path.suffix else path.rglob("*.py"):
            found |= set(_in_python(file.read_text(encoding="utf-8")))
    for file in (ROOT / "templates").rglob("*.*"):  # pages, and texts of mails
        found |= set(_in_template(file.read_text(encoding="utf-8")))
    return found | {element.name for element in ELEMENTS}


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    return read_po((FOLDER / "django.po").read_text(encoding="utf-8"))


def test_everything_the_pages_say_is_translated(catalogue) -> None:
    assert sorted(_used() - set(catalogue)) == []
    assert [key for key, text in catalogue.items() if not text] == []


def test_everything_the_admin_says_of_a_column_is_translated(catalogue) -> None:
    said: set[str] = set()
    for model in apps.get_app_config("spectradb").get_models():
        if model in admin.site._registry:
            said |= {str(model._meta.verbose_name), str(model._meta.verbose_name_plural)}
            for field in (one for one in model._meta.concrete_fields if one.editable):
                said.add(str(field.verbose_name))
                said |= {str(words) for _, words in field.flatchoices}
    assert sorted(said - set(catalogue) - {""}) == []


def test_shapes_of_sites_are_translated(catalogue) -> None:
    assert sorted(_shapes().keys() - set(catalogue)) == []


def test_compiled_catalogue_is_up_to_date(catalogue) -> None:
    assert (FOLDER / "django.mo").read_bytes() == mo_bytes(catalogue)


def test_placeholders_and_tags_survive(catalogue) -> None:
    for key, text in catalogue.items():
        for pattern in (r"%\(\w+\)[0-9.]*[sdf]", r"</?su[bp]>"):
            asked = set(re.findall(pattern, key.split("\0")[-1]))
            assert asked == set(re.findall(pattern, text)), key


def test_japanese_page_has_no_english_left(client, db) -> None:
    client.cookies["django_language"] = "ja"
    text = client.get("/spectra/").content.decode()
    assert '<html lang="ja"' in text
    assert "絞り込み" in text
    assert "Clear all" not in text
