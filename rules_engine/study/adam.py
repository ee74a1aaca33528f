"""ADaM data sets from what was derived: CDISC names, types and labels, sorted by key.

Names inside the engine are lower case; here they become those of the ADaM Implementation Guide 1.3 and of its structure
for time-to-event analyses. Columns that CDISC does not know (RULEID, RULESET, REASON …) say where a record comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rules_engine import dates
from rules_engine.criteria import in_units, percent_change
from rules_engine.grading import GRADED_EVENTS_SCHEMA, GRADED_LABS_SCHEMA, derive_worst_flags
from rules_engine.model import Ruleset
from rules_engine.ordering import by_key, in_order, in_order_of_ties
from rules_engine.study.labels import COLUMN_NAMES, DATA_SETS, KEYS
from rules_engine.study.manifest import ruleset_stamp
from rules_engine.study.parameters import endpoint_names, subject_parameters, timepoint_parameters
from rules_engine.study.study import Study
from rules_engine.vocabulary import SumParameter

Frames = Mapping[str, pl.DataFrame]


def adtte(time_to_event: Frames, study: Study, ruleset: Ruleset) -> pl.DataFrame:
    """ADTTE: one row per subject and parameter, from the rows of each time-to-event endpoint (`vocabulary.TTE_SCHEMA`)
    by PARAMCD.

    AVAL counts days; CNSR is 0 for an event and otherwise the number of the censoring reason.
    """
    names = endpoint_names(ruleset)
    parts = [
        rows.lazy().select(
            PARAMCD=pl.lit(paramcd),
            PARAM=pl.lit(names[paramcd]),
            USUBJID="subject",
            STARTDT="start_date",
            ADT="date",
            AVAL="days",
            AVALU=pl.lit("DAYS"),
            CNSR="cnsr",
            EVNTDESC="event_description",
            CNSDTDSC="censoring_description",
            SRCDOM="source_domain",
            SRCVAR="source_variable",
            SRCSEQ="source_seq",
            ADTF="date_imputation",
            EVENT_TYPE="event_type",
            REASON="reason",
            ENTRY="entry_days",
            INT_L="interval_left",
            INT_R="interval_right",
            RULEID="rule_id",
        )
        for paramcd, rows in time_to_event.items()
    ]
    return _data_set("adtte", parts, study, ruleset, ["USUBJID", "PARAMCD"])


def adrs(
    timepoints: Frames,
    collected: Frames,
    responses: Frames,
    study: Study,
    ruleset: Ruleset,
    subject_responses: Frames | None = None,
) -> pl.DataFrame:
    """ADRS: one row per subject, response stream and timepoint (PARAMCD begins with OVR), one per subject and response
    endpoint, and for each derived stream two per subject: best response (BOR…) and progression (PD…) as its criterion
    has them.

    `timepoints` (`vocabulary.TIMEPOINT_SCHEMA` with `seq`), `collected` (assessments) and `subject_responses`
    (`criteria.SUBJECT_RESPONSE_SCHEMA`) are by response name, `responses` (`vocabulary.RESPONSE_SCHEMA`) by PARAMCD. ASEQ
    of a timepoint is the number that SRCSEQ of ADTTE points to. A collected response whose day is not known has no ADT;
    ADTC shows the date as recorded.
    """
    parameters = timepoint_parameters(ruleset)
    names = endpoint_names(ruleset)
    parts = []
    for name, rows in timepoints.items():
        parts.append(_stream_columns(_derived_timepoints(rows), name, parameters[name], ruleset))
    for name, rows in collected.items():
        parts.append(_stream_columns(_collected_timepoints(rows), name, parameters[name], ruleset))
    for paramcd, rows in responses.items():
        parts.append(
            rows.lazy().select(
                USUBJID="subject",
                PARAMCD=pl.lit(paramcd),
                PARAM=pl.lit(names[paramcd]),
                PARCAT1=pl.lit("RESPONSE ENDPOINT"),
                RESPONSE=pl.lit(ruleset.endpoints[paramcd].response, pl.String),
                ADT="date",
                ADTC=pl.col("date").cast(pl.String),
                VISIT=pl.col("visit") if "visit" in rows.columns else pl.lit(None, pl.String),
                AVALC="value",
                AVAL=pl.col("number" if "number" in rows.columns else "responder").cast(pl.Float64),
                RSPFL=_yes_no(pl.col("responder")),
                SRCDOM="source_domain",
                SRCVAR="source_variable",
                SRCSEQ="source_seq",
                RULEID="rule_id",
            )
        )
    codes = subject_parameters(ruleset)
    for name, rows in (subject_responses or {}).items():
        best, progression = _subject_rows(rows)
        parts.append(_stream_columns(best, name, codes[name][0], ruleset, "SUBJECT"))
        parts.append(_stream_columns(progression, name, codes[name][1], ruleset, "SUBJECT"))
    return _data_set("adrs", parts, study, ruleset, KEYS["adrs"])


def adtr(
    timepoints: Frames,
    study: Study,
    ruleset: Ruleset,
    baselines: Frames | None = None,
    sums: Mapping[str, SumParameter] | None = None,
) -> pl.DataFrame:
    """ADTR: one row per subject, response stream and visit with the sum over the target lesions (PARAMCD SDIAM, in mm).

    The baseline (ABLFL = Y, from `baselines`, `vocabulary.BASELINE_SCHEMA` by response name) comes first. AVAL is missing
    where a target lesion is not known. BASE is the sum at baseline, NADIR the smallest sum before the visit. Changes are
    from the exact sums; a change in percent of zero is missing. `sums` tells, by response name, what is added up where
    that is not the diameters.
    """
    parts = []
    for name, rows in timepoints.items():
        sum_of = (sums or {}).get(name, SumParameter())
        visits = [_sums_of_visits(rows, sum_of)]
        if baselines is not None and name in baselines:
            visits.append(_sums_of_baselines(baselines[name], sum_of))
        together = pl.concat(visits, how="diagonal")
        named = _stream_columns(together, name, (sum_of.code, sum_of.label), ruleset)
        parts.append(named.with_columns(AVALU=pl.lit(sum_of.unit)))
    return _data_set("adtr", parts, study, ruleset, KEYS["adtr"])


def _sums_of_visits(timepoints: pl.DataFrame, sum_of: SumParameter) -> pl.LazyFrame:
    total, base, nadir = pl.col("sum_x100"), pl.col("baseline_x100"), pl.col("nadir_x100")
    return timepoints.lazy().select(
        USUBJID="subject",
        ADT="visit_date",
        AVAL=in_units(total, sum_of.per_unit),
        BASE=in_units(base, sum_of.per_unit),
        NADIR=in_units(nadir, sum_of.per_unit),
        CHG=in_units(total - base, sum_of.per_unit),
        PCHG=percent_change(total, base),
        CHGNAD=in_units(total - nadir, sum_of.per_unit),
        PCHGNAD=percent_change(total, nadir),
        SDCMPFL=_yes_no(pl.col("sum_complete")),
        RULEID="rule_id",
    )


def _sums_of_baselines(baselines: pl.DataFrame, sum_of: SumParameter) -> pl.LazyFrame:
    """The baseline of each subject; there is nothing yet from which it could have changed."""
    total = in_units(pl.col("sum_x100"), sum_of.per_unit)
    return baselines.lazy().select(
        USUBJID="subject",
        ADT="visit_date",
        ABLFL=pl.lit("Y"),
        AVAL=total,
        BASE=total,
        SDCMPFL=_yes_no(pl.col("sum_x100").is_not_null()),
    )


def adae(adverse_events: pl.DataFrame | None, study: Study, ruleset: Ruleset) -> pl.DataFrame:
    """ADAE: one row per adverse event record, graded; no rows where the ruleset does not ask for adverse events.

    ADURN counts both the first and the last day. The group `immune_related` of the ruleset fills IRAEFL (as recorded) and
    IRAEDFL (by rule where nothing is recorded), the syndrome `post_embolisation` PESFL; PESGRPID is the day of the session.
    """
    if adverse_events is None:
        return _data_set("adae", [], study, ruleset, ["USUBJID"])
    rows = _renamed(adverse_events, "adae")
    if {"astdt", "aendt"} <= set(adverse_events.columns):
        days = (pl.col("AENDT") - pl.col("ASTDT")).dt.total_days() + 1
        rows = rows.with_columns(ADURN=days, ADURU=pl.when(days.is_not_null()).then(pl.lit("DAYS")))
    if set(GRADED_EVENTS_SCHEMA) <= set(adverse_events.columns):
        rows = pl.concat([rows, adverse_events.lazy().select(_event_rules())], how="horizontal")
    return _data_set("adae", [rows], study, ruleset, KEYS["adae"])


def _event_rules() -> list[pl.Expr]:
    """Flags of groups and syndromes, out of the graded columns."""
    recorded, derived = (pl.col(f"groups_{source}").str.split(";") for source in ("recorded", "derived"))
    in_syndrome = pl.col("syndrome") == "post_embolisation"
    words = {
        "IRAEFL": pl.when(recorded.list.contains("immune_related")).then(pl.lit("Y")),
        "IRAEDFL": pl.when(derived.list.contains("immune_related")).then(pl.lit("Y")),
        "EVGROUPS": pl.concat_str("groups_recorded", "groups_derived", separator=";", ignore_nulls=True).replace(
            "", None
        ),
        "PESFL": pl.when(in_syndrome).then(pl.lit("Y")),
        "PESGRPID": pl.when(in_syndrome).then(pl.col("syndrome_session").cast(pl.String)),
        "FUPFL": pl.when(pl.col("days_after_treatment").is_not_null() & ~pl.col("on_treatment")).then(pl.lit("Y")),
    }
    grade = pl.when(in_syndrome).then(pl.col("syndrome_grade").cast(pl.Int64))
    return [*(word.alias(name) for name, word in words.items()), grade.alias("PESGRN")]


def adlb(labs: pl.DataFrame | None, study: Study, ruleset: Ruleset) -> pl.DataFrame:
    """ADLB: one row per laboratory record with its grade in each direction; no rows where the ruleset asks for none.

    ANRIND compares AVAL with the limits of the record. CHG and PCHG are given after baseline where the units agree, as
    are the shifts. TRTEMFL: a grade worse than at baseline in its direction, a missing one at baseline counting as 0.
    """
    if labs is None:
        return _data_set("adlb", [], study, ruleset, ["USUBJID"])
    is_graded = set(GRADED_LABS_SCHEMA) <= set(labs.columns)
    tied = None
    if is_graded:
        # The rows are put in order before they become wide; AVALC is looked at only where all else is the same.
        labs = derive_worst_flags(labs)
        named = {COLUMN_NAMES["adlb"].get(column, column.lower()) for column in DATA_SETS["adlb"]}
        labs = labs.select(column for column in labs.columns if column in {*named, "analyte_name"})
        labs, tied = by_key(labs, [COLUMN_NAMES["adlb"][column] for column in KEYS["adlb"][:-1]])
    rows = _renamed(labs, "adlb")
    if "value_number" in labs.columns:
        value, low, high = pl.col("AVAL"), pl.col("ANRLO"), pl.col("ANRHI")
        rows = rows.with_columns(
            ANRIND=pl.when(value < low)
            .then(pl.lit("LOW"))
            .when(value > high)
            .then(pl.lit("HIGH"))
            .when(low.is_not_null() & high.is_not_null() & value.is_not_null())
            .then(pl.lit("NORMAL"))
        )
    if {"base", "is_post_baseline"} <= set(labs.columns):
        comparable = (pl.col("APOBLFL") == "Y") & (pl.col("BASEU") == pl.col("AVALU"))
        value, base = pl.col("AVAL"), pl.col("BASE")
        rows = rows.with_columns(
            CHG=pl.when(comparable).then(value - base), PCHG=pl.when(comparable).then(percent_change(value, base))
        )
    if is_graded:
        rows = rows.with_columns(
            PARAM=test_name(test_codes(labs)),
            SHIFT1=_after_baseline(pl.concat_str("BNRIND", pl.lit(" to "), "ANRIND")),
            SHIFT2=_after_baseline(pl.lit(_shifts(labs["btoxgr"], labs["atoxgr"]))),
            TRTEMFL=pl.when(labs.select(_is_worse()).to_series()).then(pl.lit("Y")),
        )
    return _data_set("adlb", [rows], study, ruleset, KEYS["adlb"], tied)


def test_codes(labs: pl.DataFrame) -> pl.DataFrame:
    """The codes of the tests in graded results and the analyte's name of each: one row per analyte and name."""
    few = labs.lazy().select("analyte", "analyte_name").unique().collect(engine="streaming")
    return few.select("analyte", name=pl.col("analyte_name").cast(pl.String)).drop_nulls().sort(pl.all())


def test_name(codes: pl.DataFrame) -> pl.Expr:
    """PARAM: the analyte's name, with the study's code where several codes have one name; the code where none is known.

    `codes` are those of all subjects (`test_codes`).
    """
    codes = codes.unique()
    is_shared = pl.col("name").is_duplicated()
    named = codes.select(
        "analyte",
        pl.when(is_shared).then(pl.col("name") + " (" + pl.col("analyte") + ")").otherwise("name").alias("name"),
    )
    names = dict(named.iter_rows())
    # Said to be of each row by itself: where Polars replaces values of a stream, it waits for all of the rows.
    return pl.col("PARAMCD").map_batches(
        lambda given: given.replace_strict(names, default=given, return_dtype=pl.String),
        return_dtype=pl.String,
        is_elementwise=True,
    )


def _after_baseline(shift: pl.Expr) -> pl.Expr:
    """`NORMAL to HIGH`; missing up to the baseline and where either is missing."""
    return pl.when(pl.col("APOBLFL") == "Y").then(shift)


def _shifts(before: pl.Series, after: pl.Series) -> pl.Series:
    """`0 to 2` for two signed grades; each of the few shifts is written once."""
    before, after = before.cast(pl.Int32), after.cast(pl.Int32)
    worst = max(int(grades.abs().max() or 0) for grades in (before, after))  # type: ignore[arg-type]
    known = range(-worst, worst + 1)
    words = pl.Series([f"{one} to {other}" for one in known for other in known], dtype=pl.String)
    return words.gather((before + worst) * len(known) + after + worst)


def _is_worse() -> pl.Expr:
    """A low or high grade in the window is worse than that of the baseline."""
    worse = [pl.col(f"atoxgr{side}") > pl.col(f"btoxgr{side}").fill_null(0) for side in ("l", "h")]
    return pl.col("in_window") & pl.any_horizontal(one.fill_null(value=False) for one in worse)


# Timepoint responses --------------------------------------------------------------------------------------------------


def _derived_timepoints(rows: pl.DataFrame) -> pl.LazyFrame:
    return rows.lazy().select(
        USUBJID="subject",
        ADT="visit_date",
        ADTC=pl.col("visit_date").cast(pl.String),
        AVALC="overall",
        TRGRESP="target",
        NTRGRESP="nontarget",
        NEWLFL=_yes_no(pl.col("new_lesion")),
        PDDT="progression_date",
        OVRREAD="overall_as_read",
        BASISOVR="basis_overall",
        ACCPTFL=_yes_no(pl.col("accepted")),
        IRSTATE="state",
        ANCHDT="anchor_date",
        CONFREAS=pl.when(pl.col("confirmation_reasons") != "").then("confirmation_reasons"),
        ASEQ=pl.col("seq") if "seq" in rows.columns else pl.lit(None, pl.Int64),
        RULEID="rule_id",
        TRACE="trace",
    )


def _subject_rows(rows: pl.DataFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Best response and progression of each subject of a stream, as its criterion has them."""
    best = rows.lazy().select(
        USUBJID="subject",
        ADT="bor_date",
        ADTC=pl.col("bor_date").cast(pl.String),
        AVALC="bor",
        RSPDT="response_date",
        RULEID="bor_rule_id",
    )
    progressed = pl.col("progression_date").is_not_null()
    progression = rows.lazy().select(
        USUBJID="subject",
        ADT="progression_date",
        ADTC=pl.col("progression_date").cast(pl.String),
        AVALC=_yes_no(progressed),
        AVAL=progressed.cast(pl.Float64),
        PDSTAT="progression_status",
        PDREAS=pl.col("progression_reasons").list.join(";"),
        RULEID=pl.col("progression_reasons").list.first(),
    )
    return best.filter(pl.col("AVALC").is_not_null()), progression


def _collected_timepoints(rows: pl.DataFrame) -> pl.LazyFrame:
    return rows.lazy().select(
        USUBJID="subject",
        ADT=pl.when(dates.is_complete(pl.col("date"))).then(dates.first_possible_day(pl.col("date"))),
        ADTC="date",
        VISIT="visit",
        AVALC=pl.coalesce("iresponse", "response"),
        ASEQ="seq",
        RULEID=pl.lit("collected"),
    )


def _stream_columns(
    rows: pl.LazyFrame, name: str, parameter: tuple[str, str], ruleset: Ruleset, category: str = "TIMEPOINT"
) -> pl.LazyFrame:
    """The rows with the columns that say which response stream they belong to."""
    stream = ruleset.responses[name]
    criterion = stream.rules.criterion if stream.rules is not None else stream.collected_as
    return rows.with_columns(
        PARAMCD=pl.lit(parameter[0]),
        PARAM=pl.lit(parameter[1]),
        PARCAT1=pl.lit(category),
        RESPONSE=pl.lit(name),
        CRITER=pl.lit(criterion, pl.String),
        EVAL=pl.lit(stream.assessor, pl.String),
        EVALID=pl.lit(stream.reader, pl.String),
    )


# Tables that are graded -----------------------------------------------------------------------------------------------


def _renamed(rows: pl.DataFrame, data_set: str) -> pl.LazyFrame:
    """Columns under their CDISC names; flags as Y and N (population and occurrence flags: Y or missing)."""
    columns = []
    for name, (dtype, _label) in DATA_SETS[data_set].items():
        source = COLUMN_NAMES[data_set].get(name, name.lower())
        if source not in rows.columns:
            continue
        column = pl.col(source)
        if rows.schema[source] == pl.Boolean:
            column = _yes_no(column) if name in _YES_NO else pl.when(column).then(pl.lit("Y"))
        elif rows.schema[source] == pl.Int8 and dtype == pl.String:
            # A grade as text is looked up: a million numbers take long to write.
            column = pl.lit(_SMALL_NUMBERS).gather(column.cast(pl.Int16) + 128)
        columns.append(column.cast(dtype).alias(name))
    return rows.lazy().select(columns)


#: All that an Int8 may be, as text.
_SMALL_NUMBERS = pl.Series([str(number) for number in range(-128, 128)])

#: Flags of collected facts, whose `N` is information; the others are `Y` or missing.
_YES_NO = {"AESER", "AESDTH", "AESHOSP", "AREL"}


# Shared ---------------------------------------------------------------------------------------------------------------


def _data_set(
    name: str,
    parts: list[pl.LazyFrame],
    study: Study,
    ruleset: Ruleset,
    key: Sequence[str],
    tied: pl.Series | None = None,
) -> pl.DataFrame:
    """The parts as one data set: identity and treatment added, columns in order and of their types, sorted by key then
    by all.

    Where the rows are known to be in order but for ties, `tied` are the places of these (`ordering.by_key`).
    """
    schema = {column: dtype for column, (dtype, _label) in DATA_SETS[name].items()}
    # What is the same in every row comes last: it changes no order, and is neither joined nor moved.
    same = {"STUDYID": _study_name(study, ruleset), "RULESET": ruleset_stamp(ruleset)}
    there = {"USUBJID", *key, *(column for part in parts for column in part.collect_schema().names())} - set(same)
    varying = {column: dtype for column, dtype in schema.items() if column in there}
    rows = pl.concat([pl.LazyFrame(schema=varying), *parts], how="diagonal_relaxed").drop("TRT01A", strict=False)
    arms = study.tables["subjects"].select(USUBJID="subject", TRT01A="arm")
    complete = rows.join(arms, on="USUBJID", how="left", maintain_order="left").select(
        pl.col(column).cast(dtype) for column, dtype in schema.items() if column in {*varying, "TRT01A"}
    )
    # Streamed, the many columns of short texts take several times as long.
    collected = complete.collect(engine="in-memory")
    ordered = in_order(collected, key) if tied is None else in_order_of_ties(collected, key, tied)
    return ordered.select(
        pl.col(column) if column in ordered.columns else pl.lit(same.get(column), dtype).alias(column)
        for column, dtype in schema.items()
    )


def _study_name(study: Study, ruleset: Ruleset) -> str:
    """The study's name as the protocol states it, else as it was read, else the ruleset's."""
    stated = (ruleset.document.get("study") or {}).get("id")
    return str(stated or study.id or ruleset.id)


def _yes_no(flag: pl.Expr) -> pl.Expr:
    return pl.when(flag).then(pl.lit("Y")).when(~flag).then(pl.lit("N"))
