"""The report page: complete, self-contained, escaped, accessible, the same on every run."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest
from rules_engine.analysis.options import with_defaults
from rules_engine.descriptives import describe_cohort, describe_quality, tally_records
from rules_engine.findings import SCHEMA as FINDINGS_SCHEMA
from rules_engine.model import CriterionRules, EndpointDefinition, ResponseDefinition, Ruleset
from rules_engine.pages import Page, Paragraph, Row, Section, Table, heading, render_html, words
from rules_engine.pipeline import DISCREPANCY_SCHEMA
from rules_engine.report import ReportView, render_report
from rules_engine.vocabulary import ARD_SCHEMA, RESPONSE_SCHEMA, TIMEPOINT_SCHEMA, TTE_SCHEMA

from rules_engine_plugins import estimators

ESTIMATORS = {one.id: one for one in estimators.rules_engine_estimators()}
ANALYSES: dict[str, dict[str, Any]] = {
    "survival": {"estimator": "kaplan_meier", "endpoints": ["PFS"], "options": {"landmarks_months": [6]}},
    "comparison": {"estimator": "log_rank", "endpoints": ["PFS"]},
    "hazard": {"estimator": "cox", "endpoints": ["PFS"], "options": {"reference_group": "B"}},
    "competing": {"estimator": "cumulative_incidence", "endpoints": ["TTP"], "options": {"landmarks_months": [6]}},
    "follow_up": {"estimator": "reverse_kaplan_meier", "endpoints": ["PFS"]},
    "mean": {"estimator": "rmst", "endpoints": ["PFS"], "options": {"tau_months": [3]}},
    "rates": {"estimator": "proportion", "endpoints": ["ORR"]},
    "difference": {"estimator": "proportion_difference", "endpoints": ["ORR"]},
}
START = date(2024, 1, 1)


def frame(schema: dict[str, pl.DataType], **columns: Any) -> pl.DataFrame:
    """A frame of a declared schema from some of its columns; the others are null."""
    given = pl.DataFrame(columns, schema_overrides={name: schema[name] for name in columns})
    missing = (pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in columns)
    return given.with_columns(missing).select(list(schema))


def times(subjects: list[str], days: list[int], kinds: list[int]) -> pl.DataFrame:
    return frame(
        TTE_SCHEMA,
        subject=subjects,
        days=days,
        months=[day / 30.4375 for day in days],
        event=[kind == 1 for kind in kinds],
        event_type=kinds,
        reason=[("CUTOFF", "PD", "DEATH_NOT_EVENT")[kind] for kind in kinds],
    )


def safety_results(arms: list[str | None]) -> pl.DataFrame:
    """Results of adverse events and laboratory values: every subject of arm A has fatigue of grade 3, nobody else an event."""
    groups = [*sorted({arm for arm in arms if arm}), None]
    sizes = {group: sum(arm == group for arm in arms) if group else len(arms) for group in groups}
    with_event = {group: sizes[groups[0]] if group in (groups[0], None) else 0 for group in groups}
    rows: list[dict[str, Any]] = []

    def add(
        analysis: str, variable: str, level: str, label: str | None, **numbers: dict[str | None, float | None]
    ) -> None:
        rows.extend(
            {"analysis": analysis, "variable": variable, "level": level, "label": label, "group": group, "statistic": name,
             "value": None if value is None else float(value), "n": sizes[group],
             "format": ".1f" if name.startswith("percent") else "d"}
            for name, values in numbers.items() for group, value in values.items()
        )  # fmt: skip

    def percent(numbers: dict[str | None, float | None]) -> dict[str | None, float | None]:
        return {group: 100 * (number or 0) / (sizes[group] or 1) for group, number in numbers.items()}

    nobody: dict[str | None, float | None] = dict.fromkeys(groups, 0)
    every: dict[str | None, float | None] = dict(with_event)
    add("adverse_events", "overview", "population", "Safety population", subjects=dict(sizes))
    add("adverse_events", "overview", "any", "Any adverse event", subjects=every, percent=percent(every))
    add("adverse_events", "overview", "interest", "Of interest", subjects=dict.fromkeys(groups))
    add("adverse_events", "overview", "worst_grade_3", "Worst grade 3", subjects=every, percent=percent(every))
    for variable, level, label in (("soc", "General disorders", None), ("term", "Fatigue", "General disorders")):
        add(
            "adverse_events", variable, level, label, subjects=every, percent=percent(every), grade_ge_3=every,
            percent_grade_ge_3=percent(every), grade_5=nobody, percent_grade_5=nobody,
        )  # fmt: skip
    tested = [group in (groups[0], None) for group in groups]
    for name, number in (("subjects", 8.0), ("grade_ge_1", 4.0), ("grade_ge_3", 2.0), ("grade_4", 0.0)):
        counts: dict[str | None, float | None] = {
            group: number if one else 0 for group, one in zip(groups, tested, strict=True)
        }
        shares = {group: number / 8 * 100 if one else None for group, one in zip(groups, tested, strict=True)}
        more = {} if name == "subjects" else {f"percent_{name}": shares}
        add("laboratory", "worst", "HGB low", "Anemia", **{name: counts}, **more)
    for grade in range(5):
        add(
            "laboratory",
            "shift",
            "HGB low from 1",
            "Anemia",
            **{f"to_{grade}": dict(zip(groups, [float(grade == 1 and one) for one in tested], strict=True))},
        )
    return pl.DataFrame(rows, schema=ARD_SCHEMA) if any(sizes.values()) else pl.DataFrame(schema=ARD_SCHEMA)


def view_of(subjects: list[str], arms: list[str | None], title: str = "A study") -> ReportView:
    """A small study in which every part of the page has something to show."""
    number = len(subjects)
    table = pl.DataFrame(
        {
            "subject": subjects,
            "arm": arms,
            "sex": ["F"] * number,
            "birth_date": ["1960"] * number,
            "baseline_date": [START] * number,
            "death_date": [None] * number,
            "stage": ["I"] * number,
        },
        schema_overrides=dict.fromkeys(("subject", "arm", "sex", "birth_date", "death_date", "stage"), pl.String)
        | {"baseline_date": pl.Date},
    )
    pfs = times(subjects, [40 + 31 * (k % 9) for k in range(number)], [int(k % 3 > 0) for k in range(number)])
    ttp = times(subjects, [50 + 23 * (k % 7) for k in range(number)], [k % 3 for k in range(number)])
    orr = frame(
        RESPONSE_SCHEMA,
        subject=subjects,
        value=["PR" if k % 2 else "SD" for k in range(number)],
        responder=[k % 2 == 1 for k in range(number)],
    )
    endpoints = {
        "PFS": EndpointDefinition(
            "PFS", "time_to_event", "Progression-free survival", "overall", {"origin": "first_tace"}
        ),
        "TTP": EndpointDefinition("TTP", "time_to_event", "Time to progression", "overall", {"new_therapy": "ignore"}),
        "ORR": EndpointDefinition(
            "ORR", "response_rate", "Objective response", "overall", {"responders": ["CR", "PR"]}
        ),
    }
    by = "arm" if any(arms) else None
    analyses = {
        name: analysis | {"by": by}
        for name, analysis in ANALYSES.items()
        if by or ESTIMATORS[analysis["estimator"]].id not in ("cox", "proportion_difference")
    }
    rules = CriterionRules("mrecist_irecist", "mrecist_irecist", {"hybrid.basis": "viable"})
    ruleset = Ruleset(
        id="small",
        kind="protocol",
        title=title,
        document={
            "title": title,
            "study": {"id": "S-1", "arms": [arm for arm in ("A", "B") if by]},
            "analyses": analyses,
        },
        responses={"overall": ResponseDefinition("overall", "derived", rules, assessor="investigator")},
        endpoints=endpoints,
    )
    rows = {"PFS": pfs, "TTP": ttp, "ORR": orr}
    joined = {name: one.join(table.select("subject", "arm"), on="subject", how="left") for name, one in rows.items()}
    options = {
        name: with_defaults(analysis.get("options") or {}, ESTIMATORS[analysis["estimator"]].options_schema)
        for name, analysis in analyses.items()
    }
    ard = [pl.DataFrame(schema=ARD_SCHEMA)]
    for name, analysis in analyses.items():
        for paramcd in analysis["endpoints"]:
            stated = {"group_order": ["A", "B"]} if by else {}
            stated |= analysis.get("options") or {}
            found = ESTIMATORS[analysis["estimator"]].estimate(joined[paramcd], by, stated)
            labelled = found.with_columns(
                analysis=pl.lit(name),
                paramcd=pl.lit(paramcd),
                subgroup_variable=pl.lit(None, pl.String),
                subgroup=pl.lit(None, pl.String),
            )
            ard.append(labelled.select(list(ARD_SCHEMA)))
    findings = frame(
        FINDINGS_SCHEMA,
        rule_id=["data.labs.unit"] * number,
        severity=["error"] * number,
        table=["labs"] * number,
        subject=subjects,
        record=[f"row {k}" for k in range(number)],
        field=["unit"] * number,
        value=["mg/x"] * number,
        message=["the unit is not known"] * number,
        action=["not graded"] * number,
    )
    timepoints = {
        "overall": frame(
            TIMEPOINT_SCHEMA,
            subject=[one for one in subjects for _ in range(2)],
            visit_date=[START, date(2024, 3, 1)] * number,
            overall=["iUPD", "iSD"] * number,
            basis_overall=["PD", "SD"] * number,
        )
    }
    tallies = tally_records(table, {"PFS": pfs, "TTP": ttp}, {"ORR": orr}, timepoints)
    treatments = pl.LazyFrame(schema=dict.fromkeys(("subject", "component", "kind", "start_date"), pl.String))
    described = [
        describe_cohort(ruleset, tallies, table, treatments, date(2025, 12, 31)),
        describe_quality(findings, pl.DataFrame(schema=DISCREPANCY_SCHEMA)),
    ]
    return ReportView(
        ruleset=ruleset,
        definitions=[Paragraph(title)],
        data_cutoff=date(2025, 12, 31),
        subjects=table,
        time_to_event={"PFS": pfs, "TTP": ttp},
        responses={"ORR": orr},
        ard=pl.concat([*ard, *described, safety_results(arms)]),
        findings=findings,
        timepoints=timepoints,
        manifest={"engine": "0.1.0", "plugins": {"a": "1"}},
        analysis_options=options,
    )


SUBJECTS = [f"01-{number:03d}" for number in range(1, 25)]
ARMS: list[str | None] = ["A" if number % 2 else "B" for number in range(24)]


@pytest.fixture(scope="module")
def view() -> ReportView:
    return view_of(SUBJECTS, ARMS)


@pytest.fixture(scope="module")
def page(view: ReportView) -> str:
    return render_report(view)


class Reader(HTMLParser):
    """Collects tags, ids and text; complains about a tag that is closed out of order."""

    VOID = frozenset({"meta", "line", "path", "br", "img", "link", "input", "wbr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_well_formed_and_its_ids_are_unique(page: str) -> None:
    reader = Reader(page)
    assert reader.faults == []
    assert reader.open == []
    ids = [attributes["id"] for _tag, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_has_its_sections(page: str) -> None:
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert titles == [
        "Results at a glance", "Definitions", "Subjects", "Time-to-event endpoints", "Response", "Safety",
        "Data quality", "Provenance",
    ]  # fmt: skip


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    reader = Reader(page)
    assert {tag for tag, _attributes in reader.tags} & {"script", "link", "img", "iframe", "object", "base"} == set()
    assert not re.search(r"(https?:)?//[a-z]", page)
    assert "url(" not in page
    outward = [attributes for _tag, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert outward == []
    assert "default-src 'none'" in page


def test_tables_and_figures_speak_to_those_who_do_not_see_them(page: str) -> None:
    reader = Reader(page)
    tags = [tag for tag, _attributes in reader.tags]
    assert {"header", "nav", "main", "footer"} <= set(tags)
    assert dict(reader.tags)["html"]["lang"] == "en"
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attributes for tag, attributes in reader.tags if tag == "th")
    named = {attributes.get("id") for _tag, attributes in reader.tags}
    for tag, attributes in reader.tags:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert set(str(attributes["aria-labelledby"]).split()) <= named
    assert "A: 12 subjects" in page


def test_the_page_shows_the_estimates_as_the_analysis_results_hold_them(view: ReportView, page: str) -> None:
    def number(statistic: str, level: str) -> float:
        found = view.ard.filter(analysis="survival", paramcd="PFS", group="A", statistic=statistic, level=level)
        value: float = found["value"].item()
        return value

    at_six = f"{number('survival', '6'):.1%} ({number('lower', '6'):.1%} to {number('upper', '6'):.1%})"
    assert at_six in page
    assert f"{number('median', '0.5'):.1f} ({number('lower', '0.5'):.1f} to " in page


def test_the_page_tells_who_was_spared_a_false_progression(page: str) -> None:
    assert "Progression re-assessed (overall)" in page
    assert re.search(r"a later scan showed no progression</th><td[^>]*>12 \(100\.0%\)", page)
    assert "4 further subjects are in ADRS." in page


def test_the_name_of_a_rule_may_be_broken_where_its_parts_meet() -> None:
    names = [
        "endpoint.response.after_progression",
        "data.labs.unit",
        "<script>.aaaaaaaaaaaaaaaa.b&c",
        "0.123456789012345678",
    ]
    table = Table(
        "t", ["Rule"], [Row(heading(name)) for name in names] + [Row(heading(name), [words(name)]) for name in names]
    )
    page = render_html(Page("t", [], [Section("s", "S", [table])]))
    assert "endpoint.<wbr>response.<wbr>after_<wbr>progression" in page
    assert "data.labs.unit" in page
    assert "<script" not in page
    assert "0.123456789012345678" in page


def test_findings_are_grouped_with_their_first_examples(page: str) -> None:
    assert "01-001, row 0 = mg/x; 01-002, row 1 = mg/x; 01-003, row 2 = mg/x" in page
    assert page.count("the unit is not known") == 1


HOSTILE = "<script>alert('x')</script>"


def test_what_data_and_rulesets_say_is_shown_and_never_run() -> None:
    subjects = [HOSTILE, '=HYPERLINK("http://evil.example")', "\"'>&", *SUBJECTS[3:]]
    arms: list[str | None] = [HOSTILE if arm == "A" else arm for arm in ARMS]
    built = view_of(subjects, arms, title=f"{HOSTILE}</title>")
    hostile_words = {"Any adverse event": HOSTILE, "General disorders": HOSTILE, "Fatigue": HOSTILE}
    named = built.ard.with_columns(pl.col("label", "level").replace(hostile_words))
    hostile = render_report(replace(built, ard=named, manifest={HOSTILE: HOSTILE, "a": {"b": HOSTILE}}))
    assert "<script" not in hostile
    reader = Reader(hostile)
    assert reader.faults == []
    assert HOSTILE in "".join(reader.text)
    assert 'mso-number-format: "\\@"' in hostile  # a spreadsheet takes every cell for text


def test_the_page_is_the_same_whatever_the_order_of_rows(view: ReportView, page: str) -> None:
    assert render_report(view) == page

    def turned(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.sample(fraction=1.0, shuffle=True, seed=7)

    shuffled = replace(
        view,
        subjects=turned(view.subjects),
        time_to_event={name: turned(rows) for name, rows in view.time_to_event.items()},
        responses={name: turned(rows) for name, rows in view.responses.items()},
        timepoints={name: turned(rows) for name, rows in view.timepoints.items()},
        findings=turned(view.findings),
    )
    assert render_report(shuffled) == page


@pytest.mark.parametrize(
    ("subjects", "arms"),
    [
        ([], []), (["one"], ["A"]), (["one"], [None]), (SUBJECTS, [None] * 24), (SUBJECTS, ["A"] * 24),
        (SUBJECTS, [None, *ARMS[1:]]),
    ],
    ids=["nobody", "one subject", "one subject without arm", "no arms", "one arm", "one without arm"],
)  # fmt: skip
def test_a_small_or_odd_study_has_a_page(subjects: list[str], arms: list[str | None]) -> None:
    reader = Reader(render_report(view_of(subjects, arms)))
    assert reader.faults == []
    text = "".join(reader.text)
    assert "nan" not in re.findall(r"\b[a-z]+\b", text)
    assert "None" not in text


def test_parts_that_a_study_does_not_have_are_left_out(view: ReportView) -> None:
    none = view.ard.filter(~pl.col("analysis").is_in(["adverse_events", "laboratory"]))
    bare = replace(view, ard=none, timepoints={}, findings=view.findings.clear())
    text = render_report(bare)
    assert "Safety" not in text
    assert "Nothing odd was found in the data." in text


def cells_of(page: str, line: str) -> list[str]:
    """The cells of the first line with this heading."""
    found = re.search(rf"{re.escape(line)}</th>(.*?)</tr>", page)
    assert found is not None, line
    return re.findall(r"<td[^>]*>([^<]*)</td>", found[1])


def test_safety_tables_show_the_numbers_of_the_results(page: str) -> None:
    assert cells_of(page, "Any adverse event") == ["12 (100.0%)", "0", "12 (50.0%)"]
    assert cells_of(page, "Worst grade 3") == ["12 (100.0%)", "0", "12 (50.0%)"]
    assert cells_of(page, "Of interest") == ["–", "–", "–"]  # not recorded is not 0
    assert cells_of(page, "Fatigue") == [
        "12 (100.0%)",
        "12 (100.0%)",
        "0",
        "0",
        "0",
        "0",
        "12 (50.0%)",
        "12 (50.0%)",
        "0",
    ]
    # n, at least grade 1, at least 3, 4; the percentages are of n.
    of_a = ["8", "4 (50.0%)", "2 (25.0%)", "0"]
    assert cells_of(page, "Anemia (HGB low)") == [*of_a, *["0"] * 4, *of_a]
    assert cells_of(page, "from 1") == ["0", "1", "0", "0", "0", *["0"] * 5, "0", "1", "0", "0", "0"]


def test_what_has_no_place_of_its_own_stands_among_further_analyses(view: ReportView) -> None:
    document = {**view.ruleset.document}
    document["analyses"] = {
        **document["analyses"],
        "by_stage": {"estimator": "kaplan_meier", "endpoints": ["PFS"], "by": "stage"},
        "theirs": {"estimator": "third_party", "endpoints": ["PFS"], "by": "arm"},
    }
    number = {"paramcd": ["PFS"], "statistic": ["x"], "value": [1.25], "format": [".2f"], "label": ["Their number"]}
    theirs = frame(ARD_SCHEMA, analysis=["theirs"], group=["A"], comparison=["B"], **number)
    stage = frame(ARD_SCHEMA, analysis=["by_stage"], group=["I"], method=["Kaplan-Meier"], **number)
    ruleset = replace(view.ruleset, document=document)
    page = render_report(replace(view, ruleset=ruleset, ard=pl.concat([view.ard, theirs, stage])))
    section = page.partition('id="further"')[2].partition("</section>")[0]
    assert re.findall(r"<summary>([^<]+)", section) == ["PFS: by stage", "PFS: theirs"]
    assert re.search(r'<th scope="col">A to B</th>.*Their number</th><td class="n">1\.25<', section, re.DOTALL)
    assert 'id="further"' not in render_report(view)


def test_names_from_a_ruleset_cannot_leave_their_attributes(view: ReportView) -> None:
    name = '"><script>'
    endpoints = {name: replace(view.ruleset.endpoints["PFS"], paramcd=name)}
    analyses = {"survival": {"estimator": "kaplan_meier", "endpoints": [name], "by": "arm"}}
    ruleset = replace(view.ruleset, endpoints=endpoints, document={**view.ruleset.document, "analyses": analyses})
    times = {name: view.time_to_event["PFS"]}
    page = render_report(replace(view, ruleset=ruleset, time_to_event=times, responses={}))
    assert "<script" not in page
    assert Reader(page).faults == []
