"""The version of the decomposition: what the same spectrum gives changes only with it."""

VERSION = "peaks-2"
