"""Safety on the page: adverse events by worst grade, and worst laboratory grades."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rules_engine.pages import Block, Cell, Folded, Paragraph, Row, Section, Table, heading
from rules_engine.report.butterfly import butterflies
from rules_engine.report.safety_counts import has_counts, hys_law_blocks, overview_tables, shift_tables
from rules_engine.report.tables import count, counts_by_arm, percent_cells, subjects_by_arm
from rules_engine.report.view import ARM, ReportView

GRADES = (1, 2, 3, 4, 5)
SEVERE = 3
NOT_CODED = "(not coded)"


def safety_section(view: ReportView) -> Section:
    """Adverse events and laboratory grades, among the subjects of the safety population."""
    blocks: list[Block] = []
    if view.adverse_events is not None and not view.adverse_events.is_empty():
        blocks += _adverse_event_tables(view)
    if view.labs is not None and not view.labs.is_empty():
        blocks += _laboratory_tables(view) + shift_tables(view) + hys_law_blocks(view)
    if blocks:
        blocks.insert(0, Paragraph(_population(view)))
    return Section("safety", "Safety", blocks)


def _population(view: ReportView) -> str:
    if _has_safety_flag(view):
        return "Safety population: subjects who received at least one dose or session."
    return "All subjects: the data do not mark a safety population."


def _has_safety_flag(view: ReportView) -> bool:
    return "safety_population" in view.subjects.columns and view.subjects["safety_population"].any()


def _safety_subjects(view: ReportView) -> pl.DataFrame:
    """`subject` and `arm` of the safety population; without a flag, of all."""
    if not _has_safety_flag(view):
        return view.subjects_with_arm
    safe = view.subjects.filter(pl.col("safety_population").fill_null(value=False)).select("subject")
    return safe.join(view.subjects_with_arm, on="subject", how="left")


def _graded_events(view: ReportView) -> pl.DataFrame:
    """Adverse events of the safety population with `_grade` (1 to 5, null = not graded), `_soc`, `_term` and `arm`.

    Events outside the window of the ruleset are left out.
    """
    assert view.adverse_events is not None  # noqa: S101  (the caller asks only then)
    flag = "is_counted" if "is_counted" in view.adverse_events.columns else "in_window"
    events = view.adverse_events.filter(pl.col(flag).fill_null(value=False))
    return events.with_columns(
        pl.col("atoxgrn").cast(pl.Int64).alias("_grade"),
        pl.col("analysis_term").fill_null(NOT_CODED).alias("_term"),
        pl.col("analysis_soc").fill_null(NOT_CODED).alias("_soc"),
    ).join(_safety_subjects(view), on="subject", how="inner")


def _adverse_event_tables(view: ReportView) -> list[Block]:
    events = _graded_events(view)
    totals = counts_by_arm(_safety_subjects(view), view.arms)
    blocks: list[Block] = overview_tables(view) if has_counts(view) else [_overview_table(view, events, totals)]
    if not events.is_empty():
        blocks += butterflies(events, dict(zip(view.arms, totals, strict=False)), SEVERE)
        blocks.append(
            Folded("By system organ class and term, worst grade per subject", [_term_table(view, events, totals)])
        )
    return blocks


def _overview_table(view: ReportView, events: pl.DataFrame, totals: list[int]) -> Table:
    """Subjects with at least one event of a kind; the number of records in the first line."""
    related = pl.col("related_to").fill_null("missing")
    lines = [
        Row(heading("Subjects"), [count(number) for number in totals]),
        Row(heading("Adverse events (episodes)"), [count(number) for number in _numbers_of_events(view, events)]),
    ]
    kinds: list[tuple[str, pl.Expr]] = [
        ("Any adverse event", pl.col("subject").is_not_null()),
        ("Grade 3 or higher", pl.col("_grade") >= SEVERE),
        ("Grade 3", pl.col("_grade") == SEVERE),
        ("Grade 4", pl.col("_grade") == SEVERE + 1),
        ("Grade 5", pl.col("_grade") == SEVERE + 2),
        ("Not graded", pl.col("_grade").is_null()),
    ]
    if "serious" in events.columns:
        kinds.append(("Serious", pl.col("serious").fill_null(value=False)))
    for component in _components(events):
        # A missing causality counts as related (CONSORT Harms 2022 asks that it be said).
        is_linked = related.str.contains(rf"(?i)(^|;)\s*{component}\s*(;|$)") | (related == "missing")
        kinds.append((f"Related to {component.upper()}", is_linked))
        kinds.append((f"Related to {component.upper()}, grade 3 or higher", is_linked & (pl.col("_grade") >= SEVERE)))
    worst = events.group_by("subject", ARM).agg(pl.col("_grade").max())
    for label, kind in kinds:
        # Grades 3, 4 and 5 are of the subject's worst event, so that they add up to "grade 3 or higher".
        single = label in ("Grade 3", "Grade 4", "Grade 5")
        found = (worst if single else events).filter(kind.fill_null(value=False))
        indent = 1 if single else 0
        lines.append(
            Row(
                heading(f"worst {label.lower()}" if single else label, indent=indent),
                percent_cells(subjects_by_arm(found, view.arms), totals),
            )
        )
    notes = ["Each subject counts once per line. Missing causality counts as related."]
    return Table("Adverse events: overview", ["", *_columns(view)], lines, notes)


def _numbers_of_events(view: ReportView, events: pl.DataFrame) -> list[int]:
    """Episodes: records that the grading linked count once."""
    return counts_by_arm(events.unique(["subject", "episode_id"]), view.arms)


def _components(events: pl.DataFrame) -> Sequence[str]:
    if "related_to" not in events.columns:
        return []
    parts = events["related_to"].drop_nulls().str.to_lowercase().str.split(";").explode().str.strip_chars()
    return sorted(set(parts.to_list()) & {"tace", "ici", "other"})


def _columns(view: ReportView) -> list[str]:
    return [*view.arms, "Total"] if len(view.arms) > 1 else list(view.arms) or ["All"]


def _term_table(view: ReportView, events: pl.DataFrame, totals: list[int]) -> Table:
    """Subjects by class and term: any grade, grade 3 or higher, grade 5; the most frequent first, ties alphabetical."""
    lines: list[Row] = []
    for soc in _by_frequency(events, "_soc"):
        of_class = events.filter(pl.col("_soc") == soc)
        lines.append(_term_row(view, of_class, heading(soc), totals))
        for term in _by_frequency(of_class, "_term"):
            of_term = of_class.filter(pl.col("_term") == term)
            lines.append(_term_row(view, of_term, heading(term, indent=1), totals))
    arms = _columns(view)
    columns = ["", *["Any", "≥3", "5"] * len(arms)]
    bands = [("", 1), *((arm, 3) for arm in arms)]
    return Table("Adverse events by class and term", columns, lines, ["Worst grade per subject in a line."], bands)


def _by_frequency(events: pl.DataFrame, column: str) -> list[str]:
    counted = events.group_by(column).agg(n=pl.col("subject").n_unique()).sort(["n", column], descending=[True, False])
    names: list[str] = counted[column].to_list()
    return names


def _term_row(view: ReportView, events: pl.DataFrame, label: Cell, totals: list[int]) -> Row:
    worst = events.group_by("subject", ARM).agg(pl.col("_grade").max())
    columns = [
        percent_cells(counts_by_arm(worst.filter(kind.fill_null(value=False)), view.arms), totals)
        for kind in (pl.col("subject").is_not_null(), pl.col("_grade") >= SEVERE, pl.col("_grade") == SEVERE + 2)
    ]
    return Row(label, [cell for arm in zip(*columns, strict=True) for cell in arm])


def _filter_to_post_baseline(labs: pl.DataFrame) -> pl.DataFrame:
    """Samples after baseline: as the grading says or, without its word, later than the baseline sample of the analyte.

    Without either, all of them.
    """
    if "is_post_baseline" in labs.columns:
        return labs.filter(pl.col("is_post_baseline").fill_null(value=False))
    flag = next((name for name in ("ablfl", "is_baseline") if name in labs.columns), None)
    if flag is None or "date" not in labs.columns:
        return labs
    marked = pl.col(flag).fill_null(value=False) if labs.schema[flag] == pl.Boolean else pl.col(flag) == "Y"
    baseline = labs.filter(marked).group_by("subject", "analyte").agg(_baseline_day=pl.col("date").max())
    joined = labs.join(baseline, on=["subject", "analyte"], how="left")
    later = (pl.col("date") > pl.col("_baseline_day")).fill_null(value=True)
    return joined.filter(later).drop("_baseline_day")


def _laboratory_tables(view: ReportView) -> list[Block]:
    """Worst grade after baseline per subject, analyte and direction, among subjects with a gradable value."""
    assert view.labs is not None  # noqa: S101  (the caller asks only then)
    sides = [
        ("low", next((name for name in ("atoxgrl", "grade_low") if name in view.labs.columns), None)),
        ("high", next((name for name in ("atoxgrh", "grade_high") if name in view.labs.columns), None)),
    ]
    labs = view.labs
    if "analyte_key" in labs.columns:
        labs = labs.with_columns(pl.coalesce("analyte_key", "analyte").alias("analyte"))
    labs = _filter_to_post_baseline(labs).join(_safety_subjects(view), on="subject", how="inner")
    lines: list[Row] = []
    for analyte in sorted(labs["analyte"].drop_nulls().unique().to_list()):
        for side, column in sides:
            if column is None:
                continue
            grade = pl.col(column).cast(pl.String).str.extract(r"([0-5])").cast(pl.Int64)
            of_analyte = labs.filter(pl.col("analyte") == analyte).with_columns(grade.alias("_grade"))
            gradable = of_analyte.drop_nulls("_grade")
            if gradable.is_empty():
                continue
            worst = gradable.group_by("subject", ARM).agg(pl.col("_grade").max())
            totals = counts_by_arm(worst, view.arms)
            cells: list[Cell] = []
            per_kind = [
                percent_cells(counts_by_arm(worst.filter(kind), view.arms), totals)
                for kind in (pl.col("_grade") >= 1, pl.col("_grade") >= SEVERE, pl.col("_grade") >= SEVERE + 1)
            ]
            for number, arm_cells in enumerate(zip(*per_kind, strict=True)):
                cells += [count(totals[number]), *arm_cells]
            lines.append(Row(heading(f"{analyte}, {side}"), cells))
    if not lines:
        return []
    arms = _columns(view)
    columns = ["", *["n", "≥1", "≥3", "4"] * len(arms)]
    bands = [("", 1), *((arm, 4) for arm in arms)]
    notes = ["Worst grade per subject; n: subjects with at least one gradable value; percentages are of n."]
    return [
        Folded(
            "Laboratory values: worst grade", [Table("Laboratory values: worst grade", columns, lines, notes, bands)]
        )
    ]
