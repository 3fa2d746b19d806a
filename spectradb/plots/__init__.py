"""Arrays in, pictures out: the only place that draws.

A :class:`~spectradb.plots.figure.Figure` is drawn twice from the same numbers: as SVG by the
server, so that a page shows its spectrum before any script runs, and by ``plots.js`` when the
reader wants to zoom.
"""

from spectradb.plots.sparkline import SPARK_HEIGHT, SPARK_WIDTH, edge_window, sparkline_path

__all__ = ["SPARK_HEIGHT", "SPARK_WIDTH", "edge_window", "sparkline_path"]
