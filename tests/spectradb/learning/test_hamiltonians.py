"""Route ``learned``: offered where a model is, labelled, refused or answered by another route."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client

from compute.crystals.published import crystal
from compute.errors import InputError
from compute.l23 import routes as l23
from compute.sites import analyze_sites
from ml.hamiltonian.parameters import DIFFERENCES, SCALARS, Hamiltonian
from ml.hamiltonian.train import train
from spectradb.models import Calculation, JobStatus, Site, Spectrum
from spectradb.services.calculations import routes
from spectradb.services.calculations.inputs import present_versions
from spectradb.services.calculations.structures import how_far, queue_sites, run_calculation
from spectradb.services.imports.structures import store_structure
from spectradb.services.learning import hamiltonians
from spectradb.views.spectra.provenance import multiplet_parameters
from tests.compute.l23.route_contract import REFUSED, check_cubic
from tests.compute.l23.sites import site_of
from tests.factories import make_user

IDS = (
    *(f"rocksalt-{one}O" for one in ("Mn", "Fe", "Co", "Ni")),
    *(f"perovskite-K{one}F3" for one in ("Mn", "Fe", "Co", "Ni")),
    *(f"rutile-{one}F2" for one in ("Mn", "Fe", "Co", "Ni")),
    *(f"layered-{one}Cl2" for one in ("Mn", "Fe", "Co", "Ni")),
    *(f"brucite-{one}OH2" for one in ("Mn", "Co", "Ni")),
    "perovskite-RbMnF3",
)


def given_and_truth(name: str) -> tuple[Any, Hamiltonian, str]:
    """A site, made-up numbers of ``cluster``, and its family."""
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(one for one in sites if one.element in ("Mn", "Fe", "Co", "Ni"))
    given, quick = hamiltonians.site_input(structure, sites, site)
    scalars = {
        key: given.scalars[key] + 0.5 if key in DIFFERENCES else 0.9 * given.scalars[key]
        for key in SCALARS
    }
    scalars |= {"initial.zeta_3d": 0.07, "final.zeta_3d": 0.09, "final.zeta_2p": 6.0}
    row = hamiltonians.Row(0, "", given, quick, None)  # type: ignore[arg-type]
    matrices = dict(hamiltonians.quick_hamiltonian(row).matrices)
    family = f"{site.element}{site.oxidation_state:g} {sorted(set(site.ligand_elements))}"
    return given, Hamiltonian(scalars, matrices), family


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of made-up calculations of 20 published crystals."""
    sites, truths, families = zip(*map(given_and_truth, IDS), strict=True)
    made, _ = train(sites, truths, families, {"route": l23.version("cluster")["route"]})
    path = tmp_path_factory.mktemp("model") / hamiltonians.FILE
    made.save(path)
    return path


@pytest.fixture
def with_model(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamiltonians, "BOX", weights)


@pytest.fixture
def without_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamiltonians, "BOX", tmp_path / "none.npz")


@pytest.fixture
def cif(tmp_path: Path) -> Callable[[str], str]:
    def write(name: str) -> str:
        path = tmp_path / f"{name}.cif"
        crystal(name).structure().to(filename=str(path))
        return str(path)

    return write


def compute(tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    output = tmp_path / "out.json"
    call_command("compute_spectra", *words, "--output", str(output))
    found: list[dict[str, Any]] = json.loads(output.read_text())
    return found


@pytest.mark.usefixtures("with_model")
def test_a_file_is_answered_with_the_errors_of_its_parameters(
    cif: Callable[[str], str], tmp_path: Path
) -> None:
    words = (cif("rocksalt-NiO"), "--absorber", "Ni", "--route", "learned", "--draws", "2")
    (row,) = compute(tmp_path, *words)
    assert (row["status"], row["route"]) == ("done", "learned")
    assert row["parameters"]["charge_transfer"]["u_dd"] == pytest.approx(0.9 * 6.55, rel=0.05)
    assert set(SCALARS) < set(row["sigma"])
    assert row["model"]["weights"] == hamiltonians.model().identity
    assert 0.0 < row["model"]["leverage"] < 1.0
    assert row["energy_offset_err"] == pytest.approx(np.hypot(0.7, row["sigma"]["offset"]))
    sigma = np.array(row["intensity_sigma"])
    assert sigma.shape == np.shape(row["energy_ev"])
    assert sigma.max() > 0.0


@pytest.mark.usefixtures("with_model")
def test_an_ion_that_was_not_seen_is_refused_or_answered_by_the_route_that_was_named(
    cif: Callable[[str], str], tmp_path: Path
) -> None:
    words = (cif("CuO"), "--absorber", "Cu", "--route", "learned")
    with pytest.raises(CommandError, match=r"none like it; ions it knows: Mn \+2, Fe \+2"):
        compute(tmp_path, *words)
    (row,) = compute(tmp_path, *words, "--fallback", "cheap")
    assert (row["status"], row["route"]) == ("done", "cheap")
    assert any("answered by route cheap" in text for text in row["warnings"])
    assert "sigma" not in row


@pytest.mark.usefixtures("with_model")
@pytest.mark.parametrize(("name", "element", "changes", "reason"), REFUSED)
def test_what_has_no_l23_multiplet_is_refused_by_site(
    name: str, element: str, changes: dict[str, Any], reason: str
) -> None:
    structure, sites, site = site_of(name, element)
    learned = hamiltonians.Learned(hamiltonians.model())
    with pytest.raises(InputError, match=rf"sites\[\d+\].*{reason}"):
        learned(structure, sites, replace(site, **changes))


@pytest.mark.usefixtures("with_model")
def test_parameters_are_those_of_an_ion_in_its_sites_symmetry() -> None:
    learned = hamiltonians.Learned(hamiltonians.model())
    check_cubic(learned(*site_of("perovskite-KNiF3", "Ni")), 857.0)


@pytest.mark.usefixtures("without_model")
def test_without_a_model_the_route_says_so(cif: Callable[[str], str], tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no model is here"):
        compute(tmp_path, cif("rocksalt-NiO"), "--absorber", "Ni", "--route", "learned")
    assert not routes.is_here("learned")


@pytest.mark.parametrize("words", [("--fallback", "cheap"), ("--draws", "3")])
def test_what_is_for_route_learned_alone_is_refused_elsewhere(
    words: tuple[str, ...], cif: Callable[[str], str], tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="for route learned alone"):
        compute(tmp_path, cif("rocksalt-NiO"), "--absorber", "Ni", *words)


@pytest.mark.usefixtures("with_model")
@pytest.mark.django_db
def test_a_stored_site_keeps_the_errors_and_another_model_is_another_calculation(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_structure(crystal("rocksalt-NiO").structure(), source="test", source_id="a")
    sites = Site.objects.filter(element="Ni")
    (row,) = queue_sites(sites, route="learned", send=False)
    assert run_calculation(row.pk)
    row.refresh_from_db()
    assert row.results["sigma"]["delta"] > 0.0
    assert row.version == present_versions("learned")
    assert l23.version("cluster")["route"] in row.version
    assert Spectrum.objects.get(calculation=row).energy_offset_err is not None
    model = hamiltonians.model()
    other = tmp_path / "other.npz"
    replace(model, scalars=model.scalars * 1.01).save(other)
    monkeypatch.setattr(hamiltonians, "BOX", other)
    (again,) = queue_sites(sites, route="learned", send=False)
    assert again.pk != row.pk


@pytest.mark.usefixtures("with_model")
@pytest.mark.django_db
def test_a_stored_site_unlike_all_others_is_asked_for_by_the_fallback() -> None:
    store_structure(crystal("CuO").structure(), source="test", source_id="a")
    sites = Site.objects.filter(element="Cu")
    (row,) = queue_sites(sites, route="learned", send=False, fallback="cheap")
    assert not run_calculation(row.pk)
    row.refresh_from_db()
    assert (row.job_status, row.error_cause) == (JobStatus.FAILED, "Outside the route's range")
    assert Calculation.objects.filter(route="cheap", site=row.site).exists()


@pytest.mark.usefixtures("with_model")
@pytest.mark.django_db
@pytest.mark.parametrize("before", ["", "cluster"])
def test_a_fallback_that_is_named_later_answers(before: str) -> None:
    store_structure(crystal("CuO").structure(), source="test", source_id="a")
    sites = Site.objects.filter(element="Cu")
    (row,) = queue_sites(sites, route="learned", send=False, fallback=before)
    failed = {"job_status": JobStatus.FAILED, "error_cause": "Outside the route's range"}
    Calculation.objects.filter(pk=row.pk).update(**failed)
    (same,) = queue_sites(sites, route="learned", fallback="cheap")
    assert same.pk == row.pk
    assert Calculation.objects.filter(route="cheap", site=row.site).count() == 1
    (told,) = how_far([same])
    assert (told.route, told.status) == ("cheap", "queued")


@pytest.mark.django_db
def test_a_calculation_deleted_meanwhile_is_not_done() -> None:
    assert not run_calculation(4711)


@pytest.mark.parametrize("damage", [b"", b"no model", 0.5, 0.97])
@pytest.mark.django_db
def test_a_damaged_model_is_named_and_breaks_nothing_else(
    damage: bytes | float, weights: Path, tmp_path: Path, settings: LazySettings, client: Client
) -> None:
    whole = weights.read_bytes()
    settings.VAR_DIR = tmp_path
    path = tmp_path / hamiltonians.FILE
    path.write_bytes(damage if isinstance(damage, bytes) else whole[: int(damage * len(whole))])
    with pytest.raises(InputError, match=rf"{tmp_path.name}/{path.name}: .*train_hamiltonian"):
        routes.check("Ni", "L23", "learned")
    assert "none" in present_versions("learned")
    row, _ = store_structure(crystal("rocksalt-NiO").structure(), source="test", source_id="a")
    client.force_login(make_user("ada", "contributor"))
    page = client.get(f"/structures/{row.pk}/")
    assert page.status_code == 200
    assert 'value="learned"' not in page.content.decode()


@pytest.mark.usefixtures("with_model")
@pytest.mark.django_db
def test_the_page_of_a_structure_offers_the_route(client: Client) -> None:
    row, _ = store_structure(crystal("rocksalt-NiO").structure(), source="test", source_id="a")
    client.force_login(make_user("ada", "contributor"))
    page = client.get(f"/structures/{row.pk}/").content.decode()
    assert 'name="route" value="learned"' in page


@pytest.mark.django_db
def test_a_finished_calculation_of_cluster_is_a_row_and_too_few_are_told(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    store_structure(crystal("rocksalt-NiO").structure(), source="test", source_id="a")
    (row,) = queue_sites(Site.objects.filter(element="Ni"), send=False)
    assert run_calculation(row.pk)
    version = " ".join(l23.version("cluster").values())
    Calculation.objects.filter(pk=row.pk).update(route="cluster", version=version)
    (found,) = hamiltonians.rows()
    assert isinstance(found, hamiltonians.Row)
    assert found.family == "Ni2 O"
    assert found.truth.scalars["delta"] == found.given.scalars["delta"]
    with pytest.raises(CommandError, match="too few"):
        call_command("train_hamiltonian")


def test_the_page_of_a_spectrum_tells_errors_beside_the_values() -> None:
    case = {
        "charge_transfer": {"delta": 4.123, "u_dd": 6.234},
        "final": {"G1pd": 4.211, "G3pd": 2.411, "F2pd": 5.611},
    }
    sigma = {"delta": 0.31, "final.G1pd": 0.21, "final.G3pd": 0.11}
    told = {one.symbol: one.value for one in multiplet_parameters(case, sigma=sigma)}
    assert told["Δ"] == "4.123 ± 0.31"
    assert told["U<sub>dd</sub>"] == "6.234"
    assert told["G<sup>1</sup><sub>pd</sub> / G<sup>3</sup><sub>pd</sub>"] == (
        "4.211 ± 0.21 / 2.411 ± 0.11"
    )


def test_an_order_of_sites_puts_what_no_model_answers_first() -> None:
    assert hamiltonians.most_doubtful_first({"a": 0.2, "b": None, "c": 0.9}) == ["b", "c", "a"]
