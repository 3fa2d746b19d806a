"""A database of core-level spectra: models, services, pages, API and commands."""

__version__ = "0.2.0"  # of the release; versions of what decides numbers stand beside that code
