"""What reading a first series loads, loaded beforehand."""

from __future__ import annotations


def warm() -> None:
    from compute.io.warm import warm as warm_readers
    from compute.series.io import convert

    warm_readers()
    assert convert is not None
