"""Comparing: what is added, what is left out, what the lines are called."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client

from spectradb.models import Kind, Spectrum
from spectradb.services.spectra.compare import Aligned, align, difference, similarity
from spectradb.views.spectra.figures import together
from tests.factories import lorentzians, make_spectrum, make_structure

pytestmark = [pytest.mark.django_db]


def edge_at(energy_ev: float, **fields: object) -> Spectrum:
    energy = np.linspace(energy_ev - 12.0, energy_ev + 30.0, 300)
    peaks = ((energy_ev, 0.5, 1.0), (energy_ev + 17.0, 0.7, 0.5))
    return make_spectrum(energy=energy, intensity=lorentzians(energy, peaks), **fields)


def test_add_to_compare_adds_to_what_was_compared_last(client: Client) -> None:
    rows = [edge_at(853.0 + k) for k in range(3)]
    client.get(f"/compare/?ids={rows[0].pk},{rows[1].pk}")
    answer = client.get(f"/compare/?add={rows[2].pk}", follow=True)
    text = answer.content.decode()
    assert [f'name="ids" value="{row.pk}"' in text for row in rows] == [True] * 3
    assert answer.redirect_chain[-1][0].endswith("&".join(f"ids={row.pk}" for row in rows))
    alone = Client().get(f"/compare/?add={rows[2].pk}", follow=True).content.decode()
    assert f'name="ids" value="{rows[0].pk}"' not in alone


def test_words_in_the_add_field_search_and_a_number_adds(client: Client) -> None:
    here = edge_at(853.0, structure=make_structure("NiO"), formula="NiO")
    other = edge_at(853.5, structure=make_structure("NiO"), formula="NiO")
    text = client.get(f"/compare/?ids={here.pk}&add=NiO").content.decode()
    assert f"add={other.pk}" in text
    assert f"add={here.pk}" not in text
    assert (
        "Nothing more is found" in client.get(f"/compare/?ids={here.pk}&add=PdTe9").content.decode()
    )
    text = client.get(f"/compare/?ids={here.pk}&add=SDB-{other.pk}").content.decode()
    assert f'name="ids" value="{other.pk}"' in text


def test_one_foreign_edge_blanks_no_table_and_is_told_where_it_cannot_be_drawn(
    client: Client,
) -> None:
    rows = [edge_at(853.0), edge_at(853.4), edge_at(2480.0, absorber="S", edge="K")]
    matrix, _ = similarity([Aligned(r.energy, r.intensity, 0.0) for r in rows])
    assert matrix[0, 1] > 0.5
    assert np.isnan(matrix[0, 2])
    ids = ",".join(str(row.pk) for row in rows)
    page = client.get(f"/compare/?ids={ids}")
    text = page.content.decode()
    assert f"{matrix[0, 1]:.3f}"[:3] in text
    assert "Out of the shown range" in text
    text = client.get(f"/compare/?ids={ids}&difference=1").content.decode()
    assert "No range in common with the first" in text
    page = client.get(f"/compare/?ids={rows[0].pk},{rows[2].pk}")
    here, away = (one.end_label for one in page.context["plot"].figure.curves)
    assert here
    assert away == ""  # no name stands where no line ends


def test_each_counted_from_its_own_half_step_puts_foreign_edges_on_one_another() -> None:
    near, far = edge_at(707.0, absorber="Fe"), edge_at(853.0)
    a, b = align(
        [(row.energy, row.intensity) for row in (near, far)], [0.0, 0.0], how="zero", scale="peak"
    )
    assert a.energy[np.argmax(a.intensity)] == pytest.approx(0.5, abs=0.2)  # HWHM above the step
    assert b.energy[np.argmax(b.intensity)] == pytest.approx(0.5, abs=0.2)


def test_a_difference_is_taken_where_both_are_known() -> None:
    first = Aligned(np.arange(0.0, 10.0), np.ones(10), 0.0)
    curve = Aligned(np.arange(5.0, 15.0), np.full(10, 3.0), 0.0)
    found = difference(curve, first)
    assert found is not None
    assert found.energy.tolist() == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert (found.intensity == 2.0).all()
    assert difference(Aligned(np.arange(50.0, 60.0), np.ones(10), 0.0), first) is None


@pytest.mark.parametrize(("n", "offset", "named"), [(7, 0.45, False), (4, 0.0, False),
                                                   (4, 0.5, True), (2, 0.0, True)])  # fmt: skip
def test_lines_are_named_at_their_ends_only_while_the_names_stand_apart(
    n: int, offset: float, named: bool
) -> None:
    rows = [edge_at(853.0 + 0.2 * k) for k in range(n)]
    curves = align([(r.energy, r.intensity) for r in rows], [0.0] * n, scale="peak")
    figure = together(rows, curves, offset=offset, y_label="")
    assert figure.named is named
    assert len(figure.legend()) == n


def test_the_file_stays_when_the_best_of_a_match_are_compared(client: Client) -> None:
    from tests.spectradb.imports.test_at_hand import bring

    row = edge_at(853.4, formula="NiO", kind=Kind.THEORY)
    token = bring(client)
    text = client.get(f"/compare/?file={token}&ids={row.pk}&align=first").content.decode()
    assert "2 of 20" in text
    assert f'name="file" value="{token}"' in text
    text = client.get(f"/compare/?file={token}&ids={row.pk}&remove={token}").content.decode()
    assert f'name="file" value="{token}"' not in text
