"""Real crystals with published lattice parameters: the starter library."""
