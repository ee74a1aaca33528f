"""The built-in plugins, and those in folders of their own, hold what the conformance kit asks of any plugin."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from rules_engine.registry import default_registry
from rules_engine.testing import (
    CensoringRuleConformance,
    CriterionConformance,
    EndpointConformance,
    EstimatorConformance,
    GradingConformance,
    ReaderConformance,
)
from rules_engine.vocabulary import Criterion

ROOT = Path(__file__).resolve().parents[2]
RULESETS, PLUGINS = ROOT / "rulesets", ROOT / "plugins"
KNOWN = default_registry()


def criterion(name: str) -> Criterion:
    return KNOWN.criteria.require(name)


class OfLesions(CriterionConformance):
    examples = 1


class TestRecist(OfLesions):
    criterion, ruleset = criterion("recist_1_1"), RULESETS / "recist_1_1"


class TestMrecist(OfLesions):
    criterion, ruleset = criterion("mrecist"), RULESETS / "mrecist"


class TestIrecist(OfLesions):
    criterion, ruleset = criterion("irecist"), RULESETS / "irecist"


class TestMrecistIrecist(OfLesions):
    criterion, ruleset = criterion("mrecist_irecist"), RULESETS / "mrecist_irecist"


class TestPcwg3(CriterionConformance):
    criterion, ruleset = criterion("pcwg3"), PLUGINS / "rules_engine_pcwg3" / "rulesets" / "pcwg3"


class TestPcwg3Psa(CriterionConformance):
    criterion, ruleset = criterion("pcwg3_psa"), PLUGINS / "rules_engine_pcwg3" / "rulesets" / "pcwg3_psa"
    analytes = (("PSA", "ng/mL"), ("ALT", "U/L"))


class TestGcigCa125(CriterionConformance):
    criterion = criterion("gcig_ca125")
    ruleset = PLUGINS / "rules_engine_gcig_ca125" / "rulesets" / "gcig_ca125"
    analytes = (("CA125", "U/mL"),)


class TestGcigCombined(CriterionConformance):
    criterion = criterion("gcig_combined")
    ruleset = PLUGINS / "rules_engine_gcig_ca125" / "rulesets" / "gcig_combined"


class TestImwg(CriterionConformance):
    criterion, ruleset = criterion("imwg"), PLUGINS / "rules_engine_imwg" / "rulesets" / "imwg"


class TestLugano(CriterionConformance):
    criterion, ruleset = criterion("lugano_2014"), PLUGINS / "rules_engine_lugano_2014" / "rulesets" / "lugano_2014"


class TestCtcae(GradingConformance):
    grading, ruleset = KNOWN.gradings.require("ctcae"), "ctcae_v5"
    options = {"on_unknown": "worst_case", "baseline_lookback_days": 28}  # noqa: RUF012  (as an author would write it)
    analytes = (("ALT", "U/L"), ("HGB", "g/dL"), ("PLAT", "10^9/L"))
    terms = ("Fatigue", "Nausea")
    examples = 2


PROTOCOL: dict[str, Any] = {
    "extends": ["ema"],
    "options": {"origin": "randomisation"},
    "responses": {"overall": {"collected_as": "RECIST 1.1"}},
    "endpoints": {"PFS": {"like": "PFS", "response": "overall"}, "BOR": {"like": "BOR", "response": "overall"}},
}


class TestTimeToEvent(EndpointConformance):
    protocol, paramcd, examples = PROTOCOL, "PFS", 2


class TestBestOverallResponse(EndpointConformance):
    protocol, paramcd, examples = PROTOCOL, "BOR", 3


class TestCutoff(CensoringRuleConformance):
    protocol, paramcd, examples = PROTOCOL, "PFS", 1
    rule = KNOWN.censoring_rules.require("cutoff")


class TestKaplanMeier(EstimatorConformance):
    estimator = KNOWN.estimators.require("kaplan_meier")
    examples = 4


class TestProportion(EstimatorConformance):
    estimator = KNOWN.estimators.require("proportion")
    examples = 4


class TestCox(EstimatorConformance):
    estimator = KNOWN.estimators.require("cox")
    covariates = {"age": lambda rng: float(rng.randrange(30, 80))}  # noqa: RUF012
    examples = 4


class TestCsv(ReaderConformance):
    reader = KNOWN.readers.require("csv")
    write = pl.DataFrame.write_csv


class TestParquet(ReaderConformance):
    reader = KNOWN.readers.require("parquet")
    write = pl.DataFrame.write_parquet


def test_the_histories_are_the_same_at_every_run() -> None:
    from rules_engine.testing.strategies import lesion_frame

    assert lesion_frame(Random(1), 5).equals(lesion_frame(Random(1), 5))


@pytest.mark.parametrize("name", sorted(KNOWN.criteria))
def test_every_installed_criterion_is_held_to_the_laws(name: str) -> None:
    tested = {cls.criterion.id for cls in _all(CriterionConformance) if hasattr(cls, "criterion")}
    assert name in tested


def _all(cls: type[Any]) -> set[type[Any]]:
    return {cls, *(one for sub in cls.__subclasses__() for one in _all(sub))}
