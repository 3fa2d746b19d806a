"""What holds for all tests: no wall time is asserted, by hypothesis neither."""

from hypothesis import settings

settings.register_profile("spectradb", deadline=None)
settings.load_profile("spectradb")
