"""Arrays in, pictures out: the only place that draws.

A :class:`~spectradb.plots.figure.Figure` is drawn twice from the same numbers: as SVG by the
server, so that a page shows its spectrum before any script runs, and by ``plots.js`` when the
reader wants to zoom.
"""

from spectradb.plots.figure import Band, Curve, Figure, Marker, Sticks, nice_range
from spectradb.plots.ridge import RidgeLine, draw_ridge
from spectradb.plots.sparkline import SPARK_HEIGHT, SPARK_WIDTH, edge_window, sparkline_path
from spectradb.plots.svg import draw

__all__ = [
    "SPARK_HEIGHT",
    "SPARK_WIDTH",
    "Band",
    "Curve",
    "Figure",
    "Marker",
    "RidgeLine",
    "Sticks",
    "draw",
    "draw_ridge",
    "edge_window",
    "nice_range",
    "sparkline_path",
]
