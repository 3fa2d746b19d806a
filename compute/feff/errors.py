"""What can go wrong with FEFF, each with a cause that failures are grouped by."""

from __future__ import annotations

from compute.errors import ComputeError


class FeffMissing(ComputeError):
    """FEFF is not installed, or not in the release that this route is made for."""

    cause = "FEFF not installed"


class FeffStageFailed(ComputeError):
    """A stage that ended with an error of its own.

    Attributes
    ----------
    stage : str
        ``pot``, ``xsph``, ``fms`` …
    """

    cause = "FEFF stage failed"

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(f"FEFF stage {stage}: {message}")
        self.stage = stage


class FeffCrashed(ComputeError):
    """The process of FEFF was ended from outside; the next may be luckier."""

    cause = "FEFF crashed"
    permanent = False


class FeffTimeout(ComputeError):
    """FEFF took longer than it may; on a machine with less to do it may be quicker."""

    cause = "FEFF took too long"
    permanent = False


class FeffNotConverged(ComputeError):
    """Potentials that did not become self-consistent; no spectrum is made of them."""

    cause = "FEFF potentials not converged"
