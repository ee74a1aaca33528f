"""What an endpoint comes to does not depend on the other endpoints of the protocol, with which it shares steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, load_ruleset

CUTOFF = "2025-12-31"


def protocol(*names: str) -> dict[str, Any]:
    """Progression-free survival twice: censored at new therapy by the rules of the preset, and by the same rules in another place."""
    base = {
        "rules_engine": 1, "id": "together", "kind": "protocol", "extends": ["ema"], "title": "Together",
        "options": {"origin": "first_tace", "new_therapy": "censor"},
        "responses": {"overall": {"criterion": "recist_1_1", "assessor": "investigator"}},
    }  # fmt: skip
    like = {"like": "PFS", "response": "overall"}
    listed = load_ruleset({**base, "endpoints": {"PFS": like}}).endpoints["PFS"].options["censoring_rules"]
    ending = [name for name in listed if name in ("new_therapy", "curative_conversion")]
    assert len(ending) == 2
    endpoints = {
        "PFS": like,
        # The rules that end the observation stand first instead of in the middle.
        "FIRST": {**like, "options": {"censoring_rules": [*ending, *(name for name in listed if name not in ending)]}},
        "ORR": {"like": "ORR", "response": "overall"},
    }
    return {**base, "endpoints": {name: endpoints[name] for name in names}}


@pytest.mark.parametrize("name", ["PFS", "FIRST"])
def test_an_endpoint_alone_and_among_others_is_the_same(name: str, study_folder: Path) -> None:
    together = Engine(protocol("PFS", "FIRST", "ORR")).run(study_folder, data_cutoff=CUTOFF)
    alone = Engine(protocol(name)).run(study_folder, data_cutoff=CUTOFF)
    # Two parameters of one label are told apart by their names, and the ruleset is another one.
    shared, own = (one.adtte.filter(pl.col("PARAMCD") == name).drop("PARAM", "RULESET") for one in (together, alone))
    assert shared.equals(own, null_equal=True)
    assert own.filter(pl.col("REASON") == "NEW_THERAPY").height > 0


def test_the_report_tells_subjects_of_such_endpoints(study_folder: Path, tmp_path: Path) -> None:
    result = Engine(protocol("PFS", "FIRST", "ORR")).run(study_folder, data_cutoff=CUTOFF)
    assert result.report(tmp_path / "report.html").is_file()
