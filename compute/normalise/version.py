"""Version of what a raw spectrum is normalised to."""

VERSION = "normalise-2"  # raise it whenever E0, a step or a background changes
