"""What a description says: expected sentences are those of the published rules and of the shipped rulesets, read off by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from rules_engine import describe_ruleset, load_ruleset
from rules_engine.cli.describe import command
from rules_engine.describe.language import joined, number, percent, sentence, with_unit
from rules_engine.describe.schedules import schedule_sentences
from rules_engine.endpoints.missed_visits import is_gap_too_long
from rules_engine.endpoints.visit_examples import first_planned_days, last_day_of_event, visit_examples
from rules_engine.model import Ruleset, Schedule, Segment

EVERY_8_WEEKS = Schedule((Segment(56),), early=7, late=7)
SIX_THEN_NINE = Schedule((Segment(42, 168), Segment(63)), early=5, late=5)


def protocol(**changes: Any) -> Ruleset:
    document = {
        "rules_engine": 1, "id": "trial", "kind": "protocol", "title": "A trial", "extends": ["fda"],
        "schedule": {"segments": [{"every": 56}], "early": 7, "late": 7},
        "responses": {"central": {"criterion": "recist_1_1", "assessor": "independent"}},
        "endpoints": {"PFS": {"like": "PFS", "response": "central"}, "OS": {"like": "OS", "response": "central"}},
    }  # fmt: skip
    return load_ruleset(document, overrides=changes or None)


def lines(ruleset: Ruleset) -> list[str]:
    return str(describe_ruleset(ruleset)).splitlines()


def section(text: list[str], title: str) -> list[str]:
    start = text.index(title)
    level = title.split(" ")[0]
    ends = [
        n
        for n, line in enumerate(text[start + 1 :], start + 1)
        if line.startswith("#") and len(line.split(" ")[0]) <= len(level)
    ]
    return text[start : ends[0] if ends else None]


# The table of events and censoring -----------------------------------------------------------------------------------------


def test_the_table_of_progression_free_survival_in_the_style_of_fda() -> None:
    """FDA 2007, Appendix 3, Table A, as the ruleset `fda` states it; codes and texts are those of `common`."""
    found = [line for line in section(lines(protocol()), "### PFS: Progression-free survival") if line.startswith("| ")]
    therapy = "Last adequate assessment up to the start of the therapy"
    assert [line.strip("| ").split(" | ") for line in found[2:]] == [
        ["No time origin, or a time origin after the data cut-off", "No record", "–", "–"],
        ["Progression", "Event", "Earliest scan that shows it", "PROGRESSIVE DISEASE or RECURRENCE (CNSR 0)"],
        ["Clinical progression, declared without imaging", "Observation goes on", "–", "–"],
        ["Death from any cause", "Event", "Date of death", "DEATH (CNSR 0)"],
        ["No adequate baseline assessment, and no event that counts", "Censored", "Start",
         "NO ADEQUATE BASELINE ASSESSMENT (CNSR 2)"],
        ["No evaluable assessment after baseline, and no event that counts", "Censored", "Start",
         "NO EVALUABLE ASSESSMENT AFTER BASELINE (CNSR 3)"],
        ["Progression or death after two or more consecutive missed visits", "Censored",
         "Last adequate assessment before the event", "EVENT AFTER MISSED TUMOUR ASSESSMENTS (CNSR 4)"],
        ["Resection or transplantation with curative intent before an event", "Censored", therapy,
         "CURATIVE RESECTION OR TRANSPLANTATION (CNSR 6)"],
        ["New anticancer therapy before an event", "Censored", therapy, "NEW ANTICANCER THERAPY STARTED (CNSR 5)"],
        ["TACE session after the first before an event", "Observation goes on", "–", "–"],
        ["Consent withdrawn, no event", "Censored", "Last adequate assessment", "CONSENT WITHDRAWN (CNSR 7)"],
        ["Lost to follow-up, no event", "Censored", "Last adequate assessment", "LOST TO FOLLOW-UP (CNSR 8)"],
        ["End of study, no event", "Censored", "Last adequate assessment", "END OF STUDY (CNSR 9)"],
        ["None of these by the data cut-off", "Censored", "Last adequate assessment", "NO EVENT UNTIL DATA CUT-OFF (CNSR 1)"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "row"),
    [
        (
            {"new_therapy": "censor_at_start"},
            "| New anticancer therapy before an event | Censored | Start of the therapy |",
        ),
        ({"new_therapy": "event"}, "| New anticancer therapy | Event | Start of the therapy |"),
        ({"new_therapy": "ignore"}, "| New anticancer therapy before an event | Observation goes on | – |"),
        ({"new_therapy_boundary": "exclusive"}, "| Last adequate assessment before the start of the therapy |"),
        (
            {"clinical_progression": "event"},
            "| Clinical progression, declared without imaging | Event | Date recorded |",
        ),
        (
            {"missed_visits": {"applies_to": ["death"]}},
            "| Death after two or more consecutive missed visits | Censored |",
        ),
        ({"missed_visits": {"method": "disabled"}}, "| Event after missed assessments | Event | Its own date |"),
        ({"missed_visits": {"method": "fixed_days", "gap_days": 91}}, "after more than 91 days without an assessment"),
        (
            {"pd_date": "next_scheduled"},
            "| Progression | Event | Earliest scan that shows it; outside all windows, the next",
        ),
        ({"repeat_tace": "as_new_therapy"}, "| TACE session after the first before an event | Censored |"),
    ],
)
def test_the_table_follows_the_options(options: dict[str, Any], row: str) -> None:
    text = section(lines(protocol(endpoints={"PFS": {"options": options}})), "### PFS: Progression-free survival")
    assert any(row in line for line in text), row


def test_a_table_that_differs_little_is_told_by_its_differences() -> None:
    text = section(lines(load_ruleset("fda")), "### TTP: Time to progression")
    assert [line for line in text if line.startswith("| ")][2:] == [
        "| Death from any cause | Does not apply | – | – |",
        "| Progression after two or more consecutive missed visits | Censored | Last adequate assessment before the event | "
        "EVENT AFTER MISSED TUMOUR ASSESSMENTS (CNSR 4) |",
        "| Death without the event | Censored | Last adequate assessment | DEATH WITHOUT THE EVENT (CNSR 10) |",
    ]
    assert "**TTP: events and censoring as for PFS, except**" in text


# Missed visits in numbers --------------------------------------------------------------------------------------------------


def test_the_missed_visits_are_worked_out_in_the_days_of_the_schedule() -> None:
    """Every 8 weeks, a window of 7 days: after a scan on day 56 an event counts up to day 168 + 7."""
    text = str(describe_ruleset(protocol()))
    assert "After a last assessment on day 56 (planned visit 1) an event counts up to day 175 (119 days later)" in text
    assert "and no longer from day 176." in text


def test_the_sponsor_style_allowance_follows_the_change_of_interval() -> None:
    """Every 6, from day 168 on every 9 weeks, a window of 5 days: after a scan on day 126, (231 - 126) + 10 = 115 days."""
    told = visit_examples(SIX_THEN_NINE, "interval_sum", 2, "randomisation")
    assert any(
        "After a last assessment on day 126 (planned visit 3) an event counts up to day 241 (115 days later)" in one
        for one in told
    )


@pytest.mark.parametrize("method", ["windows", "interval_sum"])
@pytest.mark.parametrize("schedule", [EVERY_8_WEEKS, SIX_THEN_NINE, Schedule((Segment(7, 21), Segment(28)), 3, 2)])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_worked_days_are_those_of_the_rule(method: str, schedule: Schedule, n: int) -> None:
    rules = {"method": method, "n": n}
    lasts = list(range(300))
    limits = [last_day_of_event(schedule, method, n, last) for last in lasts]
    days = pl.DataFrame({"last": lasts, "limit": limits}).with_columns(
        anchor=pl.date(2024, 1, 1), start=pl.date(2024, 1, 1) + pl.duration(days="last")
    )
    for shift, expected in ((0, False), (1, True)):
        end = pl.date(2024, 1, 1) + pl.duration(days=pl.col("limit") + shift)
        found = days.select(discarded=is_gap_too_long(rules, schedule, pl.col("start"), end))["discarded"]
        assert found.to_list() == [expected] * len(lasts)


def test_a_schedule_in_words() -> None:
    assert first_planned_days(SIX_THEN_NINE, 6) == [0, 42, 84, 126, 168, 231, 294]
    assert schedule_sentences(SIX_THEN_NINE) == [
        "Tumour assessments are planned every 42 days (6 weeks) up to day 168 and every 63 days (9 weeks) thereafter, counted "
        "from the time origin (day 0).",
        "The planned visits are thus on days 42, 84, 126, 168, 231, 294, 357, 420 and so on.",
        "An assessment belongs to a planned visit from 5 days before to 5 days after its day.",
    ]
    daily = Schedule((Segment(10),), anchor="first_tace")
    assert schedule_sentences(daily)[0].endswith("planned every 10 days, counted from first tace (day 0).")
    assert schedule_sentences(daily)[2] == "An assessment belongs to a planned visit only on its day."


# What all endpoints share --------------------------------------------------------------------------------------------------


def test_what_most_endpoints_share_is_said_once_and_the_rest_where_it_holds() -> None:
    text = lines(load_ruleset("tace_ici_hcc"))
    therapy = section(text, "### Anticancer therapy")
    assert (
        "- A new anticancer therapy outside the study regimen does not end observation: assessments and events after its start "
        "count (treatment policy strategy). [all but OS, PFSNAT and TTAE3]"
    ) in therapy
    own = section(text, "### PFSNAT: PFS, sensitivity - censored at new anticancer therapy")
    assert any(
        line.startswith("- The start of a new anticancer therapy outside the study regimen ends observation")
        for line in own
    )
    gap = section(text, "### PFSGAP: PFS, sensitivity - censored at a gap of more than 180 days")
    assert any("more than 180 days have passed since the last assessment" in line for line in gap)


def test_the_first_trial_is_told_as_its_protocol_has_it() -> None:
    text = lines(load_ruleset("tace_ici_hcc"))
    whole = "\n".join(text)
    assert (
        "Time from the start of the first component of the study treatment to progression (re-assessed per iRECIST where "
        in whole
    )
    assert (
        "The proportion of subjects whose response at the landmark in the window of days 42 to 56 after the first TACE session is "
        "complete response (CR) or partial response (PR)."
    ) in whole
    assert "| Death without the event | Competing event | Date of death | DEATH WITHOUT THE EVENT (CNSR 10) |" in whole
    assert "- The estimate is also reported at 6, 12, 18 and 24 months." in text
    assert (
        "- Events that start within 7 days after a TACE session are marked, so that tables can be shown without them."
        in text
    )
    intercurrent = [line for line in text if line.startswith("| New anticancer therapy | Treatment policy")]
    assert intercurrent == [
        "| New anticancer therapy | Treatment policy: the event changes nothing; data after it count | disregarded (all but OS, "
        "PFSNAT and TTAE3); censored before it (PFSNAT) |"
    ]


# Responses and their criterion ---------------------------------------------------------------------------------------------


def test_a_value_that_deviates_from_the_published_criterion_is_called_out() -> None:
    text = lines(protocol(responses={"central": {"options": {"pd.abs_mm": 0, "bor.confirmation": "required"}}}))
    told = section(text, "### central: Timepoint responses")
    assert "**Deviations from the published criterion:** " in told
    assert any(
        line.startswith("- Progression, absolute: 0 mm in place of 5 mm. No absolute increase is required")
        for line in told
    )
    values = "\n".join(section(text, "### Values of the criteria"))
    assert (
        "| Partial response | Partial response is a decrease of the sum of diameters by at least 30% from baseline. |"
        in values
    )
    # The source of a published value does not stand beside another value.
    assert "required for progression of the target lesions. | Eisenhauer" not in values


def test_a_ruleset_built_on_a_criterion_deviates_from_the_published_one(tmp_path: Path) -> None:
    (tmp_path / "ruleset.yaml").write_text(
        "rules_engine: 1\nid: ours\nkind: criterion\ntitle: Ours\nextends: mrecist\n"
        "values:\n  pd.abs_mm: {value: 5, unit: mm, reference: our protocol 8.2}\n",
        encoding="utf-8",
    )
    ruleset = protocol(responses={"central": {"criterion": str(tmp_path), "assessor": "independent"}})
    told = section(lines(ruleset), "### central: Timepoint responses")
    assert any(line.startswith("- Progression, absolute: 5 mm in place of 0 mm.") for line in told)
    assert "our protocol 8.2" in "\n".join(section(lines(ruleset), "### Values of the criteria"))


# Assumptions ---------------------------------------------------------------------------------------------------------------


def test_every_interpretation_and_every_default_is_an_assumption() -> None:
    text = lines(load_ruleset("tace_ici_hcc"))
    assumptions = "\n".join(section(text, "## Assumptions"))
    assert "The paper and its restatements name 20 % alone." in assumptions
    assert "Reported values are never rounded to the precision of a cut-off" in assumptions
    assert (
        "| match | The reported or lowest-level term is looked up in the dictionary. | Adverse events: all |"
        in assumptions
    )
    assert "| new_therapy |" not in assumptions


# Languages -----------------------------------------------------------------------------------------------------------------


def test_english() -> None:
    assert joined(["a"]) == "a"
    assert joined(["a", "b", "c"], "or") == "a, b or c"
    assert [number(30.4375), number(30.0), number(5), number(30.436875)] == ["30.4375", "30", "5", "30.436875"]
    assert [percent(0.95), percent(0.9), percent(0.975), percent(0.57)] == ["95%", "90%", "97.5%", "57%"]
    assert [with_unit(1, "days"), with_unit(2, "days"), with_unit(1, "mm"), with_unit(20, "%")] == [
        "1 day",
        "2 days",
        "1 mm",
        "20%",
    ]
    assert [sentence("a thing"), sentence("iUPD is open"), sentence("Done.")] == ["A thing.", "iUPD is open.", "Done."]


@pytest.mark.parametrize("name", ["recist_1_1", "ctcae_v5", "ctcae_common", "fda", "cdisc_pilot_onco"])
def test_every_kind_of_ruleset_is_told(name: str) -> None:
    description = describe_ruleset(load_ruleset(name))
    assert len(str(description)) > 2000
    assert str(description) == str(describe_ruleset(load_ruleset(name)))


def test_cut_offs_are_told_with_their_units() -> None:
    text = str(describe_ruleset(load_ruleset("ctcae_v5")))
    assert (
        "| g/L | from 100 and below LLN | from 80 and below 100 | below 80, or transfusion indicated | – |"
        in text.replace("  g/L", "g/L")
    )


def test_html_is_one_page_without_network_and_escapes_what_the_ruleset_says() -> None:
    page = describe_ruleset(protocol(title='<script>alert("x")</script>', study={"population": "<b>all</b>"})).html()
    assert "<script>" not in page
    assert "<b>all</b>" not in page
    assert "&lt;b&gt;all&lt;/b&gt;" in page
    assert "src=" not in page
    assert "@media print" in page


# The command ---------------------------------------------------------------------------------------------------------------


def test_the_command_prints_markdown_or_writes_a_page(tmp_path: Path) -> None:
    shown = CliRunner().invoke(command, ["fda"])
    assert shown.exit_code == 0
    assert shown.output == str(describe_ruleset(load_ruleset("fda")))
    written = CliRunner().invoke(command, ["fda", "--out", str(tmp_path / "plan.html")])
    assert written.exit_code == 0
    assert (tmp_path / "plan.html").read_text(encoding="utf-8") == describe_ruleset(load_ruleset("fda")).html()
    CliRunner().invoke(command, ["fda", "--out", str(tmp_path / "plan.html"), "--format", "md"])
    assert (tmp_path / "plan.html").read_text(encoding="utf-8") == shown.output
