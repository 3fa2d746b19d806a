"""Headless Chromium against a live server; skipped where there is no Chromium, but not in CI.

Any console error, script error or blocked resource fails the test that met it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from spectradb.models import Kind, Spectrum
from spectradb.plots import sparkline_path
from tests.factories import lorentzians, make_peak_fit, make_site, make_spectrum, make_structure

# Playwright's own event loop makes Django refuse ordinary queries in this thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
NIO = ((853.2, 0.3, 1.0), (855.1, 0.4, 0.4), (870.5, 0.5, 0.5))  # eV, HWHM eV, area
NIO_OTHER = ((853.5, 0.3, 1.0), (855.5, 0.4, 0.5), (870.9, 0.5, 0.5))
expect.set_options(timeout=30_000)  # ms; a busy machine is slow, not wrong
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("CI") and not os.path.exists(CHROMIUM):  # noqa: PTH110
        raise pytest.UsageError(
            f"no Chromium at {CHROMIUM}: browser tests fail in CI rather than skip; set CHROMIUM"
        )
    here = os.path.dirname(__file__)  # noqa: PTH120
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))
            # The in-memory database is one connection for all threads; its closing complains.
            item.add_marker(
                pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
            )
            if not os.path.exists(CHROMIUM):  # noqa: PTH110
                item.add_marker(pytest.mark.skip(reason="no Chromium here; set CHROMIUM"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    flags = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --use-gl=swiftshader "
        "--enable-unsafe-swiftshader"
    )
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": flags.split()}


@pytest.fixture(autouse=True)
def _fresh(db: None) -> None:
    cache.clear()


@pytest.fixture
def quiet(page: Page) -> Iterator[Page]:
    """The page; at the end nothing may have been complained about."""
    said: list[str] = []
    page.on(
        "console",
        lambda message: (
            said.append(message.text)
            if message.type == "error" and "status of 4" not in message.text
            else None
        ),
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert not said, said


@pytest.fixture
def library() -> dict[str, Spectrum]:
    """NiO twice computed and once measured, MnO and a Cu K edge; published."""
    nio, mno = make_structure("NiO"), make_structure("MnO")
    ni = make_site(nio, equivalent_indices=[0])
    mn = make_site(mno, element="Mn", equivalent_indices=[0])
    energy = np.linspace(840.0, 890.0, 801)
    rows = {
        "nio": make_spectrum(
            structure=nio, site=ni, energy=energy, quantity="radial",
            intensity=lorentzians(energy, NIO),
        ),
        "nio2": make_spectrum(
            structure=nio, site=ni, energy=energy, quantity="radial",
            intensity=lorentzians(energy, NIO_OTHER),
        ),
        "measured": make_spectrum(
            Kind.EXPERIMENT, structure=nio, energy=energy, quantity="arbitrary",
            intensity=0.1 + lorentzians(energy, ((853.4, 0.8, 1.0), (871.0, 1.0, 0.6))),
        ),
        "mno": make_spectrum(structure=mno, site=mn, absorber="Mn"),
        "cu": make_spectrum(Kind.EXPERIMENT, absorber="Cu", edge="K", formula="CuO"),
    }  # fmt: skip
    for row in rows.values():
        row.sparkline = sparkline_path(row.energy, row.intensity)
        row.save()
    make_peak_fit(rows["nio"], (853.2, 0.3, 1.0), (855.1, 0.4, 0.4), (870.5, 0.5, 0.5))
    return rows


def sign_in(page: Page, base: str, name: str) -> None:
    page.goto(f"{base}/login/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", "password")
    page.click("main button.primary")
    page.wait_for_url(f"{base}/")
