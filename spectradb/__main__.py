"""The command line: ``python -m spectradb``, the script ``spectradb`` and ``manage.py``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run a management command of the site."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spectradb.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
