"""mRECIST for hepatocellular carcinoma (Lencioni & Llovet, Semin Liver Dis 2010;30:52-60).

RECIST 1.1 on the viable, arterially enhancing part of intrahepatic targets, with rules of its own for new nodules, nodes at the
porta hepatis and effusions. The ruleset's `mrecist.*` values tell the toolbox so.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rules_engine.criteria import (
    LOCAL_THERAPY,
    RuleNames,
    derive_baselines,
    derive_judged_visits,
    derive_lesion_findings,
    derive_timepoints,
    options,
)
from rules_engine.hookspecs import hookimpl
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion

NAMES = RuleNames(
    target="mrecist.target",
    nontarget="mrecist.nontarget",
    new_lesion="mrecist.new_lesion",
    overall="recist_1_1.overall",
)


def assess(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and visit after baseline, from viable diameters."""
    return derive_timepoints(lesions, rules, NAMES)


def inspect(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """What each visit was judged by."""
    return derive_judged_visits(lesions, rules, NAMES)


MRECIST = Criterion(
    id="mrecist",
    version="1.0",
    title="mRECIST for hepatocellular carcinoma",
    reference="Lencioni R, Llovet JM. Semin Liver Dis 2010;30:52-60",
    options_schema=options.options_schema(options.RECIST, options.MRECIST),
    responses=("CR", "PR", "SD", "NON-CR/NON-PD", "NED", "PD", "NE"),
    assess=assess,
    validate=derive_lesion_findings,
    inspect=inspect,
    extra_columns=(LOCAL_THERAPY,),
    baselines=derive_baselines,
    columns=("subject", "visit_date", "is_baseline", "lesion_id", "role", "viable_mm_x100"),
)


@hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer mRECIST."""
    return [MRECIST]
