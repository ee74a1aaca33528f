"""`rules-engine map`: what it takes files for, that its proposal is valid and runs, and what it says is missing."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
import yaml
from rules_engine.cli import main
from rules_engine.contracts import TABLES
from rules_engine.errors import StudyError
from rules_engine.loading import load_ruleset
from rules_engine.study import read_study
from rules_engine.study.proposal import propose_mapping

PILOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "pharmaverse"

DM = pl.DataFrame({"USUBJID": ["1", "2"], "RFSTDTC": ["2024-01-01"] * 2, "ARM": ["A", "B"], "SEX": ["F", "M"]})
RS = pl.DataFrame(
    {
        "USUBJID": ["1", "1", "2"],
        "RSSEQ": [1, 2, 1],
        "RSTESTCD": ["OVRLRESP", "TRGRESP", "OVRLRESP"],
        "RSCAT": ["RECIST 1.1"] * 3,
        "RSEVAL": ["INVESTIGATOR"] * 3,
        "RSDTC": ["2024-03-01"] * 3,
        "RSSTRESC": ["PR", "PR", "PD"],
    }
)
AE = pl.DataFrame({"USUBJID": ["1"], "AESEQ": [1], "AETERM": ["Fatigue"], "AESTDTC": ["2024-02"], "AEREL": ["MAYBE"]})


def folder(path: Path, **tables: pl.DataFrame) -> Path:
    path.mkdir(exist_ok=True)
    for name, frame in tables.items():
        frame.write_csv(path / f"{name}.csv")
    return path


def test_sdtm_files_of_any_name_are_known_by_their_columns(tmp_path: Path) -> None:
    study = folder(tmp_path / "s", dm=DM, rs_onc=RS, response_ca125=RS.head(1), ae=AE, notes=pl.DataFrame({"a": [1]}))
    text = propose_mapping(study).as_yaml(None, "s")
    document = yaml.safe_load(text)
    assert document["data"] == {"layout": "sdtm", "domains": {"rs": ["rs_onc"]}}
    assert "RSTESTCD: OVRLRESP 2, TRGRESP 1" in text
    assert "not used: response_ca125 (1 rows)" in text
    assert "Not understood, and not used: notes." in text
    assert "AEREL: MAYBE 1" in text
    assert "table labs: nothing feeds it" in text
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    read = read_study(study, ruleset=load_ruleset(tmp_path / "p.yaml"))
    assert read.tables["response_assessments"].collect().select("subject", "response", "target").rows() == [
        ("1", "PR", "PR"), ("2", "PD", None),
    ]  # fmt: skip


def test_adsl_takes_the_place_of_dm(tmp_path: Path) -> None:
    adsl = DM.with_columns(TRT01P=pl.lit("T"), TRTSDT=pl.lit("2024-01-02"), SAFFL=pl.lit("Y"))
    study = folder(tmp_path / "s", dm=DM, adsl=adsl, rs=RS)
    proposal = propose_mapping(study)
    subjects = proposal.data["tables"]["subjects"]
    assert subjects["dm"] is None
    assert subjects["adsl"]["columns"]["arm"] == ["TRT01P", "ARM"]
    assert "death_date" not in subjects["adsl"]["columns"]
    (tmp_path / "p.yaml").write_text(proposal.as_yaml(None, "s"), encoding="utf-8")
    read = read_study(study, ruleset=load_ruleset(tmp_path / "p.yaml"))
    assert read.tables["subjects"].collect().select("subject", "arm", "safety_population").rows() == [
        ("1", "T", True), ("2", "T", True),
    ]  # fmt: skip


def test_tables_of_a_hospital_are_matched_by_names_and_codes(tmp_path: Path) -> None:
    patients = pl.DataFrame({"Patient ID": ["007"], "Gender": ["F"], "Date of death": ["2024-05"], "Shoe size": ["40"]})
    lesions = pl.DataFrame(
        {"Patient ID": ["007"], "Scan date": ["2024-01-01"], "Baseline": ["Y"], "Lesion No": ["1"],
         "Lesion type": ["Non target"], "Size mm": ["12.5"]}
    )  # fmt: skip
    study = folder(tmp_path / "s", Patients=patients, lesions=lesions)
    proposal = propose_mapping(study)
    assert "columns not used: shoe size" in proposal.as_yaml(None, "s")
    (tmp_path / "p.yaml").write_text(proposal.as_yaml(None, "s"), encoding="utf-8")
    read = read_study(study, ruleset=load_ruleset(tmp_path / "p.yaml"))
    assert read.tables["subjects"].collect().select("subject", "sex", "death_date").rows() == [("007", "F", "2024-05")]
    row = read.tables["lesion_assessments"].collect().row(0, named=True)
    assert (row["role"], row["mm_x100"], row["is_baseline"]) == ("non-target", 1250, True)


def test_codes_of_a_hospital_are_proposed_by_their_usual_words(tmp_path: Path) -> None:
    lesions = pl.DataFrame(
        {"Patient ID": ["1"] * 4, "Scan date": ["2024-01-01"] * 4, "Baseline": ["Y"] * 4, "Lesion": list("abcd"),
         "Lesion type": ["Target lesion", "NTL", "New lesion", "whatever"]}
    )  # fmt: skip
    columns = propose_mapping(folder(tmp_path / "s", lesions=lesions)).data["tables"]["lesion_assessments"]["lesions"]
    assert columns["columns"]["role"]["codes"] == {
        "Target lesion": "target", "NTL": "non-target", "New lesion": "new", "whatever": None,
    }  # fmt: skip


def test_treatments_of_a_hospital_are_told_apart_by_name(tmp_path: Path) -> None:
    therapies = pl.DataFrame(
        {"Patient ID": ["1"] * 6, "Start": ["2024-01-01"] * 6,
         "Therapy": ["DEB-TACE, right lobe", "Nivolumab 240 mg", "SORAFENIB", "TACE + nivolumab", "aspirin", "metace"]}
    )  # fmt: skip
    patients = pl.DataFrame({"Patient ID": ["1"], "Gender": ["F"]})
    study = folder(tmp_path / "s", therapies=therapies, patients=patients)
    proposal = propose_mapping(study)
    (tmp_path / "p.yaml").write_text(proposal.as_yaml(None, "s"), encoding="utf-8")
    assert "not recognised: TACE + nivolumab, aspirin, metace" in proposal.as_yaml(None, "s")
    read = read_study(study, ruleset=load_ruleset(tmp_path / "p.yaml")).tables["treatments"].collect()
    assert read.select("component", "kind").rows() == [
        ("tace", None), ("ici", None), (None, "systemic"), (None, None), (None, None), (None, None),
    ]  # fmt: skip
    with_component = therapies.with_columns(Component=pl.lit("other"))
    stated = propose_mapping(folder(tmp_path / "t", therapies=with_component, patients=patients))
    assert stated.data["tables"]["treatments"]["therapies"]["columns"]["component"] == "component"


def test_treatments_of_sdtm_are_proposed_from_exposures_medication_and_procedures(tmp_path: Path) -> None:
    ex = pl.DataFrame(
        {
            "USUBJID": ["1", "1"],
            "EXTRT": ["ATEZOLIZUMAB", "STUDY DRUG"],
            "EXSTDTC": ["2024-01-02"] * 2,
            "EXSEQ": ["1", "2"],
        }
    )
    cm = pl.DataFrame(
        {"USUBJID": ["1", "1"], "CMTRT": ["Nexavar", "aspirin"], "CMDECOD": ["SORAFENIB", "ASPIRIN"],
         "CMSTDTC": ["2024-06", "2024-02-01"], "CMSEQ": ["1", "2"]}
    )  # fmt: skip
    pr = pl.DataFrame(
        {
            "USUBJID": ["1", "1"],
            "PRTRT": ["TACE", "LIVER BIOPSY"],
            "PRSTDTC": ["2024-01-01", "2023-12-01"],
            "PRSEQ": ["1", "2"],
        }
    )
    study = folder(tmp_path / "s", dm=DM, ex=ex, concomitant=cm, pr=pr)
    proposal = propose_mapping(study)
    (tmp_path / "p.yaml").write_text(proposal.as_yaml(None, "s"), encoding="utf-8")
    read = read_study(study, ruleset=load_ruleset(tmp_path / "p.yaml")).tables["treatments"].collect()
    assert read.select("treatment", "component", "kind", "start_date").rows() == [
        ("ATEZOLIZUMAB", "ici", None, "2024-01-02"), ("STUDY DRUG", "other", None, "2024-01-02"),
        ("SORAFENIB", None, "systemic", "2024-06"), ("TACE", "tace", None, "2024-01-01"),
    ]  # fmt: skip
    told = " ".join(proposal.remarks)
    assert "EX, by EXTRT: ATEZOLIZUMAB: ici; not recognised: STUDY DRUG; what is not recognised is `other`." in told
    assert "PR holds treatments of the disease by PRTRT: TACE: tace; 1 other names are left out." in told


def test_the_words_of_proposals_are_words_of_the_contract() -> None:
    words = {table: yaml.safe_load(files("rules_engine.study").joinpath(f"{table}.yaml").read_text("utf-8"))
             for table in ("synonyms", "therapies")}  # fmt: skip
    codes = {column.name: set(column.codes) for table in TABLES.values() for column in table.columns if column.codes}
    for column, of_column in words["synonyms"]["codes"].items():
        assert set(of_column) <= codes[column], column
    assert set(words["therapies"]["kind"]) <= codes["kind"]
    assert set(words["synonyms"]["columns"]) <= {column.name for table in TABLES.values() for column in table.columns}


def test_what_an_endpoint_lacks_is_said(tmp_path: Path) -> None:
    study = folder(tmp_path / "s", dm=DM, ae=AE)
    told = "\n".join(propose_mapping(study, ruleset="tace_ici_hcc").missing)
    assert "table lesion_assessments: the study does not have this table, which the ruleset needs: endpoint" in told
    assert "PFS" in told


def test_the_command_prints_writes_and_answers_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = folder(tmp_path / "s", dm=DM, rs=RS)
    with pytest.raises(SystemExit) as left:
        main(["map", "--data", str(study), "--ruleset", "ema", "--out", str(tmp_path / "p.yaml"), "--json"])
    assert left.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["protocol"]["extends"] == ["ema"]
    assert any("derives no endpoint by itself" in text for text in answer["missing"])
    assert yaml.safe_load((tmp_path / "p.yaml").read_text(encoding="utf-8")) == answer["protocol"]


def test_a_ruleset_given_as_a_path_is_found_from_the_written_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "s", dm=DM, rs=RS)
    (tmp_path / "rules").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text(
        "rules_engine: 1\nid: mine\nkind: protocol\nextends: [ema]\ntitle: Mine\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["map", "--data", "s", "--ruleset", "rules/mine.yaml", "--out", "out/p.yaml"])
    assert left.value.code == 0
    assert load_ruleset(tmp_path / "out" / "p.yaml").document["data"]["layout"] == "sdtm"


def test_a_file_that_cannot_be_read_is_named_and_left_aside(tmp_path: Path) -> None:
    study = folder(tmp_path / "s", dm=DM, rs=RS)
    (study / "notes.json").write_text("{}")
    told = propose_mapping(study).remarks
    assert any(text.startswith("Not read: table notes") for text in told)
    assert propose_mapping(study).data["layout"] == "sdtm"


def test_a_folder_of_nothing_that_is_known(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="nothing in it is known"):
        propose_mapping(folder(tmp_path / "s", x=pl.DataFrame({"a": [1]})))


@pytest.mark.slow
@pytest.mark.skipif(not PILOT.is_dir(), reason="the pilot study is not here")
@pytest.mark.parametrize("kind", ["all", "adam"])
def test_the_pilot_study_is_mapped_and_runs(tmp_path: Path, kind: str) -> None:
    from rules_engine.engine import Engine

    study = tmp_path / "s"
    study.mkdir()
    for file in PILOT.iterdir():
        if kind == "all" or file.name.startswith("ad"):
            (study / file.name).symlink_to(file)
    proposal = propose_mapping(study)
    document = proposal.document(None) | {
        "endpoints": {"OS": {"like": "OS", "options": {"origin": "randomisation"}}} if kind == "adam" else {
            "OS": {"like": "OS"}, "PFS": {"like": "PFS", "response": "rs"},
        },
        "extends": ["ema"],
        "options": {"origin": "randomisation", "origin_components": ["first_other"]},
        **({"responses": {"rs": {"collected_as": "RECIST 1.1", "assessor": "investigator"}}} if kind == "all" else {}),
    }  # fmt: skip
    result = Engine(load_ruleset(document)).run(study, data_cutoff="2015-03-05")
    assert result.adtte.filter(pl.col("PARAMCD") == "OS").height == 254  # the subjects of ADSL with RANDDT
