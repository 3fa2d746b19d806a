"""Plans of the library: read strictly, and what sites their steps choose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from compute.crystals.published import crystal
from compute.errors import ReadError
from compute.structures.findings import Finding
from spectradb.models import Calculation, JobStatus, Kind, Site, Structure
from spectradb.services.library.build import store_crystals
from spectradb.services.library.chosen import by_coverage, family
from spectradb.services.library.plan import Step, queue_step, read_plan, sites_of_step
from spectradb.services.library.starter import supplements
from tests.factories import make_spectrum

CRYSTALS = ("rocksalt-NiO", "perovskite-KNiF3", "layered-NiCl2", "perovskite-SrTiO3")


def plan(folder: Path, *steps: dict, **values: object) -> Path:
    path = folder / "plan.json"
    told = {"format": "spectradb-plan", "release": "2026.1", "steps": list(steps)} | values
    path.write_text(json.dumps(told))
    return path


def test_a_plan_is_read_with_its_defaults(tmp_path: Path):
    read = read_plan(plan(tmp_path, {"of": "real", "route": "cluster", "ligands": ["O"]}))
    assert read.release == "2026.1"
    assert read.steps == (Step("real", "cluster", ligands=("O",)),)


@pytest.mark.parametrize(
    ("step", "named"),
    [
        ({"of": "real", "route": "guess"}, "step 1: .*guess"),
        ({"of": "real", "route": "cheap", "edge": "K"}, "step 1: .*edge"),
        ({"of": "dreams", "route": "cheap"}, "step 1: of is 'dreams'"),
        ({"of": "real", "route": "cheap", "limit": 3}, "step 1: limit is not known"),
        ({"of": "real", "route": "cheap", "most": 0}, "step 1: most is 0"),
        ({"of": "real", "route": "cheap", "elements": ["Xx"]}, "step 1: .*Xx"),
        ({"of": "real", "route": "cheap", "valences": ["III"]}, "step 1: .*whole.*'III'"),
        ({"of": "measured", "route": "cheap", "valences": [3]}, "step 1: valences choose no"),
        ({"of": "real"}, "no plan"),
    ],
)
def test_what_a_plan_has_wrong_is_named(tmp_path: Path, step: dict, named: str):
    with pytest.raises(ReadError, match=rf"(?s)plan\.json.*{named}"):
        read_plan(plan(tmp_path, step))


def test_another_file_is_no_plan(tmp_path: Path):
    with pytest.raises(ReadError, match="format is 'other'"):
        read_plan(plan(tmp_path, format="other"))
    with pytest.raises(ReadError, match="nowhere"):
        read_plan(tmp_path / "nowhere.json")


def test_families_of_compounds():
    assert family(["Cu", "Si", "H", "O"]) == "Si-H-O"
    assert family(["Fe", "O"]) == "O"
    assert family(["Na", "Cu", "Cl"]) == "Cl"


def test_one_of_each_surrounding_comes_before_any_second():
    def site(
        pk: int, ligands: str, structure: int, state: float = 2.0, number: int = 6, told: str = ""
    ) -> Site:
        findings = [Finding(told, "told").as_json()] if told else []
        return Site(
            pk=pk, structure=Structure(pk=structure, findings=findings), element="Ni",
            oxidation_state=state, ligands=ligands, coordination_number=number, occupancy=1.0,
            site_symmetry="m-3m",
        )  # fmt: skip

    oxides = [site(1, "O", 1), site(2, "O", 2), site(3, "O", 3)]
    others = [site(4, "F", 4), site(5, "O", 5, number=4)]
    never = [
        site(6, "O", 6, number=8),
        site(7, "O", 7, state=2.5),
        site(8, "H-O", 8, told="charge"),  # hydrogens that the cell lacks
    ]
    families = {1: "O", 2: "O", 3: "Si-O"}
    chosen = [one.pk for one in by_coverage([*never, *oxides, *others], families)]
    assert chosen == [1, 4, 5, 3, 2]  # a silicate before the second oxide


@pytest.mark.django_db
def test_steps_choose_by_ligand_number_and_kind(tmp_path: Path):
    list(store_crystals([crystal(name) for name in CRYSTALS]))
    halides = sites_of_step(Step("real", "cluster", elements=("Ni",), ligands=("F", "Cl")))
    assert {site.structure.source_id for site in halides} == {"perovskite-KNiF3", "layered-NiCl2"}
    assert len(sites_of_step(Step("real", "cluster", most=2))) == 2
    tetravalent = sites_of_step(Step("real", "cluster", valences=(3, 4)))
    assert {site.structure.source_id for site in tetravalent} == {"perovskite-SrTiO3"}
    made = sites_of_step(Step("prototypes", "cheap", elements=("Ni",), most=5))
    assert len(made) == 2  # beside three real ones
    assert all(site.structure.hypothetical for site in made)
    rows = queue_step(Step("real", "cheap", elements=("Ti",)))
    assert [(row.absorber, row.job_status) for row in rows] == [("Ti", JobStatus.QUEUED)]


@pytest.mark.django_db
def test_measured_crystals_get_the_edge_that_was_measured():
    list(store_crystals([crystal("rocksalt-NiO"), crystal("perovskite-SrTiO3")]))
    of = Site.objects.get(element="Ni").structure
    make_spectrum(Kind.EXPERIMENT, structure=of, edge="K")
    assert [site.element for site in sites_of_step(Step("measured", "feff", "K"))] == ["Ni"]
    assert sites_of_step(Step("measured", "feff", "K", elements=("Ti",))) == []


@pytest.mark.django_db
def test_the_other_elements_of_measured_crystals_are_beside_them():
    list(store_crystals([crystal("rocksalt-NiO"), crystal("perovskite-SrTiO3")]))
    of = Site.objects.get(element="Ti").structure
    make_spectrum(Kind.EXPERIMENT, structure=of, absorber="Ti", edge="K")
    found = sites_of_step(Step("beside", "feff", "K"))
    assert {site.element for site in found} == {"Sr", "O"}
    (strontium,) = sites_of_step(Step("beside", "feff", "K", elements=("Sr", "Ti")))
    assert (strontium.element, strontium.structure) == ("Sr", of)


@pytest.mark.django_db
def test_thinly_packed_crystals_come_before_small_cells():
    list(store_crystals([crystal("rocksalt-NiO"), crystal("layered-NiCl2")]))
    for of in Structure.objects.all():
        make_spectrum(Kind.EXPERIMENT, structure=of, edge="K")
    found = sites_of_step(Step("measured", "feff", "K"))
    cells = [(site.structure.formula, site.structure.n_sites) for site in found]
    assert cells == [("NiCl2", 9), ("NiO", 8)]


@pytest.mark.django_db
def test_the_command_queues_a_plan_and_refuses_a_mixture(tmp_path: Path):
    list(store_crystals([crystal("perovskite-SrTiO3")]))
    path, output = plan(tmp_path, {"of": "real", "route": "cheap"}), tmp_path / "told.json"
    call_command("build_library", "--plan", str(path), "--queue-only", "--output", str(output))
    assert json.loads(output.read_text()) == {"done": 0, "failed": 0, "open": 1}
    assert Calculation.objects.get().absorber == "Ti"
    with pytest.raises(CommandError, match="no part of a plan"):
        call_command("build_library", "--plan", str(path), "--per-element", "3")


def test_a_plan_in_the_box_is_that_of_its_release():
    starter = settings.BASE_DIR / "spectradb" / "starter"
    for folder in (starter, *supplements(starter)):
        told = json.loads((folder / "manifest.json").read_text())
        read = read_plan(folder / "plan.json")
        assert read.release == told["version"]
        assert set(told["engines"]) <= {step.route for step in read.steps}


def test_a_supplement_in_the_box_belongs_to_the_release_in_the_box():
    starter = settings.BASE_DIR / "spectradb" / "starter"
    version = json.loads((starter / "manifest.json").read_text())["version"]
    for folder in supplements(starter):
        assert json.loads((folder / "manifest.json").read_text())["supplements"] == version
