"""Files that leave their columns open: asked, stored after an answer, the same over every door."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from spectradb.models import Calculation, Kind, SourceFile, Spectrum, Upload
from spectradb.services.imports.spectra import import_file, import_spectra
from tests.compute.io.test_several import X, step, text
from tests.compute.io.test_theory import feff

pytestmark = pytest.mark.django_db

I0 = 1e5 * (1 + 1e-4 * (X - X[0]))
UNKNOWN = "energy detA detB\n" + text(X, I0, I0 * np.exp(-step(7112)))
OTHER = "energy chA chB chC\n" + text(X, I0, I0 * np.exp(-step(7112)), I0)


def write(folder: Path, **files: str) -> list[Path]:
    paths = [folder / f"{name}.dat" for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_text(content)
    return paths


def run(*arguments: Any) -> tuple[list[dict[str, Any]], bool]:
    """The report of ``import_spectra``, and whether it failed."""
    out = StringIO()
    call = [str(argument) for argument in arguments]
    try:
        call_command("import_spectra", *call, "--output", "-", stdout=out, stderr=StringIO())
    except CommandError:
        return json.loads(out.getvalue()), True
    return json.loads(out.getvalue()), False


def test_an_open_file_fails_with_a_question_and_stores_nothing(tmp_path: Path) -> None:
    (report,), failed = run(*write(tmp_path, a=UNKNOWN))
    assert failed
    assert report["status"] == "failed"
    assert "which of its columns" in report["question"]["what"]
    assert {"label", "options", "command"} <= set(report["question"]["choices"][0])
    assert not Spectrum.objects.exists()
    assert not SourceFile.objects.exists()


def test_named_columns_answer_it_for_files_of_the_same_header_only(tmp_path: Path) -> None:
    paths = write(tmp_path, a=UNKNOWN, b=UNKNOWN.replace("7060 ", "7059.5 "), c=OTHER)
    report, failed = run(*paths, "--signal", "ln(detA/detB)")
    assert [one["status"] for one in report] == ["imported", "imported", "failed"]
    assert failed
    assert report[2]["question"]
    row = Spectrum.objects.get(pk=report[0]["spectra"][0]["id"])
    np.testing.assert_allclose(row.intensity, step(7112), rtol=1e-4)


def test_another_signal_of_a_stored_file_is_another_spectrum(tmp_path: Path) -> None:
    paths = write(tmp_path, a=UNKNOWN)
    first, _ = run(*paths, "--signal", "ln(2/3)")
    again, _ = run(*paths, "--signal", "ln(2/3)")
    other, _ = run(*paths, "--signal", "detB")
    assert [r[0]["status"] for r in (first, again, other)] == ["imported", "unchanged", "imported"]
    assert Spectrum.objects.count() == 2


def test_an_unknown_unit_is_told() -> None:
    with pytest.raises(CommandError, match="unit"):
        call_command("import_spectra", "x", "--unit", "nm", stderr=StringIO())


def test_a_calculated_file_is_theory_that_names_the_code() -> None:
    done = import_file("xmu.dat", feff().encode())
    assert (done.status, done.spectra[0]["kind"], done.spectra[0]["code"]) == (
        "imported",
        "theory",
        "FEFF",
    )
    row = Spectrum.objects.get()
    assert row.kind == Kind.THEORY
    assert row.measurement is None
    calculation = Calculation.objects.get()
    assert (calculation.engine, calculation.version) == ("FEFF", "9")
    assert (calculation.absorber, calculation.edge) == ("Cu", "K")
    assert import_file("xmu.dat", feff().encode()).status == "unchanged"
    assert Spectrum.objects.count() == 1


def test_whatever_one_file_does_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write(tmp_path, a="energy mu\n" + text(X, step(7112)), b="energy mu\n" + text(X, X))

    def broken(row: Spectrum) -> None:
        if row.title == "a":
            raise KeyError("no such thing")

    monkeypatch.setattr("spectradb.services.imports.spectra.keep_checks", broken)
    report = list(import_spectra(paths))
    assert [one.status for one in report] == ["failed", "imported"]
    assert "KeyError" in report[0].errors[0]
    assert Spectrum.objects.count() == 1


# --- page and API -------------------------------------------------------------------------------


@pytest.fixture
def contributor(client: Client) -> Client:
    user = User.objects.create_user("ada", password="x")  # noqa: S106
    group = Group.objects.filter(name__icontains="contribut").first()
    if group is not None:
        user.groups.add(group)
    client.force_login(user)
    return client


def send(client: Client, **files: str) -> Any:
    kept = [SimpleUploadedFile(f"{name}.dat", content.encode()) for name, content in files.items()]
    return client.post(reverse("upload"), {"files": kept})


def test_the_page_asks_once_for_files_of_one_header_with_a_preview(contributor: Client) -> None:
    response = send(contributor, a=UNKNOWN, b=UNKNOWN.replace("7060 ", "7059.5 "), c=OTHER)
    html = response.content.decode()
    assert html.count('<section class="card gap-bottom" id="question-') == 2
    assert "ln(detA/detB): transmission" in html
    assert "preview-1-data" in html
    assert Upload.objects.count() == 3
    assert not Spectrum.objects.exists()


def test_an_answer_on_the_page_imports_every_file_that_it_was_for(contributor: Client) -> None:
    response = send(contributor, a=UNKNOWN, b=UNKNOWN.replace("7060 ", "7059.5 "))
    (question,) = response.context["questions"]
    tokens = [upload.token for upload in question["files"]]
    choice = question["choices"].index("ln(detA/detB): transmission")
    answered = contributor.post(reverse("upload-answer"), {"file": tokens, "choice": choice})
    assert answered.status_code == 200
    assert [r["file"].status for r in answered.context["results"]] == ["imported", "imported"]
    assert Spectrum.objects.count() == 2
    assert not Upload.objects.exists()


def test_columns_may_be_typed_and_a_wrong_one_is_told(contributor: Client) -> None:
    token = send(contributor, a=UNKNOWN).context["questions"][0]["files"][0].token
    wrong = contributor.post(reverse("upload-answer"), {"file": token, "signal": "9"})
    assert "There is no column" in wrong.content.decode()
    right = contributor.post(reverse("upload-answer"), {"file": token, "signal": "detB", "i0": "2"})
    assert right.context["results"][0]["file"].status == "imported"


def test_nobody_answers_for_another_s_file(contributor: Client, client: Client) -> None:
    token = send(contributor, a=UNKNOWN).context["questions"][0]["files"][0].token
    client.force_login(User.objects.create_user("eve"))
    client.post(reverse("upload-answer"), {"file": token, "signal": "2"})
    assert not Spectrum.objects.exists()


def test_the_api_asks_and_takes_the_answer(contributor: Client) -> None:
    def post(**more: Any) -> Any:
        file = SimpleUploadedFile("a.dat", UNKNOWN.encode())
        return contributor.post("/api/v1/spectra/upload/", {"file": file, **more})

    asked = post()
    assert asked.status_code == 422
    options = next(
        c["options"]
        for c in asked.json()["question"]["choices"]
        if c["label"] == "ln(detA/detB): transmission"
    )
    answered = post(**options)
    assert answered.status_code == 201, answered.content
    assert answered.json()["question"] is None
