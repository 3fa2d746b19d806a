"""What a model learns from: published spectra of one quantity; what is left out is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from ml.errors import LearningError
from spectradb.models import Calculation, Quantity, Spectrum, Status, TrainedModel
from spectradb.services.learning.selection import REASONS, select, told_left_out
from spectradb.services.learning.training_data import training_rows
from spectradb.views.learning.models import _left_out
from tests.factories import make_spectrum
from tests.spectradb.learning.library import run, squeezed, store

pytestmark = pytest.mark.django_db
WHERE = {"absorber": ["Ni"], "edge": ["L23"]}


def told(left_out: dict[str, list[int]]) -> dict[str, int]:
    return {one["reason"]: one["n"] for one in told_left_out(left_out)}


def test_only_published_spectra_are_learnt_from() -> None:
    store({1: 4.1, 2: 4.2})
    for number, status in enumerate((Status.DRAFT, Status.REJECTED, Status.WITHDRAWN), start=3):
        store({number: 4.0 + number / 20}, status=status)
    found = select(WHERE)
    assert found.spectra.count() == 2
    assert told(found.left_out) == {"status": 3}
    assert select(WHERE | {"status": ["draft"]}).spectra.count() == 1  # as asked


def test_only_one_stated_quantity_is_learnt_from() -> None:
    store({1: 4.1, 2: 4.2})
    store({3: 4.3}, quantity=Quantity.NORMALISED)
    store({4: 4.4}, quantity=Quantity.ARBITRARY)
    found = select(WHERE)
    assert found.quantity == Quantity.RADIAL
    assert {one.quantity for one in found.spectra} == {Quantity.RADIAL}
    assert told(found.left_out) == {"quantity": 1, "unstated": 1}
    assert select(WHERE, Quantity.NORMALISED).spectra.count() == 1
    asked = select(WHERE | {"quantity": ["radial", "arbitrary"]})
    assert asked.quantity == "arbitrary,radial"
    assert asked.spectra.count() == 3
    assert select(WHERE, asked.quantity).spectra.count() == 3  # of a model that was trained so
    assert select(WHERE, Quantity.ARBITRARY).spectra.count() == 1


def test_spectra_of_the_commonest_route_alone_are_learnt_from() -> None:
    store({1: 4.1, 2: 4.2, 3: 4.3, 4: 4.4})
    made = Calculation.objects.order_by("pk").values_list("pk", flat=True)
    for pk, route in zip(made, ("cheap", "cheap", "cluster", ""), strict=True):
        Calculation.objects.filter(pk=pk).update(route=route)
    found = select(WHERE)
    kept = found.spectra.values_list("calculation__route", flat=True)
    assert sorted(kept) == ["", "cheap", "cheap"]
    assert told(found.left_out) == {"route": 1}
    asked = select(WHERE | {"route": ["cluster"]})
    assert (asked.spectra.count(), asked.left_out) == (1, {})


def test_raw_measured_spectra_are_normalised() -> None:
    store({1: 4.1}, quantity=Quantity.NORMALISED)
    spectrum = Spectrum.objects.get()
    raw = make_spectrum(
        "experiment",
        structure=spectrum.structure,
        site=spectrum.site,
        absorber="Ni",
        edge="L23",
        quantity=Quantity.COUNTS,
        energy=spectrum.energy,
        intensity=1000 + 5000 * spectrum.intensity,
    )
    found = select(WHERE)
    assert {one.pk for one in found.spectra} == {spectrum.pk, raw.pk}
    rows = training_rows(found.spectra, normalised=found.normalised)
    assert rows.data.target.max() < 100


def test_a_spectrum_that_ends_inside_the_grid_covers_nine_tenths_of_it() -> None:
    store({1: 4.1})  # 850 to 880 eV
    for grid, n in (((848.5, 881.5), 1), ((847.5, 882.5), 0), ((850.0, 884.0), 0)):
        energies = np.arange(grid[0], grid[1] + 0.1, 0.5)
        if n:
            assert len(training_rows(Spectrum.objects.all(), grid=energies).keys) == n
        else:
            with pytest.raises(LearningError, match="1 not on the energy grid"):
                training_rows(Spectrum.objects.all(), grid=energies)


def test_materials_that_a_split_leaves_out_are_told(settings: LazySettings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    squeezed(40)
    split = tmp_path / "split.json"
    given = {f"mp-{n}": "val" if n % 6 == 3 else "train" for n in range(38)}
    split.write_text(json.dumps(given | {"mp-1000": "train"}))
    made = ("train_model", "krr-nmf", "--name", "part", "--where", "edge=L23", "--split", split)
    (told,) = run(*made)["metrics"]["left_out_because"]
    assert (told["reason"], told["n"]) == ("split", 2)
    (again,) = run("evaluate_model", "--model", "part")["left_out"]
    assert again == told


def test_every_reason_has_words_on_the_page() -> None:
    because = [{"reason": reason, "n": 1, "spectra": [1]} for reason in REASONS]
    shown = _left_out(TrainedModel(metrics={"left_out_because": because}))
    assert all(one["words"] for one in shown)


def test_several_edges_are_a_question() -> None:
    store({1: 4.1})
    make_spectrum(absorber="Fe", edge="L23", quantity=Quantity.RADIAL)
    with pytest.raises(LearningError, match=r"Ni L23 \(1\).*name one absorber and edge"):
        select({})


def test_a_search_without_spectra_says_what_it_left_out() -> None:
    with pytest.raises(LearningError, match="selects no spectrum"):
        select(WHERE)
    store({1: 4.1}, status=Status.DRAFT)
    with pytest.raises(LearningError, match="1 not published"):
        select(WHERE)


def test_a_disordered_crystal_stops_nothing_else() -> None:
    store({1: 4.1, 2: 4.2})
    structure = Spectrum.objects.order_by("pk")[0].structure
    assert structure is not None
    structure.data["sites"][0]["species"][0]["occu"] = 0.5
    structure.save()
    rows = training_rows(Spectrum.objects.all())
    assert len(rows.keys) == 1
    assert told(rows.left_out) == {"disordered": 1}
    structure.data["sites"][0]["species"][0]["occu"] = 1
    structure.data["sites"][0]["abc"] = structure.data["sites"][1]["abc"]  # at one place
    structure.save()
    assert told(training_rows(Spectrum.objects.all()).left_out) == {"disordered": 1}


def test_the_page_of_a_model_lists_what_was_left_out(
    settings: LazySettings, tmp_path: Path, client: Client
) -> None:
    settings.VAR_DIR = tmp_path
    squeezed(40)
    (draft,) = store({90: 4.33}, status=Status.DRAFT)
    found: dict[str, Any] = run("train_model", "krr-nmf", "--name", "page", "--where", "edge=L23")
    assert found["metrics"]["left_out"] == 1
    row = TrainedModel.objects.get(name="page")
    assert row.metrics["left_out_because"] == [{"reason": "status", "n": 1, "spectra": [draft.pk]}]
    page = client.get(reverse("model", args=["page"])).content.decode()
    assert "not published" in page
