"""Pages, numbers and files of a series."""

from __future__ import annotations

import csv
import io
import json

import h5py
import numpy as np
import pytest
import tifffile
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory

from spectradb.models import Spectrum
from spectradb.services.series.values import Region, summed
from spectradb.services.series.writing import Asked
from spectradb.turns import turn
from tests.factories import make_series, make_series_analysis, make_user

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
