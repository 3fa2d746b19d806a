#!/usr/bin/env python
"""Command line of the site, from a checkout."""

from spectradb.__main__ import main

if __name__ == "__main__":
    main()
