"""The section `agreement` of a ruleset: how far readers, assessors or criteria say the same, as rows of the analysis results data.

Two response streams are compared visit by visit (same subject, same day), two response endpoints subject by subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.analysis.ard import COUNT, PERCENT, THREE_DECIMALS, Estimates
from rules_engine.analysis.kappa import Kappa, kappa
from rules_engine.analysis.response_estimates import BEST_FIRST
from rules_engine.model import AGREEMENT_DEFAULTS, ResponseDefinition, Ruleset
from rules_engine.numerics import np
from rules_engine.vocabulary import ARD_SCHEMA

#: Parts of a timepoint response that can be compared, and the column of a collected response that holds each.
COMPONENTS = {"overall": "response", "target": "target", "nontarget": "non_target", "new_lesion": "new_lesion"}
#: The part of a response endpoint that is compared.
_VALUE = "value"
_YES, _NO = "yes", "no"
_SAYS_YES = ("y", "yes", "true", "1", "new", "unequivocal", "present")
_SAYS_NO = ("n", "no", "false", "0", "none", "absent")
_NEITHER = (terms.NE, terms.ND, terms.MISSING)
#: Frames by name: response streams (subject, visit_date and `COMPONENTS`) or endpoints (subject, value).
Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Compared:
    """What one part of two readings says of the same things: their codes in order, the counts, and what only one of them read."""

    codes: tuple[str, ...]
    counts: np.ndarray[Any, np.dtype[np.int64]]
    only_first: int
    only_second: int


def derive_agreement(ruleset: Ruleset, streams: Frames, endpoints: Frames) -> pl.DataFrame:
    """Rows of the ARD for every comparison of the section, in the order of the document."""
    parts = [pl.DataFrame(schema=ARD_SCHEMA)]
    section: Mapping[str, Mapping[str, Any]] = ruleset.document.get("agreement") or {}
    for name, stated in section.items():
        options = {**AGREEMENT_DEFAULTS, **{key: value for key, value in stated.items() if value is not None}}
        of_streams = all(one in ruleset.responses for one in stated["between"])
        frames, keys = (streams, ["subject", "visit_date"]) if of_streams else (endpoints, ["subject"])
        components = options["components"] if of_streams else [_VALUE]
        estimates = Estimates(_method(options, of_streams=of_streams), "response" if of_streams else "endpoint")
        for first, second in combinations(stated["between"], 2):
            for component in components:
                compared = compare(frames[first], frames[second], component, keys, options)
                _report(estimates, first, second, component, compared, options)
        rows = estimates.frame().with_columns(
            pl.lit(name).alias("analysis"),
            *(pl.lit(None, pl.String).alias(column) for column in ("paramcd", "subgroup_variable", "subgroup")),
        )
        parts.append(rows.select(list(ARD_SCHEMA)))
    return pl.concat(parts)


def _method(options: Mapping[str, Any], *, of_streams: bool) -> str:
    weights = "" if options["weights"] == "none" else f", {options['weights']} weights"
    unit = "; visits of one subject are taken as independent" if of_streams else ""
    return f"Cohen's kappa{weights}, {options['conf_level']:g}{unit}"


def compare(
    first: pl.DataFrame, second: pl.DataFrame, component: str, keys: Sequence[str], options: Mapping[str, Any]
) -> Compared:
    """Two readings of one component, side by side."""
    sides = [_readable(frame, component, keys, options) for frame in (first, second)]
    both = sides[0].join(sides[1], on=list(keys), how="inner", suffix="_second")
    found = {*both[component], *both[f"{component}_second"]}
    codes = (*(code for code in BEST_FIRST if code in found), *sorted(found - set(BEST_FIRST)))
    place = {code: number for number, code in enumerate(codes)}
    counts = np.zeros((len(codes), len(codes)), dtype=np.int64)
    for one, other, number in both.group_by(component, f"{component}_second").len().iter_rows():
        counts[place[one], place[other]] = number
    return Compared(codes, counts, sides[0].height - both.height, sides[1].height - both.height)


def _readable(frame: pl.DataFrame, component: str, keys: Sequence[str], options: Mapping[str, Any]) -> pl.DataFrame:
    """The rows in which the component is known, in plain codes where the options ask for them."""
    code = pl.col(component)
    if options["codes"] == "plain":
        code = code.replace({**terms.PLAIN_FORM, terms.ND: terms.NE})
    rows = frame.select(*keys, code.alias(component)).drop_nulls()
    if options["not_evaluable"] == "exclude":
        rows = rows.filter(~pl.col(component).is_in(list(_NEITHER)))
    return rows.unique(list(keys), keep="first", maintain_order=True)


def _report(
    estimates: Estimates, first: str, second: str, component: str, compared: Compared, options: Mapping[str, Any]
) -> None:
    found: Kappa = kappa(compared.counts, options["weights"])
    lower, upper = found.limits(options["conf_level"])
    where: dict[str, Any] = {"group": first, "comparison": second, "variable": component, "n": found.n}
    reason = found.reason or None
    nothing = None if found.n else found.reason
    share = float(np.trace(compared.counts)) / found.n if found.n else float("nan")
    estimates.add("pairs", "Read by both", found.n, COUNT, **where)
    estimates.add("only_first", f"Read by {first} alone", compared.only_first, COUNT, **where)
    estimates.add("only_second", f"Read by {second} alone", compared.only_second, COUNT, **where)
    estimates.add("agreement", "Agreement", share, PERCENT, **where, note=nothing)
    estimates.add("expected", "Agreement expected by chance", found.expected, PERCENT, **where, note=nothing)
    estimates.add("kappa", "Kappa", found.value, THREE_DECIMALS, **where, note=reason)
    estimates.add("std_error", "Kappa: standard error", found.std_error, THREE_DECIMALS, **where, note=reason)
    estimates.add("lower", "Kappa: lower limit", lower, THREE_DECIMALS, **where, note=reason)
    estimates.add("upper", "Kappa: upper limit", upper, THREE_DECIMALS, **where, note=reason)
    for row, one in enumerate(compared.codes):
        for column, other in enumerate(compared.codes):
            label = f"{first} {one}, {second} {other}"
            number = int(compared.counts[row, column])
            estimates.add("count", label, number, COUNT, **where, level=f"{one} / {other}")


# What is compared -----------------------------------------------------------------------------------------------------


def stream_frames(
    ruleset: Ruleset, timepoints: Frames, collected: pl.LazyFrame, select: Any
) -> dict[str, pl.DataFrame]:
    """Every response stream that the section names: subject, visit_date, overall, target, nontarget, new_lesion as codes.

    `select(rows, definition)` gives the rows of a stream's assessor and reader.
    """
    found: dict[str, pl.DataFrame] = {}
    for name in dict.fromkeys(_named(ruleset)):
        definition = ruleset.responses.get(name)
        if definition is None:
            continue
        if definition.source == "derived":
            seen = pl.when("new_lesion").then(pl.lit(_YES)).otherwise(pl.lit(_NO))
            found[name] = timepoints[name].select(
                "subject", "visit_date", "overall", "target", "nontarget", new_lesion=seen
            )
        else:
            found[name] = collected_components(select(collected, definition), definition).collect()
    return found


def collected_components(rows: pl.LazyFrame, definition: ResponseDefinition) -> pl.LazyFrame:
    """Collected responses of one criterion with complete dates, in the codes of the derived ones."""
    if definition.collected_as is not None:
        rows = rows.filter(pl.col("criterion").str.to_lowercase() == definition.collected_as.lower())
    return as_components(rows).filter(pl.col("visit_date").is_not_null())


def as_components(rows: pl.LazyFrame, *, re_assessed: bool = True) -> pl.LazyFrame:
    """Collected responses in the codes of derived ones: subject, visit_date, overall, target, nontarget, new_lesion (yes, no).

    With `re_assessed` the response of a re-assessment, where there is one, is the overall response.
    """
    said = pl.col("new_lesion").str.strip_chars().str.to_lowercase()
    seen = pl.when(said.is_in(_SAYS_YES)).then(pl.lit(_YES)).when(said.is_in(_SAYS_NO)).then(pl.lit(_NO))
    return rows.select(
        "subject",
        visit_date=pl.col("date").str.to_date("%Y-%m-%d", strict=False),
        overall=pl.coalesce("iresponse", "response") if re_assessed else pl.col("response"),
        target=_spelled(pl.col("target")),
        nontarget=_spelled(pl.col("non_target")),
        new_lesion=seen,
    )


def _spelled(code: pl.Expr) -> pl.Expr:
    """The code as the engine spells it."""
    known = {**{one.upper(): one for one in (*terms.RESPONSES, terms.NA)}, **terms.RESPONSE_SYNONYMS}
    upper = code.str.strip_chars().str.to_uppercase()
    return pl.coalesce(upper.replace_strict(known, default=None, return_dtype=pl.String), code)


def _named(ruleset: Ruleset) -> Iterator[str]:
    for stated in (ruleset.document.get("agreement") or {}).values():
        yield from stated["between"]
