"""The conformance kit: point it at an object of your plugin and get every law that the engine relies on as pytest tests.

    from rules_engine.testing import CriterionConformance

    class TestWho(CriterionConformance):
        criterion = WHO
        ruleset = Path(__file__).parent / "rulesets" / "who"

Each `…Conformance` is a class whose `test_…` methods are laws; a subclass says what is tested, and may leave a law out by
setting it to None, which a reader of the tests then sees. Its histories come from `rules_engine.testing.strategies`, which
are public for tests of your own.
Needs pytest and Hypothesis: `pip install endpoint-rules-engine[testing]`.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "rules_engine.testing.laws",
    "rules_engine.testing.criteria",
    "rules_engine.testing.gradings",
    "rules_engine.testing.endpoints",
    "rules_engine.testing.estimators",
    "rules_engine.testing.readers",
)

from rules_engine.testing.criteria import CriterionConformance  # noqa: E402  (after the rewrite of assertions is asked for)
from rules_engine.testing.endpoints import CensoringRuleConformance, EndpointConformance  # noqa: E402
from rules_engine.testing.estimators import EstimatorConformance  # noqa: E402
from rules_engine.testing.gradings import GradingConformance  # noqa: E402
from rules_engine.testing.readers import ReaderConformance  # noqa: E402
from rules_engine.testing.strategies import lab_histories, lesion_histories, table_histories, timelines  # noqa: E402

__all__ = [
    "CensoringRuleConformance",
    "CriterionConformance",
    "EndpointConformance",
    "EstimatorConformance",
    "GradingConformance",
    "ReaderConformance",
    "lab_histories",
    "lesion_histories",
    "table_histories",
    "timelines",
]
