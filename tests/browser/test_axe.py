"""axe-core finds nothing serious or critical on any page, at both widths, light, dark, Japanese."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page

from spectradb.models import Kind
from spectradb.services.calculations.brought import compute_at_once
from spectradb.services.collections import lists
from spectradb.services.curation.comments import comment
from spectradb.services.imports.share import share
from spectradb.services.imports.uploads import keep_spectrum_file
from spectradb.services.learning.predictions import keep_structure_file
from tests.browser.conftest import sign_in
from tests.browser.test_asking import scan  # noqa: F401 (a fixture)
from tests.browser.test_every_page import PAGES
from tests.factories import (
    make_series,
    make_series_analysis,
    make_spectrum,
    make_user,
    rocksalt,
)

AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
ADMIN = (
    "/admin/", "/admin/spectradb/spectrum/?queue=all", "/admin/spectradb/spectrum/{nio}/change/",
    "/admin/spectradb/spectrum/{measured}/change/", "/admin/spectradb/structure/",
    "/admin/spectradb/structure/{structure}/change/", "/admin/spectradb/site/",
    "/admin/spectradb/spectrum/{nio}/history/", "/admin/spectradb/calculation/",
    "/admin/spectradb/series/?queue=all", "/admin/spectradb/series/{series}/change/",
)  # fmt: skip
OWN = (
    "/spectra/{draft}/draft/", "/spectra/{nio}/fit/?go=1", "/multiplet/?calculation={calculation}",
    "/spectra/{draft}/normalisation/", "/series/", "/series/{series}/", "/series/{series}/draft/",
    "/series/{series}/analyses/{analysis}/report/", "/series/combine/?ids={nio}&ids={nio2}",
)  # fmt: skip
WAYS = pytest.mark.parametrize(
    ("width", "theme", "language"),
    [
        (width, *way)
        for width in (1440, 390)
        for way in (("light", "en"), ("dark", "en"), ("light", "ja"), ("dark", "ja"))
    ],
)
_RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => one.id + ": " +
      one.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | "));
}"""


@pytest.mark.slow
@WAYS
def test_axe_finds_nothing_serious(
    page: Page, live_server: Any, library: Any, width: int, theme: Any, language: str
) -> None:
    curator = make_user("cur", "curator")
    names = {name: row.pk for name, row in library.items()}
    names["structure"] = library["nio"].structure_id
    names["calculation"] = library["nio"].calculation_id
    names["draft"] = make_spectrum(Kind.EXPERIMENT, status="draft", contributor=curator).pk
    series = make_series(status="draft", contributor=curator)
    names |= {"series": series.pk, "analysis": make_series_analysis(series).pk}
    library["nio"].calculation.parameters = {"element": "Ni", "charge": 2}
    library["nio"].calculation.save()
    _see(page, live_server.url, width, theme, language)
    sign_in(page, live_server.url, "cur")
    told = _told(page, live_server.url, [a.format(**names) for a in (*PAGES, *OWN, *ADMIN)])
    assert not told, told


@pytest.mark.slow
@WAYS
def test_axe_finds_nothing_serious_in_the_administrators_lists(
    page: Page, live_server: Any, library: Any, width: int, theme: Any, language: str
) -> None:
    make_user("root", is_superuser=True, is_staff=True)
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    _see(page, live_server.url, width, theme, language)
    told = _told(page, live_server.url, ["/admin/login/"])
    sign_in(page, live_server.url, "root")
    told += _told(
        page, live_server.url, [*lists, "/admin/auth/user/add/", "/admin/auth/group/add/"]
    )
    assert not told, told


@pytest.mark.slow
@WAYS
def test_axe_finds_nothing_serious_about_what_one_brings(
    page: Page,
    live_server: Any,
    library: Any,
    scan: Path,  # noqa: F811
    tmp_path: Path,
    settings: Any,
    width: int,
    theme: Any,
    language: str,
) -> None:
    settings.EMAIL_HOST = "mail.example.org"  # else no password is reset
    user = make_user("anna", "contributor")
    spectrum = keep_spectrum_file(scan.name, scan.read_bytes(), user)
    path = tmp_path / "nio.cif"
    rocksalt("NiO").to(str(path))
    crystal = keep_structure_file(path.name, path.read_bytes(), user)
    compute_at_once(crystal, user)
    collection = lists.create(user, "Nickel")
    lists.add(collection, user, [library["nio"].pk, library["measured"].pk], "a note")
    comment(library["nio"], user, "Its energy seems low.")
    links = [f"/shared/{share(row, 1).token}/" for row in (spectrum, crystal, collection)]
    token, ids = spectrum.token, f"{library['nio'].pk},{library['measured'].pk}"
    _see(page, live_server.url, width, theme, language)
    told = _told(page, live_server.url, ["/password/", *links])
    sign_in(page, live_server.url, "anna")
    told += _told(
        page,
        live_server.url,
        [
            "/bring/", f"/file/{token}/", f"/crystal/{crystal.token}/",
            f"/compare/?file={token}&ids={ids}", f"/fit/?file={token}&go=1",
            f"/normalisation/?file={token}", f"/multiplet/?file={token}", f"/match/?file={token}",
            f"/upload/?file={token}", "/privacy/", "/account/", "/account/delete/",
            "/account/password/", "/collections/", f"/collections/{collection.pk}/",
            f"/collections/add/?ids={ids}", "/notices/", f"/spectra/{library['nio'].pk}/",
            f"/spectra/{library['nio'].pk}/embed/", "/spectra/?absorber=Ni",
        ],
    )  # fmt: skip
    assert not told, told


def _see(page: Page, url: str, width: int, theme: Any, language: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    page.context.add_cookies([{"name": "django_language", "value": language, "url": url}])


def _told(page: Page, url: str, addresses: list[str]) -> str:
    """What axe finds serious or critical, by address; empty for nothing."""
    told = ""
    for address in addresses:
        page.goto(url + address)
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        if found := page.evaluate(_RUN):
            told += f"{address}\n    " + "\n    ".join(found) + "\n"
    return told
