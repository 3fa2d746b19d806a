"""Route from Kohn-Sham fields of an embedded MO_n cluster to the engine's parameters.

U_dd, a factor of the Slater integrals, one of ζ_2p and a constant of the energy scale are fitted
(:mod:`compute.l23.fitting`). PySCF does integrals and functionals and is imported only when a
cluster is built.
"""
