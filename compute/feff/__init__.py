"""K and other edges of any element by FEFF10, from a structure alone (docs/feff.md)."""
