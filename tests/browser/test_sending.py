"""A map is sent in pieces by the page: paused, gone on with after it was loaded again, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, Route, expect

from spectradb.models import Series, SeriesUpload
from tests.browser.conftest import sign_in
from tests.factories import make_user

pytestmark = pytest.mark.slow


@pytest.fixture
def map_file(settings: LazySettings, tmp_path: Path) -> Path:
    """29 MB: four pieces. Stored below ``tmp_path``."""
    settings.VAR_DIR = tmp_path / "var"
    series = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "var" / "series"},
    }
    settings.STORAGES = settings.STORAGES | {"series": series}
    path = tmp_path / "map.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["y", "x", "energy"]})
        group["counts"] = np.random.default_rng(1).poisson(40, (60, 60, 1000)).astype("<f8")
        for name, values in (("y", np.arange(60.0)), ("x", np.arange(60.0))):
            group[name] = values
            group[name].attrs["units"] = "nm"
        group["energy"] = 640 + 0.1 * np.arange(1000)
        group["energy"].attrs["units"] = "eV"
    return path


def test_a_map_is_paused_left_and_gone_on_with(
    page: Page, live_server: Any, map_file: Path
) -> None:
    make_user("anna", "contributor")
    sign_in(page, live_server.url, "anna")
    page.goto(f"{live_server.url}/series/upload/")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_have_text("Choose files first.")
    page.locator("#id_files").set_input_files(map_file)
    page.get_by_label("Element").fill("Qq")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("does not exist")
    page.get_by_label("Element").fill("Mn")
    page.get_by_label("Edge").fill("L23")

    pieces = 0

    def first_two(route: Route) -> None:
        """The line is cut after two pieces."""
        nonlocal pieces
        pieces += 1
        if pieces > 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/files/**", first_two)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#told")).to_contain_text("The connection is lost; trying again.")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#told")).to_contain_text("Paused.")
    page.unroute("**/files/**")
    upload = SeriesUpload.objects.get()
    here = upload.files.get().offset
    assert 0 < here < upload.n_bytes
    page.reload()
    assert upload.token in page.url
    expect(page.get_by_text("Choose the same files again to go on")).to_be_visible()
    assert int(page.locator("#bar").get_attribute("value") or 0) == here

    other = map_file.with_name("other") / "map.h5"
    other.parent.mkdir()
    other.write_bytes(b"another one")
    page.locator("#id_files").set_input_files(other)
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("other files")
    page.locator("#id_files").set_input_files(map_file)
    sent: list[int] = []
    page.on(
        "request",
        lambda one: (
            sent.append(int(one.headers.get("upload-offset", -1)))
            if one.method == "PATCH"
            else None
        ),
    )
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_text("Stored as a draft:")).to_be_visible(timeout=120_000)
    assert sent[0] == here
    row = Series.objects.get()
    assert (row.absorber, row.edge, row.n_spectra) == ("Mn", "L23", 3600)
    expect(page.get_by_text(f"SDB-M{row.pk}")).to_be_visible()
