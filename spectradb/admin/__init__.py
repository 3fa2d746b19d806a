"""Curation in the Django admin."""
