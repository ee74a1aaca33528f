"""One Hypothesis profile for the default run: the same examples every time, and no time limit on any of them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("default_run", derandomize=True, deadline=None)
settings.load_profile("default_run")
