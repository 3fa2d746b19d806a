"""Files of series and maps: what each holds, read in parts."""

from compute.series.io.raw import Axis, RawSeries
from compute.series.io.read import read_series

__all__ = ["Axis", "RawSeries", "read_series"]
