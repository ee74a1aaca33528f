"""The options of the estimators as a statistical analysis plan would state them."""

from __future__ import annotations

from typing import Any, Final

from rules_engine.wording import Wording


def _stratified() -> dict[str, Any]:
    return {"properties": {"strata": {"minItems": 1}}, "required": ["strata"]}


#: Wording by option; an estimator uses those of the options that it takes.
WORDING: Final[dict[str, Wording]] = {
    "conf_level": Wording("Confidence level", says="Confidence limits have a level of {value:percent}."),
    "conf_type": Wording(
        "Scale of the limits",
        says={
            "log-log": "Confidence limits are computed on the complementary log-log scale.",
            "log": "Confidence limits are computed on the log scale.",
            "plain": "Confidence limits are computed on the plain scale.",
        },
    ),
    "landmarks_months": Wording(
        "Landmarks",
        unit="months",
        says={"[]": "No estimate at a landmark is reported.", "*": "The estimate is also reported at {value}."},
    ),
    "days_per_month": Wording("Month", unit="days", says="A month has {value}."),
    "group_order": Wording(
        "Order of the groups", says={"null": "Groups are shown alphabetically.", "*": "Groups are shown in the order {value}."}
    ),
    "reference_group": Wording(
        "Reference group",
        says={"null": "The last group is the reference.", "*": "The reference group is {value}."},
    ),
    "strata": Wording(
        "Strata",
        says={"[]": "The comparison is not stratified.", "*": "The comparison is stratified by {value}."},
    ),
    "missing_stratum": Wording(
        "Missing stratum", when=_stratified(),
        says={
            "own_level": "Subjects without a stratum value form a stratum of their own.",
            "exclude": "Subjects without a stratum value are left out, and their number is reported.",
        },
    ),
    "ties": Wording("Ties", says={"*": "Tied event times are handled by the method of {value:name}."}),
    "tau_months": Wording(
        "Horizon", unit="months", says="The mean is restricted to {value}.",
    ),
    "value_order": Wording("Order of the responses", says="Responses are listed in the order {value}."),
}  # fmt: skip

#: The method of a rate's limits, and of a difference's.
RATE_METHOD: Final = Wording(
    "Limits",
    says={
        "clopper_pearson": "Confidence limits of the rate are exact (Clopper-Pearson).",
        "wilson": "Confidence limits of the rate are score limits without continuity correction (Wilson).",
        "*": "Confidence limits are computed by the method {value}.",
    },
)
DIFFERENCE_METHOD: Final = Wording(
    "Limits",
    says={
        "miettinen_nurminen": "Confidence limits are score limits of the difference (Miettinen-Nurminen), with Cochran-Mantel-Haenszel "
        "weights where strata are stated.",
        "newcombe": "Confidence limits of the difference combine the two Wilson intervals (Newcombe); strata are used by the test alone.",
        "*": "Confidence limits are computed by the method {value}.",
    },
)
