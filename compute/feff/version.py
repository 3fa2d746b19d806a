"""Version of route ``feff``: of our inputs and of what is made of the outputs, and of FEFF itself.

FEFF10 comes as the package ``feff10-rs``; results are known by the release that made them, so no
other one is used.
"""

VERSION = "feff-1"  # raise it whenever inputs, or what is made of outputs, change
PACKAGE = "feff10-rs"
RELEASE = "0.2.4"
CITATION = (
    "FEFF10: J. J. Kas, F. D. Vila, C. D. Pemmaraju, T. S. Tan, J. J. Rehr, "
    "J. Synchrotron Rad. 28 (2021) 1801, doi:10.1107/S1600577521008614"
)
