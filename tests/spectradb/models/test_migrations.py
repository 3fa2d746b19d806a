"""A database of before: its results are found again, by whoever asked, and nothing runs twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from compute.l23 import routes
from compute.l23.cheap.version import VERSION as CHEAP
from compute.multiplet.case import parse_case
from spectradb.models import Calculation, JobStatus, Site, Spectrum
from spectradb.services.calculations import explicit as explicit_cases
from spectradb.services.calculations.explicit import _plain, queue_case
from spectradb.services.calculations.structures import queue_sites
from tests.factories import make_user, rocksalt

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
BEFORE = [("spectradb", "0003_uploads_and_reports")]
CASE = {"element": "Ti", "charge": 4}


@pytest.fixture
def before() -> Iterator[Any]:
    """The tables as they were; the newest ones again afterwards."""
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    old = MigrationExecutor(connection).migrate(BEFORE)
    yield old.apps
    MigrationExecutor(connection).migrate(newest)


def upgrade() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


class Old:
    """Rows as that release wrote them."""

    def __init__(self, apps: Any) -> None:
        self.get = lambda name: apps.get_model("spectradb", name)
        self.anna = User.objects.create(username="anna")

    def site(self, structure: Any, index: int, element: str, valence: float) -> Any:
        values = {
            "index": index,
            "element": element,
            "equivalent_indices": [index],
            "oxidation_state": valence,
            "oxidation_method": "bond valence",
        }
        site = self.get("Site").objects.create(structure=structure, **values)
        self.note(site, "+", valence)
        return site

    def note(self, site: Any, kind: str, valence: float) -> None:
        """What simple_history kept."""
        self.get("HistoricalSite").objects.create(
            id=site.pk,
            structure_id=site.structure_id,
            index=site.index,
            element=site.element,
            oxidation_state=valence,
            oxidation_method="bond valence",
            history_type=kind,
            history_date=timezone.now(),
        )

    def structure(self, formula: str) -> Any:
        return self.get("Structure").objects.create(
            formula=formula, chemical_system="O-X", n_elements=2, n_sites=2, volume=18.0,
            density=6.0, source="library", source_id=formula, content_hash=formula,
            data=rocksalt(formula).as_dict(),
            **dict.fromkeys(("a", "b", "c"), 3.0), **dict.fromkeys(("alpha", "beta", "gamma"), 60),
        )  # fmt: skip

    def done(self, **fields: Any) -> Any:
        """A finished calculation and its spectrum."""
        number = self.get("Calculation").objects.count()
        row = self.get("Calculation").objects.create(
            engine="spectradb.multiplet",
            edge="L23",
            input_hash=f"old {number}",
            job_status="done",
            **fields,
        )
        energy = np.linspace(450.0, 470.0, 41) + number
        self.get("Spectrum").objects.create(
            kind="theory", absorber=row.absorber, edge="L23", calculation=row, n_points=41,
            energy_min=energy[0], energy_max=energy[-1], energy=energy, intensity=energy,
            content_hash=f"spectrum {number}", contributor_id=row.requested_by_id,
            structure_id=row.structure_id, site_id=row.site_id,
            status="draft" if row.requested_by_id else "published",
        )  # fmt: skip
        return row


def test_results_of_before_are_found_again_and_say_whose_they_are(
    before: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the engine is the one that the migration takes them for."""
    monkeypatch.setattr(routes, "ENGINE", "multiplet-1")
    monkeypatch.setattr(explicit_cases, "ENGINE_VERSION", "multiplet-1")
    old = Old(before)
    kept, corrected = old.structure("NiO"), old.structure("MnO")
    sites = []
    for structure, metal in ((kept, "Ni"), (corrected, "Mn")):
        sites.append(old.site(structure, 0, metal, 2.0))
        old.site(structure, 1, "O", -2.0)
        old.done(
            route="cheap", version=CHEAP, absorber=metal, structure=structure,
            site=sites[-1], parameters={"element": metal, "charge": 2},
        )  # fmt: skip
    sites[1].oxidation_state = 3.0
    sites[1].save()
    old.note(sites[1], "~", 3.0)
    parameters = _plain(dict(parse_case(CASE).parameters))
    explicit = old.done(
        route="explicit", version="0.1.0", absorber="Ti", parameters=parameters,
        requested_by_id=old.anna.pk,
    )  # fmt: skip

    upgrade()

    anna, bert = User.objects.get(username="anna"), make_user("bert", "contributor")
    row, new = queue_case(CASE, anna)
    assert (row.pk, new) == (explicit.pk, False)
    assert set(Calculation.objects.visible_to(anna).filter(route="explicit")) == {row}
    assert not Calculation.objects.visible_to(bert).filter(route="explicit").exists()
    row, new = queue_case(CASE, bert)
    assert (row.pk, new) == (explicit.pk, False)
    assert Spectrum.objects.filter(calculation=row).count() == 2

    (found,) = queue_sites(Site.objects.filter(element="Ni"), send=False)
    assert found.job_status == JobStatus.DONE
    shown = Spectrum.objects.get(calculation=found)
    assert "engine version unknown" in Client().get(f"/spectra/{shown.pk}/").content.decode()

    manganese = Site.objects.get(element="Mn")
    assert (manganese.oxidation_state, manganese.oxidation_method) == (3.0, "stated")
    (asked,) = queue_sites(Site.objects.filter(element="Mn"), send=False)
    assert asked.job_status == JobStatus.QUEUED  # the old one was of the valence before
    assert Calculation.objects.filter(absorber="Mn").count() == 2
