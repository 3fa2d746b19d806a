"""Structures by the OPTIMADE standard, https://www.optimade.org, version 1.2."""
