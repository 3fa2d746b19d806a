"""Peak fits: of files, of stored spectra, by the queue; kept whole and found again."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import JobStatus, PeakFit, Spectrum
from spectradb.services.peaks import fit as fit_peaks
from spectradb.services.peaks.fit import FitOptions
from tests.factories import lorentzians, make_spectrum

pytestmark = pytest.mark.django_db

PEAKS = ((853.0, 0.3, 1.0), (855.0, 0.5, 0.6), (870.5, 0.5, 0.5))
KEYS = {"position_ev", "hwhm_ev", "area", "position_err", "hwhm_err", "area_err", "phase_rad"}


def measured(seed: int = 0, **fields: Any) -> Spectrum:
    energy = np.linspace(845.0, 885.0, 401)
    noise = 2e-3 * np.random.default_rng(seed).standard_normal(energy.size)
    return make_spectrum(energy=energy, intensity=lorentzians(energy, PEAKS) + noise, **fields)


def run_command(path: Path, *args: str) -> Any:
    call_command("fit_peaks", *args, "--output", str(path))
    return json.loads(path.read_text())


@pytest.fixture
def column_file(tmp_path: Path) -> Path:
    energy = np.linspace(845.0, 885.0, 801)
    path = tmp_path / "ni.dat"
    table = np.column_stack([energy, lorentzians(energy, PEAKS)])
    np.savetxt(path, table, header="energy mu", fmt="%.9f")
    return path


def test_a_file_gives_its_peaks_and_stores_nothing(column_file: Path, tmp_path: Path) -> None:
    answer = run_command(tmp_path / "out.json", str(column_file))
    assert answer["n_peaks"] == 3
    assert set(answer["peaks"][0]) >= KEYS
    assert [p["position_ev"] for p in answer["peaks"]] == pytest.approx([853, 855, 870.5], abs=1e-4)
    assert {"background", "gaussian_sigma_ev", "residual_rms", "warnings"} <= set(answer)
    assert not PeakFit.objects.exists()


def test_without_output_the_peaks_are_told(column_file: Path) -> None:
    said = StringIO()
    call_command("fit_peaks", str(column_file), stderr=said)
    call_command("fit_peaks", str(column_file), output="-", stdout=(out := StringIO()))
    for peak in json.loads(out.getvalue())["peaks"]:
        assert f"{peak['position_ev']:.4f} ± {peak['position_err']:.4f}" in said.getvalue()


def test_several_files_give_a_list_and_a_bad_one_keeps_its_place(
    column_file: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.dat"
    bad.write_text("nothing\n")
    out = tmp_path / "out.json"
    with pytest.raises(CommandError, match=r"bad\.dat"):
        call_command("fit_peaks", str(bad), str(column_file), "--output", str(out))
    answers = json.loads(out.read_text())
    assert "error" in answers[0]
    assert answers[1]["n_peaks"] == 3


def test_a_stored_spectrum_keeps_its_fit_and_is_not_fitted_twice(tmp_path: Path) -> None:
    spectrum = measured()
    out = tmp_path / "out.json"
    first = run_command(out, "--spectrum", str(spectrum.pk))
    again = run_command(out, "--spectrum", str(spectrum.pk))
    assert first == again
    assert first["n_peaks"] == 3
    fit = PeakFit.objects.get()
    assert fit.job_status == JobStatus.DONE
    assert fit.attempts == 1
    assert [p.index for p in fit.peaks.all()] == [0, 1, 2]
    residual = np.asarray(fit.residual)
    assert residual.shape == np.asarray(spectrum.energy).shape
    assert np.sqrt(np.mean(residual**2)) == pytest.approx(fit.residual_rms, rel=1e-9)


def test_other_options_are_another_fit() -> None:
    spectrum = measured()
    plain = fit_peaks.request_fit(spectrum, FitOptions())
    ranged = fit_peaks.request_fit(spectrum, FitOptions(energy_range=(848.0, 862.0)))
    assert plain.pk != ranged.pk
    assert fit_peaks.run_fit(ranged.pk)
    ranged.refresh_from_db()
    assert (ranged.range_lo, ranged.range_hi, ranged.n_peaks) == (848.0, 862.0, 2)
    assert np.asarray(ranged.residual).size == 141


def test_a_whole_search_is_fitted_by_the_queue(
    django_capture_on_commit_callbacks: Any,
) -> None:
    for seed in range(3):
        measured(seed)
    with django_capture_on_commit_callbacks(execute=True):
        ids = fit_peaks.queue_fits(Spectrum.objects.only("content_hash").iterator(), FitOptions())
    assert len(ids) == 3
    assert set(PeakFit.objects.values_list("job_status", flat=True)) == {JobStatus.DONE}
    with django_capture_on_commit_callbacks(execute=True):
        assert fit_peaks.queue_fits(Spectrum.objects.iterator(), FitOptions()) == []


def test_fitted_peaks_can_be_searched(tmp_path: Path) -> None:
    spectrum = measured()
    run_command(tmp_path / "out.json", "--where", "absorber=Ni")
    query = {"peak_position_min": "852", "peak_position_max": "854", "peak_hwhm_max": "0.5"}
    found = apply_where(Spectrum, {**query, "peak_main": "true"}, EVERYTHING)
    assert list(found) == [spectrum]
    assert not apply_where(Spectrum, {**query, "peak_hwhm_max": "0.1"}, EVERYTHING).exists()


def test_a_spectrum_that_cannot_be_fitted_says_why_and_may_be_tried_again(tmp_path: Path) -> None:
    energy = np.linspace(845.0, 885.0, 100)
    flat = make_spectrum(energy=energy, intensity=np.ones(100))
    for _ in range(2):
        with pytest.raises(CommandError, match="constant"):
            run_command(tmp_path / "out.json", "--spectrum", str(flat.pk))
    row = PeakFit.objects.get()
    assert (row.job_status, row.error_cause) == (JobStatus.FAILED, "Input not usable")
    assert not row.peaks.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "only one of them"),
        (["--spectrum", "99999"], "no spectrum 99999"),
        (["--where", "absorber=Xx"], "Xx"),
        (["--where", "absorber=Zr"], "no spectrum"),
        (["x.dat", "--queue"], "--queue"),
    ],
)
def test_what_cannot_be_asked_is_told(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("fit_peaks", *arguments)
