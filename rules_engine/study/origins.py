"""Where each variable of the ADaM data sets comes from, in the words of Define-XML: predecessor, derived or assigned.

A variable that is not named here is derived, by the rules of its parameter or section.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class Origin(NamedTuple):
    """The type of origin, and the source variable or how the value is made (empty: as the rules of its parameter say)."""

    type: Literal["Predecessor", "Derived", "Assigned"]
    text: str = ""


_SHARED: Final = {
    "STUDYID": Origin("Assigned", "The study's identifier as the protocol states it, else as the data have it."),
    "USUBJID": Origin("Predecessor", "DM.USUBJID"),
    "TRT01A": Origin("Predecessor", "ADSL.TRT01A"),
    "PARAMCD": Origin("Assigned", "Short name of the endpoint or response in the ruleset."),
    "PARAM": Origin("Assigned", "Label of the endpoint or response in the ruleset."),
    "PARCAT1": Origin(
        "Assigned", "Whether the record is of a timepoint, of an endpoint or of the subject by the criterion."
    ),
    "RESPONSE": Origin("Assigned", "Name of the response stream in the ruleset."),
    "CRITER": Origin("Assigned", "Criterion of the response stream."),
    "EVAL": Origin("Assigned", "Assessor whose readings the response stream takes."),
    "EVALID": Origin("Assigned", "Reader whose readings the response stream takes."),
    "AVALU": Origin("Assigned", "Unit of AVAL."),
    "RULESET": Origin("Assigned", "The ruleset's id and the beginning of the SHA-256 of its effective document."),
    "RULEID": Origin("Derived", "The rule that decided the record."),
    "SRCDOM": Origin("Derived", "Table of the record that the date comes from."),
    "SRCVAR": Origin("Derived", "Column of the record that the date comes from."),
    "SRCSEQ": Origin("Derived", "Sequence number of the record that the date comes from."),
    "CTCAEVER": Origin("Assigned", "Version of the CTCAE that the grading ruleset states."),
}

ORIGINS: Final[dict[str, dict[str, Origin]]] = {
    "adtte": {
        **_SHARED,
        "STARTDT": Origin("Derived", "The time origin that the ruleset names for the parameter."),
        "STARTDTF": Origin("Derived", "D or M where the day, or month and day, of the origin are imputed."),
        "ADTF": Origin("Derived", "D or M where the day, or month and day, of ADT are imputed."),
        "EVENT_TYPE": Origin("Derived", "1 event, 2 competing event, 0 neither."),
        "EVNTDESC": Origin("Derived", "Text of the event or reason to censor in the ruleset."),
        "CNSDTDSC": Origin("Derived", "Text of the censoring date in the ruleset."),
        "REASON": Origin("Derived", "Name of the event or reason to censor."),
    },
    "adrs": {
        **_SHARED,
        "ASEQ": Origin("Derived", "Number of the record of the response stream within the subject."),
        "TRACE": Origin("Derived", "Every rule of the criterion that fired at the visit."),
    },
    "adtr": {
        **_SHARED,
        "ABLFL": Origin("Derived", "Y for the visit of the baseline."),
        "BASE": Origin("Derived", "AVAL of the record with ABLFL = Y."),
        "NADIR": Origin("Derived", "Smallest AVAL before the visit, the baseline included."),
        "CHG": Origin("Derived", "AVAL - BASE"),
        "PCHG": Origin("Derived", "100 * (AVAL - BASE) / BASE, from the exact sums; missing where BASE is 0."),
        "CHGNAD": Origin("Derived", "AVAL - NADIR"),
        "PCHGNAD": Origin("Derived", "100 * (AVAL - NADIR) / NADIR, from the exact sums; missing where NADIR is 0."),
        "SDCMPFL": Origin("Derived", "Y where every target lesion is known at the visit."),
    },
    "adae": {
        **_SHARED,
        **{
            name: Origin("Predecessor", f"AE.{name}")
            for name in (
                "AESEQ", "AETERM", "AEDECOD", "AEBODSYS", "AETOXGR", "AESTDTC", "AEENDTC", "AESER", "AESDTH", "AESHOSP",
                "AEREL", "AEACN", "AEOUT",
            )
        },
        "AEITOXGR": Origin("Predecessor", "Initial toxicity grade as collected"),
        "AEGRPID": Origin("Predecessor", "AE.AEGRPID"),
        "ADURN": Origin("Derived", "AENDT - ASTDT + 1"),
        "ADURU": Origin("Assigned", "Unit of ADURN."),
    },
    "adlb": {
        **_SHARED,
        "PARAMCD": Origin("Predecessor", "LB.LBTESTCD"),
        "LBSEQ": Origin("Predecessor", "LB.LBSEQ"),
        "AVAL": Origin("Derived", "LB.LBORRES as a number, on the reported scale."),
        "AVALC": Origin("Predecessor", "LB.LBORRES"),
        "AVALU": Origin("Predecessor", "LB.LBORRESU"),
        "ADT": Origin("Derived", "The day of LB.LBDTC."),
        "ANRLO": Origin("Predecessor", "LB.LBORNRLO"),
        "ANRHI": Origin("Predecessor", "LB.LBORNRHI"),
        "ANRIND": Origin("Derived", "AVAL against ANRLO and ANRHI."),
        "BASE": Origin("Derived", "AVAL of the record with ABLFL = Y."),
        "BASEU": Origin("Derived", "AVALU of the record with ABLFL = Y."),
        "CHG": Origin("Derived", "AVAL - BASE, after the baseline and where the units agree."),
        "PCHG": Origin("Derived", "100 * (AVAL - BASE) / BASE, after the baseline and where the units agree."),
    },
}  # fmt: skip


def origin_of(data_set: str, column: str) -> Origin:
    """The origin of a variable."""
    return ORIGINS[data_set].get(column, Origin("Derived"))
