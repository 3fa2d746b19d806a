"""What the OPTIMADE consortium's own validator says of the running site.

``pip install optimade==1.5.0`` into an environment of its own (its pins are not ours), and name its
command: ``OPTIMADE_VALIDATOR=ENV/bin/optimade-validator``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from pymatgen.core import Composition, Lattice
from pymatgen.core import Structure as Crystal
from pytest_django.live_server_helper import LiveServer
from rest_framework.throttling import SimpleRateThrottle

from tests.factories import make_structure

_COMMAND = os.environ.get("OPTIMADE_VALIDATOR") or shutil.which("optimade-validator")
_FORMULAS = ("NiO", "TiO2", "LiCoO2", "NaCl", "Fe2O3", "SrTiO3", "MnO", "Cu")


def crystals() -> None:
    """Structures whose cell, formula and elements agree."""
    for number, formula in enumerate(_FORMULAS * 3):
        counts = Composition(formula).get_el_amt_dict()
        atoms = [symbol for symbol, n in counts.items() for _ in range(int(n))]
        places = [[k / len(atoms), 0.1 * k, 0.0] for k in range(len(atoms))]
        cell = Crystal(Lattice.cubic(4.0 + 0.01 * number), atoms, places)
        make_structure(
            formula,
            n_sites=len(atoms),
            data=cell.as_dict(),
            volume=cell.volume,
            energy_above_hull=0.01 * number,
        )


@pytest.mark.slow
@pytest.mark.skipif(not _COMMAND, reason="optimade-validator is not installed")
@pytest.mark.django_db(transaction=True)
def test_the_validator_finds_nothing(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SimpleRateThrottle.THROTTLE_RATES, "optimade", "10000/min")
    crystals()
    done = subprocess.run(
        [str(_COMMAND), "--json", "--timeout", "60", f"{live_server.url}/optimade/v1"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    told = json.loads(done.stdout)
    failures = told["failure_messages"]
    assert (told["failure_count"], failures) == (0, []), done.stderr[-3000:]
    assert (told["optional_failure_count"], told["optional_failure_messages"]) == (0, [])
    assert told["success_count"] > 30
    assert done.returncode == 0
