"""Estimators on small examples computed by hand, and on data that determine nothing."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import polars as pl
import pytest
from rules_engine.analysis.ard import ESTIMATE_SCHEMA
from rules_engine.analysis.competing import incidence_table
from rules_engine.analysis.curves import incidence_curve, survival_curve
from rules_engine.analysis.options import days_of
from rules_engine.analysis.survival import survival_table
from rules_engine.errors import StudyError
from rules_engine.vocabulary import ARD_KEY

from rules_engine_plugins import estimators

DAYS = {"days_per_month": 1}
KEY = [name for name in ARD_KEY if name in ESTIMATE_SCHEMA]
TIME_ESTIMATORS = [
    (estimators.KAPLAN_MEIER, {**DAYS, "landmarks_months": [0, 5, 50]}),
    (estimators.REVERSE_KAPLAN_MEIER, DAYS),
    (estimators.LOG_RANK, {}),
    (estimators.COX, {}),
    (estimators.RMST, {**DAYS, "tau_months": [5]}),
    (estimators.CUMULATIVE_INCIDENCE, {**DAYS, "landmarks_months": [5]}),
    (estimators.INTERVAL_CENSORED, {**DAYS, "landmarks_months": [5]}),
    (estimators.COX, {"covariates": ["age", "stage"]}),
    (estimators.COX, {"covariates": ["age"], "limits": "profile_likelihood", "ties": "breslow", "robust": True}),
    (estimators.COX, {"strata": ["stage"], "proportional_hazards": "rank"}),
    (estimators.BALANCE, {"covariates": ["age", "stage"]}),
]
RATE_ESTIMATORS = [
    (estimators.PROPORTION, {}),
    (estimators.PROPORTION, {"method": "wilson"}),
    (estimators.PROPORTION_DIFFERENCE, {}),
    (estimators.PROPORTION_DIFFERENCE, {"method": "newcombe"}),
]


def rows_of(*subjects: tuple[Any, ...]) -> pl.DataFrame:
    """Endpoint rows from (days, event type, arm)."""
    return pl.DataFrame(
        {
            "days": [subject[0] for subject in subjects],
            "event_type": [subject[1] for subject in subjects],
            "arm": [subject[2] if len(subject) > 2 else "A" for subject in subjects],
        },
        schema={"days": pl.Int64, "event_type": pl.Int64, "arm": pl.String},
    ).with_columns(event=pl.col("event_type") == 1, entry_days=pl.lit(None, pl.Int64))


def value(estimates: pl.DataFrame, statistic: str, **where: str) -> float | None:
    found = estimates.filter(pl.col("statistic") == statistic, *(pl.col(key) == text for key, text in where.items()))
    number: float | None = found["value"].item()
    return number


def test_a_plateau_at_one_half_gives_its_middle() -> None:
    # S falls to exactly 0.5 on day 20 and again on day 31.
    rows = rows_of((10, 1), (20, 1), (31, 1), (40, 1))
    assert value(estimators.KAPLAN_MEIER.estimate(rows, None, DAYS), "median") == 25.5


def test_a_plateau_at_one_half_that_ends_the_curve_reaches_to_the_last_observed_time() -> None:
    rows = rows_of((10, 1), (20, 1), (31, 0), (40, 0))
    assert value(estimators.KAPLAN_MEIER.estimate(rows, None, DAYS), "median") == 30


def test_a_plateau_reached_through_rounding_is_still_a_plateau() -> None:
    # Six subjects leave 5/6 · 4/5 · 3/4 = 1/2, which floating-point products miss in the last digit.
    rows = rows_of((1, 1), (2, 1), (3, 1), (8, 1), (9, 1), (10, 1))
    assert value(estimators.KAPLAN_MEIER.estimate(rows, None, DAYS), "median") == 5.5


def test_a_curve_that_ends_at_zero_has_no_upper_limit_of_the_median() -> None:
    rows = rows_of((5, 1), (9, 1))
    estimates = estimators.KAPLAN_MEIER.estimate(rows, None, DAYS)
    assert value(estimates, "upper", level="0.75") is None


def test_survival_at_a_landmark_holds_on_the_day_itself_and_ends_with_observation() -> None:
    rows = rows_of((5, 1), (10, 0), (10, 0))
    estimates = estimators.KAPLAN_MEIER.estimate(rows, None, {**DAYS, "landmarks_months": [4, 5, 10, 11]})
    at = {level: value(estimates, "survival", level=level) for level in ("4", "5", "10", "11")}
    assert at == {"4": 1.0, "5": pytest.approx(2 / 3), "10": pytest.approx(2 / 3), "11": None}
    note = estimates.filter(pl.col("statistic") == "survival", pl.col("level") == "11")["note"].item()
    assert note == "later than the last observed time"
    assert value(estimates, "at_risk", level="5") == 3
    assert value(estimates, "at_risk", level="11") == 0


def test_months_become_days_without_losing_a_whole_day() -> None:
    assert days_of(12, 30.4375) == 365.25
    assert days_of(25, 30.44) == 761.0
    assert days_of(5, 30.4) == 152.0


def test_delayed_entry_counts_a_subject_only_after_its_entry() -> None:
    # The second subject enters on day 5: at day 5 one subject is at risk, at day 8 two.
    table = survival_table([5, 8, 9], [True, True, False], [0, 5, 5])
    assert table.at_risk.tolist() == [1, 2, 1]
    assert table.survival.tolist() == [0, 0, 0]


def test_a_subject_that_ends_by_its_entry_is_never_at_risk() -> None:
    rows = rows_of((5, 1), (8, 1), (9, 0), (4, 1)).with_columns(entry_days=pl.Series([None, 3, 5, 4], dtype=pl.Int64))
    estimates = estimators.KAPLAN_MEIER.estimate(rows, None, {**DAYS, "landmarks_months": [5, 8]})
    # On day 5 those with entry before it, none and 3, are at risk; on day 8 the second and the third.
    assert value(estimates, "n") == 3
    assert value(estimates, "survival", level="5") == 0.5
    assert value(estimates, "survival", level="8") == 0.25
    curve = survival_curve(rows, risk_days=[0, 5, 6], conf_level=0.95, conf_type="log-log")
    assert curve.at_risk.tolist() == [1, 2, 2]


def test_an_event_on_day_zero_is_an_event() -> None:
    # Without the added day a duration can be 0.
    rows = rows_of((0, 1, "A"), (3, 1, "B"), (4, 0, "A"), (5, 1, "B"))
    estimates = estimators.KAPLAN_MEIER.estimate(rows, None, {**DAYS, "landmarks_months": [0]})
    assert value(estimates, "survival", level="0") == 0.75
    assert value(estimators.COX.estimate(rows, "arm", {}), "hazard_ratio") is not None


def test_incidence_by_hand() -> None:
    # Day 1: event 1/4. Day 2: competing, S 3/4 -> 1/2. Day 3: event, 1/4 + 1/2 · 1/2 = 1/2; day 4 censored.
    event, competing = (incidence_table([1, 2, 3, 4], [1, 2, 1, 0], cause) for cause in (1, 2))
    assert event.incidence.tolist() == [0.25, 0.25, 0.5, 0.5]
    assert competing.incidence.tolist() == [0, 0.25, 0.25, 0.25]


def test_incidence_and_competing_incidence_on_one_day_share_the_risk_set() -> None:
    event, competing = (incidence_table([3, 3, 3, 7], [1, 2, 0, 0], cause) for cause in (1, 2))
    assert event.incidence.tolist() == competing.incidence.tolist() == [0.25, 0.25]


def test_incidence_without_competing_events_has_greenwoods_variance() -> None:
    days, kind = [2, 3, 3, 5, 8, 8, 9], [1, 0, 1, 1, 1, 0, 0]
    survival = survival_table(days, np.array(kind) == 1)
    incidence = incidence_table(days, kind, 1)
    assert np.sqrt(incidence.variance) == pytest.approx(survival.std_error, rel=1e-12)


def test_variance_of_the_incidence_term_by_term() -> None:
    days, kind = [1, 2, 2, 3, 4, 4, 6, 7], [1, 2, 1, 0, 1, 2, 1, 0]
    table = incidence_table(days, kind, 1)
    times = sorted(set(days))
    survival, steps = 1.0, []
    for time in times:
        n = sum(day >= time for day in days)
        d = sum(day == time and one > 0 for day, one in zip(days, kind, strict=True))
        d1 = sum(day == time and one == 1 for day, one in zip(days, kind, strict=True))
        steps.append((n, d, d1, survival))
        survival *= 1 - d / n
    for last in range(len(times)):
        total = 0.0
        for j in range(last + 1):
            n, d, d1, before = steps[j]
            rest = table.incidence[last] - table.incidence[j]
            total += rest**2 * (d / (n * (n - d)) if n > d else 0)
            total += before**2 * (n - d1) * d1 / n**3 - 2 * rest * before * d1 / n**2
        assert table.variance[last] == pytest.approx(total, rel=1e-10, abs=1e-14)


def test_follow_up_reverses_the_flag_and_reports_the_range_of_survivors() -> None:
    rows = rows_of((5, 1), (6, 0), (9, 1), (12, 0), (15, 0))
    estimates = estimators.REVERSE_KAPLAN_MEIER.estimate(rows, None, DAYS)
    # Reversed: 4 at risk on day 6, 2 on day 12: 3/4, 3/8.
    assert value(estimates, "median") == 12
    assert (value(estimates, "minimum"), value(estimates, "maximum")) == (6, 15)
    assert (value(estimates, "events"), value(estimates, "censored")) == (2, 3)


def test_follow_up_without_censoring_is_not_reached() -> None:
    estimates = estimators.REVERSE_KAPLAN_MEIER.estimate(rows_of((5, 1), (6, 1)), None, DAYS)
    assert value(estimates, "median") is None
    assert estimates.filter(pl.col("statistic") == "median")["note"].item() == "not reached"


def test_groups_stand_in_the_stated_order_and_an_empty_one_stays() -> None:
    rows = rows_of((5, 1, "A"), (6, 1, "C"), (7, 0, "B"))
    estimates = estimators.KAPLAN_MEIER.estimate(rows, "arm", {"group_order": ["B", "D"]})
    assert estimates.filter(pl.col("statistic") == "n")["group"].to_list() == ["B", "D", "A", "C"]
    empty = estimates.filter(pl.col("group") == "D", pl.col("statistic") == "median")
    assert empty["note"].item() == "no subjects"


def test_subjects_without_a_group_are_left_out_aloud() -> None:
    rows = rows_of((5, 1, "A"), (6, 1, None), (7, 0, "B"))
    estimates = estimators.LOG_RANK.estimate(rows, "arm", {})
    assert value(estimates, "n_without_group") == 1
    assert set(estimates["group"].drop_nulls()) == {"A", "B"}


def test_subjects_without_a_stratum_form_their_own_or_are_left_out_aloud() -> None:
    rows = rows_of((5, 1, "A"), (6, 1, "B"), (7, 0, "B"), (8, 1, "A")).with_columns(
        stage=pl.Series(["I", "I", None, None], dtype=pl.String)
    )
    kept = estimators.LOG_RANK.estimate(rows, "arm", {"strata": ["stage"]})
    assert kept.filter(pl.col("statistic") == "observed")["value"].sum() == 3
    dropped = estimators.LOG_RANK.estimate(rows, "arm", {"strata": ["stage"], "missing_stratum": "exclude"})
    assert dropped.filter(pl.col("statistic") == "observed")["value"].sum() == 2
    assert value(dropped, "n_without_stratum") == 2


def test_an_unknown_group_column_or_reference_is_named() -> None:
    with pytest.raises(StudyError, match="did you mean 'arm'"):
        estimators.KAPLAN_MEIER.estimate(rows_of((5, 1)), "amr", {})
    with pytest.raises(StudyError, match="reference group 'Z' does not occur"):
        estimators.COX.estimate(rows_of((5, 1, "A"), (6, 1, "B")), "arm", {"reference_group": "Z"})


def test_one_group_is_compared_with_nobody_aloud() -> None:
    rows = rows_of((5, 1, "A"), (6, 1, "A")).with_columns(responder=pl.lit(value=True))
    for group in ("arm", None):
        cox = estimators.COX.estimate(rows, group, {"reference_group": "B"})
        rates = estimators.PROPORTION_DIFFERENCE.estimate(rows, group, {})
        assert cox["note"].to_list() == rates["note"].to_list() == ["there is only one group"]


def test_three_groups_are_compared_each_with_the_reference() -> None:
    rows = rows_of(*((day, day % 3 > 0, arm) for day, arm in enumerate("ABCABCABCABC", start=1)))
    cox = estimators.COX.estimate(rows, "arm", {"reference_group": "B"})
    pairs = cox.filter(pl.col("statistic") == "hazard_ratio").select("group", "comparison").rows()
    assert pairs == [("A", "B"), ("C", "B")]
    test = estimators.LOG_RANK.estimate(rows, "arm", {})
    assert value(test, "degrees_of_freedom") == 2


@pytest.mark.parametrize(
    ("subjects", "note"),
    [
        ([(5, 1, "A"), (6, 0, "B"), (7, 0, "B")], "hazard ratio is infinite: no event in the reference group"),
        ([(5, 0, "A"), (6, 0, "A"), (4, 1, "B"), (7, 0, "B")], "hazard ratio is zero: no event in the group"),
        ([(5, 0, "A"), (6, 0, "B")], "no events"),
        ([(5, 0, "A"), (6, 1, "A")], "one of the two groups has no subjects"),
        ([(5, 0, "A"), (6, 1, "B")], "at no event time were both groups at risk"),
    ],
)
def test_a_hazard_ratio_that_the_data_do_not_determine_says_why(subjects: list[tuple[Any, ...]], note: str) -> None:
    estimates = estimators.COX.estimate(rows_of(*subjects), "arm", {"group_order": ["A", "B"]})
    assert value(estimates, "hazard_ratio") is None
    assert note in estimates["note"][0]


def test_restricted_mean_beyond_a_groups_observation_is_refused() -> None:
    rows = rows_of((5, 1, "A"), (9, 0, "A"), (4, 1, "B"), (6, 0, "B"))
    estimates = estimators.RMST.estimate(rows, "arm", {**DAYS, "tau_months": [6, 7]})
    assert value(estimates, "restricted_mean", group="A", level="6") == pytest.approx(5.5)
    assert value(estimates, "restricted_mean", group="A", level="7") is None
    assert value(estimates, "difference", level="6") == pytest.approx(0.5)


DEGENERATE = {
    "nobody": [],
    "one event": [(5, 1)],
    "one censored": [(5, 0)],
    "one arm": [(5, 1), (6, 0), (7, 1)],
    "no event": [(5, 0, "A"), (6, 0, "B")],
    "all events on one day": [(5, 1, "A"), (5, 1, "B"), (5, 1, "A")],
    "censored on day 1": [(1, 0, "A"), (1, 0, "B"), (1, 1, "B")],
    "only competing": [(3, 2, "A"), (4, 2, "B")],
    "no arm": [(3, 1, None), (4, 0, None)],
    "on day 0": [(0, 1, "A"), (0, 0, "B"), (0, 1, "B")],
    "events and censorings tied": [(3, 1, "A"), (3, 0, "A"), (3, 1, "B"), (3, 0, "B"), (6, 1, "A"), (6, 0, "B")],
    "a plateau at one half": [(1, 1, "A"), (9, 0, "A"), (1, 1, "B"), (9, 0, "B")],
    "one arm has all events": [(2, 1, "A"), (3, 1, "A"), (4, 1, "A"), (8, 0, "B"), (9, 0, "B")],
    "one arm after the other": [(2, 1, "A"), (3, 1, "A"), (8, 1, "B"), (9, 1, "B")],
}


def with_covariates(rows: pl.DataFrame) -> pl.DataFrame:
    """An age of which one is missing, a stage that everybody shares, and weights."""
    return rows.with_columns(
        age=pl.when(pl.int_range(pl.len()) == 1).then(None).otherwise(pl.col("days").cast(pl.Float64)),
        stage=pl.lit("I", pl.Enum(["I", "II"])),
    )


def weighed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        weight=1.0 + pl.int_range(pl.len()).cast(pl.Float64) / 7,
        propensity_score=pl.lit(0.5),
        weight_note=pl.lit(None, pl.String),
    )


@pytest.mark.parametrize("subjects", DEGENERATE.values(), ids=DEGENERATE.keys())
@pytest.mark.parametrize(
    ("estimator", "options"),
    TIME_ESTIMATORS,
    ids=[f"{number} {one.id}" for number, (one, _) in enumerate(TIME_ESTIMATORS)],
)
@pytest.mark.parametrize("order", [None, ["A", "B"]])
def test_times_that_determine_little_give_values_or_reasons(
    subjects: list[tuple[Any, ...]], estimator: Any, options: dict[str, Any], order: list[str] | None
) -> None:
    stated = {**options, "group_order": order} if order else options
    rows = with_covariates(rows_of(*subjects))
    for group, one in itertools.product(("arm", None), (rows, weighed(rows)) if estimator.weighted else (rows,)):
        estimates = estimator.estimate(one, group, stated)
        assert estimates.schema == ESTIMATE_SCHEMA
        assert not estimates.select(KEY).is_duplicated().any()
        unexplained = estimates.filter(pl.col("value").is_null() & pl.col("note").is_null())
        assert unexplained.is_empty(), unexplained
        assert estimates.filter(pl.col("value").is_nan() | pl.col("value").is_infinite()).is_empty()


@pytest.mark.parametrize(
    "subjects",
    [[], [("A", True)], [("A", False), ("B", False)], [("A", True), ("B", True)], [("A", None), ("B", True)]],
)
@pytest.mark.parametrize(("estimator", "options"), RATE_ESTIMATORS)
def test_rates_that_determine_little_give_values_or_reasons(
    subjects: list[tuple[str, bool | None]], estimator: Any, options: dict[str, Any]
) -> None:
    rows = pl.DataFrame(subjects, schema={"arm": pl.String, "responder": pl.Boolean}, orient="row")
    for group in ("arm", None):
        estimates = estimator.estimate(rows, group, {**options, "group_order": ["A", "B"]})
        assert estimates.schema == ESTIMATE_SCHEMA
        unexplained = estimates.filter(pl.col("value").is_null() & pl.col("note").is_null())
        assert unexplained.is_empty(), unexplained


def test_an_unknown_response_stays_in_the_denominator_aloud() -> None:
    rows = pl.DataFrame({"responder": [True, None, False, True]})
    estimates = estimators.PROPORTION.estimate(rows, None, {})
    assert value(estimates, "rate") == 0.5
    assert value(estimates, "unknown") == 1


def test_frequencies_list_the_same_values_in_every_group_in_the_stated_order() -> None:
    rows = pl.DataFrame({"value": ["SD", "PR", "SD", "odd"], "arm": ["A", "A", "B", "A"]})
    estimates = estimators.FREQUENCIES.estimate(rows, "arm", {"group_order": ["A", "B", "C"]})
    counts = estimates.filter(pl.col("statistic") == "count").select("group", "level", "value").rows()
    assert counts == [
        ("A", "PR", 1), ("A", "SD", 1), ("A", "odd", 1),
        ("B", "PR", 0), ("B", "SD", 1), ("B", "odd", 0),
        ("C", "PR", 0), ("C", "SD", 0), ("C", "odd", 0),
    ]  # fmt: skip
    assert value(estimates, "share", group="B", level="SD") == 1
    assert value(estimates, "share", group="C", level="SD") is None


def test_one_stratum_or_two_alike_give_the_estimate_of_one() -> None:
    rows = pl.DataFrame(
        {"arm": ["A"] * 10 + ["B"] * 10, "responder": ([True] * 7 + [False] * 3) + [True] * 3 + [False] * 7}
    )
    once = estimators.PROPORTION_DIFFERENCE.estimate(rows, "arm", {})
    labelled = rows.with_columns(site=pl.lit("x"))
    same = estimators.PROPORTION_DIFFERENCE.estimate(labelled, "arm", {"strata": ["site"]})
    for statistic in ("difference", "lower", "upper", "p_value"):
        assert value(same, statistic) == value(once, statistic)
    twice = pl.concat([labelled, rows.with_columns(site=pl.lit("y"))])
    pooled = estimators.PROPORTION_DIFFERENCE.estimate(twice, "arm", {"strata": ["site"]})
    assert value(pooled, "difference") == pytest.approx(0.4)


def test_a_curve_starts_at_one_and_counts_who_is_at_risk() -> None:
    rows = rows_of((5, 1), (10, 0), (12, 1), (20, 0))
    curve = survival_curve(rows, risk_days=[0, 5, 6, 12, 30], conf_level=0.95, conf_type="log-log")
    assert curve.times.tolist() == [0, 5, 10, 12, 20]
    assert curve.estimate.tolist() == [1, 0.75, 0.75, 0.375, 0.375]
    assert curve.at_risk.tolist() == [4, 4, 3, 2, 0]
    assert curve.censoring_times.tolist() == [10, 20]
    assert curve.censoring_heights.tolist() == [0.75, 0.375]


def test_an_incidence_curve_starts_at_zero() -> None:
    rows = rows_of((5, 1), (10, 2), (12, 1), (20, 0))
    curve = incidence_curve(rows, cause=1, risk_days=[0, 12], conf_level=0.95, conf_type="log-log")
    assert curve.estimate.tolist() == [0, 0.25, 0.25, 0.5, 0.5]
    assert curve.censoring_times.tolist() == [20]


@pytest.mark.parametrize("subjects", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_the_interaction_of_data_that_determine_little_gives_values_or_reasons(subjects: list[tuple[Any, ...]]) -> None:
    rows = rows_of(*subjects).with_columns(
        sex=pl.Series(["F", "M"] * len(subjects), dtype=pl.Enum(["F", "M", "X"])).head(len(subjects))
    )
    assert estimators.COX.interaction is not None
    for one in (rows, weighed(rows)):
        estimates = estimators.COX.interaction(one, "arm", "sex", {"group_order": ["A", "B"]})
        assert estimates.schema == ESTIMATE_SCHEMA
        assert estimates.filter(pl.col("value").is_null() & pl.col("note").is_null()).is_empty()


def test_a_covariate_that_separates_the_events_has_a_reason_and_spoils_no_other() -> None:
    # Every event is in stage II: its ratio is infinite, and that of the arms is the one within stage II.
    rows = rows_of(
        (3, 1, "A"), (5, 1, "B"), (6, 1, "A"), (8, 1, "B"), (9, 0, "A"), (9, 0, "B"), (7, 1, "B"), (9, 0, "A")
    )
    staged = rows.with_columns(stage=pl.Series(["II", "II", "II", "II", "I", "I", "II", "I"]))
    estimates = estimators.COX.estimate(staged, "arm", {"covariates": ["stage"], "reference_group": "B"})
    ratio = estimates.filter(pl.col("statistic") == "hazard_ratio", pl.col("variable") == "stage")
    assert ratio["value"].item() is None
    assert "the hazard ratio is infinite" in ratio["note"].item()
    alone = estimators.COX.estimate(staged.filter(pl.col("stage") == "II"), "arm", {"reference_group": "B"})
    found = value(estimates.filter(pl.col("variable").is_null()), "coefficient")
    assert found == pytest.approx(value(alone, "coefficient"), rel=1e-4)


def test_names_with_markup_stay_text() -> None:
    rows = rows_of((3, 1, "<script>alert(1)</script>"), (5, 1, '=HYPERLINK("x")'), (6, 0, "B"))
    estimates = estimators.KAPLAN_MEIER.estimate(rows, "arm", DAYS)
    assert {"<script>alert(1)</script>", '=HYPERLINK("x")', "B"} == set(estimates["group"].drop_nulls())
