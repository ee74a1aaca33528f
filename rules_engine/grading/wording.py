"""The options of the grading as a statistical analysis plan would state them."""

from __future__ import annotations

from typing import Final

from rules_engine.wording import Wording

#: Part of a protocol that an option belongs to; in the other one it changes nothing.
EVENTS = "Adverse events"
LABS = "Laboratory results"

WORDING: Final[dict[str, Wording]] = {
    "on_unknown": Wording(
        "Unknown clinical facts", LABS,
        says={
            "worst_case": "Where a grade depends on a clinical fact that is not known (symptoms, intervention, anticoagulation, "
            "duration of fever, fasting), the fact counts as present and the worst grade stands.",
            "lab_minimum": "Where a grade depends on a clinical fact that is not known (symptoms, intervention, "
            "anticoagulation, duration of fever, fasting), the fact counts as absent.",
            "undecided": "Where a grade depends on a clinical fact that is not known (symptoms, intervention, anticoagulation, "
            "duration of fever, fasting), the result is not graded unless something else decides.",
        },
    ),
    "baseline": Wording(
        "Baseline", LABS,
        says={
            "derived": "The baseline is the last result on or before the first treatment.",
            "flagged": "The baseline is the result that the study marks as such.",
            "flagged_else_derived": "The baseline is the result that the study marks as such or, without a mark, the last "
            "result on or before the first treatment.",
        },
    ),
    "baseline_lookback_days": Wording(
        "Look-back for the baseline", LABS, unit="days",
        when={"properties": {"baseline": {"enum": ["derived", "flagged_else_derived"]}}},
        says={
            "null": "A derived baseline may lie any number of days before the first treatment.",
            "*": "A derived baseline lies at most {value} before the first treatment.",
        },
    ),
    "baseline_first_day": Wording(
        "Samples of the first day of treatment", LABS,
        when={"properties": {"baseline": {"enum": ["derived", "flagged_else_derived"]}}},
        says={
            "by_time": "A sample of the day of the first treatment counts as taken before it, unless the clock times of both say "
            "otherwise.",
            "before": "A sample of the day of the first treatment counts as taken before it.",
            "after": "A sample of the day of the first treatment counts as taken after it began.",
        },
    ),
    "require_current_range": Wording(
        "Own limits required", LABS,
        says={
            "true": "A result without limits of its own is not graded against an abnormal baseline.",
            "false": "A result without limits of its own may be graded against an abnormal baseline.",
        },
    ),
    "calcium_of_one_day": Wording(
        "Ionized and total calcium", LABS,
        says={
            "ionized": "Of a day with ionized and total calcium only the ionized result is graded.",
            "each": "Of a day with ionized and total calcium both results are graded.",
        },
    ),
    "uncorrected_calcium": Wording(
        "Calcium without albumin", LABS,
        says={
            "grade": "Total calcium without albumin of the same day is graded as it stands and flagged.",
            "na": "Total calcium without albumin of the same day is not graded.",
        },
    ),
    "mi_cutoff": Wording(
        "Troponin at infarction", LABS,
        says={
            "{}": "No level of troponin at which the assay speaks of an infarction is stated.",
            "*": "Levels of troponin at which the assay speaks of an infarction, in the unit of the results: {value}.",
        },
    ),
    "synonyms": Wording(
        "Synonyms", EVENTS,
        says={
            "{}": "No reported term is translated to another.",
            "*": "Reported terms stand for terms of the dictionary as follows: {value}.",
        },
    ),
    "match": Wording(
        "Term looked up", EVENTS,
        says={
            "term": "The reported or lowest-level term is looked up in the dictionary.",
            "decoded_term": "The coded term of the study is looked up in the dictionary.",
        },
    ),
    "emergent_window_days": Wording(
        "Treatment-emergent until", EVENTS, unit="days",
        says={
            "null": "An event is treatment-emergent if it starts or worsens after the first treatment and by the end of the "
            "study.",
            "*": "An event is treatment-emergent if it starts or worsens after the first treatment and at most {value} after "
            "the last.",
        },
    ),
    "missing_grade_as_severe": Wording(
        "Missing grade", EVENTS,
        says={
            "true": "An event without a grade counts as grade 3 in summaries (sensitivity analysis).",
            "false": "An event without a grade is counted as not graded.",
        },
    ),
    "exclude_after_tace_days": Wording(
        "Post-embolisation events", EVENTS, unit="days",
        says={
            "null": "Events soon after a TACE session are not marked.",
            "*": "Events that start within {value} after a TACE session are marked, so that tables can be shown without them.",
        },
    ),
}  # fmt: skip
