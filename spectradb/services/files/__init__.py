"""Files that belong to rows, in whatever storage each kind has."""
