"""Readers of experimental files; :func:`read` picks one by content."""
