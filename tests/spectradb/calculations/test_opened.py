"""Stored calculations and CASE.json files open in Multiplet as what they are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from compute.errors import InputError
from compute.ions import ELEMENTS_3D
from compute.l23.spectrum import around_l3, mixed
from compute.multiplet import solve
from compute.multiplet.case import parse_case
from spectradb.models import Calculation, Spectrum
from spectradb.services.calculations import opened as service
from spectradb.services.calculations.opened import (
    changed,
    open_calculation,
    open_case,
    pack,
    shown,
    unpack,
)
from spectradb.views.calculations.levels import weights_of
from spectradb.views.calculations.sliders import ions
from spectradb.views.spectra.provenance import multiplet_parameters
from tests.factories import make_spectrum, make_user

GRID = {"start": -12.0, "stop": 26.0, "step": 0.1}


def matrix(*diagonal: float, beside: float = 0.05) -> list[list[float]]:
    """A field of no symmetry."""
    m = np.diag(diagonal)
    m[0, 1] = m[1, 0] = beside
    m[2, 4] = m[4, 2] = -beside / 2
    return m.tolist()


TITANIUM = {"element": "Ti", "charge": 2, "crystal_field": {"ten_dq": 1.3, "ds": 0.05, "dt": -0.02}}
CUPRATE = {
    "element": "Cu", "charge": 3, "crystal_field": {"matrix": matrix(0.5, 0.4, -0.2, -0.3, -0.4)},
    "charge_transfer": {
        "delta": 1.7, "u_dd": 7.4, "u_pd": 9.1, "v": matrix(1.9, 2.4, 1.0, 1.1, 1.2),
        "ligand": matrix(0.3, -0.4, 0.2, -0.1, 0.0), "configurations": 3,
    },
    "hwhm_ev": {"l3": 0.3, "l2": 0.55}, "temperature_k": 77.0,
}  # fmt: skip
CLUSTER = CUPRATE | {
    "element": "Ni", "charge": 2, "slater_scale": 1.0,
    "initial": {"F2dd": 10.1, "F4dd": 6.2, "zeta_3d": 0.081},
    "final": {
        "F2dd": 10.7, "F4dd": 6.7, "zeta_3d": 0.1, "F2pd": 6.2, "G1pd": 4.6, "G3pd": 2.7,
        "zeta_2p": 11.4,
    },
    "final_field": {
        "crystal_field": matrix(0.4, 0.3, -0.1, -0.2, -0.4),
        "v": matrix(1.7, 2.1, 0.9, 1.0, 1.1), "ligand": matrix(0.2, -0.3, 0.1, 0.0, 0.0),
    },
    "exchange_field_ev": [0.02, -0.01, 0.05], "polarization": "z", "fwhm_gauss_ev": 0.25,
    "hwhm_growth": {"per_ev": 0.02, "from_ev": 3.0}, "fano_q": 12.0,
}  # fmt: skip
_NONE = np.zeros((5, 5)).tolist()
_SHARE = {"d": (0.8 * np.eye(5)).tolist(), "acceptor": (0.4 * np.eye(5)).tolist()}
CYANIDE = {
    "element": "Fe", "charge": 2, "slater_scale": 1.0, "initial": CLUSTER["initial"],
    "final": CLUSTER["final"], "crystal_field": {"matrix": matrix(2.2, 2.1, -1.3, -1.4, -1.6)},
    "back_donation": {
        "delta": 3.8, "final_delta": 4.3, "v": _NONE, "acceptor": _NONE, "share": _SHARE,
    },
    "final_field": {
        "crystal_field": matrix(2.1, 2.0, -1.2, -1.3, -1.6), "back_v": _NONE,
        "acceptor": _NONE, "share": _SHARE,
    },
}  # fmt: skip
KINDS = {"titanium": TITANIUM, "cuprate": CUPRATE, "cluster": CLUSTER, "cyanide": CYANIDE}


def stored(case: dict[str, Any], **fields: Any) -> Spectrum:
    """A published record of a case, as the queue stores it."""
    found = around_l3(solve(case | {"grid": GRID}), 850.0)
    parameters = json.loads(json.dumps(found.result["parameters"]))
    kept = {
        key: found.result[key] for key in ("expectation", "total_intensity", "mean_d_holes")
    } | {"initial_eigenvalues_ev": list(found.result["initial_eigenvalues_ev"])}
    return make_spectrum(
        absorber=case["element"],
        calculation_absorber=case["element"],
        calculation_route="cheap",
        calculation_parameters=parameters,
        calculation_results=json.loads(json.dumps(kept, default=np.ndarray.tolist)),
        energy=found.energy_ev,
        intensity=found.intensity,
        energy_offset_ev=850.0,
        **fields,
    )


def curve_of(answer: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    drawn = answer["figure"]["curves"][-1]
    return np.array(drawn["x"]), np.array(drawn["y"])


def assert_same_curve(x: np.ndarray, y: np.ndarray, record: Spectrum) -> None:
    energy, intensity = np.asarray(record.energy), np.asarray(record.intensity)
    intensity = intensity / intensity.max()
    at = energy[int(np.argmax(intensity))]
    inside = (x >= energy[0] - at) & (x <= energy[-1] - at)
    assert inside.sum() > 100
    np.testing.assert_allclose(
        y[inside], np.interp(x[inside], energy - at, intensity), rtol=0, atol=3e-5
    )


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_calculation_opens_as_itself_and_is_computed_as_itself(kind: str) -> None:
    record = stored(KINDS[kind])
    address = f"/multiplet/?calculation={record.calculation_id}"
    page = Client().get(address)
    assert page.status_code == 200
    chosen = page.context["chosen"]
    assert chosen.case == record.calculation.parameters  # to the last digit
    assert chosen.values["ion"] == f"{KINDS[kind]['element']}{KINDS[kind]['charge']}"
    assert f'value="{chosen.values["ion"]}" selected' in page.content.decode()
    again = around_l3(solve(chosen.case), 850.0)
    np.testing.assert_allclose(again.intensity, record.intensity, rtol=1e-9, atol=1e-12)
    figure = page.context["plot"].figure
    assert_same_curve(np.asarray(figure.curves[-1].x), np.asarray(figure.curves[-1].y), record)


@pytest.mark.django_db
def test_all_fields_as_the_page_shows_them_change_nothing() -> None:
    record = stored(CLUSTER)
    page = Client().get(f"/multiplet/?calculation={record.calculation_id}")
    sent = {
        one["s"].name: one["value"] for group in page.context["groups"] for one in group["sliders"]
    }
    values = page.context["chosen"].values
    sent |= {
        "calculation": record.calculation_id, "ion": values["ion"], "transfer": "1",
        "configurations": values["configurations"], "polarization": values["polarization"],
    }  # fmt: skip
    assert Client().get("/multiplet/", sent).context["chosen"].case == page.context["chosen"].case


@pytest.mark.parametrize("kind", KINDS)
def test_a_slider_moves_what_it_shows_and_keeps_the_rest(kind: str) -> None:
    base = open_case(KINDS[kind])
    before = shown(base.case)
    for name in ("ten_dq", "slater_scale", "l3", "temperature_k", "exchange"):
        moved = changed(base, {name: before[name] + 0.125})
        after = shown(moved.case)
        assert after[name] == pytest.approx(before[name] + 0.125)
        others = {key: value for key, value in after.items() if key != name}
        assert others == pytest.approx({key: before[key] for key in others})
        parse_case(moved.case)
    field = base.case["crystal_field"]
    if "matrix" in field:
        case = changed(base, {"ten_dq": before["ten_dq"] + 0.5}).case
        step = np.diag([0.3, 0.3, -0.2, -0.2, -0.2])
        np.testing.assert_allclose(
            np.array(case["crystal_field"]["matrix"]) - field["matrix"], step, atol=1e-12
        )
        if final := base.case.get("final_field"):
            moved_too = np.array(case["final_field"]["crystal_field"])
            np.testing.assert_allclose(moved_too - final["crystal_field"], step, atol=1e-12)


def test_charge_transfer_is_switched_on_and_off_with_the_fields_beside_the_hole() -> None:
    base = open_case(CLUSTER)
    off = changed(base, {"transfer": False}).case
    assert parse_case(off).charge_transfer is None
    assert set(off["final_field"]) == {"crystal_field"}
    on = {"transfer": True, "delta": 4.0, "u_dd": 6.0, "u_pd": 7.0, "v_eg": 2.0, "v_t2g": 1.0}
    again = parse_case(changed(open_case(off), on | {"configurations": 2}).case)
    assert again.charge_transfer is not None
    assert again.final_field is not None
    assert again.final_field.v is not None
    # Titanium without d electrons has no repulsion between them; with ligands it has.
    empty = open_case({"element": "Ti", "charge": 4})
    assert empty.case["initial"]["F2dd"] == 0.0
    filled = parse_case(changed(empty, on | {"configurations": 2}).case)
    assert filled.initial["F2dd"] > 1.0


def test_the_list_holds_every_ion_that_the_engine_takes() -> None:
    listed = {(element, charge) for element, found in ions() for _key, charge, _n in found}
    assert {("Ti", 2), ("V", 2), ("Cr", 4), ("Fe", 4), ("Co", 4), ("Cu", 3), ("Ni", 4)} <= listed
    for element in ELEMENTS_3D:
        for charge in range(1, 13):
            try:
                parse_case({"element": element, "charge": charge})
            except InputError:
                assert (element, charge) not in listed
            else:
                assert (element, charge) in listed


@pytest.mark.django_db
def test_what_no_slider_shows_is_said() -> None:
    record = stored(CLUSTER)
    text = Client().get(f"/multiplet/?calculation={record.calculation_id}").content.decode()
    for words in (
        "full 5 × 5 matrix", "matrix of hoppings", "energies of the ligand orbitals",
        "beside the core hole", "Slater integrals", "grow by 0.02", "Fano asymmetry, q = 12",
        "along x and y", f"SDB-{record.pk}",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.django_db
def test_a_site_that_shares_a_charge_opens_as_both_its_ions() -> None:
    cases = [
        {"element": "Fe", "charge": c, "crystal_field": {"ten_dq": q}, "grid": GRID}
        for c, q in ((2, 0.9), (3, 1.4))
    ]
    parts = [around_l3(solve(case), at) for case, at in zip(cases, (707.3, 709.1), strict=True)]
    total = mixed(parts, [0.4, 0.6])
    record = make_spectrum(
        absorber="Fe",
        calculation_parameters=total.result["parameters"],
        calculation_results=json.loads(
            json.dumps({"mixture": total.result["mixture"]}, default=np.ndarray.tolist)
        ),
        energy=total.energy_ev,
        intensity=total.intensity,
    )
    base = open_calculation(record.calculation)
    assert [ion.weight for ion in base.ions] == [0.6, 0.4]
    again = service.solve(base)
    np.testing.assert_allclose(again["intensity"], total.intensity, atol=1e-9)
    np.testing.assert_allclose(again["energy_ev"], total.energy_ev, atol=1e-9)
    page = Client().get(f"/multiplet/?calculation={record.calculation_id}")
    assert "40 % of Fe<sup>2+</sup>" in page.content.decode()
    moved = changed(base, {"ten_dq": 1.6, "l3": 0.5})
    assert [shown(ion.case)["ten_dq"] for ion in moved.ions] == [1.6, 0.9]
    assert [shown(ion.case)["l3"] for ion in moved.ions] == [0.5, 0.5]


@pytest.mark.django_db
def test_a_calculation_that_is_not_there_for_this_person_is_no_page_of_another_ion() -> None:
    owner = make_user("owner", "contributor")
    record = stored(TITANIUM, status="draft", contributor=owner)
    address = f"/multiplet/?calculation={record.calculation_id}"
    assert Client().get(address).status_code == 404
    assert Client().get("/multiplet/?calculation=999999").status_code == 404
    assert Client().get("/multiplet/?calculation=x").status_code == 404
    other = make_spectrum(edge="K", calculation_edge="K")
    page = Client().get(f"/multiplet/?calculation={other.calculation_id}")
    assert page.status_code == 400
    assert "no parameters of an L2,3 spectrum" in page.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("ion", ["Xx2", "Ni", "Zn2", "Ni99"])
def test_an_ion_that_the_engine_cannot_do_is_refused_and_none_put_in_its_place(ion: str) -> None:
    answer = Client().get("/multiplet/answer/", {"ion": ion})
    assert answer.status_code == 400
    assert ion in answer.json()["error"]


def loaded(name: str, data: bytes) -> Any:
    return Client().post("/multiplet/load/", {"file": SimpleUploadedFile(name, data)})


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_the_sites_own_case_files_are_loaded_whole(kind: str) -> None:
    record = stored(KINDS[kind])
    file = Client().get(f"/jobs/{record.calculation_id}/case.json").content
    page = Client().get(loaded("CASE.json", file).json()["address"])
    assert page.context["chosen"].case == record.calculation.parameters
    saved = Client().get(page.context["case_address"])
    assert json.loads(saved.content) == record.calculation.parameters
    answer = json.dumps([{"energy_ev": [], "parameters": record.calculation.parameters}]).encode()
    page = Client().get(loaded("OUT.json", answer).json()["address"])
    assert page.context["chosen"].case == record.calculation.parameters
    assert unpack(pack(page.context["chosen"].case)).case == page.context["chosen"].case


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no json", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "must be one"),
        (b"[{}, {}]", "2 cases"),
        (b"3", "must be an object"),
        (b'{"element": "Ni"}', "charge"),
        (b'{"element": "Ni", "charge": 2, "colour": 1}', "colour"),
        (b'{"element": "Au", "charge": 2}', "Au"),
        (b'{"element": "Ni", "charge": 2, "crystal_field": {"matrix": [[1]]}}', "matrix"),
        (b'{"element": "Ni", "charge": 2, "slater_scale": NaN}', "finite"),
    ],
)
def test_a_wrong_file_is_refused_in_words(data: bytes, words: str) -> None:
    answer = loaded("mine.json", data)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert "mine.json" in answer.json()["error"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "word", ["x", "xx", "%%%", "eJw", "A" * 30_000, pack(CUPRATE)[:60], pack({"a": "b" * 300_000})]
)
def test_a_broken_link_says_so(word: str) -> None:
    page = Client().get("/multiplet/", {"case": word})
    assert page.status_code == 400
    assert "load its file again" in page.content.decode()


@pytest.mark.django_db
def test_numbers_beyond_reason_are_refused_with_their_range() -> None:
    answer = Client().get("/multiplet/answer/?ion=Ni2&ten_dq=99")
    assert answer.status_code == 400
    assert "10Dq is 99; it can be −10 to 10 eV" in answer.json()["error"]
    for address in ("ten_dq=10", "ten_dq=-10", "ds=5", "dt=-5", "exchange=5"):
        figure = Client().get(f"/multiplet/answer/?ion=Ti3&{address}").json()["figure"]
        low, high = figure["x"]["range"]
        assert high - low > 8.0, address


@pytest.mark.django_db
def test_a_closed_shell_has_a_term() -> None:
    tiles = Client().get("/multiplet/answer/?ion=Ti4").json()["tiles"]
    assert "<sup>1</sup>S" in tiles
    assert "0.00" not in tiles.split("card")[1]


@pytest.mark.django_db
def test_what_is_opened_and_moved_is_saved_as_such(django_capture_on_commit_callbacks: Any) -> None:
    record = stored(TITANIUM)
    user, client = make_user("emil", "contributor"), Client()
    client.force_login(user)
    with django_capture_on_commit_callbacks(execute=False):
        client.post(
            "/multiplet/save/", {"calculation": record.calculation_id, "temperature_k": "10"}
        )
    row = Calculation.objects.get(requesters=user)
    wanted = record.calculation.parameters | {"temperature_k": 10.0}
    assert row.parameters == wanted


@pytest.mark.django_db
def test_molecular_orbitals_take_no_hopping_to_filled_ligands() -> None:
    spectrum = stored(CYANIDE)
    assert spectrum.calculation is not None
    given = open_calculation(spectrum.calculation)
    with pytest.raises(InputError, match="hold the covalency with filled ligands already"):
        changed(given, {"transfer": True})


@pytest.mark.django_db
def test_configurations_and_parameters_of_molecular_orbitals_are_named() -> None:
    spectrum = stored(CYANIDE)
    assert spectrum.calculation is not None
    case = spectrum.calculation.parameters
    names = [one.name for one in weights_of(spectrum.calculation.results, case)]
    assert names == ["d^{6}", "d^{5}A"]
    rows = multiplet_parameters(case, 4.4)
    told = {(row.symbol, row.meaning) for row in rows}
    assert ("Δ<sub>A</sub>", "Back donation") in told
    assert ("3d/A", "Largest share of 3d in an orbital, percent") in told
    assert not any("onic" in meaning for _, meaning in told)
