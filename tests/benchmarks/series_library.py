"""CPU time of a pixel of the library method, with the L2,3 libraries of a loaded release.

After ``manage.py demo --no-serve``:

    python -m tests.benchmarks.series_library [Mn Fe …]

Spectra are of the library itself, of 300 counts and a background of 30. Of 300 candidates, and of
all. 16,384 pixels in five minutes of two processors leave 36.6 ms each.
"""

from __future__ import annotations

import argparse
import os
import time

import django
import numpy as np

from tests.benchmarks.output import say

_COUNTS, _BACKGROUND, _SPECTRA, _CANDIDATES = 300.0, 30.0, 48, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("elements", nargs="*", default=["Mn", "Fe"])
    elements = parser.parse_args().elements
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    django.setup()
    from compute.matching.many import Many, Saved
    from spectradb.models import Kind, Spectrum
    from spectradb.services.matching.groups import Group
    from spectradb.services.matching.index import refresh

    rng = np.random.default_rng(2)
    for element in elements:
        group = Group(element, "L23", Kind.THEORY)
        library = refresh(group)
        energy = library.grid.energy_ev
        chosen = rng.choice(np.array(library.ids, int), _SPECTRA)
        held = Spectrum.objects.in_bulk(chosen.tolist())
        curves = [np.interp(energy, held[int(k)].energy, held[int(k)].intensity) for k in chosen]
        heights = np.array([curve / curve.max() for curve in curves])
        rows = rng.poisson(_COUNTS * heights + _BACKGROUND).astype(float)
        few = rng.choice(np.array(library.ids, int), min(_CANDIDATES, len(library)), replace=False)
        for among in (tuple(few.tolist()), None):
            with Many([Saved(group.path, element, "L23", among)], energy, 5.0, _SPECTRA) as many:
                list(many.of(rows[:4]))
                begun = time.process_time()
                list(many.of(rows))
                each = 1000.0 * (time.process_time() - begun) / _SPECTRA
            n = len(among) if among else len(library)
            say(f"{element}: {n} of {len(library)} candidates, {each:.1f} ms")


if __name__ == "__main__":
    main()
