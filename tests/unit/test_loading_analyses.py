"""Covariates, weights, subgroups: read as stated, and every contradiction told at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_engine.errors import Problem, RulesetError
from rules_engine.loading import load_ruleset
from rules_engine.model import Ruleset, WeightsDefinition

PROTOCOL = """\
rules_engine: 1
id: mine
kind: protocol
title: My study
extends: [seed]
study: {id: MINE, arms: [A, B], reference_arm: B}
responses:
  overall: {criterion: mrecist_irecist}
endpoints:
  OS: {like: OS, response: overall}
covariates:
  age: {per: 10, unit: years}
  afp_400: {column: afp, cuts: [400], levels: ["low", "high"], unit: ng/mL}
  stage: {column: bclc, levels: [B, A, C], reference: A, pool: {A: ["0", A]}, missing: exclude}
weights:
  overlap: {method: overlap, covariates: [age, stage, ecog], trim: {score: [0.05, 0.95]}}
analyses:
  hazard: {estimator: cox, endpoints: [OS], by: arm, subgroups: [stage, sex], options: {strata: [afp_400]}}
  curve: {estimator: kaplan_meier, endpoints: [OS], by: arm, weights: overlap}
"""


def load(folder: Path, text: str = PROTOCOL) -> Ruleset:
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    return load_ruleset(file)


def the_problem(folder: Path, old: str, new: str) -> Problem:
    assert old in PROTOCOL
    with pytest.raises(RulesetError) as caught:
        load(folder, PROTOCOL.replace(old, new))
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


def test_covariates_weights_and_subgroups_are_typed(tmp_path: Path) -> None:
    ruleset = load(tmp_path)
    age, afp, stage = ruleset.covariates.values()
    assert (age.column, age.kind, age.per, age.missing) == ("age", "number", 10, "exclude")
    assert (afp.column, afp.kind, afp.cuts, afp.levels) == ("afp", "category", (400.0,), ("low", "high"))
    # The reference stands first; the rest keep their order.
    assert (stage.levels, stage.pooled, stage.missing) == (("A", "B", "C"), {"A": ("0", "A")}, "exclude")
    overlap = ruleset.weights["overlap"]
    assert overlap == WeightsDefinition(
        "overlap", "overlap", ("age", "stage", "ecog"), score_range=(0.05, 0.95), position=overlap.position
    )
    assert ruleset.analyses["hazard"].subgroups == ("stage", "sex")
    assert ruleset.analyses["curve"].weights == "overlap"


@pytest.mark.parametrize(
    ("old", "new", "path", "what"),
    [
        (
            'cuts: [400], levels: ["low", "high"]',
            "cuts: [400, 20]",
            "covariates.afp_400.cuts",
            "not in ascending order",
        ),
        ("cuts: [400]", "cuts: [20, 400]", "covariates.afp_400.levels", "2 cut(s) make 3 levels, and 2 are named"),
        ("reference: A", "reference: D", "covariates.stage.reference", "'D' is not among the levels"),
        ("{per: 10,", "{per: 10, levels: [a],", "covariates.age.per", "a category has no `per`"),
        ("{per: 10,", "{kind: number, cuts: [3],", "covariates.age.cuts", "a number has no `cuts`"),
        ("{per: 10,", "{per: 10, missing: own_level,", "covariates.age.missing", "no level for missing values"),
        ("{per: 10,", "{per: -1,", "covariates.age.per", "is not more than 0"),
        ("method: overlap", "method: matching", "weights.overlap.method", "`matching` is none of the choices"),
        ("score: [0.05, 0.95]", "score: [0.95, 0.05]", "weights.overlap.trim", "the range of the score is empty"),
        ("weights: overlap}", "weights: overlp}", "analyses.curve.weights", "there are no weights 'overlp'"),
        ("by: arm, weights", "weights", "analyses.curve.weights", "this analysis has no groups"),
        ("kaplan_meier", "log_rank", "analyses.curve.weights", "log_rank takes no weights"),
        ("subgroups: [stage, sex]", "subgroups: [arm]", "analyses.hazard.subgroups[0]", "cannot be subgroups as well"),
        (
            "strata: [afp_400]",
            "strata: [event]",
            "analyses.hazard.options.strata[0]",
            "a column that every analysis has",
        ),
        ("  age:", "  value:", "covariates.value", "a column that every analysis has"),
    ],
)
def test_what_cannot_be_is_told_at_its_place(tmp_path: Path, old: str, new: str, path: str, what: str) -> None:
    problem = the_problem(tmp_path, old, new)
    assert problem.path == path
    assert what in problem.what
    assert problem.line is not None
    assert problem.remedy


@pytest.mark.parametrize("name", ["flow", "adverse_events", "findings"])
def test_an_analysis_is_not_called_like_the_counts_of_every_run(tmp_path: Path, name: str) -> None:
    problem = the_problem(tmp_path, "  curve: {", f"  {name}: {{")
    assert (problem.line, problem.column) == (
        PROTOCOL.splitlines().index(next(line for line in PROTOCOL.splitlines() if line.startswith("  curve:"))) + 1,
        3,
    )
    assert "every run" in problem.what
