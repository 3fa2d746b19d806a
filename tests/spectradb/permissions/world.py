"""People, and a row of every kind in every state, made once for all questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client

from spectradb.models import (
    ApiKey,
    Calculation,
    Collection,
    Export,
    JobStatus,
    MatchRun,
    Prediction,
    SeriesFile,
    SeriesUpload,
    SourceFile,
    TrainedModel,
    Upload,
)
from spectradb.services.exports.jobs import KIND as EXPORTS
from spectradb.services.imports.uploads import Part
from tests.factories import (
    make_peak_fit,
    make_series,
    make_series_analysis,
    make_site,
    make_spectrum,
    make_structure,
    make_user,
)
from tests.spectradb.permissions.table import PEOPLE, STATUSES


@dataclass(frozen=True)
class World:
    """Clients by who they are; address arguments by kind of row and state."""

    clients: dict[str, Client]
    rows: dict[str, dict[str, dict[str, Any]]]


def make_world() -> World:
    """Everything belongs to the owner, but for what says otherwise."""
    owner = make_user("owner", "contributor")
    people = {
        "member": make_user("member"),
        "stranger": make_user("stranger", "contributor"),
        "owner": owner,
        "curator": make_user("curator", "curator"),
        "administrator": make_user("administrator", is_superuser=True, is_staff=True),
    }
    clients = {who: Client() for who in (*PEOPLE, "member")}
    for who, user in people.items():
        clients[who].force_login(user)
    rows: dict[str, dict[str, dict[str, Any]]] = {}

    def keep(kind: str, state: str, **arguments: Any) -> None:
        rows.setdefault(kind, {})[state] = arguments

    file = SourceFile.objects.create(sha256="f" * 64, name="a.dat", n_bytes=3, data=b"1 2")
    for status in STATUSES:
        measured = make_spectrum(
            "experiment", status=status, contributor=owner, measurement_file=file
        )
        computed = make_spectrum(
            status=status,
            contributor=owner,
            calculation_parameters={"element": "Ni", "charge": 2},
            calculation_public=False,
        )
        assert computed.calculation is not None
        computed.calculation.requesters.add(owner)
        fit = make_peak_fit(measured, (853.0, 0.3, 1.0))
        run = MatchRun.objects.create(query=measured, options={}, job_status=JobStatus.DONE)
        keep("measured", status, pk=measured.pk)
        keep("measured csv", status, pk=measured.pk, format="csv")
        keep("measured xdi", status, pk=measured.pk, format="xdi")
        keep("computed", status, pk=computed.pk)
        keep("fit", status, pk=fit.pk)
        keep("fit of spectrum", status, pk=measured.pk, fit_pk=fit.pk)
        keep("match", status, token=run.token)
        keep("calculation", status, pk=computed.calculation_id)
        collection = Collection.objects.create(title="List", status=status, contributor=owner)
        published = make_spectrum()
        collection.entries.create(spectrum=published, position=0)
        keep("collection", status, pk=collection.pk)
        keep("collection csv", status, pk=collection.pk, format="csv")
    for state, public in (("own", False), ("operator", True), ("gone", False)):
        asked = Calculation.objects.create(
            engine="spectradb.multiplet", absorber="Ni", edge="L23", input_hash=f"world-{state}",
            parameters={"element": "Ni", "charge": 2}, public=public,
        )  # fmt: skip
        if state == "own":
            asked.requesters.add(owner)
        keep("calculation", state, pk=asked.pk)
    rows["calculation query"] = rows["calculation"]
    if not storages[EXPORTS].exists("none.csv"):
        storages[EXPORTS].save("none.csv", ContentFile(""))
    for state, whose in (("own", owner), ("visitor", None), ("gone", None)):
        export = Export.objects.create(
            query={}, format="csv", requested_by=whose, public=state == "visitor",
            job_status=JobStatus.DONE, file_name="none.csv",
        )  # fmt: skip
        keep("export", state, pk=export.pk)
    _series(owner, keep)
    _others(owner, keep)
    return World(clients, rows)


def _series(owner: Any, keep: Any) -> None:
    """Series in every state, and analyses of them."""
    published = None
    for status in STATUSES:
        row = make_series((3, 4), status=status, contributor=owner)
        keep("series", status, pk=row.pk)
        keep("series bin", status, pk=row.pk, format="bin")
        if status == "draft":
            draft = row
        if status == "published":
            published = row
    for state, series, public in (
        ("own", published, False), ("shared", published, True), ("of draft", draft, True)
    ):  # fmt: skip
        analysis = make_series_analysis(series, public=public, requested_by=owner)
        address = {"pk": series.pk, "analysis_pk": analysis.pk}
        keep("analysis", state, **address)
        keep("analysis bin", state, **address, format="bin")
        keep("analysis h5", state, **address, format="h5")
        keep("analysis along", state, **address, number=0)
        keep("api analysis", state, pk=analysis.pk)


def _others(owner: Any, keep: Any) -> None:
    """Rows that have no states."""
    structure = make_structure()
    site = make_site(structure)
    keep("structure", "", pk=structure.pk)
    keep("site", "", pk=site.pk)
    keep("site of structure", "", pk=structure.pk, site_pk=site.pk)
    upload = Upload.objects.create(name="a.cif", n_bytes=1, data=b"1", requested_by=owner)
    part = Part("a", "columns", "Ni", "L23", "mu", "XANES", 5, 845.0, 885.0, ())
    asked = Upload.objects.create(
        name="a.dat", n_bytes=1, data=b"1", requested_by=owner, told={"parts": [vars(part)]}
    )
    run = MatchRun.objects.create(upload=asked, options={}, job_status=JobStatus.DONE)
    keep("upload", "", token=upload.token)
    keep("match of upload", "", token=run.token)
    model = TrainedModel.objects.create(name="model", kind="mlp", job_status=JobStatus.DONE)
    keep("model", "", pk=model.pk, name=model.name)
    curve = np.linspace(0.0, 1.0, 5)
    prediction = Prediction.objects.create(
        model=model, structure=structure, site=site, site_index=0, absorber="Ni", edge="L23",
        trust=1.0, energy=curve, intensity=curve, sigma=curve,
    )  # fmt: skip
    keep("prediction", "", pk=prediction.pk)
    key, _ = ApiKey.issue(owner, "script")
    keep("key", "", pk=key.pk)
    sent = SeriesUpload.objects.create(requested_by=owner, n_files=1, n_bytes=9)
    file = SeriesFile.objects.create(upload=sent, name="a.h5", n_bytes=9)
    keep("series upload", "", token=sent.token)
    keep("file of series", "", token=sent.token, pk=file.pk)
    keep("token of nothing", "", token="x")
    keep("section of nothing", "", section="x")
    keep("provider of nothing", "", provider_id="x")
    keep("identity of nobody", "", pk=0)
    keep("link of nothing", "", uidb64="x", token="x")
    keep("link of a collection", "", token="x", format="csv")
    keep("path", "", rest="nothing")
