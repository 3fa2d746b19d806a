"""Ab initio route: an embedded MO_n cluster gives the parameters of the multiplet engine.

PySCF does integrals and functionals and is imported only when a cluster is built.
"""
