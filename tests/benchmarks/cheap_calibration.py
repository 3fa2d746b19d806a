"""What route ``cheap`` predicts for families and references that its constants were not fitted to.

    python -m tests.benchmarks.cheap_calibration [--write]

``--write`` puts the tables into docs/measurements/cheap.md. About a CPU minute.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from compute.l23.cheap.prefactors import PREFACTORS
from compute.l23.fitting.cheap_anchors import families, table
from compute.l23.fitting.cheap_prefactors import tables, values
from tests.benchmarks.output import rewrite

_DOCUMENT = Path(__file__).parents[2] / "docs" / "measurements" / "cheap.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="into docs/measurements/cheap.md")
    by_value, by_class = tables(values(), PREFACTORS)
    found = {"splittings": by_value, "classes": by_class, "anchors": table() + families()}
    if parser.parse_args().write:
        for name, text in found.items():
            rewrite(_DOCUMENT, name, text)
    else:
        sys.stdout.write("\n".join(found.values()))


if __name__ == "__main__":
    main()
