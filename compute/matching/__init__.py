"""Matching a spectrum against a library."""
