"""The conformance kit fails a plugin for each law that it breaks; laws that no plugin could break would prove nothing."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase
from rules_engine.registry import default_registry
from rules_engine.testing import (
    CensoringRuleConformance,
    CriterionConformance,
    EndpointConformance,
    EstimatorConformance,
    GradingConformance,
    ReaderConformance,
    laws,
)
from rules_engine.vocabulary import Criterion, EndpointKind, Estimator, Grading, Reader

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "plugins" / "rules_engine_lugano_2014" / "rulesets" / "lugano_2014"
LUGANO = default_registry().criteria.require("lugano_2014")
Frame = pl.LazyFrame


@pytest.fixture(autouse=True)
def _failures_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """To see that a law fails, its failure need not be made small."""
    monkeypatch.setattr(laws, "PHASES", (Phase.generate,))


def answering(change: Callable[[Frame], Any]) -> Criterion:
    """Lugano 2014, what it answers changed."""
    assert LUGANO.assess_tables is not None
    honest = LUGANO.assess_tables
    return replace(LUGANO, assess_tables=lambda tables, rules: change(honest(tables, rules)))


def given(change: Callable[[Frame], Frame]) -> Criterion:
    """Lugano 2014, what it sees changed."""
    assert LUGANO.assess_tables is not None
    honest = LUGANO.assess_tables
    return replace(
        LUGANO, assess_tables=lambda tables, rules: honest({name: change(rows) for name, rows in tables.items()}, rules)
    )


def of_criterion(criterion: Criterion, folder: Path = FOLDER) -> CriterionConformance:
    found = type("Bad", (CriterionConformance,), {"criterion": criterion, "ruleset": folder, "examples": 5})()
    assert isinstance(found, CriterionConformance)
    return found


def refused(kit: object, law: str) -> str:
    with pytest.raises((AssertionError, pytest.fail.Exception, pl.exceptions.PolarsError)) as caught:
        getattr(kit, law)()
    return str(caught.value)


calls = iter(range(10**6))


def remembers(frame: Frame) -> Frame:
    """Another answer at every call."""
    return frame.with_columns(reason=pl.lit(str(next(calls))))


def changes_its_options(_tables: Mapping[str, Frame], rules: Any) -> Frame:
    rules.options["pet.complete_max_score"] = 1
    assert LUGANO.assess_tables is not None
    return LUGANO.assess_tables(_tables, rules)


def python_per_row(frame: Frame) -> Frame:
    return frame.with_columns(reason=pl.col("subject").map_elements(lambda name: name.lower(), return_dtype=pl.String))


def mean_of_all(frame: Frame) -> Frame:
    """Says how many were judged: other subjects matter."""
    return frame.with_columns(reason=pl.len().cast(pl.String))


def needs_every_day(frame: Frame) -> Frame:
    def check(rows: pl.DataFrame) -> pl.DataFrame:
        assert not rows["date"].null_count(), "a day is missing"
        return rows

    return frame.map_batches(check)


def with_a_row_more(frame: Frame) -> Frame:
    """A row about nobody, whatever was given."""
    schema = frame.collect_schema()
    return pl.concat([frame, pl.LazyFrame([dict.fromkeys(schema)], schema=schema)])


def first_of_subject(frame: Frame) -> Frame:
    """Takes the first row for the earliest one."""
    return frame.unique(["subject"], keep="first", maintain_order=True)


def numbered(frame: Frame) -> Frame:
    return frame.with_columns(source_seq=pl.int_range(pl.len()))


def counted(frame: Frame) -> Frame:
    return frame.with_columns(source_seq=pl.len().cast(pl.Int64))


CONTRACT = "test_columns_types_codes_and_key_are_those_of_the_contract"
PURE = "test_what_is_given_is_not_changed_and_the_answer_is_the_same_twice"
OPTIONS = "test_options_are_described_and_what_is_unknown_is_refused"
WORDS = "test_the_criterion_says_what_it_is_and_where_it_is_from"


def with_schema(**more: Any) -> Criterion:
    return replace(LUGANO, options_schema={**LUGANO.options_schema, **more})


def undescribed() -> Criterion:
    properties = dict(LUGANO.options_schema["properties"])
    properties["pet.complete_max_score"] = {"type": "integer"}
    return with_schema(properties=properties)


@pytest.mark.filterwarnings("ignore::polars.exceptions.PolarsInefficientMapWarning")
@pytest.mark.parametrize(
    ("law", "bad", "said"),
    [
        (CONTRACT, lambda: answering(lambda frame: frame.drop("trace")), "column 'trace' is missing"),
        (CONTRACT, lambda: answering(lambda frame: frame.with_columns(overall=pl.lit(1))), "'overall' is Int32"),
        (CONTRACT, lambda: answering(lambda frame: frame.with_columns(overall=pl.lit("OK"))), "codes outside"),
        (CONTRACT, lambda: answering(lambda frame: pl.concat([frame, frame])), "two rows for one subject and visit"),
        (CONTRACT, lambda: answering(lambda frame: frame.with_columns(subject=pl.lit("Z"))), "was not given"),
        (CONTRACT, lambda: answering(lambda frame: frame.with_columns(rule_id=pl.lit("x"))), "does not state"),
        (CONTRACT, lambda: answering(lambda frame: frame.collect()), "returned DataFrame, not a lazy frame"),
        ("test_no_rows_give_no_rows", lambda: answering(with_a_row_more), ""),
        ("test_missing_cells_never_break_it", lambda: given(needs_every_day), "a day is missing"),
        (PURE, lambda: answering(remembers), "the same input gave another answer"),
        (PURE, lambda: replace(LUGANO, assess_tables=changes_its_options), "changed its options"),
        ("test_the_order_of_rows_does_not_matter", lambda: given(first_of_subject), "another order"),
        ("test_other_subjects_do_not_matter", lambda: answering(mean_of_all), "other subjects changed the answer"),
        ("test_the_work_in_python_does_not_grow_with_the_subjects", lambda: answering(python_per_row), "work in Python for each row"),
        (OPTIONS, lambda: with_schema(additionalProperties=True), "would be taken without a word"),
        (OPTIONS, undescribed, "option 'pet.complete_max_score' has no description"),
        (WORDS, lambda: replace(LUGANO, reference=" "), "'reference' is empty"),
        (WORDS, lambda: replace(LUGANO, responses=("CR", "CR")), ""),
    ],
)  # fmt: skip
def test_a_criterion_that_breaks_a_law_fails_it(law: str, bad: Callable[[], Criterion], said: str) -> None:
    assert said in refused(of_criterion(bad()), law)


@pytest.mark.parametrize(
    ("law", "file", "change", "said"),
    [
        ("test_every_value_and_every_rule_has_words_and_a_reference", "ruleset.yaml",
         ("text: Highest score on the five-point scale that is a complete metabolic response.", "text: ''"), "has no text"),
        ("test_the_page_names_the_criterion_and_its_reference", "README.md", ("Lugano", "Como"), ""),
        ("test_the_worked_cases_pass", "cases.yaml", ("{date: 2024-01-01, overall: CR}", "{date: 2024-01-01, overall: SD}"),
         "expected SD, actual CR"),
        ("test_the_worked_cases_pass", "cases.yaml", ("  why: Scores of 1 to 3", "  note: Scores of 1 to 3"), "has no why"),
    ],
)  # fmt: skip
def test_a_ruleset_that_explains_nothing_or_lies_fails(
    tmp_path: Path, law: str, file: str, change: tuple[str, str], said: str
) -> None:
    folder = tmp_path / "lugano_2014"
    shutil.copytree(FOLDER, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert change[0] in text
    (folder / file).write_text(text.replace(*change), encoding="utf-8")
    assert said in refused(of_criterion(LUGANO, folder), law)


def test_a_criterion_of_lesions_with_two_baselines_for_a_subject_fails() -> None:
    recist = default_registry().criteria.require("recist_1_1")
    assert recist.baselines is not None
    honest = recist.baselines
    twice = replace(recist, baselines=lambda rows, rules: pl.concat([honest(rows, rules), honest(rows, rules)]))
    kit = of_criterion(twice, ROOT / "rulesets" / "recist_1_1")
    assert "two baselines" in refused(kit, "test_baselines_are_those_of_the_contract")


# Endpoints ---------------------------------------------------------------------------------------------------------------


def days_alive(records: Any, _endpoint: Any, cutoff: Any) -> Frame:
    """A correct endpoint, small enough to be broken in every way: alive at the cut-off, or dead before."""
    nothing = pl.lit(None)
    started = records.origins.filter(pl.col("origin") == "randomisation").select("subject", start_date="date")
    died = pl.col("death_date").str.to_date("%Y-%m-%d", strict=False)
    rows = records.subjects.join(started, on="subject").with_columns(event=(died <= cutoff).fill_null(value=False))
    day = pl.when("event").then(died).otherwise(pl.lit(cutoff))
    text, number = pl.String, pl.Int64
    return rows.select(
        "subject", "start_date", date=day, days=(day - pl.col("start_date")).dt.total_days() + 1,
        months=((day - pl.col("start_date")).dt.total_days() + 1) / 30.4375, event="event",
        cnsr=pl.when("event").then(0).otherwise(1).cast(number), event_type=pl.col("event").cast(number),
        reason=pl.lit("DEATH"), event_description=pl.lit("DEATH"), censoring_description=nothing.cast(text),
        source_domain=pl.lit("ADSL"), source_variable=pl.lit("DTHDT"), source_seq=nothing.cast(number),
        source_id=nothing.cast(text), date_imputation=nothing.cast(text), start_variable=pl.lit("RANDDT"),
        entry_days=nothing.cast(number), interval_left=day, interval_right=day, rule_id=pl.lit("days_alive"),
    )  # fmt: skip


def of_kind(derive: Callable[..., Any], **more: Any) -> EndpointConformance:
    kind = EndpointKind(
        **{
            "id": "days_alive", "version": "1", "title": "Days alive", "reference": "none", "shape": "time_to_event",
            "derive": derive, "reads_responses": lambda _endpoint: False,
            "options_schema": {"type": "object", "additionalProperties": False, "properties": {}}, **more,
        }
    )  # fmt: skip
    import rules_engine

    class Plugin:
        @rules_engine.hookimpl
        def rules_engine_endpoint_kinds(self) -> list[EndpointKind]:
            return [kind]

    class Kit(EndpointConformance):
        protocol = {"endpoints": {"ALIVE": {"kind": "days_alive", "label": "Days alive"}}}  # noqa: RUF012
        paramcd, plugin, examples = "ALIVE", Plugin(), 5

    return Kit()


def changed(change: Callable[[Frame], Any]) -> Callable[..., Any]:
    return lambda records, endpoint, cutoff: change(days_alive(records, endpoint, cutoff))


TTE = "test_columns_types_and_key_are_those_of_the_contract"


def needs_deaths(frame: Frame, records: Any) -> Frame:
    """One more row about everybody whose baseline is not known."""
    unknown = records.subjects.filter(pl.col("baseline_adequate").is_null()).select("subject")
    return pl.concat([frame, frame.join(unknown, on="subject", how="semi")])


def laws_of(kit: object) -> list[str]:
    return [name for name, _method in inspect.getmembers(kit, inspect.ismethod) if name.startswith("test_")]


def test_an_honest_endpoint_holds_every_law() -> None:
    kit = of_kind(days_alive)
    for law in laws_of(kit):
        getattr(kit, law)()


@pytest.mark.filterwarnings("ignore::polars.exceptions.PolarsInefficientMapWarning")
@pytest.mark.parametrize(
    ("law", "derive", "said"),
    [
        (TTE, changed(lambda rows: rows.drop("cnsr")), "column 'cnsr' is missing"),
        (TTE, changed(lambda rows: pl.concat([rows, rows])), "two rows for one subject"),
        (TTE, changed(lambda rows: rows.with_columns(cnsr=pl.lit(0, pl.Int64))), "CNSR is 0 exactly for an event"),
        (TTE, changed(lambda rows: rows.with_columns(date=pl.col("date").dt.offset_by("900d"))), "after the cut-off"),
        (TTE, changed(lambda rows: rows.with_columns(event_description=pl.lit(None, pl.String))), "no EVNTDESC"),
        (TTE, changed(lambda rows: rows.with_columns(subject=pl.lit("Z"))), "not given"),
        ("test_no_subjects_give_no_rows", changed(with_a_row_more), ""),
        ("test_missing_cells_never_break_it", lambda records, *rest: needs_deaths(days_alive(records, *rest), records), ""),
        (PURE, changed(remembers), ""),
        ("test_the_order_of_rows_does_not_matter", changed(numbered), "another order"),
        ("test_other_subjects_do_not_matter", changed(counted), "other subjects"),
        ("test_the_work_in_python_does_not_grow_with_the_subjects", changed(python_per_row), "work in Python"),
    ],
)  # fmt: skip
def test_an_endpoint_that_breaks_a_law_fails_it(law: str, derive: Callable[..., Any], said: str) -> None:
    assert said in refused(of_kind(derive), law)


def test_an_endpoint_without_words_or_with_a_wrong_winner_fails() -> None:
    assert "'title' is empty" in refused(
        of_kind(days_alive, title=""), "test_the_kind_says_what_it_is_and_where_it_is_from"
    )
    undescribed_option = {"type": "object", "additionalProperties": False, "properties": {"limit": {"type": "number"}}}
    kit = of_kind(days_alive, options_schema=undescribed_option)
    assert "option 'limit' has no description" in refused(kit, OPTIONS)
    law = "test_candidates_are_those_of_the_contract_and_the_winner_is_the_record"
    nobody = of_kind(days_alive, candidates=lambda *_given: pl.LazyFrame(schema={"subject": pl.String}))
    assert "column 'position' is missing" in refused(nobody, law)


def test_a_censoring_rule_with_a_code_of_an_event_or_an_effect_that_does_not_exist_fails() -> None:
    cutoff = default_registry().censoring_rules.require("cutoff")

    class Kit(CensoringRuleConformance):
        protocol = {  # noqa: RUF012
            "extends": ["ema"], "options": {"origin": "randomisation"},
            "responses": {"overall": {"collected_as": "RECIST 1.1"}}, "endpoints": {"PFS": {"like": "PFS", "response": "overall"}},
        }  # fmt: skip
        paramcd, rule = "PFS", replace(cutoff, effect=lambda _options: "vanishes", reasons={})

    assert "declares no reason" in refused(Kit(), "test_the_rule_says_what_it_is_and_where_it_is_from")
    refused(Kit(), "test_every_choice_of_its_options_has_an_effect_that_exists")
    refused(Kit(), "test_the_endpoint_uses_the_rule")
    Kit.rule = replace(cutoff, reasons={"NEVER": None})
    assert "nobody among 200" in refused(Kit(), "test_the_rule_gives_its_reasons")


# Gradings ----------------------------------------------------------------------------------------------------------------


def add_grade(rows: Frame, *_rest: Any) -> Frame:
    return rows.with_columns(graded=pl.lit("1"))


def of_grading(**more: Any) -> GradingConformance:
    ctcae = default_registry().gradings.require("ctcae")
    schema = {"type": "object", "additionalProperties": False, "properties": {}}
    simple: Grading = replace(
        ctcae, **{"grade_labs": add_grade, "grade_events": add_grade, "options_schema": schema, **more}
    )
    quiet = {"lab_findings": ctcae.lab_findings, "event_findings": ctcae.event_findings}

    class Kit(GradingConformance):
        grading = replace(simple, **{name: lambda _rows: pl.LazyFrame() for name in quiet}) if "odd" in more else simple
        ruleset, analytes, terms, examples = "ctcae_v5", (("ALT", "U/L"),), ("Nausea",), 5

    return Kit()


@pytest.mark.filterwarnings("ignore::polars.exceptions.PolarsInefficientMapWarning")
@pytest.mark.parametrize(
    ("law", "grade", "said"),
    [
        ("test_every_record_comes_back_once_with_more_columns", lambda rows, *_rest: rows.drop("value"), "columns are lost"),
        ("test_every_record_comes_back_once_with_more_columns", lambda rows, *_rest: rows.filter(pl.col("row") != 1), "records are others"),
        ("test_no_rows_give_no_rows", lambda rows, *_rest: with_a_row_more(rows), ""),
        ("test_missing_cells_never_break_it", lambda rows, *_rest: rows.filter(pl.col("analyte").is_not_null()), ""),
        (PURE, lambda rows, *_rest: remembers(rows), "another answer"),
        ("test_the_order_of_rows_does_not_matter", lambda rows, *_rest: rows.with_columns(place=pl.int_range(pl.len())), "another order"),
        ("test_other_subjects_do_not_matter", lambda rows, *_rest: mean_of_all(rows), "other subjects"),
        ("test_the_work_in_python_does_not_grow_with_the_subjects", lambda rows, *_rest: python_per_row(rows), "work in Python"),
    ],
)  # fmt: skip
def test_a_grading_that_breaks_a_law_fails_it(law: str, grade: Callable[..., Frame], said: str) -> None:
    assert said in refused(of_grading(grade_labs=grade), law)


def test_a_grading_without_words_findings_or_described_options_fails() -> None:
    assert "'reference' is empty" in refused(
        of_grading(reference=""), "test_the_grading_says_what_it_is_and_where_it_is_from"
    )
    odd = of_grading(lab_findings=lambda _rows: pl.LazyFrame({"x": [1]}))
    assert "is missing" in refused(odd, "test_findings_are_those_of_the_contract")
    assert "without a word" in refused(of_grading(options_schema={"type": "object"}), OPTIONS)


# Estimators and readers ------------------------------------------------------------------------------------------------


def count(rows: pl.DataFrame, _group: str | None, _options: Any, **more: Any) -> pl.DataFrame:
    from rules_engine.vocabulary import ARD_OF_ENGINE, ARD_SCHEMA

    schema = {name: dtype for name, dtype in ARD_SCHEMA.items() if name not in ARD_OF_ENGINE}
    row = {
        "statistic": "n",
        "label": "Subjects",
        "value": float(rows.height),
        "n": rows.height,
        "format": ".0f",
        **more,
    }
    return pl.DataFrame([row], schema=schema)


def of_estimator(estimate: Callable[..., Any], **more: Any) -> EstimatorConformance:
    schema = {"type": "object", "additionalProperties": False, "properties": {}}
    counting = Estimator(
        **{
            "id": "count", "version": "1", "title": "Count", "reference": "none", "shape": "any", "options_schema": schema,
            "estimate": estimate, **more,
        }
    )  # fmt: skip
    kit = type("Kit", (EstimatorConformance,), {"estimator": counting, "examples": 5})()
    assert isinstance(kit, EstimatorConformance)
    return kit


def test_an_honest_estimator_holds_every_law() -> None:
    kit = of_estimator(count)
    for law in laws_of(kit):
        getattr(kit, law)()


ROWS = "test_rows_are_those_of_the_contract"


@pytest.mark.parametrize(
    ("law", "estimate", "said"),
    [
        (ROWS, lambda *given: count(*given).drop("n"), "column 'n' is missing"),
        (ROWS, lambda *given: pl.concat([count(*given)] * 2), "two numbers of one name"),
        (ROWS, lambda *given: count(*given, value=None), "missing without a reason"),
        (ROWS, lambda *given: count(*given, value=float("nan")), "is no number"),
        (ROWS, lambda *given: count(*given).lazy(), "not a data frame"),
        (PURE, lambda *given: count(*given, value=float(next(calls))), "another answer"),
        (PURE, lambda rows, *rest: count(rows.insert_column(0, pl.Series("x", [1] * rows.height)), *rest), "changed the rows"),
        ("test_the_order_of_rows_does_not_matter", lambda rows, *rest: count(rows, *rest, value=float(rows["days"][0])), "another order"),
    ],
)  # fmt: skip
def test_an_estimator_that_breaks_a_law_fails_it(law: str, estimate: Callable[..., Any], said: str) -> None:
    assert said in refused(of_estimator(estimate), law)


def test_an_estimator_that_fails_on_nobody_or_has_no_words_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        of_estimator(lambda rows, *_rest: 1 / rows.height).test_few_or_no_subjects_are_an_answer()
    refused(of_estimator(count, shape="square"), "test_the_estimator_says_what_it_is_and_where_it_is_from")
    assert "without a word" in refused(of_estimator(count, options_schema={"type": "object"}), OPTIONS)


def of_reader(scan: Callable[[Path], Frame], **more: Any) -> ReaderConformance:
    reader = Reader(**{"id": "x", "version": "1", "title": "X", "suffixes": (".csv",), "scan": scan, **more})
    kit = type("Kit", (ReaderConformance,), {"reader": reader, "write": pl.DataFrame.write_csv})()
    assert isinstance(kit, ReaderConformance)
    return kit


def touches(path: Path) -> Frame:
    (path.parent / "read.log").write_text("read", encoding="utf-8")
    return pl.scan_csv(path, infer_schema=False)


@pytest.mark.parametrize(
    ("law", "scan", "said"),
    [
        ("test_every_cell_comes_back_as_it_was_written", pl.scan_csv, ""),  # 007 becomes 7
        ("test_every_cell_comes_back_as_it_was_written", lambda path: pl.read_csv(path, infer_schema=False), "not a lazy frame"),
        ("test_every_cell_comes_back_as_it_was_written", lambda path: pl.scan_csv(path, infer_schema=False, null_values=["NA"]), ""),
        ("test_a_file_without_rows_has_its_columns", lambda path: pl.scan_csv(path, has_header=False, infer_schema=False), ""),
        ("test_reading_changes_nothing_on_disk", touches, ""),
    ],
)  # fmt: skip
def test_a_reader_that_breaks_a_law_fails_it(
    tmp_path: Path, law: str, scan: Callable[[Path], Frame], said: str
) -> None:
    with pytest.raises(AssertionError, match=said or None):
        getattr(of_reader(scan), law)(tmp_path)


def test_a_reader_that_reads_nothing_where_nothing_is_or_has_a_bad_ending_fails(tmp_path: Path) -> None:
    kit = of_reader(lambda _path: pl.LazyFrame())
    with pytest.raises(pytest.fail.Exception):
        kit.test_a_file_that_is_not_there_or_of_another_kind_is_an_error(tmp_path)
    refused(of_reader(touches, suffixes=("CSV",)), "test_the_reader_says_what_it_is")


def test_holes_leave_the_key_and_shuffling_leaves_the_rows() -> None:
    rows = pl.DataFrame({"subject": ["a"] * 50, "value": list(range(50))})
    holed = laws.with_holes({"": rows}, ("subject",))[""]
    assert holed["subject"].null_count() == 0
    assert 0 < holed["value"].null_count() < 50
    assert not laws.shuffled({"": rows})[""].equals(rows)
    laws.require_same(laws.shuffled({"": rows})[""], rows, "")
