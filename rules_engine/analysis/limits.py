"""Limits of a probability, symmetric on a scale of their own (Kalbfleisch and Prentice 2002 §1.4; Borgan and Liestøl 1990)."""

from __future__ import annotations

from rules_engine.analysis.options import Numbers, normal_quantile
from rules_engine.numerics import np

#: Scales on which the limits of a curve can be symmetric.
CONF_TYPES = ("log-log", "log", "plain", "logit", "arcsin")


def limits_on_scale(
    probability: Numbers, std_error: Numbers, conf_level: float, conf_type: str
) -> tuple[Numbers, Numbers]:
    """Pointwise limits (lower, upper) within 0 and 1; undefined (NaN) where the probability is 0 or 1."""
    z = normal_quantile(conf_level)
    inside = (probability > 0) & (probability < 1)
    p = np.where(inside, probability, 0.5)
    error = np.where(inside, std_error, 0.0)
    with np.errstate(over="ignore"):  # an error beyond all measure: the limits are then 0 and 1
        if conf_type == "log-log":
            width = z * error / (p * np.abs(np.log(p)))
            lower, upper = p ** np.exp(width), p ** np.exp(-width)
        elif conf_type == "log":
            width = z * error / p
            lower, upper = p * np.exp(-width), np.minimum(p * np.exp(width), 1.0)
        elif conf_type == "plain":
            lower, upper = np.maximum(p - z * error, 0.0), np.minimum(p + z * error, 1.0)
        elif conf_type == "logit":
            centre, width = np.log(p / (1 - p)), z * error / (p * (1 - p))
            lower, upper = 1 / (1 + np.exp(width - centre)), 1 / (1 + np.exp(-width - centre))
        elif conf_type == "arcsin":
            centre, width = np.arcsin(np.sqrt(p)), z * error / (2 * np.sqrt(p * (1 - p)))
            lower = np.sin(np.maximum(centre - width, 0.0)) ** 2
            upper = np.sin(np.minimum(centre + width, np.pi / 2)) ** 2
        else:
            raise ValueError(f"unknown kind of confidence limits: {conf_type!r}")
    return np.where(inside, lower, np.nan), np.where(inside, upper, np.nan)
