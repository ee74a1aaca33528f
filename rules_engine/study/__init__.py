"""Tables in and data sets out: reading a study, mapping SDTM, checking contracts; ADaM data sets, manifest, atomic
writing.
"""

from __future__ import annotations

from rules_engine.study.needs import require_tables
from rules_engine.study.sources import Source
from rules_engine.study.study import Study, as_study, check_records, open_study, read_study

__all__ = ["Source", "Study", "as_study", "check_records", "open_study", "read_study", "require_tables"]
