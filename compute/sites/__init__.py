"""From a structure to its distinct sites: coordination, frame, polyhedra, oxidation, spin state."""

from compute.sites.analysis import Site, analyze_sites, charge_warnings

__all__ = ["Site", "analyze_sites", "charge_warnings"]
