"""What comes back to an absorbing atom of the wave that it sends out: a coarse theory of XANES.

The electron is scattered many times by the atoms around, each a free atom's potential in a flat
one (:mod:`ml.scattering.atoms`). Nothing is self-consistent and levels are not aligned, so that
the curve is no spectrum to show; but most of what makes one crystal's edge differ from another's
is in it, which a model otherwise must learn from examples.
"""

from ml.scattering.atoms import PHASES
from ml.scattering.waves import WIDTH, scattering

__all__ = ["PHASES", "WIDTH", "scattering"]
