"""Weights of two groups: what they balance, whom they leave out, and data that allow none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from rules_engine.analysis import propensity
from rules_engine.analysis.design import COLLINEAR, CONSTANT, design_matrix
from rules_engine.analysis.options import effective_size
from rules_engine.analysis.propensity import derive_weights
from rules_engine.model import WeightsDefinition


def subjects(n: int = 400, seed: int = 1) -> pl.DataFrame:
    """Two groups that differ in age and stage."""
    random = np.random.default_rng(seed)
    age = random.normal(60, 10, n)
    stage = random.choice(["A", "B", "C"], n)
    chance = 1 / (1 + np.exp(-(0.06 * (age - 60) + np.select([stage == "B", stage == "C"], [0.5, -0.7], 0.0))))
    arm = np.where(random.random(n) < chance, "new", "old")
    return pl.DataFrame({"age": age, "stage": pl.Series(stage, dtype=pl.Enum(["A", "B", "C"])), "arm": arm})


def weights(method: str = "overlap", **more: object) -> WeightsDefinition:
    return WeightsDefinition("w", method, ("age", "stage"), **more)  # type: ignore[arg-type]


def mean(rows: pl.DataFrame, value: pl.Expr, arm: str) -> float:
    """The weighted mean of a value in one group."""
    chosen = rows.filter(pl.col("arm") == arm, pl.col("weight").is_not_null())
    return float(chosen.select((value.cast(pl.Float64) * pl.col("weight")).sum() / pl.col("weight").sum()).item())


def test_overlap_weights_balance_every_covariate_of_the_model_exactly() -> None:
    # Li, Morgan and Zaslavsky 2018, theorem 3: exact balance of the means under a logistic model.
    weighted = derive_weights(subjects(), "arm", weights(), "old")
    for value in (pl.col("age"), pl.col("stage") == "B", pl.col("stage") == "C"):
        assert mean(weighted, value, "new") == pytest.approx(mean(weighted, value, "old"), rel=1e-9)


def test_inverse_probabilities_weigh_each_group_to_everyone() -> None:
    plain = derive_weights(subjects(), "arm", weights("inverse_probability", stabilised=False), "old")
    stabilised = derive_weights(subjects(), "arm", weights("inverse_probability"), "old")
    score, share = plain["propensity_score"], (plain["arm"] == "new").mean()
    is_new = (plain["arm"] == "new").to_numpy()
    expected = np.where(is_new, 1 / score, 1 / (1 - score))
    assert plain["weight"].to_numpy() == pytest.approx(expected)
    assert stabilised["weight"].to_numpy() == pytest.approx(expected * np.where(is_new, share, 1 - share))


def test_weights_of_the_treated_leave_the_treated_as_they_are() -> None:
    treated = derive_weights(subjects(), "arm", weights("treated"), "old")
    assert treated.filter(pl.col("arm") == "new")["weight"].unique().to_list() == [1.0]
    unweighted = subjects().filter(pl.col("arm") == "new")["age"].mean()
    # A logistic model balances the treated exactly as well: its score equations say so.
    assert mean(treated, pl.col("age"), "new") == pytest.approx(unweighted)


def test_trimming_leaves_out_by_the_score_and_says_so() -> None:
    whole = derive_weights(subjects(), "arm", weights(), "old")
    trimmed = derive_weights(subjects(), "arm", weights(score_range=(0.3, 0.7)), "old")
    outside = (whole["propensity_score"] < 0.3) | (whole["propensity_score"] > 0.7)
    assert 0 < outside.sum() < whole.height
    assert (trimmed["weight"].is_null() == outside).all()
    assert trimmed.filter(outside)["weight_note"].unique().to_list() == [propensity.OUTSIDE_RANGE]
    refitted = derive_weights(subjects(), "arm", weights(score_range=(0.3, 0.7), refit=True), "old")
    kept = refitted.filter(pl.col("weight").is_not_null())
    assert kept.height <= trimmed["weight"].count()
    assert not kept["propensity_score"].equals(trimmed.filter(~outside)["propensity_score"])


def test_truncation_caps_the_largest_weights() -> None:
    whole = derive_weights(subjects(), "arm", weights("inverse_probability"), "old")["weight"]
    capped = derive_weights(subjects(), "arm", weights("inverse_probability", truncate_at=0.95), "old")["weight"]
    limit = np.quantile(whole.to_numpy(), 0.95)
    assert capped.max() == pytest.approx(limit)
    assert (capped == whole).sum() == (whole <= limit).sum()


def test_subjects_without_a_covariate_or_group_have_no_weight() -> None:
    rows = subjects().with_columns(
        age=pl.when(pl.int_range(pl.len()) < 3).then(None).otherwise("age"),
        arm=pl.when(pl.int_range(pl.len()) == 10).then(None).otherwise("arm"),
    )
    weighted = derive_weights(rows, "arm", weights(), "old")
    assert weighted["weight"].null_count() == 4
    assert weighted["weight_note"][:3].unique().to_list() == [propensity.MISSING_COVARIATE]
    assert weighted["weight_note"][10] is None


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (subjects().filter(pl.col("arm") == "new"), propensity.NOT_TWO_GROUPS),
        (subjects().with_columns(arm=pl.Series(["a", "b", "c", "d"] * 100)), propensity.NOT_TWO_GROUPS),
        (subjects().with_columns(age=(pl.col("arm") == "new").cast(pl.Float64)), propensity.SEPARATED),
    ],
)
def test_data_that_allow_no_weights_say_why(rows: pl.DataFrame, note: str) -> None:
    weighted = derive_weights(rows, "arm", weights(), "old")
    assert weighted["weight"].null_count() == rows.height
    assert weighted["weight_note"].unique().to_list() == [note]
    assert derive_weights(rows.clear(), "arm", weights(), "old").is_empty()


def test_a_constant_or_collinear_covariate_changes_no_weight() -> None:
    rows = subjects().with_columns(one=pl.lit(1.0), twice=pl.col("age") * 2 + 3)
    more = WeightsDefinition("w", "overlap", ("one", "age", "stage", "twice"))
    found, plain = (derive_weights(rows, "arm", one, "old")["weight"] for one in (more, weights()))
    assert found.to_numpy() == pytest.approx(plain.to_numpy(), rel=1e-9)
    design = design_matrix(rows, ["one", "age", "stage", "twice"])
    faults = {(column.covariate, column.level): column.fault for column in design.columns}
    assert faults == {
        ("one", None): CONSTANT, ("age", None): "", ("stage", "B"): "", ("stage", "C"): "", ("twice", None): COLLINEAR,
    }  # fmt: skip


def test_equal_weights_are_worth_their_number() -> None:
    assert effective_size(np.full(7, 3.5)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 0.0])) == 1
    assert effective_size(np.zeros(3)) == 0
