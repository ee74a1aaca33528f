"""A realistic study of the first trial, made up: the same number of subjects and seed give the same study.

`simulate` gives the input tables as frames, `simulate_to` writes them. See docs/simulator.md.
"""

from __future__ import annotations

from rules_engine.simulator._study import CHUNK_SUBJECTS, simulate, study_in_chunks
from rules_engine.simulator.writing import simulate_to

__all__ = ["CHUNK_SUBJECTS", "simulate", "simulate_to", "study_in_chunks"]
