"""Version of route ``cheap``; the analysis of sites and what routes share are part of it."""

VERSION = "cheap-6"  # raise it whenever parameters change
