"""The package's own unit cases, recorded as data, against the steps of the compatibility mode.

Runs where the environment variable RULES_ENGINE_ADMIRAL_CASES names the folder with the cases (JSON; they are not ours to
ship). A case hands over rows that its script had already chosen, and the days of progression; the adapter gives both to the
same step of the engine. Every case agrees, or stands in `OUTSIDE` with its reason.
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, RulesetError
from rules_engine.loading import load_ruleset

from rules_engine_plugins.admiralonco.assessments import KNOWN, filter_until
from rules_engine_plugins.admiralonco.confirmation import derive_confirmed
from rules_engine_plugins.admiralonco.parameters import derive_benefits, derive_best, derive_responses
from rules_engine_plugins.admiralonco.times import choose

FOLDER = os.environ.get("RULES_ENGINE_ADMIRAL_CASES", "")
FILES = (
    "derive_param_bor", "derive_param_confirmed_bor", "derive_param_confirmed_resp", "derive_param_response",
    "derive_param_clinbenefit", "filter_pd", "derive_param_tte",
)  # fmt: skip
pytestmark = pytest.mark.skipif(
    not Path(FOLDER, "filter_pd.json").is_file(), reason="RULES_ENGINE_ADMIRAL_CASES names no folder with unit cases"
)
Row = dict[str, Any]

#: Cases that the compatibility mode does not answer, and why.
OUTSIDE = {
    "tte-17a": "several end dates, chosen by the caller; the mode has one, the new therapy",
    "tte-18a": "time to a good event is censored at the end date itself; the mode has no such time",
    "tte-06a": "parameters by group are a feature of the language; a ruleset names each parameter",
    "tte-07a": "parameters by group are a feature of the language; a ruleset names each parameter",
    "tte-08a": "parameters by group are a feature of the language; a ruleset names each parameter",
    "tte-09a": "an expression that cannot be evaluated: rulesets hold no expressions",
}
#: Cases that must fail: what the engine says to the same mistake.
REFUSED: dict[str, str] = {
    **dict.fromkeys(["bor-04a", "cbor-05a", "crsp-05a", "rsp-03a", "cb-03a"], "an option that does not exist"),
    **dict.fromkeys(["cbor-03a", "crsp-03a"], "a response outside the codelist"),
    "bor-03a": "no response passes the selection",
    "fpd-05a": "a source that is not there",
    "tte-13a": "a source that is not there",
    "tte-04a": "a text where a date belongs",
    "tte-10a": "a parameter that exists already",
}


def cases() -> Iterator[Any]:
    for file in FILES:
        path = Path(FOLDER, f"{file}.json")
        for case in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []:
            yield pytest.param(case, id=case["id"])


ALL = list(cases())


def day(text: Any) -> date | None:
    return None if text is None else date.fromisoformat(str(text)[:10])


@pytest.mark.parametrize("case", [case for case in ALL if "expected_error" not in case.values[0]])
def test_the_step_gives_the_rows_of_the_case(case: Row) -> None:
    if case["id"] in OUTSIDE:
        pytest.skip(OUTSIDE[case["id"]])
    if case["fn"] == "filter_pd":
        assert filtered(case) == [tuple(sorted(row.items())) for row in case["expected"]]
    elif case["fn"] == "derive_param_tte":
        expected, actual = times(case)
        assert actual == expected
    else:
        expected, actual = parameters(case)
        assert actual == expected


# Parameters of ADRS ---------------------------------------------------------------------------------------------------


def passing(case: Row) -> list[Row]:
    rows = case["args"]["dataset"]["rows"]
    return [rows[number - 1] for number in case["rows_passing_filter"]]


def progressions(case: Row) -> pl.LazyFrame:
    """The days of progression: one row per subject."""
    known = [(row["USUBJID"], day(row["PDDT"])) for row in case.get("pd_date_by_subject") or []]
    return pl.LazyFrame(known, {"subject": pl.String, "end": pl.Date}, orient="row")


def assessments(case: Row) -> pl.LazyFrame:
    """The rows of the case in the columns of the flagged assessments, up to the progression."""
    reference = (case["args"].get("reference_date") or {}).get("var")
    rows = [
        (row["USUBJID"], day(row["ADT"]), KNOWN["recist"].get(row["AVALC"]), day(row.get(reference)))
        for row in passing(case)
    ]
    schema = {"subject": pl.String, "day": pl.Date, "code": pl.String, "reference_date": pl.Date}
    frame = pl.LazyFrame(rows, schema, orient="row").filter(pl.col("code").is_not_null())
    return filter_until(frame, progressions(case))


def parameters(case: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """AVALC and ADT by subject: as the case has them, and as the engine does."""
    args = case["args"]
    rules = {
        "sd_min_days": args.get("ref_start_window", 0),
        "confirm_days": args.get("ref_confirm", 0),
        "max_ne": args.get("max_nr_ne", 1),
        "accept_sd": int(args.get("accept_sd", False)),
    }
    confirmed = case["fn"] in ("derive_param_confirmed_bor", "derive_param_confirmed_resp")
    rows = allowed(assessments(case), args)
    rows = derive_confirmed(rows, rules) if confirmed else rows.with_columns(counts=True)
    best = case["fn"] in ("derive_param_bor", "derive_param_confirmed_bor")
    if best:
        won = derive_best(rows, rules)
    else:
        won = derive_benefits(rows, rules) if case["fn"] == "derive_param_clinbenefit" else derive_responses(rows)
    nothing = ("NE" if args.get("missing_as_ne") else "MISSING") if best else "N"
    found = dict.fromkeys((row["USUBJID"] for row in args["dataset_adsl"]["rows"]), (nothing, None))
    for row in won.filter(pl.col("subject").is_in(list(found))).collect().iter_rows(named=True):
        found[row["subject"]] = (row["answer"], row["day"])
    expected = {row["USUBJID"]: (row["AVALC"], day(row["ADT"])) for row in case["expected_new_rows"]}
    # A best response ND comes only from rows that no script flags (`aval_resp` knows no ND); the mode flags first.
    for subject in [subject for subject, (value_, _day) in expected.items() if value_ == "ND"]:
        del expected[subject], found[subject]
    return expected, found


def allowed(rows: pl.LazyFrame, args: Row) -> pl.LazyFrame:
    """The values that the caller lists as clinical benefit; a response counts besides."""
    values = args.get("clinben_vals")
    return rows if values is None else rows.filter(pl.col("code").is_in(values))


def filtered(case: Row) -> list[tuple[Any, ...]]:
    rows = passing(case)
    frame = pl.LazyFrame(
        [(row["USUBJID"], day(row["ADT"]), number) for number, row in enumerate(rows)],
        {"subject": pl.String, "day": pl.Date, "n": pl.Int64},
        orient="row",
    )
    kept = filter_until(frame, progressions(case)).sort("n").collect()["n"]
    return [tuple(sorted(rows[number].items())) for number in kept]


# Times ----------------------------------------------------------------------------------------------------------------


def value(tree: Any, row: Row) -> Any:
    """An expression of a case, evaluated for one row; a comparison with a missing value is missing."""
    if tree is None:
        return True
    if "var" in tree:
        found = row.get(tree["var"])
        return day(found) if tree["var"].endswith(("DT", "DTM")) else found
    if "const" in tree:
        return tree["const"]
    args = [value(part, row) for part in tree["args"]]
    return _OPERATIONS[tree["op"]](*args)


def _minus(first: Any, second: Any = None) -> Any:
    return -first if second is None else first - second


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "==": operator.eq,
    "+": lambda first, second: None if first is None else first + second,
    "-": _minus,
    "days": lambda number: timedelta(days=number),
    "pmin": lambda *days: None if None in days else min(days),
}


def candidates(case: Row) -> dict[str, dict[str, dict[str, tuple[date, int, Any, Any]]]]:
    """What each source offers, by kind, source and subject: the first day of an event, the last day of a censoring."""
    found: dict[str, dict[str, dict[str, tuple[date, int, Any, Any]]]] = {}
    for kind, best in (("event_conditions", min), ("censor_conditions", max)):
        for place, source in enumerate(case["args"][kind]):
            text, sources = next(iter(source["set"].values())), found.setdefault(kind, {})
            offered = sources.setdefault(f"{kind}{place}", {})
            for number, row in enumerate(case["args"]["source_datasets"][source["dataset"]]):
                when = value(source["date"], row)
                if value(source["filter"], row) is not True or when is None:
                    continue
                for group in groups(case, row):
                    one = (when, number, source["censor"], value(text, row))
                    subject = row["USUBJID"] + group
                    offered[subject] = best(one, offered.get(subject, one), key=lambda offer: offer[:2])
    return found


def groups(case: Row, row: Row) -> list[str]:
    """The parameters that a record belongs to: its own group, or all where it has none."""
    by = [name["var"] for name in case["args"].get("by_vars") or ()]
    if not by:
        return [""]
    if by[0] in row:
        return [f" {row[by[0]]}"]
    every = {one[by[0]] for rows in case["args"]["source_datasets"].values() for one in rows if by[0] in one}
    return [f" {name}" for name in sorted(every)]


def times(case: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """Start, ADT, CNSR and text by subject (and group): as the case has them, and as the engine does."""
    start = case["args"]["start_date"]["var"]
    starts = {row["USUBJID"]: day(row[start]) for row in case["args"]["dataset_adsl"]["rows"]}
    offers = candidates(case)
    by_source = {name: offered for sources in offers.values() for name, offered in sources.items()}
    subjects = sorted({subject for offered in by_source.values() for subject in offered})
    days = {
        name: [offered[subject][0] if subject in offered else None for subject in subjects]
        for name, offered in by_source.items()
    }
    frame = pl.DataFrame({"subject": subjects, **days}, schema_overrides=dict.fromkeys(days, pl.Date))
    events, censorings = (
        {name: pl.col(name) for name in offers[kind]} for kind in ("event_conditions", "censor_conditions")
    )
    what, chosen_day, _is_event = choose(events, censorings)
    actual = {}
    for subject, name, when in frame.select("subject", what=what, day=chosen_day).iter_rows():
        if subject.split(" ")[0] in starts:
            began = starts[subject.split(" ")[0]]
            _day, _number, cnsr, text = by_source[name][subject]
            actual[subject] = (began, max(when, began or when), cnsr, text)
    expected = {}
    for row in case.get("expected_new_rows") or case["expected"]:
        name = f"{row['USUBJID']} {row['PARCAT2']}" if case["args"].get("by_vars") else row["USUBJID"]
        text = row.get("EVENTDESC") or row.get("EVNTDESC")
        expected[name] = (
            day(row.get("STARTDT", row.get("STARTDTM"))), day(row.get("ADT", row.get("ADTM"))), row["CNSR"], text,
        )  # fmt: skip
    return expected, actual


# Cases that must fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in ALL if "expected_error" in case.values[0]])
def test_a_case_that_must_fail_is_refused_or_said(case: Row) -> None:
    if case["id"] in OUTSIDE:
        pytest.skip(OUTSIDE[case["id"]])
    assert case["id"] in REFUSED, f"{case['id']} fails because {case['expected_error']}; say what the engine does"


def run(*responses: tuple[str, str], **overrides: Any) -> Any:
    tables = {
        "subjects": pl.DataFrame(
            {
                "subject": ["1"],
                "randomisation_date": [date(2024, 1, 1)],
                "death_date": [None],
                "last_contact_date": [None],
            },
            schema_overrides={"death_date": pl.String, "last_contact_date": pl.Date},
        ),
        "response_assessments": pl.DataFrame(
            [("1", when, code, "RECIST 1.1") for when, code in responses],
            {"subject": pl.String, "date": pl.String, "response": pl.String, "criterion": pl.String},
            orient="row",
        ),
        "treatments": pl.DataFrame(schema={"subject": pl.String, "treatment": pl.String, "start_date": pl.String}),
    }
    return Engine("admiralonco", overrides=overrides).run(tables, data_cutoff="2030-01-01")


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RulesetError, match="aval_fun"):
        load_ruleset("admiralonco", overrides={"options": {"admiralonco": {"aval_fun": "none"}}})


def test_a_response_outside_the_codelist_is_a_finding() -> None:
    found = run(("2024-03-01", "iCR")).findings
    assert "endpoint.admiralonco.unknown_value" in found["rule_id"].to_list()


def test_without_any_response_everybody_is_missing() -> None:
    """The package's function stops; its event flow, and so the mode, gives MISSING."""
    adrs = run().adrs
    assert adrs.filter(pl.col("PARAMCD") == "BOR")["AVALC"].to_list() == ["MISSING"]


def test_a_source_that_is_not_there_is_refused() -> None:
    with pytest.raises(RulesetError, match="there is no response"):
        load_ruleset("admiralonco", overrides={"endpoints": {"PFS": {"response": "central"}}})


def test_a_text_where_a_date_belongs_is_a_finding() -> None:
    found = run(("in March", "PR"), ("2024-03-01", "SD")).findings
    assert found.filter(pl.col("field") == "date")["value"].to_list() == ["in March"]


def test_a_parameter_that_exists_already_is_refused(tmp_path: Path) -> None:
    twice = tmp_path / "ruleset.yaml"
    twice.write_text(
        "rules_engine: 1\nid: twice\nkind: protocol\ntitle: Twice\nextends: [admiralonco]\n"
        "endpoints:\n  X: {like: PFS}\n  X: {like: OS}\n",
        encoding="utf-8",
    )
    with pytest.raises(RulesetError, match="already there"):
        load_ruleset(tmp_path / "ruleset.yaml")
