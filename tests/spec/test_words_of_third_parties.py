"""A package outside the tree adds an event, a censoring rule with its table, an origin and an endpoint kind.

The package is the example of docs/plugins.md, word for word, in a distribution made up in a temporary directory.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
import yaml
from rules_engine import Engine, load_ruleset
from rules_engine.errors import PluginError, RulesEngineError
from rules_engine.loading import effective
from rules_engine.model import Ruleset
from rules_engine.registry import Registry, build_registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
#: Everything that the example's protocol leaves to its reader.
HEAD = "rules_engine: 1\nid: house\nkind: protocol\ntitle: House\nextends: [common]\n"


def block(language: str, beginning: str) -> str:
    (found,) = re.findall(rf"```{language}\n({re.escape(beginning)}.*?)```", PAGE, flags=re.DOTALL)
    return str(found)


PLUGIN = block("python", "# house_words.py")
PROTOCOL = HEAD + block("yaml", "responses: {overall")


class House:
    """A folder with the distribution, a study and a protocol; used in this process, or by the command line of another."""

    def __init__(self, folder: Path, code: str = PLUGIN) -> None:
        self.folder = folder
        site = folder / "site"
        info = site / "house_words-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "house_words.py").write_text(code, encoding="utf-8")
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: house-words\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text("[rules_engine]\nhouse = house_words\n", encoding="utf-8")
        (folder / "study").mkdir()
        for name, text in STUDY.items():
            (folder / "study" / f"{name}.csv").write_text(text, encoding="utf-8")
        (folder / "house.yaml").write_text(PROTOCOL, encoding="utf-8")
        self.module = ModuleType("house_words")
        exec(compile(code, "house_words.py", "exec"), self.module.__dict__)  # noqa: S102  (our own page)

    @cached_property
    def registry(self) -> Registry:
        return build_registry(extra=[("house", self.module)])

    def call(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "rules_engine", *words], capture_output=True, text=True, cwd=self.folder, check=False,
            env={**os.environ, "PYTHONPATH": str(self.folder / "site")},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def load(self, text: str = PROTOCOL) -> Ruleset:
        (self.folder / "changed.yaml").write_text(text, encoding="utf-8")
        return load_ruleset(self.folder / "changed.yaml", registry=self.registry)

    def rows(self, text: str = PROTOCOL) -> dict[tuple[str, str], dict[str, Any]]:
        result = Engine(self.load(text), registry=self.registry).run(self.folder / "study", data_cutoff="2024-12-31")
        return {(row["PARAMCD"], row["USUBJID"]): row for row in result.adtte.to_dicts()}

    def refusal(self, text: str = PROTOCOL) -> RulesEngineError:
        with pytest.raises(RulesEngineError) as caught:
            self.rows(text)
        return caught.value


STUDY = {
    "subjects": "subject,diagnosis_date,baseline_adequate,death_date\n"
    "afp,2024-01-01,Y,\ncrossed,2024-01-01,Y,2024-09-01\nunknown,,Y,\n",
    "response_assessments": "subject,date,criterion,response\n"
    "afp,2024-03-01,RECIST 1.1,SD\nafp,2024-08-01,RECIST 1.1,PD\n"
    "crossed,2024-03-01,RECIST 1.1,SD\ncrossed,2024-06-01,RECIST 1.1,PD\nunknown,2024-03-01,RECIST 1.1,PD\n",
    "labs": "subject,date,analyte,value,unit,seq\n"
    "afp,2023-12-01,AFP,900,ng/mL,1\nafp,2024-04-01,AFP,400,ng/mL,2\nafp,2024-05-01,AFP,401,ng/mL,3\nafp,2024-06-01,AFP,900,ng/mL,4\n",
    "crossovers": "subject,date\ncrossed,2024-05-01\n",
    "treatments": "subject,treatment,component,start_date,last_date,ended\nafp,atezolizumab,ici,2024-01-05,2024-03-05,Y\n",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("house") / "house")


def test_an_installed_package_is_listed_completed_checked_and_run(house: House) -> None:
    code, said = house.call("plugins", "--json")
    assert code == 0
    offers = {plugin["name"]: plugin["offers"] for plugin in json.loads(said)["plugins"]}
    assert offers["house"] == [
        "censoring rule: crossover", "endpoint kind: time_on_treatment", "event: biochemical_progression",
        "origin: diagnosis", "table: crossovers",
    ]  # fmt: skip
    code, said = house.call("schema", "--json")
    assert code == 0
    for word in ("biochemical_progression", "crossover", "diagnosis", "time_on_treatment", "first diagnosis"):
        assert word in said
    code, said = house.call("run", "house.yaml", "--data", "study", "--out", "out", "--data-cutoff", "2024-12-31")
    assert code == 0, said
    assert set(pl.read_parquet(house.folder / "out" / "adtte.parquet")["RULEID"]) == {
        "event.biochemical", "censor.crossover", "time_on_treatment.last_dose",
    }  # fmt: skip


def test_the_records_carry_the_words_of_the_package(house: House) -> None:
    rows = house.rows()
    afp = rows["PFSAFP", "afp"]
    # 900 lies before the origin, 400 is not above 400; the rise of May comes before the PD of August.
    assert (str(afp["ADT"]), afp["CNSR"], afp["RULEID"]) == ("2024-05-01", 0, "event.biochemical")
    assert (afp["REASON"], afp["EVNTDESC"]) == ("BIOCHEMICAL", "RISE OF THE TUMOUR MARKER")
    assert (afp["SRCDOM"], afp["SRCVAR"], afp["SRCSEQ"], str(afp["STARTDT"])) == ("LB", "LBDTC", 3, "2024-01-01")
    crossed = rows["PFSAFP", "crossed"]
    # PD and death lie after the crossover; the last adequate assessment before it is that of March.
    assert (str(crossed["ADT"]), crossed["CNSR"], crossed["RULEID"]) == ("2024-03-01", 21, "censor.crossover")
    assert crossed["EVNTDESC"] == "CROSSED OVER TO THE OTHER ARM"
    assert crossed["CNSDTDSC"] == "LAST ADEQUATE TUMOUR ASSESSMENT"
    assert ("PFSAFP", "unknown") not in rows  # no diagnosis, no clock
    treated = rows["TOT", "afp"]
    assert (treated["AVAL"], treated["CNSR"], treated["RULEID"]) == (61, 0, "time_on_treatment.last_dose")


def test_what_lies_on_the_origin_ends_no_observation(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    (house.folder / "study" / "crossovers.csv").write_text("subject,date\ncrossed,2024-01-01\n", encoding="utf-8")
    crossed = house.rows()["PFSAFP", "crossed"]
    assert (str(crossed["STARTDT"]), str(crossed["ADT"]), crossed["CNSR"]) == ("2024-01-01", "2024-06-01", 0)


def test_who_has_no_record_but_the_origin_is_censored_there(tmp_path: Path) -> None:
    """The day of the diagnosis comes from the package, so it is not among the facts that show life; the record still has a source."""
    house = House(tmp_path / "house")
    (house.folder / "study" / "subjects.csv").write_text(
        "subject,diagnosis_date,baseline_adequate,death_date\nlone,2024-02-01,Y,\n", encoding="utf-8"
    )
    lone = house.rows(PROTOCOL.replace("  TOT: {kind", "  OS: {like: OS}\n  TOT: {kind"))["OS", "lone"]
    assert (str(lone["ADT"]), lone["AVAL"], lone["CNSR"]) == ("2024-02-01", 1, 1)
    assert (lone["SRCDOM"], lone["SRCVAR"], lone["CNSDTDSC"]) == ("ADSL", "DIAGDT", "START OF THE OBSERVATION")


@pytest.mark.parametrize("later", ["2025-03-01,", ",2025-03-01"])
def test_what_is_known_after_the_cut_off_shows_life_on_it_whatever_the_origin(tmp_path: Path, later: str) -> None:
    house = House(tmp_path / "house")
    (house.folder / "study" / "subjects.csv").write_text(
        f"subject,diagnosis_date,baseline_adequate,death_date,last_contact_date\nlone,2024-02-01,Y,{later}\n",
        encoding="utf-8",
    )
    lone = house.rows(PROTOCOL.replace("  TOT: {kind", "  OS: {like: OS}\n  TOT: {kind"))["OS", "lone"]
    assert (str(lone["ADT"]), lone["CNSR"], lone["SRCVAR"]) == ("2024-12-31", 1, "CUTOFF")


def test_a_death_of_unknown_day_comes_not_before_the_origin_of_the_package(tmp_path: Path) -> None:
    """The fifteenth would lie five days before the diagnosis, of which no record of the engine's own knows."""
    house = House(tmp_path / "house")
    (house.folder / "study" / "subjects.csv").write_text(
        "subject,diagnosis_date,baseline_adequate,death_date\nlone,2024-02-20,Y,2024-02\n", encoding="utf-8"
    )
    lone = house.rows(PROTOCOL.replace("  TOT: {kind", "  OS: {like: OS}\n  TOT: {kind"))["OS", "lone"]
    assert (str(lone["ADT"]), lone["AVAL"], lone["CNSR"], lone["ADTF"]) == ("2024-02-20", 1, 0, "D")


def test_a_rule_may_censor_on_its_day_and_the_ruleset_may_say_what_it_is_called(house: House) -> None:
    text = PROTOCOL.replace(
        "crossover: censor\n",
        "crossover: censor_at_start\n      censoring_reasons: {CROSSOVER: {code: 31, text: SWITCHED ARMS}}\n",
    )
    crossed = house.rows(text)["PFSAFP", "crossed"]
    assert (str(crossed["ADT"]), crossed["CNSR"], crossed["EVNTDESC"]) == ("2024-05-01", 31, "SWITCHED ARMS")
    assert crossed["CNSDTDSC"] == "FIRST DOSE OF THE OTHER ARM"


def test_a_ruleset_without_its_words_is_what_it_was(house: House) -> None:
    with_it = load_ruleset("tace_ici_hcc", registry=house.registry)
    assert effective(with_it) == effective(load_ruleset("tace_ici_hcc"))


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("biochemical_progression, death", "biochemical_progresion, death"), "biochemical_progresion",
         "did you mean 'biochemical_progression'?"),
        (("missed_visits, crossover,", "missed_visits, crosover,"), "crosover", "did you mean 'crossover'?"),
        (("origin: diagnosis", "origin: diagnostis"), "diagnostis", "did you mean 'diagnosis'?"),
        (("limit: 400", "limit: high"), "limit: high", "`high` is not a number"),
        (("limit: 400", "limits: 400"), "limits: 400", "did you mean 'limit'?"),
        (("crossover: censor\n", "crossover: cens\n"), "crossover: cens", "did you mean 'censor'?"),
        (("pending_progression, cutoff]", "pending_progression]"), "censoring_rules", "no rule that holds for everyone"),
        (("crossover: censor\n", "crossover: censor\n      censoring_reasons: {CROSSOVER: {code: 5}}\n"), "code: 5",
         "CROSSOVER and NEW_THERAPY have the same CNSR code 5"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_their_place(house: House, change: tuple[str, str], line: str, said: str) -> None:
    text = PROTOCOL.replace(*change)
    number = next(n for n, text_of in enumerate(text.splitlines(), 1) if line in text_of)
    refused = house.refusal(text)
    assert refused.exit_code == 2
    assert re.search(rf"changed\.yaml:{number}:\d+", str(refused)), refused
    assert said in str(refused)


def test_what_drives_the_estimand_is_demanded_only_of_who_uses_the_word(house: House) -> None:
    told = str(house.refusal(PROTOCOL.replace("      crossover: censor\n", "")))
    assert "crossover is not stated, and it drives the estimand" in told
    assert "`censor_at_start`: censored on its day." in told
    assert "needed by PFSAFP)" in told
    unused = yaml.safe_load(PROTOCOL)
    unused["endpoints"]["PFSAFP"]["options"] = {}
    unused["options"] = {}
    assert "crossover" not in house.load(yaml.safe_dump(unused)).endpoints["PFSAFP"].options


def test_the_table_that_a_rule_needs_is_asked_for(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    file = tmp_path / "house" / "study" / "crossovers.csv"
    file.unlink()
    refused = house.refusal()
    assert refused.exit_code == 3
    assert "table crossovers" in str(refused)
    assert "endpoint PFSAFP (censoring rule crossover)" in str(refused)
    file.write_text("subject,day\ncrossed,2024-05-01\n", encoding="utf-8")
    assert "it has no column 'date', which it needs (First dose of the other arm)" in str(house.refusal())


LABS = 'observation.table("labs")'


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('.select("subject", "date", source_domain', '.select("subject", day="date", source_domain'), "date: missing"),
        (('source_seq="seq"', 'source_seq=pl.lit("7")'), "source_seq: String instead of Int64"),
        (('source_seq="seq"', 'reason=pl.lit("RISE")'), "it gave reasons that it does not declare: RISE"),
        ((LABS, 'observation.table("lab")'), "there is no input table 'lab'; did you mean 'labs'?"),
        ((LABS, f"{LABS}.collect()"), "it returned DataFrame, not a lazy frame"),
        (('pl.col("analyte")', 'pl.col("analite")'), "its frame cannot be derived"),
    ],
)
def test_a_word_that_breaks_its_contract_stops_the_run_with_its_plugin(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert change[0] in PLUGIN
    refused = House(tmp_path / "house", PLUGIN.replace(*change)).refusal()
    assert refused.exit_code == 4
    assert "event 'biochemical_progression' (version 1) of plugin 'house'" in str(refused)
    assert said in str(refused)


def test_a_rule_that_asks_for_a_later_step_is_told_so(tmp_path: Path) -> None:
    asked = 'observation.table("crossovers").select("subject", "date")'
    later = PLUGIN.replace(asked, 'observation.progression.select("subject", date="p_date")')
    refused = House(tmp_path / "house", later).refusal()
    assert refused.exit_code == 4
    assert "censoring rule 'crossover'" in str(refused)
    assert "progression: known only after step 8 of the derivation" in str(refused)


def test_an_origin_with_two_days_for_a_subject_is_refused(tmp_path: Path) -> None:
    day = 'records.table("subjects").select("subject", date=day)'
    refused = House(tmp_path / "house", PLUGIN.replace(day, f"pl.concat([{day}, {day}])")).refusal()
    assert refused.exit_code == 4
    assert "origin 'diagnosis'" in str(refused)
    assert "several days for one subject" in str(refused)


def test_an_option_that_means_something_else_already_is_refused(tmp_path: Path) -> None:
    broken = House(tmp_path / "house", PLUGIN.replace('{"properties": {"crossover"', '{"properties": {"new_therapy"'))
    with pytest.raises(PluginError, match="its option 'new_therapy' has another meaning"):
        broken.registry  # noqa: B018


def test_a_table_with_the_name_of_an_input_table_is_refused(tmp_path: Path) -> None:
    broken = House(tmp_path / "house", PLUGIN.replace('Table("crossovers"', 'Table("treatments"'))
    with pytest.raises(PluginError, match="it has the name of an input table of the engine"):
        broken.registry  # noqa: B018
