"""DOIs of what is published here: what is told of it (DataCite), and its registration."""
