"""Which sites of real crystals are computed."""

from __future__ import annotations

import pytest

from compute.sites.oxidation import STATED
from spectradb.models import Site
from spectradb.services.library.trust import is_trusted


def site(element: str, state: float | None, ligands: str, confidence: float, **fields: str) -> Site:
    return Site(
        element=element, oxidation_state=state, ligands=ligands, oxidation_confidence=confidence,
        **fields,
    )  # fmt: skip


@pytest.mark.parametrize(
    "one",
    [
        site("Fe", 3.0, "O", 0.6),
        site("Fe", 2.5, "O-S", 0.5),
        site("Cr", 6.0, "O", 0.6),
        site("Ni", 3.0, "O", 0.98),
        site("Fe", 6.0, "O", 0.1, oxidation_method=STATED),
    ],
)
def test_a_usual_valence_of_ions_is_believed_and_an_unusual_one_where_it_is_sure(one: Site):
    assert is_trusted(one)


@pytest.mark.parametrize(
    "one",
    [
        site("Fe", 3.0, "O", 0.4),
        site("Fe", 4.0, "O", 0.85),
        site("Ni", 4.0, "As", 1.0),
        site("Fe", 2.0, "O-P", 1.0),
        site("Fe", 2.0, "", 1.0),
        site("Ti", 2.0, "O", 0.7),
        site("Fe", None, "O", 1.0),
        site("Mn", 1.0, "N", 1.0),
    ],
)
def test_what_bonds_do_not_decide_is_left_out(one: Site):
    assert not is_trusted(one)
