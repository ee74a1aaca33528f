"""The ADaM data sets that are written: every column's type and label, and the name it has inside the engine where that
differs.
"""

from __future__ import annotations

from typing import Final

import polars as pl

Columns = dict[str, tuple[pl.DataType, str]]

_TEXT: Final = pl.String()
_DAY: Final = pl.Date()
_WHOLE: Final = pl.Int64()
_NUMBER: Final = pl.Float64()

_IDENTITY: Columns = {
    "STUDYID": (_TEXT, "Study Identifier"),
    "USUBJID": (_TEXT, "Unique Subject Identifier"),
    "TRT01A": (_TEXT, "Actual Treatment for Period 01"),
}
_PARAMETER: Columns = {"PARAMCD": (_TEXT, "Parameter Code"), "PARAM": (_TEXT, "Parameter")}
_STREAM: Columns = {
    "RESPONSE": (_TEXT, "Response Stream of the Ruleset"),
    "CRITER": (_TEXT, "Response Criterion"),
    "EVAL": (_TEXT, "Evaluator"),
    "EVALID": (_TEXT, "Evaluator Identifier"),
}
_SOURCE: Columns = {
    "SRCDOM": (_TEXT, "Source Data"),
    "SRCVAR": (_TEXT, "Source Variable"),
    "SRCSEQ": (_WHOLE, "Source Sequence Number"),
}
_RULE: Columns = {"RULEID": (_TEXT, "Rule that Decided"), "RULESET": (_TEXT, "Ruleset and its Hash")}

ADTTE: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "STARTDT": (_DAY, "Time-to-Event Origin Date for Subject"),
    "STARTDTF": (_TEXT, "Origin Date Imputation Flag"),
    "ADT": (_DAY, "Analysis Date"),
    "ADTF": (_TEXT, "Analysis Date Imputation Flag"),
    "AVAL": (_WHOLE, "Analysis Value"),
    "AVALU": (_TEXT, "Analysis Value Unit"),
    "CNSR": (_WHOLE, "Censor"),
    "EVNTDESC": (_TEXT, "Event or Censoring Description"),
    "CNSDTDSC": (_TEXT, "Censor Date Description"),
    "EVENT_TYPE": (_WHOLE, "Event Type (1 Event, 2 Competing, 0 No)"),
    "REASON": (_TEXT, "Reason for Event or Censoring"),
    "ENTRY": (_WHOLE, "Delayed Entry (Days)"),
    "INT_L": (_DAY, "Interval-Censoring Left Date"),
    "INT_R": (_DAY, "Interval-Censoring Right Date"),
    **_SOURCE,
    **_RULE,
}

ADRS: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "PARCAT1": (_TEXT, "Parameter Category 1"),
    **_STREAM,
    "ADT": (_DAY, "Analysis Date"),
    "ADTC": (_TEXT, "Analysis Date as Recorded"),
    "VISIT": (_TEXT, "Visit Name"),
    "AVAL": (_NUMBER, "Analysis Value (1 Responder, 0 Not)"),
    "AVALC": (_TEXT, "Analysis Value (C)"),
    "RSPFL": (_TEXT, "Responder Flag"),
    "TRGRESP": (_TEXT, "Target Response"),
    "NTRGRESP": (_TEXT, "Non-target Response"),
    "NEWLFL": (_TEXT, "New Lesion Flag"),
    "PDDT": (_DAY, "Date that the Progression is Dated To"),
    "ASEQ": (_WHOLE, "Analysis Sequence Number"),
    **_SOURCE,
    **_RULE,
}

ADTR: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "PARCAT1": (_TEXT, "Parameter Category 1"),
    **_STREAM,
    "ADT": (_DAY, "Analysis Date"),
    "AVAL": (_NUMBER, "Analysis Value"),
    "AVALU": (_TEXT, "Analysis Value Unit"),
    "BASE": (_NUMBER, "Baseline Value"),
    "NADIR": (_NUMBER, "Smallest Sum before the Visit"),
    "CHG": (_NUMBER, "Change from Baseline"),
    "PCHG": (_NUMBER, "Percent Change from Baseline"),
    "CHGNAD": (_NUMBER, "Change from Nadir"),
    "PCHGNAD": (_NUMBER, "Percent Change from Nadir"),
    "SDCMPFL": (_TEXT, "Sum Complete Flag"),
    **_RULE,
}

ADAE: Columns = {
    **_IDENTITY,
    "AESEQ": (_WHOLE, "Sequence Number"),
    "AETERM": (_TEXT, "Reported Term for the Adverse Event"),
    "AEDECOD": (_TEXT, "Dictionary-Derived Term"),
    "AEBODSYS": (_TEXT, "Body System or Organ Class"),
    "AETOXGR": (_TEXT, "Standard Toxicity Grade"),
    "AEITOXGR": (_TEXT, "Initial Toxicity Grade"),
    "AESTDTC": (_TEXT, "Start Date/Time of Adverse Event"),
    "AEENDTC": (_TEXT, "End Date/Time of Adverse Event"),
    "ASTDT": (_DAY, "Analysis Start Date"),
    "ASTDTF": (_TEXT, "Analysis Start Date Imputation Flag"),
    "ASTDY": (_WHOLE, "Analysis Start Relative Day"),
    "AENDT": (_DAY, "Analysis End Date"),
    "AENDTF": (_TEXT, "Analysis End Date Imputation Flag"),
    "AENDY": (_WHOLE, "Analysis End Relative Day"),
    "ADURN": (_WHOLE, "Analysis Duration (N)"),
    "ADURU": (_TEXT, "Analysis Duration Units"),
    "ATERM": (_TEXT, "Analysis Term"),
    "ASOC": (_TEXT, "Analysis System Organ Class"),
    "CTCAETRM": (_TEXT, "CTCAE Term"),
    "CTCAESOC": (_TEXT, "CTCAE System Organ Class"),
    "TERMMTCH": (_TEXT, "How the Term Was Matched"),
    "TERMNEAR": (_TEXT, "Nearest CTCAE Terms, for Review"),
    "CTCAEVER": (_TEXT, "CTCAE Version"),
    "ATOXGR": (_TEXT, "Analysis Toxicity Grade"),
    "ATOXGRN": (_WHOLE, "Analysis Toxicity Grade (N)"),
    "GRCODE": (_TEXT, "Verdict on the Reported Grade"),
    "GRCONS": (_TEXT, "Disagreements with Outcome and Death"),
    "INWINFL": (_TEXT, "Within the Window of Observation Flag"),
    "POSTTCFL": (_TEXT, "Onset Soon after TACE Flag"),
    "TRTEMFL": (_TEXT, "Treatment Emergent Analysis Flag"),
    "AOCCFL": (_TEXT, "1st Occurrence within Subject Flag"),
    "AOCCSFL": (_TEXT, "1st Occurrence of SOC Flag"),
    "AOCCPFL": (_TEXT, "1st Occurrence of Preferred Term Flag"),
    "AOCCIFL": (_TEXT, "1st Max Sev./Int. Occurrence Flag"),
    "AOCCSIFL": (_TEXT, "1st Max Sev./Int. Occur Within SOC Flag"),
    "AOCCPIFL": (_TEXT, "1st Max Sev./Int. Occur Within PT Flag"),
    "AESER": (_TEXT, "Serious Event"),
    "AESDTH": (_TEXT, "Results in Death"),
    "AEREL": (_TEXT, "Causality"),
    "AEACN": (_TEXT, "Action Taken with Study Treatment"),
    "AEOUT": (_TEXT, "Outcome of Adverse Event"),
    "AEGRPID": (_TEXT, "Group ID"),
    "EPISODE": (_WHOLE, "Episode that the Record Belongs To"),
    "EPISGRN": (_WHOLE, "Maximum Grade of the Episode (N)"),
    "RULESET": (_TEXT, "Ruleset and its Hash"),
}

ADLB: Columns = {
    **_IDENTITY,
    **_PARAMETER,
    "LBSEQ": (_WHOLE, "Sequence Number"),
    "ADT": (_DAY, "Analysis Date"),
    "AVAL": (_NUMBER, "Analysis Value"),
    "AVALC": (_TEXT, "Analysis Value (C)"),
    "AVALU": (_TEXT, "Analysis Value Unit"),
    "ANRLO": (_NUMBER, "Analysis Normal Range Lower Limit"),
    "ANRHI": (_NUMBER, "Analysis Normal Range Upper Limit"),
    "ANRIND": (_TEXT, "Analysis Reference Range Indicator"),
    "ABLFL": (_TEXT, "Baseline Record Flag"),
    "APOBLFL": (_TEXT, "Post-Baseline Record Flag"),
    "BASE": (_NUMBER, "Baseline Value"),
    "BASEU": (_TEXT, "Baseline Value Unit"),
    "BNRIND": (_TEXT, "Baseline Reference Range Indicator"),
    "CHG": (_NUMBER, "Change from Baseline"),
    "ATOXDSCL": (_TEXT, "Analysis Toxicity Description Low"),
    "ATOXDSCH": (_TEXT, "Analysis Toxicity Description High"),
    "ATOXGRL": (_TEXT, "Analysis Toxicity Grade Low"),
    "ATOXGRH": (_TEXT, "Analysis Toxicity Grade High"),
    "ATOXGR": (_TEXT, "Analysis Toxicity Grade"),
    "BTOXGRL": (_TEXT, "Baseline Toxicity Grade Low"),
    "BTOXGRH": (_TEXT, "Baseline Toxicity Grade High"),
    "BTOXGR": (_TEXT, "Baseline Toxicity Grade"),
    "CTCAEVER": (_TEXT, "CTCAE Version"),
    "GRREASON": (_TEXT, "Reason for no Grade"),
    "GRFLAGS": (_TEXT, "Flags of the Grade"),
    "RULEID": (_TEXT, "Threshold that Decided"),
    "RULESET": (_TEXT, "Ruleset and its Hash"),
}

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
        "AEREL": "related_to",
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
        "AVAL": "value_number",
        "AVALC": "value",
        "AVALU": "unit",
        "ANRLO": "lln",
        "ANRHI": "uln",
        "ABLFL": "is_baseline_record",
        "APOBLFL": "is_post_baseline",
        "BASEU": "base_unit",
        "GRREASON": "grade_reason",
        "GRFLAGS": "grade_flags",
        "RULEID": "rule_row_id",
        "CTCAEVER": "ctcae_version",
    },
}
