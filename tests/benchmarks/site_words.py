"""What the made-up rows are of, for those who fill a database and those who search in it."""

METALS = ("Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu")
OTHERS = ("Li", "Na", "K", "Mg", "Ca", "Sr", "Ba", "Al", "Y", "La", "Zr", "Nb", "Mo")
SYSTEMS = (
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic",
)  # fmt: skip
