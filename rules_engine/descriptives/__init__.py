"""Counts and summaries of a study as rows of the analysis results data: who is in it, how records end, what responses are.

`tally_records` counts in the records of some or all subjects; `describe_cohort` puts the stacked tallies of all of them together.
"""

from __future__ import annotations

from rules_engine.descriptives.cohort import describe_cohort
from rules_engine.descriptives.quality import describe_quality
from rules_engine.descriptives.rows import arms_of
from rules_engine.descriptives.tallies import tally_records

__all__ = ["arms_of", "describe_cohort", "describe_quality", "tally_records"]
