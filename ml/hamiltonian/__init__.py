"""Parameters of an ion's Hamiltonian, learnt as corrections to those of a quicker calculation."""
