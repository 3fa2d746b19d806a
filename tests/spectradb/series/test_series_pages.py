"""Pages, numbers and files of a series."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory

from compute.series.io import RawSeries
from compute.series.io.raw import Axis
from spectradb.models import Series, SeriesAnalysis, Spectrum
from spectradb.services.curation.workflow import CurationError, decide
from spectradb.services.series.example import store_example
from spectradb.services.series.overlay import _moved
from spectradb.services.series.spectrum import spectrum_of
from spectradb.services.series.store import store_series
from spectradb.services.series.values import Region, summed
from spectradb.services.series.writing import Asked
from spectradb.turns import turn
from spectradb.views.series.describe import region_words
from tests.factories import (
    lorentzians,
    make_series,
    make_series_analysis,
    make_spectrum,
    make_user,
)

pytestmark = pytest.mark.django_db


def floats(response) -> np.ndarray:
    shape = [int(one) for one in response["X-Shape"].split(",")]
    return np.frombuffer(response.content, "<f4").reshape(shape)


@pytest.fixture
def anna(client: Client) -> Client:
    client.force_login(make_user("anna", "contributor"))
    return client


def test_a_pixel_comes_as_floats_and_is_not_read_again(client):
    row = make_series((3, 4))
    response = client.get(f"/series/{row.pk}/values.bin?at=1,2")
    found = summed(row, Region.parse("1,2", row))
    np.testing.assert_allclose(floats(response)[0], found.mean, rtol=1e-6)
    assert response["X-Spectra"] == "1"
    again = client.get(
        f"/series/{row.pk}/values.bin?at=1,2", headers={"If-None-Match": response["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"/series/{row.pk}/values.bin?at=1,3")["ETag"] != response["ETag"]


def test_a_drawing_that_the_browser_has_is_asked_for_again_with_other_words(client):
    row = make_series((2, 3))
    path = f"/series/{row.pk}/picture.svg"
    tag = client.get(path)["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    client.cookies["django_language"] = "ja"
    other = client.get(path, headers={"If-None-Match": tag})
    assert other.status_code == 200
    row.title = "Another title"
    row.save()
    again = client.get(path, headers={"If-None-Match": other["ETag"]})
    assert b"Another title" in again.content


def test_a_place_is_drawn_under_the_model_of_the_maps(client):
    """Components in the amounts of the maps describe the counts to their noise."""
    row = make_series((3, 4))
    analysis = make_series_analysis(row)
    told = client.get(f"/series/{row.pk}/analyses/{analysis.pk}/fit.json?at=1,2").json()
    measured, model, left = told["figure"]["curves"]
    assert [one["role"] for one in (measured, model, left)] == ["experiment", "fit", "residual"]
    found = summed(row, Region.parse("1,2", row)).mean
    np.testing.assert_allclose(measured["y"], found, rtol=1e-4)
    scatter = np.sqrt(np.maximum(found, 1.0))  # of counts
    assert np.sqrt(np.mean((np.array(left["y"]) / scatter) ** 2)) < 1.5
    page = client.get(f"/series/{row.pk}/?analysis={analysis.pk}&at=1,2").content.decode()
    assert 'id="fit"' in page
    away = client.get(f"/series/{row.pk}/analyses/{analysis.pk}/fit.json?at=9,9")
    assert away.status_code == 400


def test_a_place_of_a_corrected_analysis_is_drawn_as_corrected_one_at_a_time(client, monkeypatch):
    monkeypatch.setattr("spectradb.turns._WAIT_SECONDS", 0.0)
    row = make_series((3, 4))
    asked = Asked("nmf", components=2, corrections=(("bin", 2),))
    path = f"/series/{row.pk}/analyses/{make_series_analysis(row, asked=asked).pk}/fit.json?at=1,2"
    measured = client.get(path).json()["figure"]["curves"][0]
    assert len(measured["x"]) == row.n_channels // 2
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with turn(request):
        assert client.get(path).status_code == 429


def test_a_place_is_drawn_with_the_numbers_found_in_it_and_their_windows(client):
    row = make_series((3, 4))
    asked = Asked("parameters", quantities=("centre_of_mass",), windows=((642.0, 652.0),))
    analysis = make_series_analysis(row, asked=asked)
    figure = client.get(f"/series/{row.pk}/analyses/{analysis.pk}/fit.json?at=0,0").json()["figure"]
    (marker,) = figure["markers"]
    assert 642 < marker["x"] < 652
    assert "±" in marker["label"]
    assert (figure["bands"][0]["x"], len(figure["curves"])) == ([642.0, 652.0], 1)


def test_the_model_is_moved_as_the_spectrum_was_found_to_be():
    energy = 640 + 0.1 * np.arange(400)
    line = np.exp(-0.5 * ((energy - 655) / 0.8) ** 2)
    moved = _moved(energy, line, 0.5, 0.6)
    wanted = np.exp(-0.5 * ((energy - 655.5) / 1.0) ** 2) * 0.8
    np.testing.assert_allclose(moved, wanted, atol=2e-3)


def test_corrections_of_the_form_are_those_of_the_command(anna):
    row = make_series((2, 3), quantity="normalised", edge="K", absorber="Fe", formula="Fe2O3")
    path = f"/series/{row.pk}/analyse/"
    sent = {
        "method": "nmf", "components": "2", "dead_tau": "1e-6", "dead_per": "0.5",
        "drift": "self", "calibrate": "645",
    }  # fmt: skip
    assert anna.post(path, sent).status_code == 302
    asked = SeriesAnalysis.objects.get().options["corrections"]
    assert asked == [["dead_time", [1e-6, 0.5]], ["drift", "self"], ["calibrate", 645.0]]
    for wrong, words in (
        ({"dead_per": ""}, "number of seconds"), ({"dead_tau": "2", "dead_per": "1"}, "less than"),
        ({"drift": ""}, "needs a drift"), ({"calibrate": "9000"}, "outside"),
    ):  # fmt: skip
        refused = anna.post(path, sent | wrong)
        assert refused.status_code == 400, wrong
        assert words in refused.content.decode(), wrong


def test_over_absorption_of_the_form_is_that_of_the_command(anna):
    pytest.importorskip("xraydb")
    row = make_series((2, 3), quantity="normalised", edge="K", absorber="Fe", formula="Fe2O3")
    path = f"/series/{row.pk}/analyse/"
    sent = {"method": "nmf", "components": "2", "formula": "Fe2O3", "angle_in": "30"}
    assert anna.post(path, sent).status_code == 302
    asked = SeriesAnalysis.objects.get().options["corrections"]
    assert asked == [["over_absorption", ["Fe2O3", 30.0, 45.0]]]
    for wrong, words in (({"formula": "NiO"}, "holds no Fe"), ({"angle_in": "0"}, "degrees")):
        refused = anna.post(path, sent | wrong)
        assert refused.status_code == 400, wrong
        assert words in refused.content.decode(), wrong


def test_without_a_series_the_page_says_how_to_bring_one(client):
    page = client.get("/series/").content.decode()
    assert "import_series" in page
    assert "/series/upload/" in page


def test_the_example_says_everywhere_that_it_is_computed(client):
    energy = np.linspace(630.0, 670.0, 401)
    for formula, place in (("MnO", 640.0), ("Mn3O4", 643.0)):
        make_spectrum(
            absorber="Mn", formula=formula, energy=energy, quantity="radial",
            intensity=lorentzians(energy, ((place, 0.4, 1.0), (place + 11, 0.6, 0.5))),
        )  # fmt: skip
    row = store_example()
    assert (row.status, row.technique, row.shape) == ("published", "computed", (24, 32))
    assert store_example().pk == row.pk
    assert "Computed example" in client.get("/series/").content.decode()
    page = client.get(f"/series/{row.pk}/").content.decode()
    assert "nothing of it was measured" in page
    assert "<span>Computed example</span>" in page
    assert "?at=" not in page  # of all, no place is named
    (analysis,) = SeriesAnalysis.objects.all()
    assert analysis.public
    owner = make_user("ada", "contributor")
    with pytest.raises(CurationError, match="nothing of it was measured"):
        decide(spectrum_of(row, ((0, 1), (0, 1)), contributor=owner), "submit", owner)


def test_references_are_named_by_number_and_formula_and_noise_in_words(client):
    energy = np.linspace(630.0, 680.0, 501)
    lines = {"MnO": 645.0, "Mn3O4": 650.0}
    numbers = [
        make_spectrum(
            absorber="Mn", formula=formula, energy=energy, quantity="radial",
            intensity=lorentzians(energy, ((place, 0.8, 1.0), (place + 11, 0.8, 0.5))),
        ).pk
        for formula, place in lines.items()
    ]  # fmt: skip
    row = make_series((2, 3))
    asked = Asked("references", references=tuple(map(str, numbers)), noise="poisson")
    analysis = make_series_analysis(row, asked=asked)
    page = client.get(f"/series/{row.pk}/?analysis={analysis.pk}").content.decode()
    report = client.get(f"/series/{row.pk}/analyses/{analysis.pk}/report/").content.decode()
    for text in (page, report):
        assert f"<td>SDB-{numbers[1]} Mn<sub>3</sub>O<sub>4</sub></td>" in text
        assert f"<td>{numbers[1]} Mn3O4" not in text
    assert "of counts (Poisson)" in report
    assert "poisson" not in report


def test_the_answer_of_a_withdrawn_series_is_not_left_in_the_browser(client):
    row = make_series((2, 2))
    tag = client.get(f"/series/{row.pk}/values.bin")["ETag"]
    row.status = "withdrawn"
    row.save()
    path = f"/series/{row.pk}/values.bin"
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 404


@pytest.mark.parametrize("text", ["", "0", "*,1-2", "1-2,0-3", "2,3"])
def test_regions_are_means_of_what_they_name(client, text):
    row = make_series((3, 4))
    with h5py.File(_path(row)) as file:
        whole = file["entry/data/spectra"][()].reshape(3, 4, -1)
    cut = {
        "": np.s_[:],
        "0": np.s_[0],
        "*,1-2": np.s_[:, 1:3],
        "1-2,0-3": np.s_[1:3],
        "2,3": np.s_[2, 3],
    }
    told = client.get(f"/series/{row.pk}/values.json?at={text}").json()
    expected = whole[cut[text]].reshape(-1, row.n_channels).mean(axis=0)
    np.testing.assert_allclose(told["mean"], expected, rtol=1e-6)
    again = client.get(f"/api/v1/series/{row.pk}/values/", {"region": text}).json()
    assert (again["mean"], again["spectra"]) == (told["mean"], told["spectra"])


@pytest.mark.parametrize("text", ["3,0", "0,0,0", "1-0,0", "x", "0,4"])
def test_a_region_outside_is_told(client, text):
    row = make_series((3, 4))
    assert client.get(f"/series/{row.pk}/values.bin?at={text}").status_code == 400
    assert client.get(f"/api/v1/series/{row.pk}/values/?region={text}").status_code == 400


def test_large_regions_are_read_one_at_a_time_for_each_person(client, monkeypatch):
    row = make_series((3, 4))
    for module in ("spectradb.views.series.asked", "spectradb.api.series"):
        monkeypatch.setattr(f"{module}.LARGE", 2)
    monkeypatch.setattr("spectradb.turns._WAIT_SECONDS", 0.0)
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with turn(request):
        for path in (
            f"/series/{row.pk}/values.bin?at=0",
            f"/api/v1/series/{row.pk}/values/?region=0",
        ):
            assert client.get(path).status_code == 429
        assert client.get(f"/series/{row.pk}/values.bin?at=0,1").status_code == 200
        assert "is being read" in client.get(f"/series/{row.pk}/?at=0").content.decode()


def test_gaps_are_left_out_of_the_mean_of_all(client):
    row = make_series((2, 2))
    with h5py.File(_path(row)) as file:
        values = file["entry/data/spectra"][()].astype(float)
    np.testing.assert_allclose(np.asarray(row.counted), np.isfinite(values).sum(axis=0))
    mean = client.get(f"/series/{row.pk}/values.json").json()["mean"]
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-6)


def test_maps_are_given_as_numbers_pictures_and_files(client):
    row = make_series((3, 4))
    analysis = make_series_analysis(row)
    base = f"/series/{row.pk}/analyses/{analysis.pk}"
    key = analysis.told["keys"][0]
    values = floats(client.get(f"{base}/map.bin", {"map": key}))
    assert values.shape == (3, 4)
    assert client.get(f"{base}/map.png", {"map": "phases"}).content[:4] == b"\x89PNG"
    drawn = client.get(f"{base}/map.svg", {"map": key, "trust": "sigma"}).content.decode()
    assert "x (nm)" in drawn
    assert client.get(f"{base}/map.bin", {"map": "nothing"}).status_code == 409
    told = client.get(f"/api/v1/series-analyses/{analysis.pk}/map/", {"key": key}).json()
    assert told["shape"] == [3, 4]
    assert told["values"] == pytest.approx(values.ravel().tolist(), rel=1e-6)
    with h5py.File(io.BytesIO(b"".join(client.get(f"{base}/maps.h5").streaming_content))) as file:
        np.testing.assert_allclose(file[key][()], values, rtol=1e-6)
    pages = tifffile.TiffFile(
        io.BytesIO(b"".join(client.get(f"{base}/maps.tiff").streaming_content))
    )
    first = pages.pages[0]
    assert json.loads(first.description)["map"] == key
    np.testing.assert_allclose(first.asarray(), values, rtol=1e-6)
    lines = b"".join(client.get(f"{base}/maps.csv").streaming_content).decode().splitlines()
    table = list(csv.DictReader(lines))
    assert len(table) == 12
    assert [float(line[key]) for line in table] == pytest.approx(values.ravel().tolist(), rel=1e-6)
    assert float(table[5]["x (nm)"]) == 2.0
    notebook = client.get(f"{base}/maps.ipynb").json()
    assert notebook["nbformat"] == 4


def test_the_notebook_runs(tmp_path, monkeypatch):
    from spectradb.services.series.exports import notebook
    from spectradb.services.series.maps import maps_file

    analysis = make_series_analysis(make_series((3, 4)))
    name = f"SDB-M{analysis.series_id}-analysis-{analysis.pk}.h5"
    (tmp_path / name).write_bytes(maps_file(analysis).read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    space: dict[str, object] = {}
    for cell in notebook(analysis, "https://example.org")["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"], space)  # noqa: S102 (our own cells)
    assert space["names"] == ["component1", "component2"]


def test_pages_of_every_shape_are_whole(client):
    for shape in ((3, 4), (6,), (2, 3, 4)):
        row = make_series(shape)
        analysis = make_series_analysis(row)
        page = client.get(f"/series/{row.pk}/").content.decode()
        assert "made" in page
        assert f"/series/{row.pk}/picture.bin" in page
        report = client.get(f"/series/{row.pk}/analyses/{analysis.pk}/report/").content.decode()
        assert row.sha256 in report
        assert analysis.told["version"] in report
        assert report.count("<figure") >= 3
    assert client.get("/series/?absorber=Mn").content.decode().count("SDB-M") == 3
    assert client.get("/series/?absorber=Xx").status_code == 400


def test_fractions_along_one_axis_have_bands(client):
    analysis = make_series_analysis(make_series((6,)))
    page = client.get(f"/series/{analysis.series_id}/").content.decode()
    assert "along0-data" in page
    drawn = client.get(f"/series/{analysis.series_id}/analyses/{analysis.pk}/along-0.svg")
    assert 'class="b1' in drawn.content.decode()
    assert (
        client.get(f"/series/{analysis.series_id}/analyses/{analysis.pk}/along-9.svg").status_code
        == 404
    )


def test_a_region_is_kept_as_a_draft_of_each_person(client):
    row = make_series((3, 4))
    for name in ("anna", "ben"):
        client.force_login(make_user(name, "contributor"))
        client.post(f"/series/{row.pk}/spectrum/", {"at": "1,0-2"})
    found = Spectrum.objects.order_by("pk")
    assert [one.contributor.username for one in found] == ["anna", "ben"]
    assert all(one.measurement.file_part == "y 1, x 0…2" for one in found)


def test_a_form_that_is_refused_comes_back_as_it_was(anna):
    row = make_series((3, 4))
    response = anna.post(
        f"/series/{row.pk}/analyse/", {"method": "references", "references": "SDB-77"}
    )
    assert response.status_code == 400
    page = response.content.decode()
    assert "there is no such spectrum" in page
    assert 'value="SDB-77"' in page


def test_a_map_of_single_numbers_has_its_unit(client):
    asked = Asked("parameters", quantities=("centre_of_mass",), windows=((642.0, 652.0),))
    analysis = make_series_analysis(make_series((4, 4)), asked=asked)
    page = client.get(f"/series/{analysis.series_id}/").content.decode()
    assert "Centre of mass (eV)" in page


def _path(row):
    from spectradb.services.series.local import local_file

    return local_file(row.file_name, row.n_bytes, row.sha256)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"method": "nmf", "compnents": 2}, "compnents"),
        ({"method": "nmf", "corrections": {"powerlaw": [630, 640]}}, "corrections"),
    ],
)
def test_a_field_that_there_is_not_is_refused_not_left_out(client, asked, field):
    anna = make_user("anna", "contributor")
    row = make_series(contributor=anna)
    client.force_login(anna)
    told = client.post(f"/api/v1/series/{row.pk}/analyses/", asked, "application/json")
    assert (told.status_code, list(told.json())) == (400, [field])


def test_over_absorption_is_asked_for_by_its_parts(client):
    pytest.importorskip("xraydb")
    anna = make_user("anna", "contributor")
    row = make_series(contributor=anna, quantity="normalised", absorber="Fe", edge="K")
    client.force_login(anna)

    def ask(**over_absorption: str | float) -> Any:
        corrections = {"over_absorption": over_absorption}
        asked = {"method": "nmf", "corrections": corrections}
        return client.post(f"/api/v1/series/{row.pk}/analyses/", asked, "application/json")

    told = ask(formula="Fe2O3")
    assert told.status_code == 202, told.json()
    assert told.json()["options"]["corrections"] == [["over_absorption", ["Fe2O3", 45.0, 45.0]]]
    told = ask(formula="Fe2O3", angle_in=60, angle_out=95)
    assert (told.status_code, list(told.json())) == (400, ["angle_out"])
    assert ask(angle_in=60).status_code == 400


def over(values, name="T", unit="K"):
    """A series with one axis of these values."""
    energy = 640 + 0.5 * np.arange(60)
    curves = np.random.default_rng(0).poisson(50, (len(values), 60)).astype("<f4")
    raw = RawSeries(
        (Axis(name, unit, np.asarray(values, float)),), energy, lambda: iter([curves]), "made",
        "<f4", "Mn", "L23", "counts", "EELS",
    )  # fmt: skip
    row = Series.objects.get(pk=store_series(raw, "made", ["made.h5"]).id)
    Series.objects.update(status="published")
    return row


@pytest.mark.parametrize(
    ("values", "at", "told"),
    [
        ([300, 400, 500, 300], "3", "T 300 K [3]"),
        ([300, 400, 500, 300], "1", "T 400 K"),
        ([300, 400, 500, 300], "0-1", "T 300…400 K [0-1]"),
        ([1712345678.0, 1712345678.5, 1712345680.0], "1", "T 1712345678.5 K"),
        ([12.345671, 12.345678, 12.5], "0", "T 12.345671 K"),
        ([0.1, 0.2, 0.30000000000000004], "2", "T 0.3 K"),
    ],
)
def test_places_are_told_so_that_one_is_known_from_another(values, at, told):
    row = over(values)
    assert region_words(Region.parse(at, row), row) == told


def test_an_axis_of_very_many_places_is_drawn_with_all_of_them_or_none(client, monkeypatch):
    monkeypatch.setattr("spectradb.views.series.page._MOST_PLACES", 3)
    for values, sent in (([0, 2, 4, 6, 8], [0, 8]), ([0, 2, 3, 6, 8], []), ([0, 2], [0, 2])):
        page = client.get(f"/series/{over(values).pk}/").content.decode()
        data = json.loads(page.split('id="series-data" type="application/json">')[1].split("<")[0])
        assert (data["axes"][0]["values"], data["axes"][0]["size"]) == (sent, len(values))
