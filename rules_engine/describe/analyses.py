"""Analyses told: what is estimated for which endpoints, in which groups, with which options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules_engine.analysis.options import with_defaults
from rules_engine.describe.language import joined, number, plain, sentence, spoken
from rules_engine.describe.statements import Statement, tell
from rules_engine.model import AnalysisDefinition, CovariateDefinition, Ruleset, WeightsDefinition
from rules_engine.pages import Block, Bullets, Paragraph, Row, SubHeading, Table, heading, words
from rules_engine.registry import Registry

#: Keys of an analysis that its own sentences tell.
_TOLD = ("estimator", "endpoints", "by", "options", "label")
#: Options that the engine fills in where an analysis is by arm: key, and the key of `study`.
_OF_STUDY = {"group_order": "arms", "reference_group": "reference_arm"}


def analysis_blocks(ruleset: Ruleset, registry: Registry) -> list[Block]:
    """Every analysis under its name."""
    blocks: list[Block] = []
    of_covariates = {name: covariate_text(one) for name, one in ruleset.covariates.items()}
    of_weights = {name: weights_text(one) for name, one in ruleset.weights.items()}
    blocks += _definitions(ruleset, "covariates", "Characteristics of the subjects", "source", of_covariates)
    blocks += _definitions(ruleset, "weights", "Weights", "reference", of_weights)
    for name, analysis in ruleset.analyses.items():
        estimator = registry.estimators.require(analysis.estimator)
        label = ((ruleset.document.get("analyses") or {}).get(name) or {}).get("label")
        blocks.append(SubHeading(str(label or spoken(name).capitalize())))
        blocks.append(Paragraph(" ".join(_what(analysis, estimator.title, estimator.reference))))
        told = [
            one.sentence for one in analysis_statements(ruleset, analysis, registry) if one.in_effect and one.sentence
        ]
        told += _further(ruleset, name)
        if told:
            blocks.append(Bullets(told))
    return blocks


def _definitions(ruleset: Ruleset, section: str, title: str, source: str, texts: Mapping[str, str]) -> Iterator[Block]:
    """Covariates or weights by name, with where each definition comes from and what is said of it."""
    rows = []
    for name, text in texts.items():
        stated = ruleset.document[section][name] or {}
        remarks = [f"Source: {stated[source]}"] if stated.get(source) else []
        remarks += [stated["note"]] if stated.get("note") else []
        rows.append(Row(heading(name), [words(" ".join([text, *map(sentence, remarks)]))]))
    if rows:
        yield Table(title, ["Name", "Definition"], rows)


def covariate_text(one: CovariateDefinition) -> str:
    """What a characteristic is made of, with what is in force where nothing is stated."""
    made = f"Years from `{one.column}` to `{one.years_to}`" if one.years_to else f"Column `{one.column}`"
    label = f", called “{one.label}”" if one.label else ""
    unit = f", in {one.unit}" if one.unit else ""
    told = [f"{made}{label}{unit}."]
    if one.kind is None:
        told.append("Numbers are read as numbers, everything else as levels.")
    else:
        told.append("Read as a number." if one.kind == "number" else "Read as levels.")
    if one.cuts:
        told.append(
            f"Cut at {joined([number(cut) for cut in one.cuts])}; a value that equals a cut belongs to the level "
            f"{'above' if one.cut_belongs_to == 'upper' else 'below'}."
        )
    levels = one.intervals or one.levels
    if one.intervals:
        told.append(f"Levels, lowest first: {joined(one.intervals)}.")
    if one.levels:
        told.append(f"The reference is {one.levels[0]}.")
    if levels and not one.intervals:
        told.append(f"Levels in the order of tables: {joined(one.levels)}; further values follow alphabetically.")
    told += [f"{level} stands for {joined(values)}." for level, values in one.pooled.items()]
    if one.transform == "log":
        told.append("Its natural logarithm is used.")
    if one.per != 1:
        told.append(f"A ratio is for a step of {number(one.per)}.")
    without = "are left out, and counted" if one.missing == "exclude" else "have a level of their own"
    return " ".join([*told, f"Subjects without a value {without}."])


#: The weight of a subject with score e, by method.
_METHODS = {
    "overlap": "Overlap weights: 1 - e in the first group, e in the reference",
    "inverse_probability": "Inverse probability weights: 1 / e in the first group, 1 / (1 - e) in the reference",
    "treated": "Weights for the treated: 1 in the first group, e / (1 - e) in the reference",
}


def weights_text(one: WeightsDefinition) -> str:
    """The propensity model and what is made of its score, with what is in force where nothing is stated."""
    told = [f"{_METHODS[one.method]}, with the score e of a logistic model of {joined(one.covariates)}."]
    if one.method == "inverse_probability":
        told.append(
            "Each weight is multiplied by the share of the subject's group."
            if one.stabilised
            else "The weights are not stabilised."
        )
    if one.score_range is None:
        told.append("Nobody is left out for the score.")
    else:
        lowest, highest = map(number, one.score_range)
        again = "the model is fitted again to those who stay" if one.refit else "the model is not fitted again"
        told.append(f"Subjects with a score outside {lowest} to {highest} are left out, and counted; {again}.")
    if one.truncate_at is None:
        told.append("No weight is truncated.")
    else:
        told.append(f"Weights above the quantile {number(one.truncate_at)} of all weights are set to it.")
    return " ".join(told)


def analysis_statements(ruleset: Ruleset, analysis: AnalysisDefinition, registry: Registry) -> Sequence[Statement]:
    """A statement for each option of an analysis, with what the engine fills in from the study and the endpoints."""
    schema = registry.estimators.require(analysis.estimator).options_schema
    return tell(complete_options(ruleset, analysis, schema), schema)


def complete_options(ruleset: Ruleset, analysis: AnalysisDefinition, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an analysis as its estimator receives them."""
    known = schema.get("properties", {})
    given = dict(analysis.options)
    study: Mapping[str, Any] = ruleset.document.get("study") or {}
    if analysis.by == "arm":
        for key, of_study in _OF_STUDY.items():
            if key in known and study.get(of_study):
                given.setdefault(key, study[of_study])
    months = [
        ruleset.endpoints[name].options["days_per_month"]
        for name in analysis.endpoints
        if "days_per_month" in ruleset.endpoints[name].options
    ]
    if "days_per_month" in known and months:
        given.setdefault("days_per_month", months[0])
    return with_defaults(given, schema)


def _what(analysis: AnalysisDefinition, title: str, reference: str) -> Iterator[str]:
    yield sentence(f"{title} ({reference.rstrip('.')})")
    groups = f"by {spoken(analysis.by)}" if analysis.by is not None else "all subjects together"
    yield f"Endpoints: {joined(analysis.endpoints)}, {groups}."


def _further(ruleset: Ruleset, name: str) -> Iterator[str]:
    """What else the ruleset states of an analysis."""
    stated: Mapping[str, Any] = (ruleset.document.get("analyses") or {}).get(name) or {}
    for key, value in stated.items():
        if key not in _TOLD:
            yield sentence(f"{spoken(key).capitalize()}: {plain(value)}")
