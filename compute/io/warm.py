"""What reading a first file loads, loaded beforehand."""

from __future__ import annotations

_TABLE = b"# energy mu\n7100 1\n7101 2\n7102 3\n7103 3\n"


def warm() -> None:
    """Read a table; the library for HDF5 is loaded too."""
    from compute.io import hdf5, read_bytes

    assert hdf5.read is not None
    read_bytes("warm.dat", _TABLE)
