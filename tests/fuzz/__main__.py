"""``python -m tests.fuzz READER… --executions N [--first N] [--seeds FILE…]``.

A line of progress, then the faults; the exit status is 1 if there were any. Without ``--seeds`` the
files of ``tests/fuzz/seeds`` are changed.
"""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.harness import READERS, Report, run

_EVERY = 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", choices=[[], *READERS], metavar="READER")
    parser.add_argument("--executions", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    parser.add_argument("--seeds", nargs="+", default=[], metavar="FILE", help="changed instead")
    given = parser.parse_args()
    faults = 0
    for reader in given.readers or READERS:
        report = run(
            reader, given.executions, first=given.first, seeds=tuple(given.seeds), tell=_tell
        )
        sys.stdout.write(f"{report.told}\n")
        sys.stdout.writelines(f"  {number}: {told[:300]}\n" for number, told in report.faults)
        sys.stdout.flush()
        faults += len(report.faults)
    return 1 if faults else 0


def _tell(report: Report) -> None:
    if report.executions % _EVERY == 0:
        sys.stderr.write(f"{report.told} {[number for number, _ in report.faults[-5:]]}\n")


if __name__ == "__main__":
    sys.exit(main())
