"""Readers fed with damaged files: ``python -m tests.fuzz READER --executions N``."""
