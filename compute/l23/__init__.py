"""From a structure to an L2,3 spectrum: routes, prepared cases, spectra (docs/l23.md)."""
