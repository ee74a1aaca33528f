"""define.xml: Define-XML 2.1 of the ADaM data sets, with code lists, origins and derivations in the ruleset's words.

Structure after CDISC's Define-XML 2.1 specification, over ODM 1.3.2. Value-level metadata say of each parameter how its value is
derived: the text of the endpoint or response as `rules-engine describe` tells it. The same result gives the same bytes: the document's
time is the data cut-off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final
from xml.etree import ElementTree as ET

import polars as pl

import rules_engine
from rules_engine import guard, terms
from rules_engine.describe import Derivations, derivations
from rules_engine.errors import UsageError, WriteError
from rules_engine.model import Ruleset
from rules_engine.registry import Registry
from rules_engine.study.labels import DATA_SET_LABELS, DATA_SETS, KEYS, SHORT_NAMES, column_labels
from rules_engine.study.origins import origin_of
from rules_engine.study.parameters import subject_parameters, timepoint_parameters
from rules_engine.vocabulary import DataSet, Writer

_ODM: Final = "http://www.cdisc.org/ns/odm/v1.3"
_DEF: Final = "http://www.cdisc.org/ns/def/v2.1"
_XLINK: Final = "http://www.w3.org/1999/xlink"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_STANDARD: Final = "STD.ADAMIG.1.3"
_NO_DATA: Final = "COM.NO_DATA"
#: CDISC's code list of flags, as the ADaM example of Define-XML 2.1 refers to it; every other code list is the ruleset's own.
_TERMINOLOGY: Final = "STD.CT.SDTM"
_TERMINOLOGY_VERSION: Final = "2018-06-29"
_NO_YES: Final = "C66742"
_NCI: Final = {"Y": "C49488", "N": "C49487"}
#: Days are numbers, counted from 1960: five digits.
_DAY_DIGITS: Final = "5"

#: Class and sub-class of each data set, and what a row is.
_CLASSES: Final = {
    "adtr": ("BASIC DATA STRUCTURE", "", "One record per subject, parameter, response stream and visit"),
    "adrs": (
        "BASIC DATA STRUCTURE",
        "",
        "One record per subject, parameter and timepoint, or per subject and parameter",
    ),
    "adtte": ("BASIC DATA STRUCTURE", "TIME-TO-EVENT", "One record per subject and parameter"),
    "adae": ("OCCURRENCE DATA STRUCTURE", "ADVERSE EVENT", "One record per subject and adverse event record"),
    "adlb": ("BASIC DATA STRUCTURE", "", "One record per subject, parameter, date and result"),
}
#: Variables whose value depends on the parameter and is told parameter by parameter.
_BY_PARAMETER: Final = {"adtte": "AVAL", "adrs": "AVALC", "adtr": "AVAL"}
_RESPONSE_WORDS: Final = {
    terms.CR: "Complete Response", terms.PR: "Partial Response", terms.SD: "Stable Disease",
    terms.NON_CR_NON_PD: "Neither Complete Response nor Progressive Disease", terms.PD: "Progressive Disease",
    terms.NE: "Not Evaluable", terms.ND: "Not Done", terms.NED: "No Evidence of Disease", terms.RECUR: "Recurrence",
    terms.NA: "Not Applicable", terms.MISSING: "Missing", terms.ICR: "Complete Response by iRECIST",
    terms.IPR: "Partial Response by iRECIST", terms.ISD: "Stable Disease by iRECIST",
    terms.NON_ICR_NON_IUPD: "Neither Complete Response nor Unconfirmed Progression by iRECIST",
    terms.IUPD: "Unconfirmed Progressive Disease by iRECIST",
    terms.ICPD: "Confirmed Progressive Disease by iRECIST", "Y": "Yes", "N": "No",
}  # fmt: skip
_YES: Final = {"Y": "Yes", "N": "No"}
_EVENT_TYPES: Final = {"0": "Neither", "1": "Event", "2": "Competing event"}
#: Variables with a short list of values that are no free text.
_CODED: Final = {
    "adtte": ("AVALU", "STARTDTF", "ADTF", "REASON", "EVNTDESC", "CNSDTDSC", "RULEID"),
    "adrs": ("PARCAT1", "CRITER", "EVAL", "PDSTAT", "IRSTATE"),
    "adtr": ("PARCAT1", "CRITER", "EVAL", "AVALU"),
    "adae": ("ATOXGR", "ASTDTF", "AENDTF", "GRCODE", "TERMMTCH", "ADURU", "CTCAEVER"),
    "adlb": ("ANRIND", "BNRIND", "ATOXGR", "ATOXGRL", "ATOXGRH", "BTOXGR", "BTOXGRL", "BTOXGRH", "SHIFT1", "SHIFT2", "CTCAEVER"),
}  # fmt: skip
_RESPONSES: Final = ("AVALC", "TRGRESP", "NTRGRESP", "OVRREAD", "BASISOVR")


#: What a file holds, and of each of its variables the column of the data set and the label.
Held = tuple[pl.DataFrame, Mapping[str, tuple[str, str]]]


@dataclass(frozen=True)
class _Value:
    """One parameter's derivation: the name that its OIDs carry, what it is, and the text."""

    code: str
    label: str
    text: str


def define_xml(
    data_sets: Mapping[str, pl.DataFrame | pl.LazyFrame],
    ruleset: Ruleset,
    registry: Registry,
    *,
    study: str,
    as_of: date,
    writer: Writer,
) -> str:
    """The document for those of `data_sets` that are ADaM data sets, as the files of `writer` hold them."""
    for prefix, name in (("", _ODM), ("def", _DEF), ("xlink", _XLINK)):
        ET.register_namespace(prefix, name)
    known = {name: frame.lazy().collect() for name, frame in data_sets.items() if name in DATA_SETS}
    words = derivations(ruleset, registry)
    who = guard.who_is(registry, "writer", writer.id, writer.version)
    documents = [
        _DataSet(name, frame, guard.call(who, partial(_held, name, frame, writer)), ruleset, words, writer)
        for name, frame in known.items()
    ]
    root = ET.Element(
        _odm("ODM"),
        {
            "ODMVersion": "1.3.2", "FileType": "Snapshot", "FileOID": f"DEF.{ruleset.id}",
            "CreationDateTime": f"{as_of.isoformat()}T00:00:00", "SourceSystem": "endpoint-rules-engine",
            "SourceSystemVersion": rules_engine.__version__, _def("Context"): "Other",
        },
    )  # fmt: skip
    top = ET.SubElement(root, _odm("Study"), OID=f"ST.{study}")
    globals_ = ET.SubElement(top, _odm("GlobalVariables"))
    for tag, text in (("StudyName", study), ("StudyDescription", ruleset.title or study), ("ProtocolName", study)):
        ET.SubElement(globals_, _odm(tag)).text = text
    version = ET.SubElement(
        top, _odm("MetaDataVersion"),
        {"OID": f"MDV.{ruleset.id}", "Name": f"{study}, data definitions", "Description": f"Ruleset {ruleset.id}",
         _def("DefineVersion"): "2.1.0"},
    )  # fmt: skip
    standards = ET.SubElement(version, _def("Standards"))
    ET.SubElement(standards, _def("Standard"), OID=_STANDARD, Name="ADaMIG", Type="IG", Version="1.3", Status="Final")
    if any(document.has_flags for document in documents):
        ET.SubElement(
            standards, _def("Standard"), OID=_TERMINOLOGY, Name="CDISC/NCI", Type="CT", PublishingSet="SDTM",
            Version=_TERMINOLOGY_VERSION, Status="Final",
        )  # fmt: skip
    parts = ("value_lists", "where_clauses", "group", "items", "code_lists", "methods", "comments")
    for part in parts:
        for document in documents:
            version.extend(getattr(document, part)())
    if any(frame.is_empty() for frame in known.values()):
        version.append(_comment(_NO_DATA, "The ruleset asks for no such records, or the study has none."))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


class _DataSet:
    """One data set's elements. OIDs are IG.ADTTE, IT.ADTTE.AVAL, CL.ADTTE.CNSR, MT.ADTTE.AVAL.PFS, WC.ADTTE.PFS, COM.ADTTE.PARAM."""

    def __init__(
        self, name: str, rows: pl.DataFrame, held: Held, ruleset: Ruleset, words: Derivations, writer: Writer
    ) -> None:
        self.name = name
        self.code = name.upper()
        self.rows = rows
        self.ruleset = ruleset
        self.file = f"{name}{writer.suffix}"
        self.day_format = writer.day_format
        self.frame, self.held = held
        self.section = words.sections.get({"adae": "adverse_events", "adlb": "labs"}.get(name, ""), "")
        self.values = list(_values(name, rows, ruleset, words))
        self.lists = {column: codes for column, codes in self._code_lists() if codes}

    # Data set and variables

    def group(self) -> list[ET.Element]:
        class_, sub_class, structure = _CLASSES[self.name]
        group = ET.Element(
            _odm("ItemGroupDef"),
            {
                "OID": f"IG.{self.code}", "Name": self.code, "Repeating": "Yes", "IsReferenceData": "No",
                "SASDatasetName": self.code, "Purpose": "Analysis", _def("Structure"): structure,
                _def("StandardOID"): _STANDARD, _def("ArchiveLocationID"): f"LF.{self.code}",
                **({_def("HasNoData"): "Yes", _def("CommentOID"): _NO_DATA} if self.frame.is_empty() else {}),
            },
        )  # fmt: skip
        _described(group, DATA_SET_LABELS[self.name])
        keys = KEYS[self.name]
        for number, (column, (source, _label)) in enumerate(self.held.items(), 1):
            reference = {
                "ItemOID": self._item(column), "OrderNumber": str(number),
                "Mandatory": "Yes" if column in ("STUDYID", "USUBJID") else "No",
            }  # fmt: skip
            if column in keys:
                reference["KeySequence"] = str(keys.index(column) + 1)
            if self._has_method(source):
                reference["MethodOID"] = f"MT.{self.code}.{source}"
            ET.SubElement(group, _odm("ItemRef"), reference)
        described = ET.SubElement(group, _def("Class"), Name=class_)
        if sub_class:
            ET.SubElement(described, _def("SubClass"), Name=sub_class)
        leaf = ET.SubElement(group, _def("leaf"), {"ID": f"LF.{self.code}", f"{{{_XLINK}}}href": self.file})
        ET.SubElement(leaf, _def("title")).text = self.file
        return [group]

    def items(self) -> Iterator[ET.Element]:
        for column, (source, label) in self.held.items():
            item = self._item_def(self._item(column), self.frame[column], label)
            self._add_origin(item, source)
            if self.values and column == _BY_PARAMETER.get(self.name):
                ET.SubElement(item, _def("ValueListRef"), ValueListOID=f"VL.{self.code}.{column}")
            yield item
        column = _BY_PARAMETER.get(self.name, "")
        for value in self.values:
            of_value = self.frame.filter(pl.col(self._by) == value.code)[column]
            item = self._item_def(self._value_item(value), of_value, value.label)
            ET.SubElement(item, _def("Origin"), Type="Derived", Source="Sponsor")
            yield item

    def _item_def(self, oid: str, values: pl.Series, label: str) -> ET.Element:
        name = values.name
        field = SHORT_NAMES.get(self.name, {}).get(name, name)
        item = ET.Element(_odm("ItemDef"), {"OID": oid, "Name": name, "SASFieldName": field, **self._type(values)})
        _described(item, label)
        if name in self.lists:
            ET.SubElement(item, _odm("CodeListRef"), CodeListOID=f"CL.{self.code}.{name}")
        return item

    def _type(self, series: pl.Series) -> dict[str, str]:
        dtype = series.dtype
        if dtype == pl.Date:
            return {"DataType": "integer", "Length": _DAY_DIGITS, _def("DisplayFormat"): self.day_format}
        if dtype == pl.Time:
            return {"DataType": "integer", "Length": _DAY_DIGITS, _def("DisplayFormat"): "TIME8."}
        if dtype.is_integer():
            longest = series.cast(pl.String).str.len_chars().max()
            return {"DataType": "integer", "Length": str(longest or 1)}
        if dtype.is_float():
            digits = series.cast(pl.String).str.extract(r"\.(\d+)").replace("0", "").str.len_chars().max()
            length = series.cast(pl.String).str.len_chars().max()
            return {"DataType": "float", "Length": str(length or 8), "SignificantDigits": str(digits or 0)}
        longest = series.str.len_bytes().max()
        return {"DataType": "text", "Length": str(longest or 1)}

    def _add_origin(self, item: ET.Element, source: str) -> None:
        origin = origin_of(self.name, source)
        if origin.type == "Predecessor":
            _described(ET.SubElement(item, _def("Origin"), Type="Predecessor"), origin.text)
            return
        ET.SubElement(item, _def("Origin"), Type=origin.type, Source="Sponsor")
        if origin.type == "Assigned":
            item.set(_def("CommentOID"), f"COM.{self.code}.{source}")

    def comments(self) -> Iterator[ET.Element]:
        """How each assigned variable gets its value."""
        for source in dict.fromkeys(source for source, _label in self.held.values()):
            origin = origin_of(self.name, source)
            if origin.type == "Assigned":
                yield _comment(f"COM.{self.code}.{source}", origin.text)

    # Parameters

    @property
    def _by(self) -> str:
        """The variable that tells the parameters of a value list apart."""
        return "RESPONSE" if self.name == "adtr" else "PARAMCD"

    def value_lists(self) -> Iterator[ET.Element]:
        if not self.values:
            return
        listed = ET.Element(_def("ValueListDef"), OID=f"VL.{self.code}.{_BY_PARAMETER[self.name]}")
        for number, value in enumerate(self.values, 1):
            reference = ET.SubElement(
                listed, _odm("ItemRef"), ItemOID=self._value_item(value), OrderNumber=str(number), Mandatory="No",
                MethodOID=self._value_method(value),
            )  # fmt: skip
            ET.SubElement(reference, _def("WhereClauseRef"), WhereClauseOID=f"WC.{self.code}.{value.code}")
        yield listed

    def where_clauses(self) -> Iterator[ET.Element]:
        for value in self.values:
            clause = ET.Element(_def("WhereClauseDef"), OID=f"WC.{self.code}.{value.code}")
            check = ET.SubElement(
                clause, _odm("RangeCheck"),
                {"Comparator": "EQ", "SoftHard": "Soft", _def("ItemOID"): self._item(self._by)},
            )  # fmt: skip
            ET.SubElement(check, _odm("CheckValue")).text = value.code
            yield clause

    def methods(self) -> Iterator[ET.Element]:
        for source in dict.fromkeys(source for source, _label in self.held.values()):
            if self._has_method(source):
                text = origin_of(self.name, source).text or self._general_text(source, DATA_SETS[self.name][source][1])
                yield _method(f"MT.{self.code}.{source}", f"{self.code}.{source}", text)
        for value in self.values:
            yield _method(
                self._value_method(value), f"{self.code}.{_BY_PARAMETER[self.name]}, {value.code}", value.text
            )

    def _has_method(self, column: str) -> bool:
        return origin_of(self.name, column).type == "Derived"

    def _general_text(self, column: str, label: str) -> str:
        if self.section:
            return f"{label}, by these rules:\n{self.section}"
        by = _BY_PARAMETER.get(self.name)
        return f"{label}, by the rules of the parameter" + (
            f"; see the values of {by}." if by and by != column else "."
        )

    def _item(self, column: str) -> str:
        return f"IT.{self.code}.{column}"

    def _value_item(self, value: _Value) -> str:
        return f"IT.{self.code}.{_BY_PARAMETER[self.name]}.{value.code}"

    def _value_method(self, value: _Value) -> str:
        return f"MT.{self.code}.{_BY_PARAMETER[self.name]}.{value.code}"

    # Code lists

    def _code_lists(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Variable, and its codes with their words; a code that is its own word has none."""
        for column, (source, _label) in self.held.items():
            found = self._found(column) if column in _CODED[self.name] or column.endswith("FL") else []
            if column == "PARAMCD":
                pairs = self.rows.select("PARAMCD", "PARAM").unique().drop_nulls().sort("PARAMCD", "PARAM")
                yield column, dict(pairs.iter_rows())
            elif column == "CNSR":
                yield column, _censoring_codes(self.ruleset, self.rows)
            elif source == "EVENT_TYPE":
                yield column, _EVENT_TYPES
            elif column in _RESPONSES and self.name == "adrs":
                yield column, {code: _RESPONSE_WORDS.get(code, code) for code in self._found(column)}
            elif column.endswith("FL") and set(found) <= set(_YES):
                yield column, {code: _YES[code] for code in found}
            elif found:
                yield column, dict.fromkeys(found, "")

    def _found(self, column: str) -> list[str]:
        return sorted(str(value) for value in self.frame[column].unique().drop_nulls())

    @property
    def has_flags(self) -> bool:
        """A code list of flags is among its code lists."""
        return any(self._is_flag(column) for column in self.lists)

    def _is_flag(self, column: str) -> bool:
        return column.endswith("FL") and set(self.lists[column]) <= set(_YES)

    def code_lists(self) -> Iterator[ET.Element]:
        for column, codes in self.lists.items():
            is_flag = self._is_flag(column)
            standard = {_def("StandardOID"): _TERMINOLOGY} if is_flag else {_def("IsNonStandard"): "Yes"}
            dtype = "integer" if self.frame.schema[column].is_integer() else "text"
            listed = ET.Element(
                _odm("CodeList"),
                {"OID": f"CL.{self.code}.{column}", "Name": f"{self.code} {column}", "DataType": dtype, **standard},
            )
            for code, word in codes.items():
                item = ET.SubElement(listed, _odm("CodeListItem" if word else "EnumeratedItem"), CodedValue=code)
                if word:
                    _text(ET.SubElement(item, _odm("Decode")), word)
                if is_flag:
                    ET.SubElement(item, _odm("Alias"), Context="nci:ExtCodeID", Name=_NCI[code])
            if is_flag:
                ET.SubElement(listed, _odm("Alias"), Context="nci:ExtCodeID", Name=_NO_YES)
            yield listed


def _held(name: str, rows: pl.DataFrame, writer: Writer) -> Held:
    labels = column_labels(name)
    if writer.columns is None:
        return rows, {column: (column, labels[column]) for column in rows.columns}
    data_set = DataSet(name, DATA_SET_LABELS[name], rows, labels, SHORT_NAMES.get(name, {}), KEYS[name])
    try:
        return writer.columns(data_set)
    except WriteError as error:
        remedy = f"{error.remedy or 'choose another format for the results'}; nothing was written"
        raise UsageError.at(f"{name}{writer.suffix} ({writer.title})", error.what, remedy) from error


def _values(name: str, frame: pl.DataFrame, ruleset: Ruleset, words: Derivations) -> Iterator[_Value]:
    """What is derived parameter by parameter, as far as the data set has it."""
    if name == "adtr":
        for response in sorted(frame["RESPONSE"].unique().drop_nulls()):
            yield _Value(response, f"Sum over the target lesions ({response})", words.responses.get(response, ""))
        return
    if name not in _BY_PARAMETER:
        return
    labels = dict(frame.select("PARAMCD", "PARAM").unique().drop_nulls().sort("PARAMCD", "PARAM").iter_rows())
    told = dict(words.endpoints)
    for response, (code, _label) in timepoint_parameters(ruleset).items():
        told[code] = words.responses.get(response, "")
    for response, codes in subject_parameters(ruleset).items():
        told |= {code: f"{label}.\n{words.responses.get(response, '')}" for code, label in codes}
    for code, label in labels.items():
        yield _Value(code, label, told.get(code) or label)


def _censoring_codes(ruleset: Ruleset, frame: pl.DataFrame) -> dict[str, str]:
    """CNSR and its words as the endpoints state them; a number with several texts has all of them."""
    words: dict[int, list[str]] = {0: ["Event"]}
    for paramcd in frame["PARAMCD"].unique(maintain_order=True):
        endpoint = ruleset.endpoints.get(paramcd)
        for name, reason in ((endpoint.options.get("censoring_reasons") or {}) if endpoint else {}).items():
            text = str(reason.get("text") or name)
            if text not in words.setdefault(int(reason["code"]), []):
                words[int(reason["code"])].append(text)
    return {str(code): "; ".join(texts) for code, texts in sorted(words.items())}


# Elements -------------------------------------------------------------------------------------------------------------


def _method(oid: str, name: str, text: str) -> ET.Element:
    method = ET.Element(_odm("MethodDef"), OID=oid, Name=name, Type="Computation")
    _described(method, text)
    return method


def _comment(oid: str, text: str) -> ET.Element:
    comment = ET.Element(_def("CommentDef"), OID=oid)
    _described(comment, text)
    return comment


def _described(element: ET.Element, text: str) -> None:
    _text(ET.SubElement(element, _odm("Description")), text)


def _text(element: ET.Element, text: str) -> None:
    translated = ET.SubElement(element, _odm("TranslatedText"), {_XML_LANG: "en"})
    translated.text = "".join(letter for letter in text if letter in "\n\t" or letter >= " ")


def _odm(tag: str) -> str:
    return f"{{{_ODM}}}{tag}"


def _def(tag: str) -> str:
    return f"{{{_DEF}}}{tag}"
