"""Route by point charges and Harrison's hopping, with global prefactors (docs/cheap.md)."""
