"""Rulesets: bases, `like`, options, the plugins' schemas, and every problem with its place and remedy."""

# ruff: noqa: E501  (the tables of mistakes read better with one mistake on a line)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rules_engine.errors import PluginError, Problem, RulesetError
from rules_engine.loading import effective, load_criterion_rules, load_grading_rules, load_ruleset
from rules_engine.model import Ruleset, Schedule, Segment
from rules_engine.registry import Registry

from tests.unit.loading_toys import toy_registry

PROTOCOL = """\
rules_engine: 1
id: mine
kind: protocol
title: My study
extends: [base]
study: {id: MINE, arms: [A, B], reference_arm: A}
responses:
  overall: {criterion: toy_hybrid, assessor: investigator, options: {pd.pct: 25}}
  read: {collected_as: RECIST 1.1}
options: {pd_rule: first_pd_pseudo_confirm}
endpoints:
  PFS: {like: PFS, response: overall}
  PFSNAT: {like: PFS, label: Sensitivity, options: {new_therapy: censor}}
  OS: {like: OS}
  ORR: {like: ORR, response: read, options: {landmark: {from_days: 42}}}
  BEST: {like: ORR, options: {landmark: null}}
labs: {grading: toy_table}
adverse_events:
  {grading: toy_table, window: {from: first_component, to: end_of_study}, options: {on_unknown: worst_case}}
analyses:
  curves: {estimator: curve, endpoints: [PFS, OS], by: arm, options: {conf_level: 0.9}}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return toy_registry(tmp_path / "toys")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def load(file: Path, registry: Registry, text: str = PROTOCOL, **more: Any) -> Ruleset:
    file.write_text(text, encoding="utf-8")
    return load_ruleset(file, registry=registry, **more)


def problems(file: Path, registry: Registry, text: str, **more: Any) -> list[Problem]:
    with pytest.raises(RulesetError) as caught:
        load(file, registry, text, **more)
    return list(caught.value.problems)


def the_problem(file: Path, registry: Registry, old: str, new: str) -> Problem:
    """The one problem of the protocol with `old` replaced by `new`."""
    assert old in PROTOCOL
    found = problems(file, registry, PROTOCOL.replace(old, new))
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


# What a ruleset becomes


def test_an_endpoint_takes_options_from_kind_ruleset_definition_and_itself(file: Path, registry: Registry) -> None:
    pfs = load(file, registry).endpoints["PFS"]
    assert pfs.options == {
        "events": ["progression", "death"],  # the definition's
        "pd_rule": "first_pd_pseudo_confirm",  # the file's, over the base's
        "new_therapy": "ignore",  # the base's
        "missed_visits": {"method": "disabled", "n": 2, "gap_days": None},  # the base's, completed by the schema
        "irecist": {"unconfirmed": "event", "confirmed_date": "first_iupd"},  # the schema's
        "days_per_month": 30.4375,
    }
    assert (pfs.kind, pfs.label, pfs.response) == ("time", "Progression-free survival", "overall")


def test_like_an_endpoint_takes_its_response_and_options(file: Path, registry: Registry) -> None:
    endpoint = load(file, registry).endpoints["PFSNAT"]
    assert (endpoint.label, endpoint.response, endpoint.options["new_therapy"]) == ("Sensitivity", "overall", "censor")


def test_null_is_a_value_where_the_schema_takes_it(file: Path, registry: Registry) -> None:
    endpoints = load(file, registry).endpoints
    assert endpoints["ORR"].options["landmark"] == {"from_days": 42, "pick": "first"}
    assert endpoints["BEST"].options["landmark"] is None


def test_an_option_is_passed_only_to_kinds_that_know_it(file: Path, registry: Registry) -> None:
    assert set(load(file, registry).endpoints["ORR"].options) == {"responders", "landmark"}


def test_responses_are_derived_or_collected(file: Path, registry: Registry) -> None:
    responses = load(file, registry).responses
    derived, collected = responses["overall"], responses["read"]
    assert derived.rules is not None
    assert (derived.source, derived.rules.criterion, derived.assessor) == ("derived", "toy_hybrid", "investigator")
    assert derived.rules["pd.pct"] == 25
    assert derived.rules["pd.abs_mm"] == 5
    assert (collected.source, collected.collected_as, collected.rules) == ("collected", "RECIST 1.1", None)


def test_grading_and_analyses_are_typed(file: Path, registry: Registry) -> None:
    ruleset = load(file, registry)
    assert ruleset.labs is not None
    assert ruleset.adverse_events is not None
    assert ruleset.labs.options == {"on_unknown": "undecided"}
    assert ruleset.adverse_events.options == {"on_unknown": "worst_case"}
    assert ruleset.adverse_events.window == {"from": "first_component", "to": "end_of_study"}
    assert ruleset.adverse_events.rules.ruleset == "toy_table"
    curves = ruleset.analyses["curves"]
    assert (curves.estimator, curves.endpoints, curves.by, curves.options) == (
        "curve", ("PFS", "OS"), "arm", {"conf_level": 0.9},
    )  # fmt: skip


def test_every_value_knows_where_it_was_stated(file: Path, registry: Registry) -> None:
    positions = load(file, registry).positions
    own = positions["endpoints.PFSNAT.options.new_therapy"]
    base = positions["endpoints.PFS.options.new_therapy"]
    assert (Path(own.file).name, own.line) == ("mine.yaml", 13)
    assert (Path(base.file).parent.name, base.line) == ("base", 7)
    assert positions["responses.overall.options.pd.pct"].line == 8
    assert "endpoints.PFS.options.days_per_month" not in positions


def test_the_files_are_told_in_the_order_of_reading(file: Path, registry: Registry) -> None:
    names = [f"{Path(name).parent.name}/{Path(name).name}" for name in load(file, registry).files]
    assert names == [
        "base/ruleset.yaml", f"{file.parent.name}/mine.yaml",
        "toy_1/ruleset.yaml", "toy_hybrid/ruleset.yaml", "toy_table/ruleset.yaml",
    ]  # fmt: skip


def test_overrides_are_laid_over_the_whole(file: Path, registry: Registry) -> None:
    ruleset = load(file, registry, overrides={"options": {"new_therapy": "event"}, "endpoints": {"BEST": None}})
    assert ruleset.endpoints["PFS"].options["new_therapy"] == "event"
    assert "BEST" not in ruleset.endpoints


def test_a_schedule_is_typed_and_an_endpoint_may_change_it(file: Path, registry: Registry) -> None:
    schedule = "schedule: {segments: [{every: 42, until: 168}, {every: 63}], early: 5, late: 5}\n"
    text = PROTOCOL.replace("OS: {like: OS}", "OS: {like: OS, schedule: {anchor: first_tace, late: 7}}") + schedule
    endpoints = load(file, registry, text).endpoints
    segments = (Segment(42, 168), Segment(63, None))
    assert endpoints["PFS"].schedule == Schedule(segments, early=5, late=5, anchor=None)
    assert endpoints["OS"].schedule == Schedule(segments, early=5, late=7, anchor="first_tace")


def test_a_mapping_is_a_ruleset_too(registry: Registry) -> None:
    document = {
        "rules_engine": 1, "id": "given", "kind": "protocol", "title": "Given", "extends": "base",
        "endpoints": {"PFS": {"like": "PFS", "response": None}},
    }  # fmt: skip
    assert load_ruleset(document, registry=registry).endpoints["PFS"].options["new_therapy"] == "ignore"


def test_a_ruleset_is_found_by_name_by_folder_and_by_file(registry: Registry) -> None:
    folder = registry.ruleset_folders["toys"].path
    for source in ("base", folder / "base", str(folder / "base" / "ruleset.yaml")):
        assert load_ruleset(source, registry=registry).id == "base"


def test_later_bases_win_lists_replace_and_null_removes(tmp_path: Path, registry: Registry) -> None:
    head = "rules_engine: 1\nkind: protocol\ntitle: T\n"
    (tmp_path / "one.yaml").write_text(f"{head}id: one\nextends: base\nstudy: {{arms: [A, B], phase: I}}\n")
    (tmp_path / "two.yaml").write_text(f"{head}id: two\nstudy: {{arms: [C], design: D}}\n")
    (tmp_path / "three.yaml").write_text(
        f"{head}id: three\nextends: [./one.yaml, ./two.yaml]\nstudy: {{phase: null}}\ndefinitions: {{ORR: null}}\n"
    )
    document = load_ruleset(tmp_path / "three.yaml", registry=registry).document
    assert document["study"] == {"arms": ["C"], "design": "D"}
    assert sorted(document["definitions"]) == ["OS", "PFS"]
    assert "extends" not in document


def test_criterion_rules_take_the_changes_of_a_case(registry: Registry) -> None:
    rules = load_criterion_rules("toy_1", {"pd.abs_mm": 0}, registry=registry)
    assert rules.options == {"pd.pct": 20, "pd.abs_mm": 0, "nadir": "with"}
    with pytest.raises(RulesetError, match=r"there is no key 'pd\.abs'"):
        load_criterion_rules("toy_1", {"pd.abs": 0}, registry=registry)
    with pytest.raises(RulesetError, match="is not at least 0"):
        load_criterion_rules("toy_1", {"pd.abs_mm": -1}, registry=registry)


def test_a_ruleset_of_another_kind_is_refused(registry: Registry) -> None:
    with pytest.raises(RulesetError, match="is a protocol ruleset, and a criterion ruleset is wanted"):
        load_criterion_rules("base", registry=registry)
    with pytest.raises(RulesetError, match="is a criterion ruleset, and a grading ruleset is wanted"):
        load_grading_rules("toy_1", registry=registry)


# The effective ruleset


def test_the_effective_ruleset_loads_to_the_same_endpoints(file: Path, registry: Registry) -> None:
    ruleset = load(file, registry)
    text = effective(ruleset)
    again = load(file, registry, text)
    for name, endpoint in ruleset.endpoints.items():
        other = again.endpoints[name]
        assert (endpoint.kind, endpoint.label, endpoint.response) == (other.kind, other.label, other.response)
        assert endpoint.options == other.options
    assert again.responses == ruleset.responses
    assert again.labs == ruleset.labs


def test_the_effective_ruleset_says_where_each_value_came_from(file: Path, registry: Registry) -> None:
    lines = effective(load(file, registry)).splitlines()
    pd_pct = next(line for line in lines if "pd.pct: 25" in line)
    assert pd_pct.endswith("mine.yaml:8")
    assert any("days_per_month" in line and line.endswith("# default") for line in lines)


# What is wrong, where, and what was meant


@pytest.mark.parametrize(
    ("old", "new", "path", "what", "meant"),
    [
        ("arms: [A, B]", "arm: [A, B]", "study.arm", "there is no key 'arm' here", "arms"),
        ("study:", "studdy:", "studdy", "there is no key 'studdy' here", "study"),
        ("new_therapy: censor", "new_therapy: censr", "endpoints.PFSNAT.options.new_therapy", "`censr` is none of the choices", "censor"),
        ("pd_rule: first", "pd_rul: first", "options.pd_rul", "no endpoint kind has an option 'pd_rul'", "pd_rule"),
        ("pd_rule: first_pd_pseudo_confirm", "pd_rule: 7", "options.pd_rule", "`7` is none of the choices", ""),
        ("{like: OS}", "{like: OSS}", "endpoints.OS.like", "there is no endpoint and no definition `OSS`", "OS"),
        ("{like: OS}", "{kind: tim}", "endpoints.OS.kind", "no installed plugin offers the endpoint kind `tim`", "time"),
        ("response: read", "response: red", "endpoints.ORR.response", "there is no response `red`", "read"),
        ("from_days: 42", "from_days: 42.5", "endpoints.ORR.options.landmark.from_days", "`42.5` is not a whole number", ""),
        ("from_days: 42", "pick: last", "endpoints.ORR.options.landmark.from_days", "the key 'from_days' is missing", ""),
        ("criterion: toy_hybrid", "criterion: toy_hybrd", "responses.overall.criterion", "there is no ruleset 'toy_hybrd'", "toy_hybrid"),
        ("criterion: toy_hybrid", "criterion: base", "responses.overall.criterion", "'base' is a protocol ruleset", ""),
        ("pd.pct: 25", "pd.pc: 25", "responses.overall.options.pd.pc", "there is no key 'pd.pc' here", "pd.pct"),
        ("pd.pct: 25", "pd.pct: many", "responses.overall.options.pd.pct", "`many` is not a number", ""),
        ("pd.pct: 25", "pd.pct: 0", "responses.overall.options.pd.pct", "`0` is not more than 0", ""),
        ("collected_as: RECIST 1.1", "assessor: x", "responses.read", "says neither how it is derived nor what was collected", ""),
        ("{collected_as: RECIST 1.1}", "{collected_as: R, criterion: toy_1}", "responses.read", "both derived and collected", ""),
        ("{collected_as: RECIST 1.1}", "{collected_as: R, options: {a: 1}}", "responses.read.options", "a collected response has no options", ""),
        ("endpoints: [PFS, OS]", "endpoints: [PFS, OSS]", "analyses.curves.endpoints[1]", "there is no endpoint 'OSS'", "OS"),
        ("endpoints: [PFS, OS]", "endpoints: [PFS, ORR]", "analyses.curves.endpoints[1]", "ORR is a response endpoint", ""),
        ("endpoints: [PFS, OS]", "endpoints: []", "analyses.curves.endpoints", "fewer than 1 values", ""),
        ("estimator: curve", "estimator: curves", "analyses.curves.estimator", "no installed plugin offers the estimator `curves`", "curve"),
        ("conf_level: 0.9", "conf_level: 90", "analyses.curves.options.conf_level", "`90` is not less than 1", ""),
        ("by: arm", "by: 3", "analyses.curves.by", "`3` is not a text", ""),
        ("reference_arm: A", "reference_arm: a", "study.reference_arm", "'a' is not among the arms", "A"),
        ("{grading: toy_table}", "{grading: toy_1}", "labs.grading", "'toy_1' is a criterion ruleset", ""),
        ("on_unknown: worst_case", "on_unknown: worst", "adverse_events.options.on_unknown", "`worst` is none of the choices", "worst_case"),
        ("title: My study", "title: [a]", "title", "a list is not a text", ""),
        ("extends: [base]", "extends: [base, bas]", "extends[1]", "there is no ruleset 'bas'", "base"),
        ("extends: [base]", "extends: [base, toy_1]", "extends[1]", "'toy_1' is a criterion ruleset, and this is a protocol", ""),
        ("rules_engine: 1", "rules_engine: 2", "rules_engine", "the grammar's version is `2`", ""),
        ("kind: protocol", "kind: protokol", "kind", "there is no kind `protokol`", "protocol"),
        ("PFSNAT: {", "PFSNOTHERAPY: {", "endpoints.PFSNOTHERAPY", "the name 'PFSNOTHERAPY' has not the form", ""),
    ],
)  # fmt: skip
def test_one_mistake_is_one_problem_at_its_place(
    old: str, new: str, path: str, what: str, meant: str, file: Path, registry: Registry
) -> None:
    problem = the_problem(file, registry, old, new)
    assert problem.path == path
    assert what in problem.what
    assert problem.meant == meant
    assert problem.remedy
    line = next(n for n, text in enumerate(PROTOCOL.replace(old, new).splitlines(), 1) if new.split("\n")[0] in text)
    assert problem.line == line
    assert problem.where.startswith(str(file)) or problem.where.endswith(f"{problem.line}:{problem.column}")


def test_a_plugin_that_is_not_installed_is_a_fault_of_its_own(file: Path, registry: Registry) -> None:
    with pytest.raises(PluginError, match="no installed plugin offers the endpoint kind `multistate`") as caught:
        load(file, registry, PROTOCOL.replace("{like: OS}", "{kind: multistate}"))
    assert caught.value.problems[0].line == 14


def test_an_endpoint_that_only_responses_can_show_says_which_it_reads(file: Path, registry: Registry) -> None:
    found = problems(
        file,
        registry,
        PROTOCOL.replace("response: read, ", "").replace("{like: PFS, response: overall}", "{like: PFS}"),
    )
    assert [problem.path for problem in found] == [
        f"endpoints.{name}.response" for name in ("PFS", "PFSNAT", "ORR", "BEST")
    ]
    assert found[0].what == "PFS does not say which responses it reads"
    assert "overall, read" in found[0].remedy


def test_all_mistakes_are_told_at_once(file: Path, registry: Registry) -> None:
    text = (
        PROTOCOL.replace("arms:", "arm:").replace("like: OS", "like: O").replace("censor", "cens").replace("0.9", "9")
    )
    assert len(problems(file, registry, text)) == 4


@pytest.mark.parametrize("key", ["rules_engine: 1", "id: mine", "kind: protocol"])
def test_a_ruleset_says_what_it_is(key: str, file: Path, registry: Registry) -> None:
    problem = the_problem(file, registry, f"{key}\n", "")
    assert problem.path == key.split(":")[0]
    assert problem.remedy


def test_what_drives_the_estimand_must_be_stated_and_the_choices_are_told(file: Path, registry: Registry) -> None:
    text = """\
rules_engine: 1
id: mine
kind: protocol
title: T
endpoints:
  PFS: {kind: time, options: {events: [death]}}
  OS: {like: PFS}
"""
    found = problems(file, registry, text)
    assert [problem.path for problem in found] == [
        "options.pd_rule",
        "options.new_therapy",
        "options.missed_visits.method",
    ]
    new_therapy = found[1]
    assert "new_therapy is not stated, and it drives the estimand" in new_therapy.what
    assert "PFS, OS" in new_therapy.what
    assert "choose one of: `ignore`, `censor`, `event`" in new_therapy.remedy
    assert "`censor`: follow-up ends" in new_therapy.remedy
    assert new_therapy.line == 5


def test_a_definition_that_nobody_uses_need_not_state_the_estimand(file: Path, registry: Registry) -> None:
    head = "rules_engine: 1\nid: mine\nkind: protocol\ntitle: T\n"
    load(file, registry, head + "definitions:\n  PFS: {kind: time, options: {events: [death]}}\n")
    found = problems(file, registry, head + "definitions:\n  PFS: {kind: time, options: {events: [deth]}}\n")
    assert found[0].path == "definitions.PFS.options.events[0]"
    assert found[0].meant == "death"


def test_endpoints_like_one_another_in_a_circle_are_refused(file: Path, registry: Registry) -> None:
    text = PROTOCOL.replace("PFS: {like: PFS,", "PFS: {like: PFSNAT,")
    assert any("like one another in a circle" in problem.what for problem in problems(file, registry, text))


def test_rulesets_that_extend_one_another_in_a_circle_are_refused(tmp_path: Path, registry: Registry) -> None:
    head = "rules_engine: 1\nkind: protocol\ntitle: T\n"
    (tmp_path / "one.yaml").write_text(f"{head}id: one\nextends: ./two.yaml\n")
    (tmp_path / "two.yaml").write_text(f"{head}id: two\nextends: ./one.yaml\n")
    with pytest.raises(RulesetError, match="extend one another in a circle"):
        load_ruleset(tmp_path / "one.yaml", registry=registry)


def test_a_problem_in_a_base_is_told_in_the_base(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "base2.yaml").write_text(
        "rules_engine: 1\nid: base2\nkind: protocol\ntitle: T\nstudy:\n  arm: [A]\n", encoding="utf-8"
    )
    with pytest.raises(RulesetError) as caught:
        load(tmp_path / "mine.yaml", registry, PROTOCOL.replace("[base]", "[base, ./base2.yaml]"))
    assert [(Path(str(problem.file)).name, problem.line) for problem in caught.value.problems] == [("base2.yaml", 6)]


def test_an_id_other_than_its_folder_is_refused(tmp_path: Path, registry: Registry) -> None:
    folder = registry.ruleset_folders["toys"].path / "other"
    folder.mkdir()
    (folder / "ruleset.yaml").write_text("rules_engine: 1\nid: mine\nkind: protocol\ntitle: T\n", encoding="utf-8")
    with pytest.raises(RulesetError, match="stands in the folder 'other'"):
        load_ruleset("other", registry=registry)


def test_a_criterion_value_that_nobody_states_is_told(file: Path, registry: Registry) -> None:
    text = "rules_engine: 1\nid: c\nkind: criterion\ntitle: T\ncriterion: toy\nvalues:\n  pd.pct: {value: 20}\n"
    found = problems(file, registry, text)
    assert [problem.path for problem in found] == ["values.pd.abs_mm", "values.nadir"]


@pytest.mark.parametrize(
    ("stream", "endpoint", "key"),
    [
        ("hybrid.progression_date: confirmation", "{}", "irecist.confirmed_date"),
        ("hybrid.unconfirmed_last: censor", "{}", "irecist.unconfirmed"),
        ("hybrid.progression_date: first_iupd", "{irecist: {confirmed_date: icpd}}", "irecist.confirmed_date"),
        ("hybrid.progression_date: first_mrecist_pd", "{}", "pd_rule"),
    ],
)
def test_response_and_endpoint_must_answer_one_question_alike(
    stream: str, endpoint: str, key: str, file: Path, registry: Registry
) -> None:
    text = PROTOCOL.replace("pd.pct: 25", stream).replace(
        "response: overall}", f"response: overall, options: {endpoint}}}"
    )
    found = problems(file, registry, text)
    assert found[0].path == f"endpoints.PFS.options.{key}"
    assert "disagree" in found[0].what
    assert key in found[0].remedy


def test_answers_that_agree_are_accepted(file: Path, registry: Registry) -> None:
    text = PROTOCOL.replace("pd.pct: 25", "hybrid.progression_date: confirmation, hybrid.unconfirmed_last: censor")
    options = "irecist: {confirmed_date: icpd, unconfirmed: censor}"
    load(
        file,
        registry,
        text.replace(
            "options: {pd_rule: first_pd_pseudo_confirm}", f"options: {{pd_rule: first_pd_pseudo_confirm, {options}}}"
        ),
    )


def test_what_the_kind_finds_wrong_is_told_where_it_was_stated(file: Path, registry: Registry) -> None:
    problem = the_problem(
        file, registry, "options: {new_therapy: censor}", "options: {missed_visits: {method: fixed_days}}"
    )
    assert problem.what == "PFSNAT: fixed_days needs gap_days"
    assert problem.path == "endpoints.PFSNAT.options.missed_visits.gap_days"
    assert problem.line == 13


@pytest.mark.parametrize(
    ("segments", "what"),
    [
        ("[{every: 42}, {every: 63}]", "only the last part of a schedule is without end"),
        ("[{every: 42, until: 168}, {every: 63, until: 200}]", "the part ends on day 200, before its first visit"),
        ("[{every: 0}]", "`0` is not at least 1"),
        ("[]", "fewer than 1"),
        ("[{until: 42}]", "the key 'every' is missing"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(segments: str, what: str, file: Path, registry: Registry) -> None:
    found = problems(file, registry, PROTOCOL + f"schedule: {{segments: {segments}}}\n")
    assert any(what in problem.what for problem in found), found


@pytest.mark.parametrize(
    "text",
    [
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nendpoints: [PFS]\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nendpoints: {PFS: 3}\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\noptions: 7\nresponses: x\nanalyses: []\nlabs: 3\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nextends: {a: 1}\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nextends: [3, [x]]\n",
        "rules_engine: 1\nid: a\nkind: criterion\ntitle: T\nvalues: 3\n",
        "rules_engine: 1\nid: a\nkind: criterion\ntitle: T\ncriterion: [toy]\nvalues: {pd.pct: 3}\n",
        "rules_engine: 1\nid: a\nkind: grading\ntitle: T\n",
        "rules_engine: [1]\nid: {a: 1}\nkind: [protocol]\n",
        "rules_engine: true\nid: a\nkind: protocol\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nendpoints: {PFS: {like: [a], kind: {}}}\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nschedule: {segments: 3}\nendpoints: {PFS: {kind: time, options: 3}}\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nanalyses: {a: 1, b: {estimator: curve, endpoints: PFS, options: [1]}}\n",
        "rules_engine: 1\nid: a\nkind: protocol\ntitle: T\nresponses: {a: 1, b: {criterion: 3}, c: {criterion: toy_1, options: 3}}\n",
    ],
)
def test_any_shape_is_told_as_a_problem(text: str, file: Path, registry: Registry) -> None:
    assert all(problem.remedy or problem.what for problem in problems(file, registry, text))


def test_values_that_cannot_stand_in_a_ruleset_are_refused(registry: Registry) -> None:
    head = {"rules_engine": 1, "id": "a", "kind": "protocol", "title": "T"}
    endless: dict[str, Any] = {}
    endless["a"] = endless
    for value in (float("nan"), object(), b"x", endless):
        with pytest.raises(RulesetError):
            load_ruleset({**head, "note": value}, registry=registry)
