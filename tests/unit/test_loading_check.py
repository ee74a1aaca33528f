"""`rules-engine check` on the rulesets that come with the engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rules_engine.cli import main
from rules_engine.errors import RulesetError
from rules_engine.loading import effective, load_ruleset

RULESETS = sorted(
    file.parent.name for file in (Path(__file__).resolve().parents[2] / "rulesets").glob("*/ruleset.yaml")
)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["check", *words])
    told = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, told.out, told.err


@pytest.mark.parametrize("name", RULESETS)
def test_every_ruleset_is_right(name: str) -> None:
    assert load_ruleset(name).id == name


@pytest.mark.parametrize("name", RULESETS)
def test_every_effective_ruleset_loads_to_the_same(name: str, tmp_path: Path) -> None:
    ruleset = load_ruleset(name)
    file = tmp_path / "again.yaml"
    file.write_text(effective(ruleset), encoding="utf-8")
    again = load_ruleset(file)
    assert again.id == ruleset.id
    assert {key: (item.kind, item.label, item.response, item.options) for key, item in again.endpoints.items()} == {
        key: (item.kind, item.label, item.response, item.options) for key, item in ruleset.endpoints.items()
    }
    assert again.responses == ruleset.responses
    assert (again.labs, again.adverse_events) == (ruleset.labs, ruleset.adverse_events)
    if ruleset.kind != "protocol":
        assert again.document == ruleset.document


def test_a_right_ruleset_leaves_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "seed", "common")
    assert (code, err) == (0, "")
    assert "seed: right (protocol)" in out


def test_one_wrong_ruleset_of_several_leaves_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "rules_engine: 1\nid: mine\nkind: protocol\ntitle: T\nextends: [seed]\noptions: {new_therapy: cenzor}\n",
        encoding="utf-8",
    )
    code, out, err = run(capsys, str(file), "seed")
    assert code == 2
    assert "seed: right" in out
    assert "mine.yaml:6:24 (options.new_therapy)" in err
    assert "did you mean 'censor'?" in err
    assert "1 problem" in err


def test_the_answer_can_be_read_by_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("rules_engine: 1\nid: mine\nkind: protocol\ntitle: T\nendpoint: {}\n", encoding="utf-8")
    code, out, _err = run(capsys, str(file), "seed", "--json")
    document = json.loads(out)
    assert code == 2
    assert document["ok"] is False
    wrong, right = document["rulesets"]
    assert (wrong["ok"], right["ok"], right["id"]) == (False, True, "seed")
    problem = wrong["problems"][0]
    assert (problem["line"], problem["column"], problem["path"], problem["meant"]) == (5, 1, "endpoint", "endpoints")


def test_a_presets_choice_is_shown_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "rules_engine: 1\nid: mine\nkind: protocol\ntitle: T\nextends: [seed]\n"
        "responses: {read: {collected_as: mRECIST}}\nendpoints: {PFS: {like: PFS, response: read}}\n",
        encoding="utf-8",
    )
    code, out, _err = run(capsys, str(file), "--effective")
    assert code == 0
    line = next(line for line in out.splitlines() if "pd_rule:" in line)
    assert "first_pd_pseudo_confirm" in line
    assert "seed/ruleset.yaml:" in line


def test_a_protocol_that_leaves_the_estimand_open_is_refused_with_the_choices(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "rules_engine: 1\nid: mine\nkind: protocol\ntitle: T\nresponses: {read: {collected_as: mRECIST}}\n"
        "endpoints: {PFS: {kind: time_to_event, response: read, options: {events: [progression, death]}}}\n",
        encoding="utf-8",
    )
    with pytest.raises(RulesetError) as caught:
        load_ruleset(file)
    told = {problem.path: problem for problem in caught.value.problems}
    keys = ("origin", "pd_rule", "no_baseline", "missed_visits.method", "new_therapy", "curative_conversion")
    for key in keys:
        assert "drives the estimand" in told[f"options.{key}"].what
        assert "choose one of" in told[f"options.{key}"].remedy
    assert "`ignore`: follow-up goes on" in told["options.new_therapy"].remedy


def test_too_many_bases_are_refused(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"r{number}.yaml").write_text(
            f"rules_engine: 1\nid: r{number}\nkind: protocol\ntitle: T\n"
            f"extends: [./r{number + 1}.yaml, ./r{number + 1}.yaml]\n",
            encoding="utf-8",
        )
    with pytest.raises(RulesetError, match="builds on more than"):
        load_ruleset(tmp_path / "r0.yaml")


def test_a_misspelled_bound_of_a_grading_is_an_error() -> None:
    cutoffs = {"g/L": [{"grade": 2, "form": 80, "below": {"ulm": 1}}]}
    thresholds = [{"term": "Anemia", "analyte": "HGB", "direction": "low", "cutoffs": cutoffs}]
    with pytest.raises(RulesetError) as caught:
        load_ruleset("ctcae_v5", overrides={"thresholds": thresholds})
    assert [(problem.path, problem.meant) for problem in caught.value.problems] == [
        ("thresholds[0].cutoffs.g/L[0].below.ulm", "uln"),
        ("thresholds[0].cutoffs.g/L[0].form", "from"),
    ]


def test_a_stated_option_that_changes_nothing_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "rules_engine: 1\nid: mine\nkind: protocol\ntitle: T\nextends: [fda]\nschedule: {segments: [{every: 56}]}\n"
        "responses: {read: {collected_as: RECIST 1.1}}\n"
        "options: {missed_visits: {n: 3, gap_days: null}, origin_components: [first_tace], ttd_scope: any}\n"
        "endpoints:\n"
        "  PFS: {like: PFS, response: read, options: {death_handling: competing, clinical_progression: event}}\n"
        "  TTD: {like: TTD}\n",
        encoding="utf-8",
    )
    code, out, _err = run(capsys, str(file))
    notes = [line.strip() for line in out.splitlines() if "note:" in line]
    assert code == 0
    # n is read by PFS, ttd_scope by TTD; death ends the time of PFS, and no origin is made of components.
    assert notes == [
        f"note: {file}:8: origin_components: [first_tace] is without effect for all endpoints, because of other options",
        f"note: {file}:10: death_handling: competing is without effect for PFS, because of other options",
    ]
