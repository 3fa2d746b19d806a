"""Ranges of a normalisation by drag over the plot."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.urls import reverse
from playwright.sync_api import Page, expect

from spectradb.models import Kind, Spectrum
from tests.browser.conftest import sign_in
from tests.compute.made_edges import Made, scan
from tests.factories import make_spectrum, make_user


def test_a_range_dragged_over_the_plot_is_kept(quiet: Page, live_server: Any) -> None:
    author = make_user("ada", "contributor")
    x = scan(7120.0)
    iron = make_spectrum(
        Kind.EXPERIMENT,
        contributor=author,
        absorber="Fe",
        edge="K",
        energy=x,
        intensity=Made(7120.0)(x, noise=0.002),
    )
    page = quiet
    sign_in(page, live_server.url, "ada")
    page.goto(f"{live_server.url}{reverse('spectrum-normalisation', args=[iron.pk])}")
    page.check("input[name=drag][value=post]")
    plot = page.locator("#plot.drawn .live .nsewdrag").first
    expect(plot).to_be_visible()
    box = plot.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], y, steps=5)
    page.mouse.move(box["x"] + 0.8 * box["width"], y, steps=5)
    page.mouse.up()
    page.wait_for_url("**go=1**")
    low = float(page.input_value("[name=post_lo]"))
    high = float(page.input_value("[name=post_hi]"))
    span = x[-1] - x[0]
    assert np.isclose(low, x[0] + 0.4 * span - 7120, atol=15)
    assert np.isclose(high, x[0] + 0.8 * span - 7120, atol=15)
    page.click("#norm-form button.primary")
    page.wait_for_url(f"**{reverse('spectrum', args=[iron.pk])}")
    assert Spectrum.objects.get(pk=iron.pk).normalisation == {"stated": {"post": [low, high]}}
