"""The ADaM data sets that are written: every column's type and label, and the name it has inside the engine where that
differs.
"""

from __future__ import annotations

from typing import Final

import polars as pl

Columns = dict[str, tuple[pl.DataType, str]]

_TEXT: Final = pl.String()
#: Text of which a data set has few: a number for each row, as which it takes a quarter of the room (`adam.as_text`).
_WORD: Final = pl.Categorical()
_DAY: Final = pl.Date()
_WHOLE: Final = pl.Int64()
_NUMBER: Final = pl.Float64()

_IDENTITY: Columns = {
    "STUDYID": (_WORD, "Study Identifier"),
    "USUBJID": (_TEXT, "Unique Subject Identifier"),
    "TRT01A": (_WORD, "Actual Treatment for Period 01"),
}
_PARAMETER: Columns = {"PARAMCD": (_WORD, "Parameter Code"), "PARAM": (_WORD, "Parameter")}
_STREAM: Columns = {
    "RESPONSE": (_WORD, "Response Stream of the Ruleset"),
    "CRITER": (_WORD, "Response Criterion"),
    "EVAL": (_WORD, "Evaluator"),
    "EVALID": (_WORD, "Evaluator Identifier"),
}
_SOURCE: Columns = {
    "SRCDOM": (_WORD, "Source Data"),
    "SRCVAR": (_WORD, "Source Variable"),
    "SRCSEQ": (_WHOLE, "Source Sequence Number"),
}
_RULE: Columns = {"RULEID": (_WORD, "Rule that Decided"), "RULESET": (_WORD, "Ruleset and its Hash")}

ADTTE: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "STARTDT": (_DAY, "Time-to-Event Origin Date for Subject"),
    "STARTDTF": (_WORD, "Origin Date Imputation Flag"),
    "ADT": (_DAY, "Analysis Date"),
    "ADTF": (_WORD, "Analysis Date Imputation Flag"),
    "AVAL": (_WHOLE, "Analysis Value"),
    "AVALU": (_WORD, "Analysis Value Unit"),
    "CNSR": (_WHOLE, "Censor"),
    "EVNTDESC": (_WORD, "Event or Censoring Description"),
    "CNSDTDSC": (_WORD, "Censor Date Description"),
    "EVENT_TYPE": (_WHOLE, "Event Type (1 Event, 2 Competing, 0 No)"),
    "REASON": (_WORD, "Reason for Event or Censoring"),
    "ENTRY": (_WHOLE, "Delayed Entry (Days)"),
    "INT_L": (_DAY, "Interval-Censoring Left Date"),
    "INT_R": (_DAY, "Interval-Censoring Right Date"),
    **_SOURCE,
    **_RULE,
}

ADRS: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "PARCAT1": (_WORD, "Parameter Category 1"),
    **_STREAM,
    "ADT": (_DAY, "Analysis Date"),
    "ADTC": (_TEXT, "Analysis Date as Recorded"),
    "VISIT": (_WORD, "Visit Name"),
    "AVAL": (_NUMBER, "Analysis Value (1 Responder, 0 Not)"),
    "AVALC": (_WORD, "Analysis Value (C)"),
    "RSPFL": (_WORD, "Responder Flag"),
    "TRGRESP": (_WORD, "Target Response"),
    "NTRGRESP": (_WORD, "Non-target Response"),
    "NEWLFL": (_WORD, "New Lesion Flag"),
    "PDDT": (_DAY, "Date that the Progression is Dated To"),
    "OVRREAD": (_WORD, "Overall Response as Read, before Dating"),
    "BASISOVR": (_WORD, "Overall Response of the Plain Criterion"),
    "ACCPTFL": (_WORD, "Assessment Accepted Flag"),
    "IRSTATE": (_WORD, "State of iRECIST after the Visit"),
    "ANCHDT": (_DAY, "First iUPD of the Block"),
    "CONFREAS": (_WORD, "What Confirmed the Progression"),
    "RSPDT": (_DAY, "Date of First Response that Counts"),
    "PDSTAT": (_WORD, "Status of Progression"),
    "PDREAS": (_WORD, "What Decided on Progression"),
    "ASEQ": (_WHOLE, "Analysis Sequence Number"),
    **_SOURCE,
    **_RULE,
    "TRACE": (_TEXT, "Rules that Fired"),
}

ADTR: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "PARCAT1": (_WORD, "Parameter Category 1"),
    **_STREAM,
    "ADT": (_DAY, "Analysis Date"),
    "ABLFL": (_WORD, "Baseline Record Flag"),
    "AVAL": (_NUMBER, "Analysis Value"),
    "AVALU": (_WORD, "Analysis Value Unit"),
    "BASE": (_NUMBER, "Baseline Value"),
    "NADIR": (_NUMBER, "Smallest Sum before the Visit"),
    "CHG": (_NUMBER, "Change from Baseline"),
    "PCHG": (_NUMBER, "Percent Change from Baseline"),
    "CHGNAD": (_NUMBER, "Change from Nadir"),
    "PCHGNAD": (_NUMBER, "Percent Change from Nadir"),
    "SDCMPFL": (_WORD, "Sum Complete Flag"),
    **_RULE,
}

ADAE: Columns = {
    **_IDENTITY,
    "AESEQ": (_WHOLE, "Sequence Number"),
    "AETERM": (_TEXT, "Reported Term for the Adverse Event"),
    "AEDECOD": (_WORD, "Dictionary-Derived Term"),
    "AEBODSYS": (_WORD, "Body System or Organ Class"),
    "AETOXGR": (_WORD, "Standard Toxicity Grade"),
    "AEITOXGR": (_WORD, "Initial Toxicity Grade"),
    "AESTDTC": (_TEXT, "Start Date/Time of Adverse Event"),
    "AEENDTC": (_TEXT, "End Date/Time of Adverse Event"),
    "ASTDT": (_DAY, "Analysis Start Date"),
    "ASTDTF": (_WORD, "Analysis Start Date Imputation Flag"),
    "ASTDY": (_WHOLE, "Analysis Start Relative Day"),
    "AENDT": (_DAY, "Analysis End Date"),
    "AENDTF": (_WORD, "Analysis End Date Imputation Flag"),
    "AENDY": (_WHOLE, "Analysis End Relative Day"),
    "ADURN": (_WHOLE, "Analysis Duration (N)"),
    "ADURU": (_WORD, "Analysis Duration Units"),
    "ATERM": (_WORD, "Analysis Term"),
    "ASOC": (_WORD, "Analysis System Organ Class"),
    "AESPECFY": (_TEXT, "Specification of a Term Other, Specify"),
    "CTCAETRM": (_WORD, "CTCAE Term"),
    "CTCAESOC": (_WORD, "CTCAE System Organ Class"),
    "TERMMTCH": (_WORD, "How the Term Was Matched"),
    "TERMNEAR": (_TEXT, "Nearest CTCAE Terms, for Review"),
    "CTCAEVER": (_WORD, "CTCAE Version"),
    "ATOXGR": (_WORD, "Analysis Toxicity Grade"),
    "ATOXGRN": (_WHOLE, "Analysis Toxicity Grade (N)"),
    "GRCODE": (_WORD, "Verdict on the Reported Grade"),
    "GRCONS": (_WORD, "Disagreements with Outcome and Death"),
    "INWINFL": (_WORD, "Within the Window of Observation Flag"),
    "POSTTCFL": (_WORD, "Onset Soon after TACE Flag"),
    "ANL01FL": (_WORD, "Counted in Tables Flag"),
    "PREFL": (_WORD, "Pre-treatment Flag"),
    "ONTRTFL": (_WORD, "On Treatment Record Flag"),
    "FUPFL": (_WORD, "Follow-up Flag"),
    "TRTEMFL": (_WORD, "Treatment Emergent Analysis Flag"),
    "AOCCFL": (_WORD, "1st Occurrence within Subject Flag"),
    "AOCCSFL": (_WORD, "1st Occurrence of SOC Flag"),
    "AOCCPFL": (_WORD, "1st Occurrence of Preferred Term Flag"),
    "AOCCIFL": (_WORD, "1st Max Sev./Int. Occurrence Flag"),
    "AOCCSIFL": (_WORD, "1st Max Sev./Int. Occur Within SOC Flag"),
    "AOCCPIFL": (_WORD, "1st Max Sev./Int. Occur Within PT Flag"),
    "AESER": (_WORD, "Serious Event"),
    "AESDTH": (_WORD, "Results in Death"),
    "AESHOSP": (_WORD, "Requires or Prolongs Hospitalization"),
    "AEREL": (_WORD, "Causality"),
    "AREL": (_WORD, "Analysis Causality"),
    "ARELCMP": (_WORD, "Components that the Event Is Related To"),
    "AEACN": (_WORD, "Action Taken with Study Treatment"),
    "AEOUT": (_WORD, "Outcome of Adverse Event"),
    "AEGRPID": (_TEXT, "Group ID"),
    "EPISODE": (_WHOLE, "Episode that the Record Belongs To"),
    "EPISGRN": (_WHOLE, "Maximum Grade of the Episode (N)"),
    "IRAEFL": (_WORD, "Immune-Related as Recorded Flag"),
    "IRAEDFL": (_WORD, "Immune-Related by Rule Flag"),
    "EVGROUPS": (_WORD, "Event Groups"),
    "PESFL": (_WORD, "Post-Embolisation Syndrome Flag"),
    "PESGRPID": (_TEXT, "Post-Embolisation Syndrome Group ID"),
    "PESGRN": (_WHOLE, "Post-Embolisation Syndrome Grade (N)"),
    "RULESET": (_WORD, "Ruleset and its Hash"),
}

ADLB: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "LBSEQ": (_WHOLE, "Sequence Number"),
    "ADT": (_DAY, "Analysis Date"),
    "ATM": (pl.Time(), "Analysis Time"),
    "ADY": (_WHOLE, "Analysis Relative Day"),
    "AVAL": (_NUMBER, "Analysis Value"),
    "AVALC": (_TEXT, "Analysis Value (C)"),
    "AVALU": (_WORD, "Analysis Value Unit"),
    "ANRLO": (_NUMBER, "Analysis Normal Range Lower Limit"),
    "ANRHI": (_NUMBER, "Analysis Normal Range Upper Limit"),
    "ANRIND": (_WORD, "Analysis Reference Range Indicator"),
    "ABLFL": (_WORD, "Baseline Record Flag"),
    "APOBLFL": (_WORD, "Post-Baseline Record Flag"),
    "ONTRTFL": (_WORD, "On Treatment Record Flag"),
    "INWINFL": (_WORD, "Within the Window of Observation Flag"),
    "BASE": (_NUMBER, "Baseline Value"),
    "BASEU": (_WORD, "Baseline Value Unit"),
    "BNRIND": (_WORD, "Baseline Reference Range Indicator"),
    "CHG": (_NUMBER, "Change from Baseline"),
    "PCHG": (_NUMBER, "Percent Change from Baseline"),
    "SHIFT1": (_WORD, "Shift from BNRIND to ANRIND"),
    "ATOXDSCL": (_WORD, "Analysis Toxicity Description Low"),
    "ATOXDSCH": (_WORD, "Analysis Toxicity Description High"),
    "ATOXGRL": (_WORD, "Analysis Toxicity Grade Low"),
    "ATOXGRH": (_WORD, "Analysis Toxicity Grade High"),
    "ATOXGR": (_WORD, "Analysis Toxicity Grade"),
    "BTOXGRL": (_WORD, "Baseline Toxicity Grade Low"),
    "BTOXGRH": (_WORD, "Baseline Toxicity Grade High"),
    "BTOXGR": (_WORD, "Baseline Toxicity Grade"),
    "SHIFT2": (_WORD, "Shift from BTOXGR to ATOXGR"),
    "TRTEMFL": (_WORD, "Treatment Emergent Analysis Flag"),
    "WGRLOFL": (_WORD, "Worst Low Grade Flag"),
    "WGRHIFL": (_WORD, "Worst High Grade Flag"),
    "CTCAEVER": (_WORD, "CTCAE Version"),
    "GRREASNL": (_WORD, "Reason for no Low Grade"),
    "GRREASNH": (_WORD, "Reason for no High Grade"),
    "GRREASON": (_WORD, "Reason for no Grade"),
    "GRFLAGS": (_WORD, "Flags of the Grade"),
    "RULEIDL": (_WORD, "Threshold that Decided the Low Grade"),
    "RULEIDH": (_WORD, "Threshold that Decided the High Grade"),
    "RULEID": (_WORD, "Threshold that Decided"),
    "RULESET": (_WORD, "Ruleset and its Hash"),
}

_SUBJECT_LABEL: Final = "Unique Subject Identifier"

#: Labels of the tables that are no ADaM data sets; their columns keep the names that they have inside the engine.
_OTHER_LABELS: Final[dict[str, dict[str, str]]] = {
    "candidates": {
        "subject": _SUBJECT_LABEL, "paramcd": "Parameter Code", "position": "Order of Consideration",
        "role": "Event, Competing Event or Censoring", "word": "Word of the Ruleset", "reason": "Reason",
        "date": "Date that It Would Give", "fact_date": "Date of the Fact", "date_imputation": "Imputation Flag",
        "source_domain": "Source Data", "source_variable": "Source Variable",
        "source_seq": "Source Sequence Number", "fact_domain": "Source Data of the Fact",
        "fact_variable": "Source Variable of the Fact", "fact_seq": "Source Sequence Number of the Fact",
        "rule_id": "Rule that Decided", "outcome": "Won or Lost", "detail": "Why It Won or Lost",
    },
    "ard": {
        "analysis": "Analysis", "paramcd": "Parameter Code", "subgroup_variable": "Subgroup Variable",
        "subgroup": "Subgroup", "group_variable": "Grouping Variable", "group": "Group",
        "comparison": "Comparison of Groups", "variable": "Variable", "level": "Level of the Variable",
        "statistic": "Statistic", "label": "Label of the Statistic", "value": "Value", "note": "Note",
        "n": "Number of Subjects", "format": "Display Format", "method": "Method",
    },
    "findings": {
        "rule_id": "Rule of the Finding", "severity": "Severity", "table": "Input Table", "subject": _SUBJECT_LABEL,
        "record": "Record", "field": "Column", "value": "Value as Recorded", "message": "What Is Odd",
        "action": "What Was Done",
    },
    "discrepancies": {
        "response_name": "Response Stream of the Ruleset", "subject": _SUBJECT_LABEL, "date": "Date of the Visit",
        "component": "Component of the Response", "derived": "Derived", "collected": "Collected",
    },
}  # fmt: skip

#: Labels of what is written.
DATA_SET_LABELS: Final = {
    "adtr": "Tumor Results Analysis",
    "adrs": "Disease Response Analysis",
    "adtte": "Time-to-Event Analysis",
    "candidates": "Candidates Considered for Time-to-Event",
    "adae": "Adverse Events Analysis",
    "adlb": "Laboratory Analysis",
    "ard": "Analysis Results Data",
    "findings": "Findings in the Data",
    "discrepancies": "Derived against Collected Responses",
}

#: Names of at most eight letters for columns whose own name is longer, where a format allows no more.
SHORT_NAMES: Final[dict[str, dict[str, str]]] = {
    "adtte": {"EVENT_TYPE": "EVNTTYPE"},
    "candidates": {
        "fact_date": "FACTDT", "date_imputation": "DATEIMP", "source_domain": "SRCDOM", "source_variable": "SRCVAR",
        "source_seq": "SRCSEQ", "fact_domain": "FACTDOM", "fact_variable": "FACTVAR", "fact_seq": "FACTSEQ",
        "rule_id": "RULEID",
    },
    "ard": {
        "subgroup_variable": "SUBGRVAR", "group_variable": "GROUPVAR", "comparison": "COMPARIS",
        "statistic": "STATISTC",
    },
    "findings": {"rule_id": "RULEID"},
    "discrepancies": {"response_name": "RESPONSE", "component": "COMPONNT", "collected": "COLLECTD"},
}  # fmt: skip

#: Columns that name a row, in the order in which the rows stand.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "adtr": ("USUBJID", "RESPONSE", "ADT"),
    "adrs": ("USUBJID", "PARAMCD", "ADT", "ADTC", "ASEQ"),
    "adtte": ("USUBJID", "PARAMCD"),
    "adae": ("USUBJID", "ASTDT", "AESTDTC", "AESEQ", "AETERM"),
    "adlb": ("USUBJID", "PARAMCD", "ADT", "LBSEQ", "AVALC"),
}


def column_labels(data_set: str) -> dict[str, str]:
    """The labels of a written table's columns by name; empty for a table that is not the engine's."""
    if data_set in _OTHER_LABELS:
        return dict(_OTHER_LABELS[data_set])
    return {name: label for name, (_dtype, label) in DATA_SETS.get(data_set, {}).items()}


#: Columns of each data set, in order: name to type and label.
DATA_SETS: Final[dict[str, Columns]] = {"adtr": ADTR, "adrs": ADRS, "adtte": ADTTE, "adae": ADAE, "adlb": ADLB}

#: Names inside the engine of columns whose CDISC name is not simply their upper case.
COLUMN_NAMES: Final[dict[str, dict[str, str]]] = {
    "adae": {
        "USUBJID": "subject",
        "AETERM": "term",
        "AEDECOD": "decoded_term",
        "AEBODSYS": "soc",
        "AETOXGR": "grade",
        "AEITOXGR": "initial_grade",
        "AESTDTC": "start_date",
        "AEENDTC": "end_date",
        "AESER": "serious",
        "AESDTH": "fatal",
        "AESPECFY": "term_specification",
        "AESHOSP": "hospitalised",
        "ANL01FL": "is_counted",
        "PREFL": "before_treatment",
        "ONTRTFL": "on_treatment",
        "AEREL": "related_to",
        "AREL": "is_related",
        "ARELCMP": "related_components",
        "AEACN": "action_taken",
        "AEOUT": "outcome",
        "AEGRPID": "episode",
        "ATERM": "analysis_term",
        "ASOC": "analysis_soc",
        "CTCAETRM": "ctcae_term",
        "CTCAESOC": "ctcae_soc",
        "TERMMTCH": "term_match",
        "TERMNEAR": "term_nearest",
        "CTCAEVER": "ctcae_version",
        "GRCODE": "grade_code",
        "GRCONS": "consistency_codes",
        "INWINFL": "in_window",
        "POSTTCFL": "after_tace",
        "TRTEMFL": "treatment_emergent",
        "EPISODE": "episode_id",
        "EPISGRN": "episode_grade",
    },
    "adlb": {
        "USUBJID": "subject",
        "PARAMCD": "analyte",
        "PARAM": "analyte",
        "LBSEQ": "seq",
        "ADT": "date",
        "ATM": "time",
        "ONTRTFL": "on_treatment",
        "AVAL": "value_number",
        "AVALC": "value",
        "AVALU": "unit",
        "ANRLO": "lln",
        "ANRHI": "uln",
        "ABLFL": "is_baseline_record",
        "APOBLFL": "is_post_baseline",
        "INWINFL": "in_window",
        "BASEU": "base_unit",
        "TRTEMFL": "is_emergent",
        "WGRLOFL": "is_worst_low",
        "WGRHIFL": "is_worst_high",
        "GRREASNL": "reason_low",
        "GRREASNH": "reason_high",
        "RULEIDL": "rule_low",
        "RULEIDH": "rule_high",
        "GRREASON": "grade_reason",
        "GRFLAGS": "grade_flags",
        "RULEID": "rule_row_id",
        "CTCAEVER": "ctcae_version",
    },
}
