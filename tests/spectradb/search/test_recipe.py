"""“Copy as Python” gives lines that run as they stand and fetch all of a search."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from tests.factories import make_site, make_spectrum, make_structure


@pytest.mark.django_db(transaction=True)
def test_the_recipe_of_a_search_runs_and_holds_site_structure_parameters_and_split(
    live_server: Any, client: Client, settings: LazySettings, tmp_path: Any
) -> None:
    settings.VAR_DIR = tmp_path
    structure = make_structure("NiO")
    row = make_spectrum(structure=structure, site=make_site(structure))
    make_spectrum(absorber="Fe")
    page = client.get(
        "/spectra/?absorber=Ni", headers={"host": live_server.url.removeprefix("http://")}
    )
    (text,) = re.findall(r'data-copy-text="([^"]*)" [^>]*>Copy as Python', page.content.decode())
    told: dict[str, Any] = {}
    exec(html.unescape(text), told)
    table = told["spectra"]
    assert table["id"].tolist() == [row.pk]
    one = table.iloc[0]
    assert (one["oxidation_state"], one["coordination_number"]) == (2.0, 6)
    assert one["material"] == structure.source_id
    assert one["split"] in ("train", "val", "test")
    assert "lattice" in one["structure"]
    assert len(one["energy_ev"]) == row.n_points
