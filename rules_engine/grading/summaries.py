"""Adverse events in numbers: events, subjects, and subjects by worst grade, as analysis results (one row per number).

A subject counts once in each line, at the worst grade; a line of a class is not the sum of its terms. An event is an
episode. Percentages are of the safety population, subjects without events included.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import and_
from typing import Final

import polars as pl

from rules_engine.vocabulary import ARD_SCHEMA

#: Name of the analysis in the results.
ANALYSIS: Final = "adverse_events"
METHOD: Final = "worst grade per subject"
SEVERE: Final = 3
GRADES: Final = (1, 2, 3, 4, 5)
WITHDRAWN: Final = ("DRUG WITHDRAWN",)
INTERRUPTED: Final = ("DRUG INTERRUPTED", "DOSE DELAYED", "DOSE INTERRUPTED")


def summarise_events(
    adae: pl.LazyFrame, subjects: pl.LazyFrame, by: str | None = None, *, missing_as_severe: bool = False
) -> pl.LazyFrame:
    """Numbers of events and subjects with events, in the columns of `ARD_SCHEMA`.

    `adae` is one row per graded event record (`GRADED_EVENTS_SCHEMA`); only records with `in_window` count.
    `subjects` is one row per subject, with `safety_population` where the study marks it, and the column `by` (None =
    no groups; the total is always given).

    `variable` is `overview` (`level` is the kind of event: `any`, `grade_ge_3`, `related_ici` …), `soc` or `term`;
    `statistic` is `events` (episodes), `subjects`, `percent`, and for classes and terms `grade_1` to `grade_5`,
    `grade_ge_3`, `not_graded`: subjects by worst grade. `label` is the class of a term. `missing_as_severe` counts an
    event without a grade as grade 3 (sensitivity).
    """

    def summarise(frames: list[pl.DataFrame]) -> pl.DataFrame:
        events, people = frames
        return pl.concat([pl.DataFrame(schema=ARD_SCHEMA), *_rows(events, people, by, missing_as_severe)])

    return pl.defer(lambda: summarise(pl.collect_all([adae, subjects])), schema=pl.Schema(ARD_SCHEMA))


def _rows(
    events: pl.DataFrame, people: pl.DataFrame, by: str | None, missing_as_severe: bool
) -> Iterator[pl.DataFrame]:
    safe = _safety_population(people, by)
    grade = pl.col("atoxgrn").fill_null(SEVERE) if missing_as_severe else pl.col("atoxgrn")
    counted = (
        events.filter(pl.col("in_window"))
        .with_columns(_grade=grade, _serious=pl.col("serious").fill_null(value=False))
        .join(safe, on="subject", how="inner")
    )
    groups: list[tuple[str | None, pl.DataFrame, int]] = [(None, counted, safe.height)]
    if by is not None:
        for name in sorted(safe["_group"].drop_nulls().unique()):
            size = safe.filter(pl.col("_group") == name).height
            groups.append((name, counted.filter(pl.col("_group") == name), size))
    for name, of_group, size in groups:
        yield _published(_overview(of_group, size), by, name, size)
        for variable, level in (("soc", "analysis_soc"), ("term", "analysis_term")):
            yield _published(_by_level(of_group, variable, level, size), by, name, size)


def _safety_population(people: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """Subjects who were treated, as the study marks them; all where it marks none."""
    group = pl.lit(None, pl.String) if by is None else pl.col(by).cast(pl.String)
    marked = "safety_population" in people.columns and bool(people["safety_population"].fill_null(value=False).any())
    safe = people.filter(pl.col("safety_population").fill_null(value=False)) if marked else people
    return safe.select("subject", group.alias("_group"))


def kinds(components: list[str]) -> dict[str, pl.Expr]:
    """Lines of the overview: kind of event and the records that are of it. Missing causality counts as related."""
    grade, serious = pl.col("_grade"), pl.col("_serious")
    is_severe = (grade >= SEVERE).fill_null(value=False)
    action = pl.col("action_taken").str.strip_chars().str.to_uppercase()
    related = {name: is_related_to(name) for name in components}
    found = {"any": pl.lit(value=True), "grade_ge_3": is_severe, "not_graded": grade.is_null(), "serious": serious}
    any_related = pl.col("related_to").is_null() | (pl.col("related_to").str.strip_chars() != "")
    found |= {
        "related": any_related,
        "related_grade_ge_3": any_related & is_severe,
        "related_serious": any_related & serious,
    }
    for name, is_related in related.items():
        found |= {f"related_{name}": is_related, f"related_{name}_grade_ge_3": is_related & is_severe}
    if {"tace", "ici"} <= set(related):
        found["related_tace_and_ici"] = reduce(and_, [related["tace"], related["ici"]])
    found |= {
        "withdrawn": action.is_in(WITHDRAWN),
        "interrupted": action.is_in(INTERRUPTED),
        "outside_tace_window": ~pl.col("after_tace"),
        "outside_tace_window_grade_ge_3": ~pl.col("after_tace") & is_severe,
    }
    return found


def is_related_to(component: str) -> pl.Expr:
    """The event is related to this component of the regimen; true where causality is missing."""
    parts = pl.col("related_to").str.to_lowercase().str.split(";").list.eval(pl.element().str.strip_chars())
    return parts.list.contains(component).fill_null(value=True)


def _overview(events: pl.DataFrame, size: int) -> pl.DataFrame:
    named = events["related_to"].drop_nulls().str.to_lowercase().str.split(";").explode().str.strip_chars()
    components = sorted({name for name in named.to_list() if name})
    rows: list[_Row] = []
    for kind, condition in kinds(components).items():
        of_kind = events.filter(condition.fill_null(value=False))
        rows += [
            ("overview", kind, "events", None, float(_episodes(of_kind)), "d"),
            *_subjects("overview", kind, "subjects", None, of_kind["subject"].n_unique(), size),
        ]
    worst = events.group_by("subject").agg(pl.col("_grade").max())
    for grade in GRADES:
        number = worst.filter(pl.col("_grade") == grade).height
        rows += _subjects("overview", f"worst_grade_{grade}", "subjects", None, number, size)
    return _frame(rows)


def _by_level(events: pl.DataFrame, variable: str, level: str, size: int) -> pl.DataFrame:
    known = events.drop_nulls(level)
    per_subject = known.group_by(level, "subject").agg(pl.col("_grade").max())
    counted = per_subject.group_by(level).agg(
        subjects=pl.len(),
        **{f"grade_{grade}": (pl.col("_grade") == grade).sum() for grade in GRADES},
        grade_ge_3=(pl.col("_grade") >= SEVERE).sum(),
        not_graded=pl.col("_grade").is_null().sum(),
    )
    labels = known.group_by(level).agg(
        label=pl.col("analysis_soc").min() if variable == "term" else pl.lit(None, pl.String).first(),
        events=pl.struct("subject", "analysis_term", "episode_id").n_unique(),
    )
    # The most frequent first, ties by name.
    ordered = counted.join(labels, on=level).sort("subjects", level, descending=[True, False])
    rows: list[_Row] = []
    for line in ordered.iter_rows(named=True):
        name, label = line[level], line["label"]
        rows.append((variable, name, "events", label, float(line["events"]), "d"))
        rows += _subjects(variable, name, "subjects", label, line["subjects"], size)
        for statistic in (*(f"grade_{grade}" for grade in GRADES), "grade_ge_3", "not_graded"):
            rows.append((variable, name, statistic, label, float(line[statistic]), "d"))
    return _frame(rows)


def _episodes(events: pl.DataFrame) -> int:
    return events.select("subject", "analysis_term", "episode_id").unique().height


_Row = tuple[str, str, str, str | None, float | None, str]


def _subjects(variable: str, level: str, statistic: str, label: str | None, number: int, size: int) -> list[_Row]:
    share = 100 * number / size if size else None
    return [
        (variable, level, statistic, label, float(number), "d"),
        (variable, level, "percent", label, share, ".1f"),
    ]


def _frame(rows: list[_Row]) -> pl.DataFrame:
    schema = {"variable": pl.String(), "level": pl.String(), "statistic": pl.String(), "label": pl.String(),
              "value": pl.Float64(), "format": pl.String()}  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _published(rows: pl.DataFrame, by: str | None, group: str | None, size: int) -> pl.DataFrame:
    return rows.with_columns(
        analysis=pl.lit(ANALYSIS),
        paramcd=pl.lit(None, pl.String),
        subgroup_variable=pl.lit(None, pl.String),
        subgroup=pl.lit(None, pl.String),
        n=pl.lit(size),
        group_variable=pl.lit(by if group is not None else None, pl.String),
        group=pl.lit(group, pl.String),
        comparison=pl.lit(None, pl.String),
        note=pl.when(pl.col("value").is_null()).then(pl.lit("no subject in the population")),
        method=pl.lit(METHOD),
    ).select([pl.col(name).cast(kind) for name, kind in ARD_SCHEMA.items()])
