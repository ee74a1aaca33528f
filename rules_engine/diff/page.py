"""A comparison as a page: rules, records, estimates and curves."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.diff.causes import ALONE, ONLY_ONE, PAIR, THREE, TOGETHER
from rules_engine.diff.rules import RuleDifference, written
from rules_engine.diff.side import Side
from rules_engine.loading import path_text
from rules_engine.model import Position
from rules_engine.pages import Block, Cell, Folded, Page, Paragraph, Row, Section, Table, heading, words
from rules_engine.report.tables import NO_NUMBER, Estimates
from rules_engine.report.tables import written as as_number
from rules_engine.vocabulary import ANALYSES_OF_ENGINE

#: Records that the listing of an endpoint names; all are in the data.
LISTED = 200
#: Statistics of the table of estimates, and those of them that have limits beside them; every other number is folded.
MAIN = (
    "n", "events", "responders", "median", "q1", "q3", "survival", "incidence", "restricted_mean", "hazard_ratio", "rate",
    "difference", "p_value",
)  # fmt: skip
#: What these statistics may be of; those of single covariates or of a test of assumptions are folded.
VARIABLES = ("probability", "time", "time_competing")
LIMITS = ("lower", "upper")
LIMITED = tuple(name for name in MAIN if name not in ("n", "events", "responders", "p_value"))
_HOW = {
    ALONE: "alone: each rule named gives the record by itself",
    PAIR: "as a pair: two rules give it together, and neither by itself",
    THREE: "three together: these give it together, and fewer do not",
    TOGETHER: "together: neither one rule nor two or three give the record",
    ONLY_ONE: "the endpoint has no other difference",
}


def comparison_page(
    before: Side, after: Side, rules: Sequence[RuleDifference], records: pl.DataFrame, estimates: pl.DataFrame,
    figures: Sequence[Block], *, in_full: bool,
) -> Page:  # fmt: skip
    """The page; without `figures` that part is left out, and without `in_full` numbers that few ask for."""
    facts = [
        ("Before", f"{before.ruleset.id}, data cut-off {before.cutoff}"),
        ("After", f"{after.ruleset.id}, data cut-off {after.cutoff}"),
        ("Records that differ", f"{records.height} of {_compared(before, after)}"),
    ]
    return Page(
        f"{before.ruleset.id} and {after.ruleset.id} compared",
        facts,
        [
            Section("rules", "What differs in the rules", rule_blocks(before, after, rules)),
            Section("records", "What differs in the records", _record_blocks(before, after, records)),
            Section("curves", "Curves", list(figures)),
            Section(
                "estimates",
                "What differs in the estimates",
                _estimate_blocks(before, after, estimates, records, in_full=in_full),
            ),
        ],
    )


def _compared(before: Side, after: Side) -> int:
    """Records of the endpoints that both runs have; a subject with a record in one run only counts as well."""
    total = 0
    for ones, others in (
        (before.derived.time_to_event, after.derived.time_to_event),
        (before.derived.responses, after.derived.responses),
    ):
        for paramcd in ones:
            if paramcd in others:
                total += pl.concat([ones[paramcd]["subject"], others[paramcd]["subject"]]).n_unique()
    return total


def rule_blocks(before: Side | None, after: Side | None, rules: Sequence[RuleDifference]) -> list[Block]:
    """The rules that differ, with their places; cut-offs stand first where they do."""
    rows = []
    if before is not None and after is not None and before.cutoff != after.cutoff:
        rows.append(Row(heading("data cut-off"), [words(before.cutoff), words(after.cutoff), words("")]))
    rows += [
        Row(heading(name), [words(one), words(other), words(places)]) for name, one, other, places in _together(rules)
    ]
    if not rows:
        return [Paragraph("The rulesets mean the same.")]
    return [Table("", ["Rule", "Before", "After", "Stated at"], rows)]


def _together(rules: Sequence[RuleDifference]) -> list[tuple[str, str, str, str]]:
    """Path, values and places of each difference; what several endpoints have alike stands once, with their names."""
    alike: dict[tuple[object, ...], list[str]] = {}
    for rule in rules:
        of_endpoint = rule.path[0] == "endpoints" and len(rule.path) > 2
        name = path_text(rule.path[2:]) if of_endpoint else rule.name
        one, other = _in_words(rule.before, rule.before_told), _in_words(rule.after, rule.after_told)
        key = (of_endpoint, name, one, other, _places(rule))
        alike.setdefault(key, []).append(rule.path[1] if of_endpoint else "")
    return [
        (f"{name} ({', '.join(owners)})" if of_endpoint else str(name), str(one), str(other), str(places))
        for (of_endpoint, name, one, other, places), owners in alike.items()
    ]


def _in_words(value: object, sentence: str) -> str:
    """The value as a ruleset writes it, and as a description says it."""
    return f"{written(value)}: {sentence}" if sentence else written(value)


def _places(rule: RuleDifference) -> str:
    return " → ".join(
        _place(value, place) for value, place in ((rule.before, rule.before_at), (rule.after, rule.after_at))
    )


def _place(value: object, place: Position | None) -> str:
    if place is not None:
        return f"{place.file}:{place.line}"
    return "–" if written(value) == "(absent)" else "default"


def _record_blocks(before: Side, after: Side, records: pl.DataFrame) -> list[Block]:
    if records.is_empty():
        return [Paragraph("No record differs in the endpoints that both have.")]
    blocks: list[Block] = [_changes_table(records), _causes_table(records)]
    for paramcd in records["paramcd"].unique(maintain_order=True):
        of_endpoint = records.filter(pl.col("paramcd") == paramcd)
        label = {**before.ruleset.endpoints, **after.ruleset.endpoints}[paramcd].label
        blocks.append(Folded(f"{paramcd}: {label}, {of_endpoint.height} records", [_listing(of_endpoint)]))
    return blocks


def _changes_table(records: pl.DataFrame) -> Table:
    changes = records["change"].unique(maintain_order=True).to_list()
    counted = records.group_by("paramcd", "change").len()
    numbers = {(paramcd, change): number for paramcd, change, number in counted.iter_rows()}
    rows = []
    for paramcd in records["paramcd"].unique(maintain_order=True):
        of_endpoint = [numbers.get((paramcd, change), 0) for change in changes]
        rows.append(
            Row(heading(paramcd), [*(Cell(f"{number:,}") for number in of_endpoint), Cell(f"{sum(of_endpoint):,}")])
        )
    return Table("Records by what changes", ["Endpoint", *changes, "All"], rows, ["Before → after."])


def _causes_table(records: pl.DataFrame) -> Table:
    counted = records.group_by("paramcd", "by", "how", maintain_order=True).len()
    rows = [
        Row(heading(paramcd), [words(by), Cell(f"{number:,}"), words(_HOW.get(how, ""))])
        for paramcd, by, how, number in counted.iter_rows()
    ]
    notes = [
        "Found by giving the first run each differing rule of the second alone, then two and three of them together, and deriving "
        "the endpoint again."
    ]
    return Table("Records by the rules that change them", ["Endpoint", "Rules", "Records", "How they act"], rows, notes)


def _listing(records: pl.DataFrame) -> Table:
    rows = [
        Row(
            heading(row["subject"]),
            [words(_told(row, "before")), words(_told(row, "after")), words(row["by"])],
        )
        for row in records.head(LISTED).iter_rows(named=True)
    ]
    more = records.height - LISTED
    notes = [f"{more:,} further records are in the data of the comparison."] if more > 0 else []
    return Table("", ["Subject", "Before", "After", "By"], rows, notes)


def _told(row: dict[str, object], side: str) -> str:
    """`censored on 2024-05-01 (day 120): CUTOFF`: one side of a changed record."""
    outcome = row[f"outcome_{side}"]
    if outcome is None and row[f"date_{side}"] is None:
        return "no record"
    dated = f" on {row[f'date_{side}']}" if row[f"date_{side}"] is not None else ""
    counted = f" (day {row[f'days_{side}']})" if row[f"days_{side}"] is not None else ""
    reason = f": {row[f'reason_{side}']}" if row[f"reason_{side}"] is not None else ""
    return f"{outcome}{dated}{counted}{reason}"


def _estimate_blocks(
    before: Side, after: Side, estimates: pl.DataFrame, records: pl.DataFrame, *, in_full: bool
) -> list[Block]:
    """Estimates of endpoints with a changed record, with their limits, over all subjects; every other number `in_full` only."""
    if estimates.is_empty():
        return [Paragraph("No estimate that both runs have differs.")]
    is_main = (
        pl.col("statistic").is_in([*MAIN, *LIMITS])
        & ~pl.col("analysis").is_in(list(ANALYSES_OF_ENGINE))
        & pl.col("paramcd").is_in(records["paramcd"].unique().implode())
        & pl.col("subgroup_variable").is_null()
        & (pl.col("variable").is_null() | pl.col("variable").is_in(list(VARIABLES)))
    )
    main, rest = estimates.filter(is_main), estimates.filter(~is_main)
    blocks: list[Block] = [_with_limits(before, after, main)] if main.height else []
    if rest.height and in_full:
        blocks.append(Folded(f"{rest.height:,} further numbers", [_numbers(rest)]))
    elif rest.height:
        blocks.append(
            Paragraph(f"{rest.height:,} further numbers differ; the page and the data of the comparison have them.")
        )
    return blocks


def _with_limits(before: Side, after: Side, differing: pl.DataFrame) -> Table:
    """One row per estimate that differs, itself or in a limit, in the order of the results."""
    ones, others = Estimates.of(before.ard), Estimates.of(after.ard)
    places = ("analysis", "paramcd", "group", "comparison", "variable", "level")
    changed: dict[tuple[str | None, ...], set[str]] = {}
    for *keys, statistic in differing.select(*places, "statistic").iter_rows():
        changed.setdefault(tuple(keys), set()).add(statistic)
    rows = []
    for place, statistics in changed.items():
        analysis, paramcd, group = place[:3]
        where = place[3:]
        for statistic in MAIN:
            found = ones.number(str(analysis), str(paramcd), group, statistic, *where)
            has_limits = (
                ones.number(str(analysis), str(paramcd), group, "lower", *where) is not None and statistic in LIMITED
            )
            if found is None or not (statistic in statistics or (has_limits and statistics & set(LIMITS))):
                continue
            cells = [
                side.with_limits(str(analysis), str(paramcd), group, statistic, *where)
                if has_limits
                else side.cell(str(analysis), str(paramcd), group, statistic, *where)
                for side in (ones, others)
            ]
            second = others.number(str(analysis), str(paramcd), group, statistic, *where)
            change = _difference(found["value"], None if second is None else second["value"], found["format"])
            rows.append(
                Row(heading(f"{paramcd}: {found['label']}"), [words(_of(place)), words(analysis), *cells, change])
            )
    return Table("", ["Estimate (limits)", "Of", "Analysis", "Before", "After", "Difference"], rows)


def _of(place: Sequence[str | None]) -> str:
    group, comparison = place[2], place[3]
    return f"{group or 'all'} to {comparison}" if comparison is not None else str(group or "all")


def _difference(before: object, after: object, number_format: object) -> Cell:
    if not isinstance(before, float) or not isinstance(after, float):
        return Cell(NO_NUMBER)
    form = number_format if isinstance(number_format, str) else "g"
    # A difference has its sign; that of two percentages is in points; a small one is not written as a small p value.
    text = as_number(after - before, "+,.0f" if form == "d" else f"+{form}")
    return Cell(text.replace("%", " points"))


def _numbers(estimates: pl.DataFrame) -> Table:
    rows = []
    for row in estimates.iter_rows(named=True):
        parts = [
            row["subgroup_variable"],
            row["subgroup"],
            row["group"],
            row["comparison"],
            row["variable"],
            row["level"],
        ]
        values = [
            Cell(NO_NUMBER if row[side] is None else as_number(row[side], row["format"]))
            for side in ("before", "after")
        ]
        change = _difference(row["before"], row["after"], row["format"])
        where = words(", ".join(str(part) for part in parts if part is not None))
        rows.append(Row(heading(f"{row['paramcd']}: {row['label']}"), [where, words(row["analysis"]), *values, change]))
    return Table("", ["Number", "Of", "Analysis", "Before", "After", "Difference"], rows)
