"""axe-core finds nothing serious or critical on any page, at both widths, light, dark, Japanese."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from spectradb.models import Kind
from tests.browser.conftest import sign_in
from tests.browser.test_every_page import PAGES
from tests.factories import make_spectrum, make_user

AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
ADMIN = (
    "/admin/", "/admin/spectradb/spectrum/?queue=all", "/admin/spectradb/spectrum/{nio}/change/",
    "/admin/spectradb/spectrum/{measured}/change/", "/admin/spectradb/structure/",
    "/admin/spectradb/structure/{structure}/change/", "/admin/spectradb/site/",
    "/admin/spectradb/spectrum/{nio}/history/", "/admin/spectradb/calculation/",
)  # fmt: skip
OWN = (
    "/spectra/{draft}/draft/", "/spectra/{nio}/fit/?go=1", "/multiplet/?calculation={calculation}",
    "/spectra/{draft}/normalisation/",
)  # fmt: skip
_RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"]});
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => one.id + ": " +
      one.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | "));
}"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "theme", "language"),
    [(1440, "light", "en"), (390, "dark", "en"), (1440, "dark", "ja")],
)
def test_axe_finds_nothing_serious(
    page: Page, live_server: Any, library: Any, width: int, theme: Any, language: str
) -> None:
    curator = make_user("cur", "curator")
    names = {name: row.pk for name, row in library.items()}
    names["structure"] = library["nio"].structure_id
    names["calculation"] = library["nio"].calculation_id
    names["draft"] = make_spectrum(Kind.EXPERIMENT, status="draft", contributor=curator).pk
    library["nio"].calculation.parameters = {"element": "Ni", "charge": 2}
    library["nio"].calculation.save()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme)
    page.context.add_cookies(
        [{"name": "django_language", "value": language, "url": live_server.url}]
    )
    sign_in(page, live_server.url, "cur")
    told: dict[str, Any] = {}
    for address in (*PAGES, *OWN, *ADMIN):
        page.goto(live_server.url + address.format(**names))
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        if found := page.evaluate(_RUN):
            told[address] = found
    assert not told, "\n".join(f"{a}\n    " + "\n    ".join(f) for a, f in told.items())
