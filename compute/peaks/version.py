"""Version of the decomposition, a part of the hash of a stored fit."""

VERSION = "peaks-4"  # raise it whenever the same spectrum gives other numbers
