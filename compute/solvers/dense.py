"""Full diagonalisation: the reference every other solver is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.solvers.sparse import Csr

Array = NDArray[Any]


def eigensystem(matrix: Csr) -> tuple[NDArray[np.float64], Array]:
    """All eigenvalues (n,), ascending, and eigenvectors (n, n) in columns."""
    values, vectors = np.linalg.eigh(matrix.dense())
    return values, vectors
