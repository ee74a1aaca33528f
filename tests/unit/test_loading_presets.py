"""The styles of censoring differ in what their table says and in nothing else; variants of an endpoint are short blocks.

The expected values are the columns of the table "FDA-style, EMA-style, seed-trial style" of the endpoints specification (section 10),
read off by hand.
"""

from __future__ import annotations

from typing import Any

import pytest
from rules_engine.loading import load_ruleset

COMMON: dict[str, Any] = {
    "curative_conversion": "as_new_therapy",
    "repeat_tace": "part_of_regimen",
    "clinical_progression": "ignore",
    "pd_date": "earliest_part",
    "nonpd_date": "latest_part",
    "death_handling": "censor_last_adequate",
    "os_censor": "last_known_alive",
    "post_cutoff_alive": "cap_at_cutoff",
    "withdrawal": "reason_only",
    "new_therapy_boundary": "inclusive",
}
TABLE: dict[str, dict[str, Any]] = {
    "fda": {
        **COMMON, "origin": "randomisation", "pd_rule": "first_pd", "no_baseline": "censor_day1", "new_therapy": "censor",
        "missed_visits.method": "windows", "missed_visits.n": 2, "missed_visits.applies_to": ["progression", "death"],
        "response.landmark": None,
    },
    "ema": {
        **COMMON, "origin": "randomisation", "pd_rule": "first_pd", "no_baseline": "use_assessments", "new_therapy": "ignore",
        "missed_visits.method": "disabled", "response.landmark": None,
    },
    "seed": {
        **COMMON, "origin": "first_component", "pd_rule": "first_pd_pseudo_confirm", "no_baseline": "censor_day1",
        "new_therapy": "ignore", "missed_visits.method": "disabled",
        "response.landmark": {
            "anchor": "first_tace", "from_days": 42, "to_days": 56, "tolerance": 0, "pick": "first", "missing": "non_responder",
        },
    },
}  # fmt: skip
#: Rows of the table in which the three styles are not alike.
DIFFERENT = {"origin", "pd_rule", "no_baseline", "missed_visits.method", "new_therapy", "response.landmark"}


def at(options: dict[str, Any], path: str) -> Any:
    found: Any = options
    for key in path.split("."):
        found = found[key]
    return found


@pytest.mark.parametrize("style", TABLE)
def test_a_style_is_its_column_of_the_table(style: str) -> None:
    options = load_ruleset(style).definitions["PFS"].options
    assert {path: at(options, path) for path in TABLE[style]} == TABLE[style]


def flat(options: Any, above: str = "") -> dict[str, Any]:
    if not isinstance(options, dict) or not options:
        return {above: options}
    return {
        path: value
        for key, item in options.items()
        for path, value in flat(item, f"{above}.{key}" if above else key).items()
    }


@pytest.mark.parametrize(("one", "other"), [("fda", "ema"), ("ema", "seed"), ("fda", "seed")])
def test_two_styles_differ_in_nothing_that_the_table_does_not_name(one: str, other: str) -> None:
    first, second = load_ruleset(one).definitions, load_ruleset(other).definitions
    assert list(first) == list(second)
    for name, definition in first.items():
        mine, theirs = flat(definition.options), flat(second[name].options)
        differing = {path for path in mine.keys() | theirs.keys() if mine.get(path) != theirs.get(path)}
        assert all(any(path == row or path.startswith(f"{row}.") for row in DIFFERENT) for path in differing), name


def test_three_sensitivity_analyses_are_three_short_blocks() -> None:
    ruleset = load_ruleset(
        {
            "rules_engine": 1, "id": "trial", "kind": "protocol", "extends": ["ema"],
            "responses": {"central": {"collected_as": "RECIST 1.1", "assessor": "independent"}},
            "endpoints": {
                "PFS": {"like": "PFS", "response": "central"},
                "PFSNAT": {"like": "PFS", "options": {"new_therapy": "censor"}},
                "PFSGAP": {"like": "PFS", "options": {"missed_visits": {"method": "fixed_days", "gap_days": 180}}},
                "PFSCLIN": {"like": "PFS", "options": {"clinical_progression": "event"}},
            },
        }
    )  # fmt: skip
    main = flat(ruleset.endpoints["PFS"].options)
    changed = {
        name: {path: value for path, value in flat(ruleset.endpoints[name].options).items() if main[path] != value}
        for name in ("PFSNAT", "PFSGAP", "PFSCLIN")
    }
    assert changed == {
        "PFSNAT": {"new_therapy": "censor"},
        "PFSGAP": {"missed_visits.method": "fixed_days", "missed_visits.gap_days": 180},
        "PFSCLIN": {"clinical_progression": "event"},
    }
    assert {one.response for one in ruleset.endpoints.values()} == {"central"}
