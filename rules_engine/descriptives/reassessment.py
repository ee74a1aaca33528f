"""What became of each first progression by the plain criterion, in a response stream that re-assesses progression (iRECIST).

Who is spared from a false progression is told so: progression by the plain criterion (mRECIST, RECIST 1.1) that a later scan
did not confirm (Seymour 2017, Lancet Oncol 18:e143).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from rules_engine import terms
from rules_engine.descriptives.rows import ARM, Rows, by_arm

ANALYSIS: Final = "reassessment"
AT_ONCE, CONFIRMED, SPARED, PENDING = "at_once", "confirmed", "spared", "pending"
#: Each outcome in words, in the order in which they are told.
OUTCOMES: Final = {
    AT_ONCE: "progression at once, not re-assessed",
    CONFIRMED: "confirmed at re-assessment (iCPD)",
    SPARED: "not confirmed: a later scan showed no progression",
    PENDING: "not re-assessed, or still unconfirmed (iUPD)",
}
#: In a tally: visits with a code of iRECIST, which say that the stream re-assesses progression.
_VISITS: Final = "visits"


def first_progressions(timepoints: pl.DataFrame) -> pl.DataFrame:
    """One row per subject with a progression by the plain criterion: first_progression, final_code, final_date, outcome.

    The plain criterion's code is `basis_overall`, an iRECIST code standing for its plain form. The outcome is that of
    the whole stream: confirmed at any visit; else by the last evaluable code.
    """
    plain = pl.col("basis_overall").replace(terms.PLAIN_FORM)
    codes = pl.col("overall")
    evaluable = ~codes.is_in(list(terms.NOT_EVALUABLE))
    return (
        timepoints.select("subject", "visit_date", "overall", "basis_overall")
        .sort("subject", "visit_date")
        .group_by("subject")
        .agg(
            first_progression=pl.col("visit_date").filter(plain.is_in([terms.PD, terms.RECUR])).min(),
            confirmed=(codes == terms.ICPD).any(),
            plain_progression=codes.is_in([terms.PD, terms.RECUR]).any(),
            final_code=codes.filter(evaluable).last(),
            final_date=pl.col("visit_date").filter(evaluable).last(),
        )
        .filter(pl.col("first_progression").is_not_null())
        .with_columns(
            outcome=pl.when("confirmed")
            .then(pl.lit(CONFIRMED))
            .when("plain_progression")
            .then(pl.lit(AT_ONCE))
            .when(pl.col("final_code") == terms.IUPD)
            .then(pl.lit(PENDING))
            .otherwise(pl.lit(SPARED))
        )
        .sort("subject")
    )


def tally_reassessment(timepoints: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """`arm`, `outcome`, `count` of subjects; and how many visits have a code of iRECIST.

    Subjects are counted also where these have no such visit: others of the stream may.
    """
    visits = int(timepoints["overall"].is_in(list(terms.PLAIN_FORM)).sum())
    told = pl.DataFrame(
        {ARM: [None], "outcome": [_VISITS], "count": [visits]},
        schema={ARM: pl.String, "outcome": pl.String, "count": pl.Int64},
    )
    known = first_progressions(timepoints).join(people, on="subject", how="left")
    counted = known.group_by(ARM, "outcome", maintain_order=True).agg(count=pl.len().cast(pl.Int64))
    return pl.concat([told, counted])


def describe_reassessment(tallies: Mapping[str, pl.DataFrame], arms: Sequence[str]) -> pl.DataFrame:
    """Rows of the ARD: `variable` is the stream, `level` the outcome; none for a stream that re-assesses nothing."""
    rows = Rows(ANALYSIS, arms)
    for stream, tally in tallies.items():
        is_visits = pl.col("outcome") == _VISITS
        progressed = tally.filter(~is_visits)
        if not tally.filter(is_visits)["count"].sum() or progressed.is_empty():
            continue
        sizes = by_arm(progressed, arms)
        label = "Subjects with a progression by the plain criterion"
        rows.add("n", label, sizes, "d", sizes, variable=stream)
        for outcome, words in OUTCOMES.items():
            numbers = by_arm(progressed.filter(pl.col("outcome") == outcome), arms)
            rows.add_counts(words, numbers, sizes, variable=stream, level=outcome)
    return rows.frame()
