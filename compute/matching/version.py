"""Version of the matching, a part of saved indexes and of what a match records."""

VERSION = "matching-6"  # raise it whenever a query gets other candidates, scores or probabilities
