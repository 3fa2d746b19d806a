"""Which kinds of substance are measured: the K edges of the box beside the computed library.

After ``manage.py demo --no-serve``:

    python -m tests.benchmarks.measured_kinds

Measured compounds of Sc to Cu (K edges of XASLib, each once; no metals) and substances of the L2,3
library, by how many elements they hold, and how many of the measured ones the library holds as
a crystal that has been found or as a made one alone. No L2,3 spectrum is among the measured ones.
`spectradb/services/matching/commonness.py` has the weights that follow.
"""

from __future__ import annotations

import os
from collections import Counter
from math import sqrt

import django
from pymatgen.core import Composition

from compute.crystals.prototypes import VALENCES
from tests.benchmarks.output import say

_MOST = 4  # elements; with more they count with those of four


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from spectradb.models import Kind, Spectrum
    from spectradb.services.matching.commonness import is_mixed

    made: dict[str, bool] = {}
    theory = Spectrum.objects.published().filter(kind=Kind.THEORY, edge="L23")
    for formula, hypothetical in theory.values_list("formula", "structure__hypothetical"):
        made[formula] = made.get(formula, True) and bool(hypothetical)
    found = Spectrum.objects.published().filter(
        kind=Kind.EXPERIMENT, edge="K", absorber__in=VALENCES
    )
    measured = set()
    for (formula,) in found.values_list("formula").distinct():
        try:
            composition = Composition(formula)
        except ValueError:  # "Fe4(OH)8Cl, n H2O"
            continue
        if len(composition) > 1:
            measured.add(composition.reduced_formula if not is_mixed(composition) else formula)
    by_size = Counter(min(len(Composition(one)), _MOST) for one in measured)
    held = Counter(min(len(Composition(one)), _MOST) for one in made)
    say("elements | measured | computed | weight")
    for n in range(2, _MOST + 1):
        say(f"{n} | {by_size[n]} | {held[n]} | {_weight(by_size, held, n, 2):.2f}")
    mixed = Counter(is_mixed(Composition(one)) for one in measured)
    mixtures = Counter(is_mixed(Composition(one)) for one in made)
    say("formula | measured | computed | weight")
    for name, has in (("whole", False), ("fractions", True)):
        say(f"{name} | {mixed[has]} | {mixtures[has]} | {_weight(mixed, mixtures, has, False):.2f}")
    kind = Counter(made[one] for one in measured if one in made)
    holds = Counter(made.values())
    say("crystal | measured | computed | weight")
    for name, is_made in (("found", False), ("made", True)):
        share = _weight(kind, holds, is_made, False)
        say(f"{name} | {kind[is_made]} | {holds[is_made]} | {share:.2f}")


def _weight(measured: Counter[int], held: Counter[int], one: int, against: int) -> float:
    """Root of how much likelier one kind is measured than another, with one more of each."""
    own = (measured[one] + 1) / held[one]
    return sqrt(own / ((measured[against] + 1) / held[against]))


if __name__ == "__main__":
    main()
