"""Version of the free ions' numbers, a part of every hash they go into."""

VERSION = "atom-1"  # raise it whenever an integral changes
