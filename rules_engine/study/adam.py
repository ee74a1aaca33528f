"""ADaM data sets from what was derived: CDISC names, types and labels, sorted by key.

Names inside the engine are lower case; here they become those of the ADaM Implementation Guide 1.3 and of its structure
for time-to-event analyses. Columns that CDISC does not know (RULEID, RULESET, REASON …) say where a record comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

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
Rows = TypeVar("Rows", bound="pl.DataFrame | pl.LazyFrame")


def as_text(rows: Rows) -> Rows:
    """A data set with words as texts, as it is published: what is made here has numbers for them (`labels.DATA_SETS`)."""
    return cast("Rows", rows.with_columns(pl.col(pl.Categorical).cast(pl.String)))


def adtte(time_to_event: Frames, study: Study, ruleset: Ruleset) -> pl.DataFrame:
    """ADTTE: one row per subject and parameter, from the rows of each time-to-event endpoint (`vocabulary.TTE_SCHEMA`)
    by PARAMCD.

    AVAL counts days; CNSR is 0 for an event and otherwise the number of the censoring reason.
    """
    names = endpoint_names(ruleset)
    parts = [
        rows.lazy().select(
            PARAMCD=_word(paramcd),
            PARAM=_word(names[paramcd]),
            USUBJID="subject",
            STARTDT="start_date",
            ADT="date",
            AVAL="days",
            AVALU=_word("DAYS"),
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
                PARAMCD=_word(paramcd),
                PARAM=_word(names[paramcd]),
                PARCAT1=_word("RESPONSE ENDPOINT"),
                RESPONSE=_word(ruleset.endpoints[paramcd].response),
                ADT="date",
                ADTC=pl.col("date").cast(pl.String),
                VISIT=pl.col("visit") if "visit" in rows.columns else _word(None),
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
        parts.append(named.with_columns(AVALU=_word(sum_of.unit)))
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
        ABLFL=_word("Y"),
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
        rows = rows.with_columns(ADURN=days, ADURU=pl.when(days.is_not_null()).then(_word("DAYS")))
    if set(GRADED_EVENTS_SCHEMA) <= set(adverse_events.columns):
        rows = pl.concat([rows, adverse_events.lazy().select(_event_rules())], how="horizontal")
    return _data_set("adae", [rows], study, ruleset, KEYS["adae"])


def _event_rules() -> list[pl.Expr]:
    """Flags of groups and syndromes, out of the graded columns."""
    recorded, derived = (pl.col(f"groups_{source}").str.split(";") for source in ("recorded", "derived"))
    in_syndrome = pl.col("syndrome") == "post_embolisation"
    words = {
        "IRAEFL": pl.when(recorded.list.contains("immune_related")).then(_word("Y")),
        "IRAEDFL": pl.when(derived.list.contains("immune_related")).then(_word("Y")),
        "EVGROUPS": pl.concat_str("groups_recorded", "groups_derived", separator=";", ignore_nulls=True).replace(
            "", None
        ),
        "PESFL": pl.when(in_syndrome).then(_word("Y")),
        "PESGRPID": pl.when(in_syndrome).then(pl.col("syndrome_session").cast(pl.String)),
        "FUPFL": pl.when(pl.col("days_after_treatment").is_not_null() & ~pl.col("on_treatment")).then(_word("Y")),
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
        indicator = labs.select(_range_indicator()).to_series()
        rows = rows.with_columns(ANRIND=pl.lit(indicator))
    if {"base", "is_post_baseline"} <= set(labs.columns):
        comparable = (pl.col("APOBLFL") == "Y") & (pl.col("BASEU") == pl.col("AVALU"))
        value, base = pl.col("AVAL"), pl.col("BASE")
        rows = rows.with_columns(
            CHG=pl.when(comparable).then(value - base), PCHG=pl.when(comparable).then(percent_change(value, base))
        )
    if is_graded:
        rows = rows.with_columns(
            PARAM=test_name(test_codes(labs)),
            SHIFT1=_after_baseline(pl.lit(_shifts(labs["bnrind"], indicator))),
            SHIFT2=_after_baseline(pl.lit(_shifts(labs["btoxgr"], labs["atoxgr"]))),
            TRTEMFL=pl.when(labs.select(_is_worse()).to_series()).then(_word("Y")),
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
        lambda given: given.replace_strict(names, default=given, return_dtype=pl.Categorical),
        return_dtype=pl.Categorical,
        is_elementwise=True,
    )


def _after_baseline(shift: pl.Expr) -> pl.Expr:
    """`NORMAL to HIGH`; missing up to the baseline and where either is missing."""
    return pl.when(pl.col("APOBLFL") == "Y").then(shift)


def _range_indicator() -> pl.Expr:
    """A result against the limits of its record."""
    value, low, high = pl.col("value_number"), pl.col("lln"), pl.col("uln")
    return (
        pl.when(value < low)
        .then(_word("LOW"))
        .when(value > high)
        .then(_word("HIGH"))
        .when(low.is_not_null() & high.is_not_null() & value.is_not_null())
        .then(_word("NORMAL"))
    )


def _shifts(before: pl.Series, after: pl.Series) -> pl.Series:
    """`NORMAL to HIGH`, `0 to 2`; each of the few shifts is written once, and missing where either is."""
    of_before, of_after = (values.unique().drop_nulls() for values in (before, after))
    words = pl.Series([f"{one} to {other}" for one in of_before for other in of_after], dtype=pl.Categorical)
    return words.gather(_place_in(of_before, before) * of_after.len() + _place_in(of_after, after))


def _place_in(words: pl.Series, values: pl.Series) -> pl.Series:
    """Where in `words` each value stands; missing where it is."""
    if words.is_empty():
        return pl.repeat(None, values.len(), dtype=pl.Int32, eager=True)
    return values.replace_strict(words, pl.int_range(words.len(), dtype=pl.Int32, eager=True), return_dtype=pl.Int32)


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
        RULEID=_word("collected"),
    )


def _stream_columns(
    rows: pl.LazyFrame, name: str, parameter: tuple[str, str], ruleset: Ruleset, category: str = "TIMEPOINT"
) -> pl.LazyFrame:
    """The rows with the columns that say which response stream they belong to."""
    stream = ruleset.responses[name]
    criterion = stream.rules.criterion if stream.rules is not None else stream.collected_as
    return rows.with_columns(
        PARAMCD=_word(parameter[0]),
        PARAM=_word(parameter[1]),
        PARCAT1=_word(category),
        RESPONSE=_word(name),
        CRITER=_word(criterion),
        EVAL=_word(stream.assessor),
        EVALID=_word(stream.reader),
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
            column = _yes_no(column) if name in _YES_NO else pl.when(column).then(_word("Y"))
        elif rows.schema[source] == pl.Int8 and dtype == pl.Categorical:
            # A grade as text is looked up: a million numbers take long to write.
            column = pl.lit(_SMALL_NUMBERS).gather(column.cast(pl.Int16) + 128)
        else:
            column = _as(column, rows.schema[source], dtype)
        columns.append(column.alias(name))
    return rows.lazy().select(columns)


#: All that an Int8 may be, as text.
_SMALL_NUMBERS = pl.Series([str(number) for number in range(-128, 128)], dtype=pl.Categorical)

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
    typed = [_typed(part, schema) for part in parts]
    there = {"USUBJID", *key, *(column for part in typed for column in part.collect_schema().names())} - set(same)
    varying = {column: dtype for column, dtype in schema.items() if column in there}
    rows = pl.concat([pl.LazyFrame(schema=varying), *typed], how="diagonal").drop("TRT01A", strict=False)
    arms = study.tables["subjects"].select(USUBJID="subject", TRT01A=pl.col("arm").cast(schema["TRT01A"]))
    complete = rows.join(arms, on="USUBJID", how="left", maintain_order="left").select(
        column for column in schema if column in {*varying, "TRT01A"}
    )
    # Streamed, the many columns of short texts take several times as long.
    collected = complete.collect(engine="in-memory")
    ordered = in_order(collected, key) if tied is None else in_order_of_ties(collected, key, tied)
    return ordered.select(
        pl.col(column) if column in ordered.columns else pl.lit(same.get(column), dtype).alias(column)
        for column, dtype in schema.items()
    )


def _typed(part: pl.LazyFrame, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """The columns of a part that the data set has, in its types."""
    there = part.collect_schema()
    return part.select(_as(pl.col(name), there[name], dtype) for name, dtype in schema.items() if name in there)


def _as(column: pl.Expr, given: pl.DataType, dtype: pl.DataType) -> pl.Expr:
    """A column of one type in another; what is no text becomes a word by way of its text."""
    if dtype == given:
        return column
    is_number = dtype == pl.Categorical and not isinstance(given, pl.String | pl.Enum | pl.Null)
    return (column.cast(pl.String) if is_number else column).cast(dtype)


def _word(word: str | None) -> pl.Expr:
    """The same word in every row."""
    return pl.lit(word, pl.Categorical)


def _study_name(study: Study, ruleset: Ruleset) -> str:
    """The study's name as the protocol states it, else as it was read, else the ruleset's."""
    stated = (ruleset.document.get("study") or {}).get("id")
    return str(stated or study.id or ruleset.id)


def _yes_no(flag: pl.Expr) -> pl.Expr:
    return pl.when(flag).then(_word("Y")).when(~flag).then(_word("N"))
