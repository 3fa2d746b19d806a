"""No page complains, scrolls sideways on a phone, or lacks its landmarks."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import sign_in
from tests.factories import make_user

PAGES = (
    "/", "/spectra/", "/spectra/?absorber=Ni&edge=L23", "/spectra/?view=overlay", "/spectra/{nio}/",
    "/spectra/{measured}/?norm=normalised", "/spectra/{nio}/table/", "/structures/{structure}/",
    "/compare/", "/compare/?ids={nio},{measured},{nio2}", "/multiplet/?ion=Ni2", "/jobs/", "/cite/",
    "/methods/", "/accessibility/", "/api/", "/login/", "/register/", "/export/?absorber=Ni",
    "/upload/", "/account/", "/nowhere/", "/match/", "/match/?spectrum={measured}", "/match/how/",
    "/collections/", "/collections/add/?ids={nio}", "/notices/", "/series/", "/series/upload/",
    "/predict/", "/predict/structure/{structure}/", "/models/", "/coverage/", "/privacy/",
)  # fmt: skip


@pytest.mark.parametrize(
    ("width", "theme"), [(390, "dark"), pytest.param(1440, "light", marks=pytest.mark.slow)]
)
def test_pages_are_quiet_and_fit(
    quiet: Page, live_server: Any, library: Any, width: int, theme: Any
) -> None:
    page = quiet
    make_user("anna", "contributor")
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=theme)
    sign_in(page, live_server.url, "anna")
    names = {name: row.pk for name, row in library.items()}
    names["structure"] = library["nio"].structure_id
    for address in PAGES:
        page.goto(live_server.url + address.format(**names))
        page.wait_for_load_state("networkidle")
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{address} is {wide} px too wide at {width} px"
        assert page.locator("h1").count() == 1, address
        assert page.locator("main").count() == 1, address
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll('input,select,textarea')]
            .filter(e => e.type !== 'hidden' && !e.labels?.length && !e.ariaLabel
              && !e.getAttribute('aria-labelledby')).map(e => e.outerHTML.slice(0, 90))"""
        )
        assert not unnamed, (address, unnamed)
