"""Decomposition of a spectrum into Lorentzians."""

from compute.peaks.decompose import decompose
from compute.peaks.result import Decomposition, OrderStep, Peak

__all__ = ["Decomposition", "OrderStep", "Peak", "decompose"]
