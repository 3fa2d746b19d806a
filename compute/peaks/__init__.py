"""Decomposition of a spectrum into Lorentzians."""

from compute.peaks.decompose import decompose
from compute.peaks.result import Decomposition, OrderStep, Peak
from compute.peaks.version import VERSION

__all__ = ["VERSION", "Decomposition", "OrderStep", "Peak", "decompose"]
