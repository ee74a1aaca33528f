"""WHO response criteria (Miller et al., Cancer 1981;47:207-214): the product of two perpendicular diameters."""

from collections.abc import Sequence

import polars as pl
import rules_engine
from rules_engine.contracts import Column
from rules_engine.criteria import Measure, RuleNames, derive_baselines, derive_timepoints, hundredths, options
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion, SumParameter

NAMES = RuleNames("who.target", "who.nontarget", "who.new_lesion", "who.overall")
SECOND = Column("perpendicular_mm", "length", "Longest diameter at right angles to `mm`.", unit="mm")


def area(rules: CriterionRules) -> Measure:
    """The product of the diameters; hundredths by hundredths of a millimetre are ten-thousandths of a square millimetre."""
    return Measure(
        size=pl.col("mm_x100") * pl.col("perpendicular_mm_x100"),
        too_small=hundredths(rules["tstm.default_mm"]) ** 2,
    )


def without_nodes(lesions: pl.LazyFrame) -> pl.LazyFrame:
    """WHO knows no normal lymph node: a node is measured like any lesion."""
    return lesions.with_columns(node=pl.lit(value=False))


def assess(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and visit after baseline, from products of diameters."""
    return derive_timepoints(without_nodes(lesions), rules, NAMES, measure=area(rules))


def baselines(lesions: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """The sum of products at baseline, one row per subject."""
    return derive_baselines(without_nodes(lesions), rules, measure=area(rules))


WHO = Criterion(
    id="who", version="1", title="WHO", reference="Miller 1981",
    options_schema=options.options_schema(options.RECIST),
    responses=("CR", "PR", "SD", "NON-CR/NON-PD", "NED", "PD", "NE"),
    assess=assess, baselines=baselines,
    columns=("mm_x100", "perpendicular_mm_x100"), extra_columns=(SECOND,),
    sum_of=SumParameter("SPD", "Sum of products of diameters", "mm2", 10_000),
)  # fmt: skip


@rules_engine.hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer WHO."""
    return [WHO]
