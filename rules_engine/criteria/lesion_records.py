"""The lesion rows of one reading, sorted out once: everything about them that no option of a criterion changes.

Each criterion asks the same questions of the same rows: which lesion is a target, which visit comes after which, which record is there
twice. `LesionRecords` holds the answers in frames of narrow types: codes are enumerations, names are numbered texts
(`Categorical`), and a visit is one number.

An engine that runs several criteria over one reading answers them once and says so with `share`; a criterion asks
`derive_from_records` and need not know. Rows that anybody has changed since are another frame and are sorted out anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import polars as pl

from rules_engine.contracts import LESION_ASSESSMENTS, canonical_schema
from rules_engine.criteria.lesions import (
    TRAITS,
    baseline_lesions,
    baseline_rows,
    first_baseline_dates,
    orphaned_merges,
    rows_that_count,
)

#: Texts that are known by number while a criterion works. Lesions and the lesions they are merged into share their numbers.
_NUMBERED = {
    "subject": "subject", "lesion_id": "lesion", "into": "lesion", "fragment_id": "fragment", "organ": "place", "site": "place",
    "assessor": "reader", "reader": "reader",
}  # fmt: skip
OF_ROWS = (
    "subject", "visit_date", "lesion_id", "fragment_id", "mm_x100", "viable_mm_x100", "state", "into", "status", "vs_last", "cytology",
)  # fmt: skip
_OF_TARGETS = (
    "subject", "visit_date", "visit", "is_baseline", "lesion_id", "mm_x100", "viable_mm_x100", "state", "node", "intrahepatic", "enhanced",
)  # fmt: skip
_OF_NONTARGETS = (
    "subject", "visit_date", "visit", "lesion_id", "mm_x100", "state", "status", "vs_last", "cytology", "node", "kind",
)  # fmt: skip
_NUMBERS = ("visit", "sight")
_OF_VISITS = ("visit", "sight", "is_baseline", "reason", "suspected_pseudoprogression")
_OF_NEW_LESIONS: tuple[str | pl.Expr, ...] = (
    "certainty",
    "pattern",
    *(pl.col(trait).alias(f"own_{trait}") for trait in TRAITS),
)
_IS_TARGET = pl.col("role") == "target"
_IS_NONTARGET = pl.col("role") == "non-target"
_IN_ORDER = [
    pl.col("subject").to_physical(), pl.col("visit_date"), pl.col("lesion_id").to_physical(), pl.col("fragment_id").to_physical(),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LesionRecords:
    """Frames of one reading; all are keyed by `subject` and, where they have visits, by `visit` (a number) and `visit_date`.

    ==========  ========================  ====================================================================================
    frame       one row per               columns
    ==========  ========================  ====================================================================================
    rows        row of the reading        as in `lesion_assessments`, in narrow types and in order; `visit`, and `sight`: the
                                          number of the lesion at the visit
    known       lesion of the baseline    see `lesions.baseline_lesions`
    orphans     target and visit at       see `lesions.orphaned_merges`
                which it is merged into
                nothing that is measured
    subjects    subject                   `baseline_date`, `n_targets`, `n_nontargets` (at baseline), `has_targets` (at baseline
                                          or, a fault, only later)
    visits      visit that counts         `number` (0 = baseline, then 1, 2, …), `reason`, `suspected_pseudoprogression`;
                                          `targets_read`, `nontargets_read` (number of lesions), `is_repeated` (a target sum
                                          would count something twice), and the columns of `subjects`
    targets     row of a baseline target  the row, with the traits of its lesion; `state` is `ne` where it is merged into a
                                          lesion that carries no measurement
    nontargets  row of a non-target       likewise
    new_lesions row of a lesion that the  the row, with the traits of the lesion's first record
                baseline does not have
                and that is first called
                new
    ==========  ========================  ====================================================================================

    `derived` is what was derived of records that are shared (see `share`), each with the options that decided it, by what derived it.
    """

    rows: pl.LazyFrame
    known: pl.LazyFrame
    orphans: pl.LazyFrame
    subjects: pl.LazyFrame
    visits: pl.LazyFrame
    targets: pl.LazyFrame
    nontargets: pl.LazyFrame
    new_lesions: pl.LazyFrame
    derived: dict[Hashable, list[tuple[Mapping[str, Any], pl.LazyFrame]]] | None = None


def narrow(lesions: pl.LazyFrame) -> pl.LazyFrame:
    """The same rows with codes as enumerations, which sort by their names, and names by number."""
    present = lesions.collect_schema()
    kinds: dict[str, pl.DataType] = {
        column.name: pl.Enum(sorted(column.codes)) for column in LESION_ASSESSMENTS.columns if column.kind == "code"
    }
    kinds |= {name: pl.Categorical(pl.Categories(of, "rules_engine.criteria")) for name, of in _NUMBERED.items()}
    return lesions.with_columns(pl.col(name).cast(kind) for name, kind in kinds.items() if name in present)


def canonical(records: LesionRecords) -> pl.LazyFrame:
    """The rows of the reading as everybody outside the criteria knows them: canonical lesion rows; what nobody reads is never made."""
    schema = canonical_schema(LESION_ASSESSMENTS)
    return records.rows.drop(_NUMBERS).with_columns(pl.col(name).cast(kind) for name, kind in schema.items())


def with_names(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The same rows with subjects and lesions as plain text, as everybody outside the criteria knows them."""
    present = frame.collect_schema()
    return frame.with_columns(pl.col(name).cast(pl.String) for name in _NUMBERED if name in present)


def sort_out(rows: pl.LazyFrame) -> LesionRecords:
    """The rows of one reading, numbered (see `numbered`), sorted out and held in memory.

    Each frame is read several times; as one plan, the rows would be sorted out at each of these times.
    """
    extra = [name for name in rows.collect_schema() if name not in (*canonical_schema(LESION_ASSESSMENTS), *_NUMBERS)]
    known = hold(baseline_lesions(rows).join(_recorded_at_baseline(rows), on=["subject", "lesion_id"], how="semi"))
    also = [*_OF_VISITS, *_OF_NEW_LESIONS, *extra]
    orphans = hold(orphaned_merges(rows, known))
    counting = hold(rows_that_count(rows, rows).pipe(with_known_lesion, known, orphans, also))
    subjects = hold(derive_subjects(rows, known))
    visits, targets, nontargets, new_lesions = pl.collect_all(
        [
            derive_visit_records(counting, subjects),
            counting.filter(_IS_TARGET).select(*_OF_TARGETS, *extra),
            counting.filter(_IS_NONTARGET).select(_OF_NONTARGETS),
            derive_new_lesion_rows(counting),
        ],
        engine="in-memory",
    )
    return LesionRecords(
        rows=rows,
        known=known,
        orphans=orphans,
        subjects=subjects,
        visits=visits.lazy(),
        targets=targets.lazy(),
        nontargets=nontargets.lazy(),
        new_lesions=new_lesions.lazy(),
    )


def _recorded_at_baseline(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Lesions that the baseline has. A row there that says `new` and absent is no lesion: so a visit is recorded without disease."""
    says_none = (pl.col("role") == "new") & ((pl.col("state") == "absent") | (pl.col("status") == "absent"))
    return baseline_rows(rows).filter(~says_none.fill_null(value=False)).select("subject", "lesion_id")


def hold(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The same frame, computed once."""
    return frame.collect(engine="in-memory").lazy()


def numbered(lesions: pl.LazyFrame) -> pl.LazyFrame:
    """Canonical lesion rows in narrow types, sorted by visit and lesion; `visit` and `sight` number the visit and the lesion at it."""
    return (
        narrow(lesions)
        .sort(_IN_ORDER)
        .with_columns(
            visit=pl.struct("subject", "visit_date").rle_id(),
            sight=pl.struct("subject", "visit_date", "lesion_id").rle_id(),
        )
    )


def with_known_lesion(
    rows: pl.LazyFrame, known: pl.LazyFrame, orphans: pl.LazyFrame, also: Sequence[str | pl.Expr] = ()
) -> pl.LazyFrame:
    """Rows with the traits of their baseline lesion (`role` is null where the baseline does not have it).

    A target that is merged into a lesion without a measurement (`orphans`) gets the `state` `ne`. `also` names further columns of the
    rows to keep.
    """
    return (
        rows.select(*OF_ROWS, *also)
        .join(known, on=["subject", "lesion_id"], how="left", maintain_order="left")
        .join(
            orphans,
            on=["subject", "visit_date", "lesion_id"],
            how="left",
            maintain_order="left",
        )
        .with_columns(state=pl.when(pl.col("orphaned") & _IS_TARGET).then(pl.lit("ne")).otherwise("state"))
        .drop("orphaned")
    )


def derive_subjects(rows: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """One row per subject of the reading (see `LesionRecords`)."""
    at_baseline = known.group_by("subject").agg(
        n_targets=_IS_TARGET.sum().cast(pl.Int64), n_nontargets=_IS_NONTARGET.sum().cast(pl.Int64)
    )
    return (
        rows.group_by("subject")
        .agg(has_targets=_IS_TARGET.any())
        .join(first_baseline_dates(rows), on="subject", how="left")
        .join(at_baseline, on="subject", how="left")
        .with_columns(pl.col("n_targets", "n_nontargets").fill_null(0))
    )


def derive_new_lesion_rows(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows of lesions that the baseline does not have and whose first record calls them new; traits are those of that record."""
    unknown = rows.filter(~pl.col("is_baseline"), pl.col("role").is_null())
    of_lesion = ["subject", "lesion_id"]
    first = unknown.filter(pl.col("visit_date") == pl.col("visit_date").min().over(of_lesion))
    traits = first.group_by(of_lesion).agg(pl.col(f"own_{trait}").max().alias(trait) for trait in TRAITS)
    called_new = traits.filter(pl.col("role") == "new")
    return unknown.drop(TRAITS).join(called_new, on=of_lesion, how="inner", maintain_order="left")


def derive_visit_records(rows: pl.LazyFrame, subjects: pl.LazyFrame) -> pl.LazyFrame:
    """One row per visit that counts (see `LesionRecords`), from rows in order with the traits of their lesions.

    A target that is recorded twice at a visit, as a whole, in one fragment, or both as a whole and in fragments, cannot be summed
    without counting it twice; validation names the rows.
    """
    same_lesion = pl.col("sight") == pl.col("sight").shift()
    after_whole = pl.col("fragment_id").shift().is_null()
    repeats = same_lesion & (after_whole | pl.col("fragment_id").eq_missing(pl.col("fragment_id").shift()))
    return (
        rows.with_columns(is_first=~same_lesion.fill_null(value=False), repeats=repeats)
        .group_by("visit")
        .agg(
            pl.col("subject", "visit_date", "is_baseline").first(),
            pl.col("reason").max(),  # the alphabetically last: a symptom before the schedule, that before any other
            pl.col("suspected_pseudoprogression").max(),
            targets_read=(_IS_TARGET & pl.col("is_first")).sum().cast(pl.Int64),
            nontargets_read=(_IS_NONTARGET & pl.col("is_first")).sum().cast(pl.Int64),
            is_repeated=(_IS_TARGET & pl.col("repeats")).any(),
        )
        .sort("visit")
        .with_columns(
            pl.col("reason").cast(pl.String).fill_null("scheduled"),
            pl.col("suspected_pseudoprogression").fill_null(value=False),
            number=(~pl.col("is_baseline")).cum_sum().over("subject", order_by="visit").cast(pl.Int64),
        )
        .drop("is_baseline")
        .join(subjects, on="subject", how="left", maintain_order="left")
    )


def derive_from_records(lesions: pl.LazyFrame, derive: Callable[[LesionRecords], pl.LazyFrame]) -> pl.LazyFrame:
    """What `derive` makes of the records of these rows: the shared records, or else the rows are sorted out in one step of the plan."""
    shared = _shared(lesions)
    if shared is not None:
        return derive(shared)

    def step(rows: pl.DataFrame) -> pl.DataFrame:
        return derive(sort_out(hold(numbered(rows.lazy())))).collect(engine="in-memory")

    known = canonical_schema(LESION_ASSESSMENTS)
    extra = tuple((name, kind) for name, kind in lesions.collect_schema().items() if name not in known)
    schema = derive(_records_of_nobody(extra)).collect_schema()
    return lesions.map_batches(
        step, schema=schema, predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False
    )


@lru_cache(maxsize=32)
def _records_of_nobody(extra: tuple[tuple[str, pl.DataType], ...]) -> LesionRecords:
    """Records without rows, from lesions with these columns beyond the contract: they tell the columns of what is derived."""
    return sort_out(hold(numbered(pl.LazyFrame(schema={**canonical_schema(LESION_ASSESSMENTS), **dict(extra)}))))


def share(lesions: pl.LazyFrame, records: LesionRecords) -> None:
    """Let everybody who derives from the records of this very frame have these, for as long as the frame exists."""
    key = id(lesions)
    _SHARED[key] = (weakref.ref(lesions, lambda _gone: _SHARED.pop(key, None)), replace(records, derived={}))


def derive_once(lesions: pl.LazyFrame, derive: Callable[[LesionRecords], pl.LazyFrame]) -> pl.LazyFrame:
    """As `derive_from_records`, for what is the same for every criterion: of shared records it is computed for the first who asks."""

    def once(records: LesionRecords) -> pl.LazyFrame:
        if records.derived is None:
            return derive(records)
        known = records.derived.setdefault(derive, [])
        if not known:
            known.append(({}, hold(derive(records))))
        return known[0][1]

    return derive_from_records(lesions, once)


def _shared(lesions: pl.LazyFrame) -> LesionRecords | None:
    """The records that are shared of this very frame; of a frame that is gone, nothing is left."""
    known = _SHARED.get(id(lesions))
    return None if known is None else known[1]


#: By identity: a lazy frame never changes, and whoever filters it or adds a column has another one.
_SHARED: dict[int, tuple[weakref.ref[pl.LazyFrame], LesionRecords]] = {}
