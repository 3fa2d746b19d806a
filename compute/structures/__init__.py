"""Structure files read, checked against their own figures and against what crystals are."""
