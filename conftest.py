"""Property tests are the same in every run, and a busy machine does not fail them."""

from hypothesis import settings

settings.register_profile("cristae", deadline=None, derandomize=True)
settings.load_profile("cristae")
