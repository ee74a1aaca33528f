"""Single records that contradict themselves, the lesion's first record, or belief."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from rules_engine.contracts import UNITS_PER_MM
from rules_engine.criteria.lesion_records import LesionRecords, hold
from rules_engine.criteria.lesions import ABSURD_MM, is_node, option
from rules_engine.criteria.validation.saying import IS_TARGET, RECORD, VISIT, finding, in_mm
from rules_engine.findings import ERROR, WARNING, phrase
from rules_engine.model import CriterionRules

_IS_NONTARGET = pl.col("role") == "non-target"


def findings_of_records(records: LesionRecords) -> Iterable[pl.LazyFrame]:
    """Findings about the rows of one reading, whatever the rules of the criterion."""
    yield from _of_numbers(records.rows)
    yield from _of_roles(records.rows)
    yield from _of_repetition(records.rows)
    yield from _of_merges(records)


def local_therapy_findings(lesions: pl.LazyFrame, rules: CriterionRules) -> Iterable[pl.LazyFrame]:
    """A ruleset that excludes locally treated targets, where no table says which they are."""
    ask_exclusion = option(rules, "mrecist.on_study_local") == "exclude"
    if ask_exclusion and "local_therapy" not in lesions.collect_schema().names():
        yield finding(
            lesions.select("subject").head(1).with_columns(subject=pl.lit(None, pl.String)), "local_therapy.not_recorded", WARNING,
            "the ruleset excludes locally treated targets, and the table has no column local_therapy", "no target is excluded",
            None, "local_therapy",
        )  # fmt: skip


def _of_numbers(lesions: pl.LazyFrame) -> Iterable[pl.LazyFrame]:
    for column in ("mm_x100", "viable_mm_x100"):
        absurd = (pl.col(column) < 0) | (pl.col(column) > ABSURD_MM * UNITS_PER_MM)
        yield finding(
            lesions.filter(absurd), "diameter.absurd", ERROR, f"the diameter is below 0 or above {ABSURD_MM} mm",
            "it is refused; a target with it is not evaluable", RECORD, column.removesuffix("_x100"), in_mm(column),
        )  # fmt: skip
    part_larger = pl.col("viable_mm_x100") > pl.col("mm_x100")
    yield finding(
        lesions.filter(part_larger), "diameter.viable_above_whole", WARNING,
        "the viable part is larger than the whole lesion", "both are used as recorded; a whole diameter of 0 is absence", RECORD,
        "viable_mm", in_mm("viable_mm_x100"),
    )  # fmt: skip
    has_size = (pl.col("mm_x100") > 0) | (pl.col("viable_mm_x100") > 0)
    yield finding(
        lesions.filter(pl.col("state").is_in(["absent", "ne", "merged"]) & has_size), "state.contradicts_number", WARNING,
        "the state says that there is no measurement, and there is one", "the state is used, the number is not", RECORD, "state",
        pl.col("state"),
    )  # fmt: skip
    is_followed_by_status = _IS_NONTARGET | (pl.col("role") == "new")
    yield finding(
        lesions.filter(is_followed_by_status, pl.col("status").is_in(["absent", "ne"]) & has_size, ~is_node()),
        "status.contradicts_number", WARNING, "the status says that nothing was seen, and there is a diameter",
        "the status is used, the number is not", RECORD, "status", pl.col("status"),
    )  # fmt: skip
    yield finding(
        lesions.filter(is_node(), _IS_NONTARGET, pl.col("status").is_in(["absent", "ne"]) & has_size),
        "status.contradicts_number", WARNING, "the status says that no disease was seen, and there is a short axis",
        "a node called absent is judged by its short axis; one called not evaluable is not judged", RECORD, "status", pl.col("status"),
    )  # fmt: skip
    told = pl.col("status").cast(pl.String).replace({"unequivocal": "present"})
    seen = pl.col("state").cast(pl.String).replace({"measured": "present", "tstm": "present", "merged": "present"})
    yield finding(
        lesions.filter(is_followed_by_status, told.is_not_null(), seen.is_not_null(), told != seen),
        "state.contradicts_status", WARNING, "state and status of the lesion say different things",
        "a non-target goes by its status; a new lesion is not evaluable where either says so, else absent where either says so",
        RECORD, "state", phrase("{}, {}", "state", "status"),
    )  # fmt: skip


def _of_roles(lesions: pl.LazyFrame) -> Iterable[pl.LazyFrame]:
    lesion = ["subject", "lesion_id"]
    known = hold(
        lesions.group_by(lesion).agg(
            visit_date=pl.col("visit_date").min(),
            at_baseline=pl.col("is_baseline").any(),
            changes=pl.col("role").min() < pl.col("role").max(),
        )
    )
    is_seen = ~((pl.col("state") == "absent") | (pl.col("status") == "absent")).fill_null(value=False)
    new_at_baseline = lesions.filter("is_baseline", pl.col("role") == "new", is_seen)
    yield finding(
        known.join(new_at_baseline, on=lesion, how="semi"), "role.new_at_baseline", ERROR,
        "a lesion of the baseline cannot be new", "the lesion is not used", RECORD, "role", pl.lit("new"),
    )  # fmt: skip
    # The other two ask for the role of the lesion's first record; few lesions change it, or come later.
    first = pl.col("visit_date") == pl.col("visit_date").min()
    first_role = pl.col("role").filter(first).max()
    late = known.filter(~pl.col("at_baseline")).select(lesion)
    followed = lesions.join(late, on=lesion, how="semi").group_by(lesion).agg(first_role, pl.col("visit_date").min())
    yield finding(
        followed.filter(pl.col("role").is_in(["target", "non-target"])), "role.not_at_baseline", ERROR,
        "a target or non-target lesion must be recorded at baseline", "the lesion is not used", RECORD, "role", pl.col("role"),
    )  # fmt: skip
    changing = known.filter("changes").select(lesion)
    changed = lesions.join(changing, on=lesion, how="semi").group_by(lesion).agg(
        roles=pl.col("role").cast(pl.String).unique().sort().str.join(", "),
        visit_date=pl.col("visit_date").filter(pl.col("role") != first_role).min(),
    )  # fmt: skip
    yield finding(
        changed, "role.changes", ERROR, "the lesion changes its role", "the role of its first record is used",
        RECORD, "role", pl.col("roles"),
    )  # fmt: skip


def _of_repetition(lesions: pl.LazyFrame) -> Iterable[pl.LazyFrame]:
    # The rows of a lesion at a visit are neighbours, and most lesions have one.
    sight = pl.col("sight")
    several = lesions.filter(
        (sight == sight.shift(1)).fill_null(value=False) | (sight == sight.shift(-1)).fill_null(value=False)
    )
    repeated = several.group_by("subject", "visit_date", "lesion_id", "fragment_id").agg(count=pl.len())
    yield finding(
        repeated.filter(pl.col("count") > 1), "record.repeated", ERROR, "the lesion is recorded more than once at one visit",
        "a target sum with it is not evaluable", RECORD, "lesion_id", pl.col("count"),
    )  # fmt: skip
    parts = several.group_by("subject", "visit_date", "lesion_id").agg(
        wholes=pl.col("fragment_id").null_count(), fragments=pl.col("fragment_id").count()
    )
    yield finding(
        parts.filter(pl.col("wholes") > 0, pl.col("fragments") > 0), "record.whole_and_fragments", ERROR,
        "the lesion is recorded at one visit both as a whole and in fragments", "a target sum with it is not evaluable", RECORD,
        "fragment_id", pl.col("fragments"),
    )  # fmt: skip
    # In most studies one reading is selected, and there is nothing to compare visit by visit.
    several = lesions.select("assessor", "reader").unique().filter(pl.len() > 1)
    mixed = lesions.join(several, on=["assessor", "reader"], how="semi", nulls_equal=True)
    read_by = pl.concat_str("assessor", "reader", separator=" ", ignore_nulls=True)
    readings = mixed.group_by("subject", "visit_date").agg(readings=read_by.unique().sort())
    yield finding(
        readings.filter(pl.col("readings").list.len() > 1), "reading.several", ERROR,
        "the visit was read by several, and the response of the ruleset names no assessor or reader",
        "a lesion that several recorded is not evaluable; name assessor and reader under `responses`", VISIT, "assessor",
        pl.col("readings").list.join("; "),
    )  # fmt: skip


def _of_merges(records: LesionRecords) -> Iterable[pl.LazyFrame]:
    lesions = records.rows
    merged = pl.col("state") == "merged"
    named = lesions.filter(merged).group_by("subject", "visit_date", "lesion_id").agg(pl.col("into").min())
    orphans = records.orphans.join(records.known.filter(IS_TARGET), on=["subject", "lesion_id"], how="semi").join(
        named, on=["subject", "visit_date", "lesion_id"], how="left"
    )
    yield finding(
        orphans, "merged.without_carrier", ERROR,
        "the lesion is merged into one that is no measured target at this visit", "the lesion is not evaluable", RECORD, "into",
        pl.col("into"),
    )  # fmt: skip
    carriers = lesions.filter(merged.not_().fill_null(value=True)).select("subject", "visit_date", into="lesion_id")
    yield finding(
        lesions.filter(merged, pl.col("role") == "new").join(carriers, on=["subject", "visit_date", "into"], how="anti"),
        "merged.new_without_carrier", WARNING, "the new lesion is merged into one that is not recorded at this visit",
        "it contributes 0 to the sum of new lesions", RECORD, "into", pl.col("into"),
    )  # fmt: skip
