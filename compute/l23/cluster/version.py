"""Version of route ``cluster``; the analysis of sites and what routes share are part of it."""

VERSION = "cluster-6"  # raise it whenever parameters change
