"""The version of the numbers that analyses of series give."""

VERSION = "series-2"
