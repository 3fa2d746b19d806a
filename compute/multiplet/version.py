"""Version of the engine (determinants, solvers, broadening), a part of every hash."""

VERSION = "multiplet-2"  # raise it whenever a spectrum changes
