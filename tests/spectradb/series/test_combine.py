"""Ordinary spectra combined into one series with one axis."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from compute.errors import InputError
from spectradb.models import Series
from spectradb.services.curation.workflow import CurationError, publish
from spectradb.services.series.combine import combine
from spectradb.services.series.store import opened
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db


def test_spectra_of_one_edge_become_a_series():

    energy = np.linspace(640.0, 660.0, 101)
    spectra = [
        make_spectrum("experiment", absorber="Mn", quantity="counts", formula="MnO",
                      energy=energy[k:], intensity=np.arange(101.0)[k:] + k)
        for k in range(3)
    ]  # fmt: skip
    made = combine(spectra, axis="t", unit="min", values=[0, 1, 5])
    assert any("interpolated" in text for text in made.warnings)
    assert any("640.4" in text for text in made.warnings)
    row = Series.objects.get(pk=made.id)
    assert row.axis_values(0).tolist() == [0, 1, 5]
    assert (row.formula, row.source_names[0]) == ("MnO", f"SDB-{spectra[0].pk}")
    with opened(row) as stored:
        np.testing.assert_allclose(stored.rows(0, 3)[:, 0], [2, 3, 4])
    assert not combine(spectra, axis="t", unit="min", values=[0, 1, 5]).is_new


def test_the_name_of_an_axis_fits_a_line():
    spectra = [make_spectrum("experiment") for _ in range(2)]
    row = Series.objects.get(pk=combine(spectra, axis="t" * 3000, unit="s" * 3000).id)
    assert [len(row.axes[0][key]) for key in ("name", "unit")] == [40, 40]


def test_a_series_of_records_under_embargo_is_published_after_that():
    anna, curator = make_user("anna", "contributor"), make_user("cura", "curator")
    spectra = [make_spectrum("experiment", contributor=anna) for _ in range(2)]
    spectra[1].embargo_until = timezone.localdate() + timedelta(days=9)
    spectra[1].save()
    row = Series.objects.get(pk=combine(spectra, contributor=anna).id)
    Series.objects.filter(pk=row.pk).update(status="submitted")
    with pytest.raises(CurationError, match=f"made of SDB-{spectra[1].pk}, under embargo"):
        publish(row, curator)
    spectra[1].embargo_until = timezone.localdate()
    spectra[1].save()
    assert publish(row, curator).status == "published"


def test_spectra_that_do_not_belong_together_are_refused():
    one, other = make_spectrum("experiment"), make_spectrum("experiment", absorber="Mn")
    with pytest.raises(InputError, match="one absorber"):
        combine([one, other])
    with pytest.raises(InputError, match="2 numbers"):
        combine([one, make_spectrum("experiment")], values=[1.0])


def on(first, n):
    energy = 640.0 + first + 0.5 * np.arange(float(n))
    return make_spectrum(
        "experiment", absorber="Mn", quantity="counts", energy=energy, intensity=np.arange(n) + 1.0
    )


def test_what_combining_spectra_cuts_off_is_told():
    spectra = [on(0, 100), on(0, 80), on(5, 90)]
    told = combine(spectra).warnings
    assert (
        f"30 of 100 channels of SDB-{spectra[0].pk} are cut off, as SDB-{spectra[2].pk} begins at "
        f"645 eV and SDB-{spectra[1].pk} ends at 679.5 eV" in told
    )


@pytest.mark.parametrize("order", [1, -1])
def test_spectra_of_which_most_would_be_cut_off_are_not_combined(order):
    spectra = [on(0, 100), on(10, 20)]
    with pytest.raises(InputError, match=f"SDB-{spectra[1].pk} ends at 659.5 eV"):
        combine(spectra[::order])
