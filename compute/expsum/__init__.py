"""Exponential sums, spherical Bessel transforms and Coulomb integrals.

``slater_integral`` and ``two_center_integral`` take radial functions tabulated on any grid;
``fit_exponential_sum`` is the fit they rest on. :mod:`compute.expsum.esprit` finds the poles.
"""

from compute.expsum.fit import ExponentialSum, fit_exponential_sum
from compute.expsum.integrals import slater_integral, two_center_integral

__all__ = [
    "ExponentialSum",
    "fit_exponential_sum",
    "slater_integral",
    "two_center_integral",
]
