"""The words of the field: response codes, codelists and CDISC variable names.

Values are spelled as CDISC spells them. Thresholds and codes that a guideline or a SAP may change are
not here: they live in rulesets.
"""

from __future__ import annotations

from typing import Final

# Timepoint response, RECIST family (response-criteria: CDISC codelist ONCRSR).
CR: Final = "CR"
PR: Final = "PR"
SD: Final = "SD"
NON_CR_NON_PD: Final = "NON-CR/NON-PD"
PD: Final = "PD"
NE: Final = "NE"
ND: Final = "ND"
NED: Final = "NED"
NA: Final = "NA"
RECUR: Final = "RECUR"
MISSING: Final = "MISSING"

# Timepoint response, iRECIST (Seymour 2017).
ICR: Final = "iCR"
IPR: Final = "iPR"
ISD: Final = "iSD"
NON_ICR_NON_IUPD: Final = "NON-iCR/NON-iUPD"
IUPD: Final = "iUPD"
ICPD: Final = "iCPD"

RECIST_RESPONSES: Final = (CR, PR, SD, NON_CR_NON_PD, PD, NE)
IRECIST_RESPONSES: Final = (ICR, IPR, ISD, NON_ICR_NON_IUPD, ICPD, IUPD, NE)
ADJUVANT_RESPONSES: Final = (NED, RECUR, NE)

#: Each iRECIST code and the plain code that it stands for.
PLAIN_FORM: Final = {ICR: CR, IPR: PR, ISD: SD, NON_ICR_NON_IUPD: NON_CR_NON_PD, IUPD: PD, ICPD: PD}

#: Not evaluable: nothing can be said of the disease at this timepoint.
NOT_EVALUABLE: Final = (NE, ND)

#: Codes that report progression, confirmed or not.
PROGRESSION_TYPE: Final = (PD, IUPD, ICPD, RECUR)

#: Every code that a response assessment may carry.
RESPONSES: Final = (
    CR, PR, SD, NON_CR_NON_PD, PD, NE, ND, NED, RECUR, ICR, IPR, ISD, NON_ICR_NON_IUPD, IUPD, ICPD,
)  # fmt: skip

#: Spellings that studies use for the codes above, matched without regard to case.
RESPONSE_SYNONYMS: Final = {
    "NON_CR_NON_PD": NON_CR_NON_PD,
    "NON-CR/NON-PD": NON_CR_NON_PD,
    "NONCR/NONPD": NON_CR_NON_PD,
    "IR/SD": NON_CR_NON_PD,
    "NON_ICR_NON_IUPD": NON_ICR_NON_IUPD,
    "NON-ICR/NON-IUPD": NON_ICR_NON_IUPD,
    "NON-ICR/NON-ICPD": NON_ICR_NON_IUPD,
}

LESION_ROLES: Final = ("target", "non-target", "new")
LESION_KINDS: Final = ("effusion", "pvt", "infiltrative", "bone", "cyst", "other")
LESION_STATES: Final = ("measured", "absent", "tstm", "ne", "merged")
LESION_STATUSES: Final = ("absent", "present", "unequivocal", "ne")
VS_LAST: Final = ("decreased", "same", "increased")
CERTAINTIES: Final = ("unequivocal", "equivocal")
PATTERNS: Final = ("typical", "atypical")
CYTOLOGIES: Final = ("positive", "negative", "not_done")
NEW_LESION_ROLES: Final = ("target", "non-target")
VISIT_REASONS: Final = ("scheduled", "symptom", "other")

#: Anticancer therapy outside the regimen.
THERAPY_KINDS: Final = (
    "systemic", "radiotherapy", "ablation", "tare", "haic", "other_locoregional", "resection", "transplant",
)  # fmt: skip
#: Kinds that aim at cure (conversion).
CURATIVE_KINDS: Final = ("resection", "transplant")

#: Named time origins that a study may bring.
ORIGINS: Final = ("randomisation", "enrolment", "first_tace", "first_ici", "first_other", "resection")
