"""`clinictwin advise`, `decide` and `decisions`: asked, decided, looked up, checked."""

import sqlite3

import pandas as pd
from advised_clinic import MONDAY, MONTHS, PAIRS
from typer.testing import CliRunner

from experiments.cli import app
from experiments.decisions import Ledger


def run(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def test_ask_decide_look_up_and_check(folder, tmp_path):
    ledger = tmp_path / "decisions.sqlite"
    asked = ["advise", folder, "--ledger", ledger, "--pairs", PAIRS, "--months", MONTHS, "--on", MONDAY, "--quiet"]
    code, said = run(*asked, "--kind", "scribe", "--out", tmp_path / "tables")
    assert code == 0, said
    assert "8 pairs of clinics" in said and "do nothing" in said and "trust 0.50" in said
    assert "2 of 2 are new" in said and "against:" in said and "undo: any time" in said
    table = pd.read_csv(tmp_path / "tables" / "advice-table.csv")
    assert list(table["id"])[-1] == "nothing" and len(table) == 3
    chosen, other = table["id"][0], table["id"][1]

    code, said = run("decide", chosen, "approve", "--by", "Ada", "--on", MONDAY, "--ledger", ledger)
    assert code == 0 and f"{chosen} is approved" in said and "it can be undone any time" in said
    noted = Ledger(ledger).verify().head
    assert noted in said
    code, said = run("decide", chosen, "reject", "--by", "Ben", "--reason", "no", "--ledger", ledger)
    assert code == 2 and "met an item that Ada approved at" in said
    code, said = run("decide", other, "reject", "--by", "Ben", "--ledger", ledger)
    assert code == 2 and "reason: met none, expected why, to reject" in said
    assert run("decide", other, "reject", "--by", "Ben", "--reason", "one is enough", "--ledger", ledger)[0] == 0

    code, said = run("decisions", "--ledger", ledger)
    assert code == 0 and "2 items" in said and "one is enough" in said and "enact, undo" in said
    code, said = run("decisions", "--ledger", ledger, "--item", chosen)
    assert code == 0 and "proposed" in said and "approved" in said and "works through" in said

    code, said = run("decisions", "verify", "--ledger", ledger, "--head", noted)
    assert code == 0 and "4 entries, each following the one before" in said
    connection = sqlite3.connect(ledger)
    connection.execute("DROP TRIGGER entry_is_not_changed")
    connection.execute("UPDATE entry SET reason = 'gladly' WHERE number = 4")
    connection.commit()
    connection.close()
    code, said = run("decisions", "verify", "--ledger", ledger)
    assert code == 1 and "broken: first broken link: entry 4 (rejected" in said and "was altered" in said


def test_without_a_ledger_nothing_is_made(tmp_path):
    for arguments in (("decisions",), ("decisions", "verify"), ("decide", "a", "approve", "--by", "Ada")):
        code, said = run(*arguments, "--ledger", tmp_path / "none.sqlite")
        assert code == 2 and "expected a ledger of decisions; `clinictwin advise` makes one" in said
    assert not list(tmp_path.iterdir())
