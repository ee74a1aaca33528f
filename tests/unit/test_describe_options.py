"""Every option in force is told: whatever option is changed, to whatever value its schema allows, the text changes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rules_engine.analysis.options import with_defaults
from rules_engine.describe import describe_ruleset
from rules_engine.describe.endpoints import ToldEndpoint, ToldEndpoints
from rules_engine.describe.places import Places
from rules_engine.describe.responses import values_table
from rules_engine.describe.statements import tell
from rules_engine.loading import load_criterion_rules, load_ruleset
from rules_engine.model import CriterionRules, EndpointDefinition, Ruleset, Schedule, Segment
from rules_engine.pages import Page, Section, render_markdown
from rules_engine.registry import default_registry

from tests.strategies.alternatives import alternatives
from tests.strategies.engine import merged
from tests.unit.loading_toys import toy_registry

REGISTRY = default_registry()
SCHEDULE = Schedule((Segment(42, 168), Segment(63)), early=5, late=5)
#: Settings under which options that depend on others change something.
SETTINGS: dict[str, dict[str, Any]] = {
    "as common has it": {},
    "iRECIST": {"pd_rule": "irecist", "origin": "last_component", "delayed_entry": "last_component"},
    "pseudoprogression, unconfirmed censored": {
        "pd_rule": "first_pd_pseudo_confirm", "irecist": {"unconfirmed": "censor"}, "pd_date": "midpoint",
    },
    "missed visits by windows, therapy censors": {
        "missed_visits": {"method": "windows"}, "new_therapy": "censor", "no_baseline": "censor_day1",
        "response": {"confirmation": "required"},
    },
    "missed visits by days, therapy an event": {
        "missed_visits": {"method": "fixed_days", "gap_days": 180}, "new_therapy": "event", "pd_date": "next_scheduled",
        "death_handling": "competing",
    },
    "landmark": {"response": {"landmark": {
        "anchor": "first_tace", "from_days": 42, "to_days": 56, "tolerance": 0, "pick": "first", "missing": "non_responder",
    }}},
}  # fmt: skip


@cache
def definitions() -> Mapping[str, EndpointDefinition]:
    return load_ruleset("common").definitions


def told(definition: EndpointDefinition, options: Mapping[str, Any]) -> ToldEndpoint:
    kind = REGISTRY.endpoint_kinds[definition.kind]
    changed = EndpointDefinition(
        definition.paramcd, definition.kind, definition.label, "overall", options, schedule=SCHEDULE
    )
    text = kind.describe(changed) if kind.describe is not None else None
    return ToldEndpoint(changed, kind, text, tell(options, kind.options_schema))


def prose(one: ToldEndpoint) -> str:
    """Definition, table and rules of an endpoint; not the list of all options."""
    endpoints = ToldEndpoints([one])
    blocks = [endpoints.overview(), *endpoints.common_rules(), *endpoints.blocks(one)]
    return render_markdown(Page("", [], [Section("", "", blocks)]))


#: Texts and codes of the data sets: listed, and told by the table of events and censoring where they occur in it.
LISTED = ("start_variables", "event_reasons", "censoring_reasons", "censoring_dates")


#: Definitions and the settings under which each of their options is changed.
EACH = [
    *(("PFS", setting) for setting in SETTINGS),
    ("DOR", "missed visits by windows, therapy censors"),
    ("ORR", "landmark"),
    *(
        (name, "as common has it")
        for name in ("OS", "TTP", "TTR", "EFS", "DFS", "TTF", "PFS2", "TACEPFS", "BOR", "CBR")
    ),
]


@pytest.mark.parametrize(("name", "setting"), EACH)
def test_changing_an_option_that_has_an_effect_changes_the_prose(name: str, setting: str) -> None:
    definition = definitions()[name]
    schema = REGISTRY.endpoint_kinds[definition.kind].options_schema
    options = merged(definition.options, SETTINGS[setting])
    before = told(definition, options)
    text = prose(before)
    tried, untold = 0, []
    for path, changed in alternatives(options, schema):
        if path in LISTED:
            continue
        after = told(definition, changed)
        # What is told of a group that appears or disappears is told by its own keys.
        if all(any(_below(key, path) for key in one.sentences) for one in (before, after)):
            tried += 1
            if prose(after) == text:
                untold.append((path, _at(changed, path)))
    assert tried > 5
    assert not untold


def _below(key: str, path: str) -> bool:
    return key == path or key.startswith(f"{path}.")


def _at(options: Mapping[str, Any], path: str) -> Any:
    found: Any = options
    for key in path.split("."):
        found = found[key]
    return found


@pytest.mark.parametrize("name", ["PFS", "ORR", "BOR"])
def test_changing_any_option_changes_what_is_listed(name: str) -> None:
    definition = definitions()[name]
    schema = REGISTRY.endpoint_kinds[definition.kind].options_schema
    listed = listing(told(definition, definition.options))
    tried, unlisted = 0, []
    for path, changed in alternatives(definition.options, schema):
        tried += 1
        if listing(told(definition, changed)) == listed:
            unlisted.append((path, _at(changed, path)))
    assert tried > 100
    assert not unlisted


def listing(one: ToldEndpoint) -> list[tuple[str, Any, str]]:
    return [(statement.path, statement.value, statement.shown) for statement in one.statements]


def test_every_option_of_every_kind_is_in_effect_somewhere() -> None:
    """A wording whose condition nothing meets would hide an option from the prose for ever."""
    for kind in REGISTRY.endpoint_kinds.values():
        of_kind = [one for one in definitions().values() if one.kind == kind.id]
        known = {
            statement.path
            for one in of_kind
            for setting in SETTINGS.values()
            for statement in told(one, merged(one.options, setting)).statements
        }
        in_effect = {
            path
            for one in of_kind
            for setting in SETTINGS.values()
            for path in told(one, merged(one.options, setting)).sentences
        }
        never = {path for path in known - in_effect if path.split(".")[0] not in LISTED}
        expected = LANDMARK if kind.shape == "time_to_event" else ABOUT_TIMES
        assert never <= expected | {"response.cbr_days"}


#: Options that only times have.
ABOUT_TIMES = {
    "delayed_entry", "day_convention", "days_per_month", "clinical_progression", "missed_visits.method", "missed_visits.n",
    "missed_visits.gap_days", "missed_visits.reference", "missed_visits.scope", "missed_visits.applies_to",
    "death_handling", "os_censor", "post_cutoff_alive", "report_deaths_after_days", "ttup_kinds", "ttup_death", "efs_kinds", "ttd_scope",
    "ttd_components", "pfs2_censor",
}  # fmt: skip
#: Options that only rates have.
LANDMARK = {
    "response.landmark", "response.landmark.anchor", "response.landmark.from_days", "response.landmark.to_days",
    "response.landmark.tolerance", "response.landmark.pick", "response.landmark.missing", "response.sd_min_days",
}  # fmt: skip


@pytest.mark.parametrize("name", ["recist_1_1", "mrecist", "irecist", "mrecist_irecist"])
def test_changing_a_value_of_a_criterion_changes_the_text(name: str) -> None:
    rules = load_criterion_rules(name)
    schema = REGISTRY.criteria[rules.criterion].options_schema
    before = _criterion_text(rules)
    tried, untold = 0, []
    for path, changed in alternatives(rules.options, schema):
        if name == "irecist" and path == "equivocal.backdate":
            continue  # changes nothing under iRECIST, and is said to
        tried += 1
        if _criterion_text(rules, changed) == before:
            untold.append((path, changed[path]))
    assert tried >= 2 * len(rules.options)
    assert not untold


def _criterion_text(rules: CriterionRules, options: Mapping[str, Any] | None = None) -> str:
    """The table of the values; of a changed value the ruleset's own reference is no longer shown, whatever the words."""
    shown = CriterionRules(rules.ruleset, rules.criterion, options or rules.options)
    places = Places(Ruleset("x", "protocol", "x", {}))
    return render_markdown(Page("", [], [Section("", "", [values_table({"x": shown}, REGISTRY, places)])]))


@pytest.mark.parametrize("name", sorted(REGISTRY.estimators))
def test_changing_an_option_of_an_estimator_changes_the_text(name: str) -> None:
    schema = REGISTRY.estimators[name].options_schema
    base = {**with_defaults({}, schema), **({"strata": ["bclc"]} if "strata" in schema["properties"] else {})}
    assert not _untold(base, schema)


def _untold(base: Mapping[str, Any], schema: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Changes of one option that no sentence tells."""
    before = [one.sentence for one in tell(base, schema) if one.in_effect]
    changes = list(alternatives(base, schema))
    assert changes
    return [
        (path, _at(changed, path))
        for path, changed in changes
        if [one.sentence for one in tell(changed, schema) if one.in_effect] == before
    ]


def test_changing_an_option_of_the_grading_changes_the_text() -> None:
    schema = REGISTRY.gradings["ctcae"].options_schema
    base = with_defaults({}, schema)
    assert not _untold(base, schema)


@pytest.mark.parametrize("name", ["tace_ici_hcc", "cdisc_pilot_onco", "fda"])
def test_a_description_lists_every_option_of_everything(name: str) -> None:
    ruleset = load_ruleset(name)
    text = str(describe_ruleset(ruleset))
    listed = text[text.index("## Every option in force") :]
    rows = {line.split(" | ")[0].removeprefix("| ") for line in listed.splitlines() if line.startswith("| ")}
    for one in (*ruleset.endpoints.values(), *ruleset.definitions.values()):
        schema = REGISTRY.endpoint_kinds[one.kind].options_schema
        assert {statement.path for statement in tell(one.options, schema)} <= rows
    for response in ruleset.responses.values():
        assert response.rules is None or set(response.rules.options) <= rows
    for graded in (ruleset.adverse_events, ruleset.labs):
        if graded is not None:
            schema = REGISTRY.gradings[graded.rules.grading].options_schema
            assert {statement.path for statement in tell(graded.options, schema)} <= rows
    for analysis in ruleset.analyses.values():
        assert set(with_defaults({}, REGISTRY.estimators[analysis.estimator].options_schema)) <= rows


CHANGES: list[dict[str, Any]] = [
    {"options": {"origin": "enrolment"}},
    {"options": {"missed_visits": {"method": "fixed_days", "gap_days": 91}}},
    {"endpoints": {"PFSGAP": {"options": {"missed_visits": {"gap_days": 181}}}}},
    {"endpoints": {"PFS": {"label": "Another label"}}},
    {"endpoints": {"PFSMR": {"response": "recist"}}},
    {"responses": {"recist": {"options": {"pr.pct": 29}}}},
    {"responses": {"recist": {"assessor": "independent"}}},
    {"labs": {"options": {"baseline_lookback_days": 29}}},
    {"adverse_events": {"options": {"exclude_after_tace_days": 8}}},
    {"adverse_events": {"window": {"from": "first_ici"}}},
    {"adverse_events": {"window": {"days_after": 30}}},
    {"analyses": {"survival": {"options": {"conf_level": 0.9}}}},
    {"analyses": {"survival": {"by": "sex"}}},
    {"analyses": {"survival": {"endpoints": ["PFS"]}}},
    {"study": {"reference_arm": "TACE+ICI"}},
    {"study": {"horizons_months": {"PFS": 13}}},
    {"estimand": {"intercurrent_events": {"new_therapy": "hypothetical"}}},
    {"estimand": {"population": "Another population"}},
    {"schedule": {"segments": [{"every": 56}], "early": 7, "late": 7}},
    {"interpretation": "A reading of our own."},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_changing_any_section_of_a_protocol_changes_its_description(change: dict[str, Any]) -> None:
    before = str(describe_ruleset(load_ruleset("tace_ici_hcc")))
    after = str(describe_ruleset(load_ruleset("tace_ici_hcc", overrides=change)))
    assert _without_places(after) != _without_places(before)


def _without_places(text: str) -> str:
    """The text without the list of options, which also changes with where a value was stated."""
    return text[: text.index("## Every option in force")]


# Options of third parties --------------------------------------------------------------------------------------------------


def test_options_without_any_wording_are_told_by_their_schema(tmp_path: Path) -> None:
    registry = toy_registry(tmp_path)
    ruleset = load_ruleset(
        {
            "rules_engine": 1, "id": "mine", "kind": "protocol", "title": "Mine", "extends": "base",
            "responses": {"overall": {"criterion": "toy_1", "options": {"pd.pct": 25}}},
            "endpoints": {"PFS": {"like": "PFS", "response": "overall"}, "ORR": {"like": "ORR", "response": "overall"}},
            "analyses": {"curves": {"estimator": "curve", "endpoints": ["PFS"]}},
            "labs": {"grading": "toy_table"},
        },
        registry=registry,
    )  # fmt: skip
    text = str(describe_ruleset(ruleset, registry=registry))
    assert "New therapy: follow-up goes on." in text
    assert "Rise over nadir that is progression, in %: 25%." in text
    assert "Pd pct: 25% in place of 20%." in text
    assert "| missed_visits.n | 2 |" in text
    assert "On unknown: undecided." in text
    assert "Conf level: 0.95." in text


@pytest.mark.parametrize("kind", ["time", "rate"])
def test_changing_an_option_of_a_third_party_changes_the_text(kind: str, tmp_path: Path) -> None:
    schema = toy_registry(tmp_path).endpoint_kinds[kind].options_schema
    base: dict[str, Any] = {
        "time": {
            "events": ["death"], "pd_rule": "first_pd", "new_therapy": "ignore", "days_per_month": 30.4375,
            "missed_visits": {"method": "disabled", "n": 2, "gap_days": None},
            "irecist": {"unconfirmed": "event", "confirmed_date": "first_iupd"},
        },
        "rate": {"responders": ["CR", "PR"], "landmark": {"from_days": 42, "pick": "first"}},
    }[kind]  # fmt: skip
    assert not _untold(base, schema)
