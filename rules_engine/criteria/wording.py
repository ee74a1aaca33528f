"""The options of the response criteria as a protocol would state them: one sentence per option and value."""

from __future__ import annotations

from typing import Any, Final

from rules_engine.wording import Wording

LESIONS = "Lesions at baseline"
TARGETS = "Target lesions"
NEW = "New lesions"
MRECIST = "Viable tumour in the liver"
WAITING = "Confirmation of progression"
SUSPICION = "Suspected pseudoprogression"
BEST = "Best response in worked cases (the endpoints of a study have rules of their own)"


def _is(option: str, *values: Any) -> dict[str, Any]:
    return {"properties": {option: {"enum": list(values)}}, "required": [option]}


#: Wording by option; a criterion uses those of the options that it takes.
WORDING: Final[dict[str, Wording]] = {
    "target.max_total": Wording(
        "Target lesions", LESIONS, unit="lesions",
        says="A subject should have at most {value:number} target lesions; more are reported and none is dropped.",
    ),
    "target.max_per_organ": Wording(
        "Target lesions per organ", LESIONS, unit="lesions",
        says="An organ should have at most {value:number} of them (all lymph nodes are one organ, paired organs are one).",
    ),
    "target.min_mm": Wording(
        "Smallest target lesion", LESIONS, unit="mm",
        says="A target lesion other than a lymph node has a longest diameter of at least {value}; a smaller one is reported.",
    ),
    "target.min_node_short_mm": Wording(
        "Smallest target node", LESIONS, unit="mm",
        says="A target lymph node has a short axis of at least {value}; a smaller one is reported.",
    ),
    "target.min_node_short_mm.porta_hepatis": Wording(
        "Smallest target node at the porta hepatis", LESIONS, unit="mm",
        says="A target lymph node at the porta hepatis has a short axis of at least {value}.",
    ),
    "node.normal_below_mm": Wording(
        "Normal lymph node", TARGETS, unit="mm", says="A lymph node with a short axis of less than {value} is normal.",
    ),
    "tstm.default_mm": Wording(
        "Too small to measure", TARGETS, unit="mm",
        says="A target lesion that is seen but too small to measure adds {value} to the sum of diameters.",
    ),
    "pr.pct": Wording(
        "Partial response", TARGETS, unit="%",
        says="Partial response is a decrease of the sum of diameters by at least {value} from baseline.",
    ),
    "pd.pct": Wording(
        "Progression, relative", TARGETS, unit="%",
        says="Progression of the target lesions is an increase of the sum of diameters by at least {value} over its nadir.",
    ),
    "pd.abs_mm": Wording(
        "Progression, absolute", TARGETS, unit="mm",
        says={
            "0": "No absolute increase is required for progression of the target lesions.",
            "*": "That increase must also be at least {value} in absolute terms.",
        },
    ),
    "nadir.includes_baseline": Wording(
        "Nadir", TARGETS,
        says={
            "true": "The nadir is the smallest complete sum before the assessment, the baseline sum included.",
            "false": "The nadir is the smallest complete sum after baseline and before the assessment.",
        },
    ),
    "pr.persistence": Wording(
        "Persistence of partial response", TARGETS,
        says={
            "after_established": "Once partial response is established, it remains until progression, also at assessments "
            "whose sum no longer reaches the decrease.",
            "memoryless": "Each assessment is judged on its own: a sum that no longer reaches the decrease is stable disease.",
        },
    ),
    "cr.before_pd": Wording(
        "Complete response before growth", TARGETS,
        says={
            "true": "Complete response is judged first: lymph nodes that are all normal are a complete response even where "
            "their sum has increased.",
            "false": "Progression by the sum is judged before complete response, also where all lymph nodes are normal.",
        },
    ),
    "cr.reappearance": Wording(
        "Reappearance after complete response", TARGETS,
        says={
            "pd": "A target lesion that reappears after an overall complete response is progression, whatever the sum.",
            "arithmetic": "A target lesion that reappears after an overall complete response is judged by the sum alone.",
        },
    ),
    "cr.target_only_return": Wording(
        "Reappearance after complete response of the targets", TARGETS,
        says={
            "arithmetic": "A target lesion that reappears after a complete response of the targets alone is judged by the "
            "sum, against a nadir of 0.",
            "pd": "A target lesion that reappears after a complete response of the targets alone is progression, whatever "
            "the sum.",
        },
    ),
    "new.node_min_short_mm": Wording(
        "New lymph node", NEW, unit="mm", says="A new lymph node is a new lesion from a short axis of {value}.",
    ),
    "new.node_min_short_mm.porta_hepatis": Wording(
        "New lymph node at the porta hepatis", NEW, unit="mm",
        says="At the porta hepatis a new lymph node is a new lesion from a short axis of {value}.",
    ),
    "equivocal.backdate": Wording(
        "Lesion uncertain at first", NEW,
        says={
            "restate": "Where a new lesion was uncertain when first seen and is certain later, the assessment that first "
            "showed it becomes progression.",
            "date_only": "Where a new lesion was uncertain when first seen and is certain later, the date of progression moves "
            "to the assessment that first showed it; the responses stay as they were.",
            "none": "Where a new lesion was uncertain when first seen and is certain later, progression is dated to the "
            "assessment that made it certain.",
        },
    ),
    "mrecist.measure": Wording(
        "Diameter of targets in the liver", MRECIST,
        says={
            "viable": "A target lesion in the liver that enhances at baseline is measured by its viable, arterially enhancing "
            "part.",
            "whole": "A target lesion in the liver is measured by its whole diameter (sensitivity analysis).",
        },
    ),
    "mrecist.new_min_mm": Wording(
        "New nodule, typical", MRECIST, unit="mm",
        says="A new nodule in the liver with the typical enhancement pattern is progression from a diameter of {value}.",
    ),
    "mrecist.growth_mm": Wording(
        "New nodule, growth", MRECIST, unit="mm",
        says="A new nodule in the liver of any pattern is progression when it has grown by {value} since it was first recorded.",
    ),
    "mrecist.effusion_needs_cytology": Wording(
        "Effusion", MRECIST,
        says={
            "true": "A new or larger effusion is progression only with positive cytology.",
            "false": "A new or larger effusion is progression also without cytology.",
        },
    ),
    "mrecist.on_study_local": Wording(
        "Local treatment of the study", MRECIST,
        says={
            "keep": "A target lesion treated by the study's own local treatment is measured on.",
            "exclude": "A target lesion treated by the study's own local treatment is not evaluable from then on.",
        },
    ),
    "irecist.confirm_min_days": Wording(
        "Earliest confirmation", WAITING, unit="days",
        says="An assessment can confirm progression from {value} after the first iUPD of a block.",
    ),
    "irecist.confirm_max_days": Wording(
        "Latest timely confirmation", WAITING, unit="days", says="A confirmation more than {value} after it is late.",
    ),
    "irecist.early_scan": Wording(
        "Early assessment", WAITING,
        says={
            "ignore": "An assessment that comes earlier is disregarded, except one for symptoms that shows a further new "
            "lesion.",
            "use": "An assessment that comes earlier counts like any other.",
        },
    ),
    "irecist.late_confirmation": Wording(
        "Late confirmation", WAITING,
        says={
            "accept": "A late confirmation counts and is reported.",
            "new_iupd": "A late confirmation does not count: that assessment is the first iUPD of a new block.",
        },
    ),
    "irecist.further_mm": Wording(
        "Further growth", WAITING, unit="mm",
        says="Further growth of a sum by at least {value} confirms progression.",
    ),
    "irecist.further_from": Wording(
        "Growth counted from", WAITING,
        says={
            "anchor": "Further growth is counted from the first iUPD of the block.",
            "previous": "Further growth is counted from the last accepted assessment of the block with a known sum.",
        },
    ),
    "irecist.persisting_new": Wording(
        "New lesions that persist", WAITING,
        says={
            "category_improved": "Where new lesions persist and nothing confirms the progression, it is void only if target "
            "or non-target response is in a better category than at the iUPD.",
            "never": "Where new lesions persist, the progression is never void.",
            "any_non_pd": "Where new lesions persist and nothing confirms the progression, it is void wherever neither target "
            "nor non-target response is progression.",
        },
    ),
    "irecist.icr_requires_new_resolved": Wording(
        "iCR and new lesions", WAITING,
        says={
            "true": "There is no iCR while a new lesion is left; the response is iPR instead.",
            "false": "iCR is possible while a new lesion is left.",
        },
    ),
    "irecist.ne_between": Wording(
        "Not evaluable in between", WAITING,
        says={
            "keep_pending": "An assessment that is not evaluable leaves an iUPD open.",
            "clear": "An assessment that is not evaluable closes an iUPD; the next progression is a new one.",
        },
    ),
    "irecist.pending_at_end": Wording(
        "iUPD open at the end", WAITING,
        says={
            "event": "An iUPD that is neither confirmed nor void at the end of the data is progression on its day.",
            "censor": "An iUPD that is neither confirmed nor void at the end of the data is no progression.",
        },
    ),
    "irecist.new_target_max_total": Wording(
        "Measured new lesions", WAITING, unit="lesions",
        says="At most {value:number} new lesions should be measured; more are reported.",
    ),
    "irecist.new_target_max_per_organ": Wording(
        "Measured new lesions per organ", WAITING, unit="lesions",
        says="At most {value:number} of them should be in one organ.",
    ),
    "hybrid.basis": Wording(
        "Readings of the re-assessment", SUSPICION,
        says={
            "viable": "Suspected pseudoprogression is confirmed or refuted on the viable diameters and new lesions that raised "
            "the suspicion.",
            "whole": "Suspected pseudoprogression is confirmed or refuted by a parallel iRECIST reading of whole diameters, "
            "which has to reach iCPD.",
        },
    ),
    "hybrid.whole_pd_abs_mm": Wording(
        "Absolute growth of whole diameters", SUSPICION, unit="mm", when=_is("hybrid.basis", "whole"),
        says={
            "0": "In that reading progression requires no absolute increase of the sum.",
            "*": "In that reading progression requires an absolute increase of the sum of at least {value}.",
        },
    ),
    "hybrid.progression_date": Wording(
        "Date of confirmed progression", SUSPICION,
        says={
            "first_iupd": "Progression that was suspected to be pseudoprogression and was confirmed is dated to the first, "
            "suspected progression.",
            "confirmation": "Progression that was suspected to be pseudoprogression and was confirmed is dated to the "
            "confirming assessment.",
            "first_mrecist_pd": "Progression is dated to the first mRECIST progression, whether suspected, confirmed or void "
            "(sensitivity analysis).",
        },
    ),
    "hybrid.unconfirmed_last": Wording(
        "Suspicion never re-assessed", SUSPICION,
        says={
            "event": "A suspected progression after which no assessment was accepted is progression.",
            "censor": "A suspected progression after which no assessment was accepted is no progression.",
        },
    ),
    "bor.confirmation": Wording(
        "Confirmation of response", BEST,
        says={
            "none": "CR and PR count at their first observation.",
            "required": "CR and PR count only where a later assessment confirms them; partial response is established when "
            "it is confirmed.",
        },
    ),
    "bor.confirm_min_days": Wording(
        "Time to confirmation", BEST, unit="days", says="The confirming assessment is at least {value} after the response.",
    ),
    "bor.confirm_max_ne": Wording(
        "Not evaluable in between", BEST, unit="assessments",
        says={
            "any": "Any number of assessments in between may be not evaluable.",
            "*": "At most {value} in between may be not evaluable.",
        },
    ),
    "bor.confirm_max_sd": Wording(
        "Stable disease in between", BEST, unit="assessments",
        says={
            "any": "Any number of assessments between a PR and its confirmation may show stable disease.",
            "*": "At most {value} between a PR and its confirmation may show stable disease.",
        },
    ),
    "bor.sd_min_days": Wording(
        "Minimum duration of stable disease", BEST, unit="days",
        says="Stable disease is a best response from {value} after the reference date.",
    ),
    "pfs.start": Wording(
        "Start of progression-free survival", BEST,
        says={
            "first_component": "For the record, progression-free survival starts with the first component of the combination; "
            "the `origin` of each endpoint decides.",
            "combination_complete": "For the record, progression-free survival starts with the second component of the combination; "
            "the `origin` of each endpoint decides.",
        },
    ),
}  # fmt: skip
