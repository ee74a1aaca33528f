"""The option keys of the response criteria: what each may be, in the words of the author of a ruleset.

A criterion picks the groups that it understands; what it does not pick is refused. No option has a default here: every value
stands in a ruleset, with its reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules_engine.criteria.wording import WORDING
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import JsonSchema
from rules_engine.wording import Wording, with_wording

Properties = Mapping[str, Mapping[str, Any]]


def _mm(description: str) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": 500, "description": f"{description} In mm."}


def _percent(description: str) -> dict[str, Any]:
    return {"type": "number", "exclusiveMinimum": 0, "maximum": 1000, "description": f"{description} In percent."}


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": description}


def _days(description: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "description": f"{description} In days."}


def _flag(description: str) -> dict[str, Any]:
    return {"type": "boolean", "description": description}


def _choice(description: str, **meanings: str) -> dict[str, Any]:
    told = "; ".join(f"`{word}`: {meaning}" for word, meaning in meanings.items())
    return {"enum": list(meanings), "description": f"{description} {told}."}


#: RECIST 1.1, and everything that builds on it.
RECIST: Properties = {
    "target.max_total": _count("Most target lesions that a subject should have; more is a warning, none is dropped."),
    "target.max_per_organ": _count("Most target lesions in one organ (all lymph nodes are one); more is a warning."),
    "target.min_mm": _mm(
        "Smallest baseline diameter of a non-nodal target lesion; a smaller one is a warning. 20 for chest X-ray, twice the "
        "slice thickness where slices are thicker than 5 mm."
    ),
    "target.min_node_short_mm": _mm("Smallest baseline short axis of a target lymph node; a smaller one is a warning."),
    "baseline.max_days": _days(
        "A baseline longer than this before the reference date is a warning; it is used all the same."
    ),
    "node.normal_below_mm": _mm("A lymph node whose short axis is below this is normal (exactly this is not)."),
    "tstm.default_mm": _mm("What a lesion that is too small to measure contributes to the sum."),
    "pr.pct": _percent("Shrinkage of the sum from baseline that makes a partial response; exactly this suffices."),
    "pd.pct": _percent("Growth of the sum from its nadir that makes progression; exactly this suffices."),
    "pd.abs_mm": _mm("Growth of the sum from its nadir that progression needs as well; 0 = no absolute minimum."),
    "nadir.includes_baseline": _flag("The baseline sum counts among the sums of which the smallest is the nadir."),
    "pr.persistence": _choice(
        "A sum that no longer reaches the shrinkage of a partial response and is not progression:",
        after_established="stays PR once PR was established (with `bor.confirmation: required`, once it was confirmed)",
        memoryless="is SD; each visit stands alone",
    ),
    "cr.before_pd": _flag(
        "Complete response is judged before growth: nodes that all stay normal are CR even where their sum grew. "
        "`false`: the growth of the sum goes first."
    ),
    "cr.reappearance": _choice(
        "A target lesion that is seen again after an overall complete response:",
        pd="is progression, whatever the sum",
        arithmetic="is judged by the sum alone",
    ),
    "cr.target_only_return": _choice(
        "A target lesion that is seen again after a complete response of the targets alone:",
        arithmetic="is judged by the sum against a nadir of 0",
        pd="is progression, whatever the sum",
    ),
    "new.node_min_short_mm": _mm("Smallest short axis of a new lymph node that is a new lesion."),
    "equivocal.backdate": _choice(
        "A new lesion that was uncertain when first seen and is certain (or qualifies) later:",
        restate="the first visit that showed it becomes progression",
        date_only="only the date of progression moves to the first visit that showed it",
        none="progression is dated to the visit that made it certain (not RECIST)",
    ),
    "bor.confirmation": _choice(
        "Whether a best response of CR or PR counts:",
        none="at its first observation",
        required="only where a later assessment confirms it",
    ),
    "bor.confirm_min_days": _days("Least time from a response to the assessment that confirms it."),
    "bor.confirm_max_ne": {
        "anyOf": [{"type": "integer", "minimum": 0}, {"const": "any"}],
        "description": "Most not-evaluable assessments between a response and its confirmation; `any`: no limit.",
    },
    "bor.confirm_max_sd": {
        "anyOf": [{"type": "integer", "minimum": 0}, {"const": "any"}],
        "description": "Most SD assessments between a PR and its confirmation; `any`: no limit.",
    },
    "bor.sd_min_days": _days("Least time from the reference date to an SD that counts as best response."),
}

MRECIST: Properties = {
    "target.min_node_short_mm.porta_hepatis": _mm("The same for lymph nodes with `site` `porta_hepatis`."),
    "new.node_min_short_mm.porta_hepatis": _mm("The same for lymph nodes with `site` `porta_hepatis`."),
    "mrecist.measure": _choice(
        "Diameter of an intrahepatic target that enhanced at baseline:",
        viable="of the enhancing part (`viable_mm`)",
        whole="of the whole lesion (`mm`), for a sensitivity analysis",
    ),
    "mrecist.new_min_mm": _mm(
        "Smallest diameter at which a new intrahepatic nodule of typical pattern is progression."
    ),
    "mrecist.growth_mm": _mm(
        "Growth since first recorded at which a new intrahepatic nodule of any pattern is progression."
    ),
    "mrecist.effusion_needs_cytology": _flag("An effusion is progression only with positive cytology."),
    "mrecist.on_study_local": _choice(
        "A target that was treated with the study's own local treatment (`local_therapy` = `study`):",
        keep="is measured on",
        exclude="is not evaluable from that visit on",
    ),
}

IRECIST: Properties = {
    "irecist.confirm_min_days": _days("A scan sooner than this after the first iUPD of a block cannot confirm it."),
    "irecist.confirm_max_days": _days("A scan later than this after the first iUPD of a block confirms it late."),
    "irecist.early_scan": _choice(
        "A scan too soon after an iUPD:",
        ignore="is disregarded, except a scan for symptoms that shows a further new lesion",
        use="counts as any other",
    ),
    "irecist.late_confirmation": _choice(
        "Confirmation by a scan that comes late:",
        accept="counts, with a warning",
        new_iupd="does not count; the scan is the first iUPD of a new block",
    ),
    "irecist.further_mm": _mm("Further growth of a sum that confirms progression; exactly this suffices."),
    "irecist.further_from": _choice(
        "Further growth is measured from:",
        anchor="the first iUPD of the block, so that growth adds up",
        previous="the last accepted scan of the block on which the sum was known",
    ),
    "irecist.persisting_new": _choice(
        "New lesions persist and nothing confirms the iUPD. The bar is reset:",
        category_improved="where target and non-target response are better than at the iUPD",
        never="never",
        any_non_pd="wherever target and non-target response are not progression",
    ),
    "irecist.icr_requires_new_resolved": _flag("There is no iCR while a new lesion is left; it is iPR instead."),
    "irecist.ne_between": _choice(
        "A not-evaluable assessment after an iUPD:",
        keep_pending="leaves it unconfirmed and open",
        clear="closes it; the next progression is a new iUPD",
    ),
    "irecist.pending_at_end": _choice(
        "An iUPD that is neither confirmed nor reset at the end of the data is:",
        event="progression on the day of the iUPD",
        censor="no progression (an interim cut with the confirming scan still due)",
    ),
    "irecist.new_target_max_total": _count("Most measured new lesions; more is a warning."),
    "irecist.new_target_max_per_organ": _count("Most measured new lesions in one organ; more is a warning."),
}

HYBRID: Properties = {
    "hybrid.basis": _choice(
        "Readings on which suspected pseudoprogression is confirmed or refuted:",
        viable="the diameters and new-lesion rules of mRECIST that raised the suspicion",
        whole="a parallel iRECIST reading of whole diameters, which has to reach iCPD",
    ),
    "hybrid.whole_pd_abs_mm": _mm("`pd.abs_mm` of the parallel reading of whole diameters (`hybrid.basis: whole`)."),
    "hybrid.progression_date": _choice(
        "Progression that was suspected to be pseudoprogression and was confirmed is dated to:",
        first_iupd="the first, suspected progression",
        confirmation="the confirming scan",
        first_mrecist_pd="the first mRECIST progression, whether flagged, confirmed or void (sensitivity analysis)",
    ),
    "hybrid.unconfirmed_last": _choice(
        "A suspected progression after which no scan was accepted is:",
        event="progression",
        censor="no progression",
    ),
    "pfs.start": _choice(
        "Day 0 that the protocol means for progression-free survival. For the record: in a run, the option `origin` of each "
        "endpoint decides:",
        first_component="start of the first component of the combination",
        combination_complete="start of the second component",
    ),
}


def options_schema(*groups: Properties, wording: Mapping[str, Wording] | None = None) -> JsonSchema:
    """The JSON Schema of a criterion that understands these groups of options, and needs a value for each.

    `wording` tells in the criterion's own words what an option means to it.
    """
    properties = {key: dict(about) for group in groups for key, about in group.items()}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return with_wording(schema, {**WORDING, **(wording or {})})


def confirmation_window(rules: CriterionRules) -> list[tuple[str, str, str]]:
    """Whether the days within which a scan confirms an iUPD contradict each other: (option, what, remedy)."""
    least, most = rules["irecist.confirm_min_days"], rules["irecist.confirm_max_days"]
    if least <= most:
        return []
    what = (
        f"a scan that confirms comes {least} days after the iUPD at the soonest and {most} days after it at the latest"
    )
    return [
        ("irecist.confirm_max_days", what, "state irecist.confirm_min_days no larger than irecist.confirm_max_days")
    ]


def waits_for_confirmation(rules: CriterionRules) -> bool:
    """Progression is unconfirmed (iUPD) until a later scan confirms it; the rules say what one left open at the end is.

    Told by the options and not by the name of the criterion, so that any criterion that takes the group `IRECIST` is meant.
    """
    return "irecist.pending_at_end" in rules.options


def waits_only_if_suspected(rules: CriterionRules) -> bool:
    """Only a progression that the investigator suspects to be pseudoprogression waits; the rules say how it is dated.

    Told by the options, as in `waits_for_confirmation`: any criterion that takes the group `HYBRID` is meant.
    """
    return "hybrid.progression_date" in rules.options
