"""From a structure to a ligand field: embedding, hopping, the two routes."""
