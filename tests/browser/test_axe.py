"""axe-core finds nothing serious or critical on any page, at both widths, light, dark, Japanese."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.test import RequestFactory
from django.urls import resolve, reverse
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page

from spectradb.models import JobStatus, Kind, MatchRun, SeriesUpload, TrainedModel
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
from tests.spectradb.permissions.test_permissions import TABLE
from tests.spectradb.permissions.world import make_world

AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
ADMIN = (
    "/admin/", "/admin/spectradb/spectrum/?queue=all", "/admin/spectradb/spectrum/{nio}/change/",
    "/admin/spectradb/spectrum/{measured}/change/",
)  # fmt: skip
OWN = (
    "/spectra/{draft}/draft/", "/spectra/{nio}/fit/?go=1", "/multiplet/?calculation={calculation}",
    "/spectra/{draft}/normalisation/", "/series/", "/series/{series}/", "/series/{series}/draft/",
    "/series/{series}/analyses/{analysis}/report/", "/series/combine/?ids={nio}&ids={nio2}",
    "/spectra/{measured}/revise/", "/jobs/{calculation}/", "/models/{model}/",
    "/models/{model}/residuals/", "/series/upload/{sent}/",
)  # fmt: skip
FOR_VISITORS = ("/password/", "/password/{link}/", "/register/x/", "/admin/login/")
BROUGHT = (
    "/bring/", "/file/{file}/", "/crystal/{crystal}/", "/compare/?file={file}&ids={nio},{measured}",
    "/fit/?file={file}&go=1", "/normalisation/?file={file}", "/multiplet/?file={file}",
    "/match/?file={file}", "/match/{run}/", "/predict/{crystal}/", "/upload/?file={file}",
    "/privacy/", "/account/", "/account/delete/", "/account/password/", "/collections/",
    "/collections/{collection}/", "/collections/add/?ids={nio},{measured}", "/notices/",
    "/spectra/{nio}/", "/spectra/{nio}/embed/", "/spectra/?absorber=Ni",
)  # fmt: skip
NO_PAGES = {
    *("series-values", "series-picture", "series-spectrum-drawing", "series-map", "series-fit"),
    *("series-download", "series-maps", "series-along", "spectrum-drawing", "spectrum-download"),
    *("source-file", "structure-cif", "export-file", "multiplet-case", "multiplet-answer"),
    *("match-report", "predict-table", "calculation-case", "shared-download", "account-archive"),
    *("collection-download", "collection-feed", "atom", "sitemap", "alive", "ready", "robots"),
    *("django.contrib.sitemaps.views.sitemap", "favicon", "metrics"),
    *("spectrum-nearest", "structure-site"),  # parts of pages, which ask for them
    *("openid_connect_callback", "set_language"),  # lead elsewhere
}
"""Routes that answer a GET with a file, data or a part of a page."""
WAYS = pytest.mark.parametrize(
    ("width", "language"), [(1440, "en"), (390, "en"), (1440, "ja"), (390, "ja")]
)
THEMES = ("light", "dark")
_FADED_MS = 250  # colours of the admin's links fade for 150
_RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => one.id + ": " +
      one.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | "));
}"""


def test_every_page_is_looked_at() -> None:
    anything = defaultdict(lambda: "1", link="MQ/x")
    seen = {
        resolve(address.format_map(anything).split("?")[0]).view_name
        for address in (*PAGES, *OWN, *FOR_VISITORS, *BROUGHT, "/shared/x/")
        if address != "/nowhere/"
    }
    pages = {
        name
        for name, routes in TABLE.items()
        if any("GET" in one.methods for one in routes)
        and not name.startswith(("api:", "optimade:"))
    }
    assert sorted(pages - seen - NO_PAGES) == []
    assert sorted(NO_PAGES & seen) == []


@pytest.mark.slow
@WAYS
def test_axe_finds_nothing_serious(
    page: Page, live_server: Any, library: Any, width: int, language: str
) -> None:
    curator = make_user("cur", "curator")
    names = {name: row.pk for name, row in library.items()}
    names["structure"] = library["nio"].structure_id
    names["calculation"] = library["nio"].calculation_id
    names["draft"] = make_spectrum(Kind.EXPERIMENT, status="draft", contributor=curator).pk
    series = make_series(status="draft", contributor=curator)
    names |= {"series": series.pk, "analysis": make_series_analysis(series).pk}
    model = TrainedModel.objects.create(
        name="model", kind="mlp", absorber="Ni", edge="L23", job_status=JobStatus.DONE
    )
    sent = SeriesUpload.objects.create(requested_by=curator, n_files=1, n_bytes=9)
    names |= {"model": model.name, "sent": sent.token}
    library["nio"].calculation.parameters = {"element": "Ni", "charge": 2}
    library["nio"].calculation.save()
    _see(page, live_server.url, width, language)
    sign_in(page, live_server.url, "cur")
    told = _told(page, live_server.url, [a.format(**names) for a in (*PAGES, *OWN, *ADMIN)])
    assert not told, told


@pytest.mark.slow
@WAYS
def test_axe_finds_nothing_serious_in_the_administrators_pages(
    page: Page, live_server: Any, width: int, language: str
) -> None:
    make_user("root", is_superuser=True, is_staff=True)
    make_world()
    _see(page, live_server.url, width, language)
    sign_in(page, live_server.url, "root")
    told = _told(page, live_server.url, list(_admin_pages()))
    assert not told, told


def _admin_pages() -> Iterator[str]:
    """Of every model: list, form for a new row; form, history and deletion of one."""
    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        request = RequestFactory().get("/")
        request.user = User.objects.get(username="root")
        if page.has_add_permission(request):
            yield reverse(f"{name}_add")
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])
            if page.has_delete_permission(request):
                yield reverse(f"{name}_delete", args=[row.pk])


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
    run = MatchRun.objects.create(upload=spectrum, options={}, job_status=JobStatus.DONE)
    link = (
        f"{urlsafe_base64_encode(str(user.pk).encode())}/{default_token_generator.make_token(user)}"
    )
    names = {name: row.pk for name, row in library.items()} | {
        "file": spectrum.token, "crystal": crystal.token, "run": run.token,
        "collection": collection.pk, "link": link,
    }  # fmt: skip
    shared = [f"/shared/{share(row, 1).token}/" for row in (spectrum, crystal, collection)]
    _see(page, live_server.url, width, language)
    told = _told(page, live_server.url, [*(a.format(**names) for a in FOR_VISITORS), *shared])
    sign_in(page, live_server.url, "anna")
    told += _told(page, live_server.url, [a.format(**names) for a in BROUGHT])
    assert not told, told


def _see(page: Page, url: str, width: int, language: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.context.add_cookies([{"name": "django_language", "value": language, "url": url}])


def _told(page: Page, url: str, addresses: list[str]) -> str:
    """What axe finds serious or critical, by address and theme; empty for nothing."""
    told = ""
    for address in addresses:
        page.goto(url + address)
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.wait_for_timeout(_FADED_MS)
            if found := page.evaluate(_RUN):
                told += f"{address} ({theme})\n    " + "\n    ".join(found) + "\n"
    return told
