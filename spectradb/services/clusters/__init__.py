"""Queued calculations on the machines of a cluster, carried there by Parsl."""
