"""``exitplan restore`` and ``exitplan prune`` on the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from exitplan.schemas.shapes.answers import ANSWERS
from tests.cli.conftest import xp

pytestmark = pytest.mark.usefixtures("folder")


def test_a_backup_is_put_back_once_a_person_knows_what_was_sent_since() -> None:
    xp("plan", "--target", "XRP", "--out", "one.json")
    xp("apply", "one.json")
    xp("backup", "--out", "kept")
    xp("apply", "--auto-approve")
    refused = xp("restore", "kept")
    assert refused.code == 9
    assert "exitplan restore kept --accept-orders" in refused.err
    document = xp("restore", "kept", "--accept-orders", "--json").json
    Draft7Validator(ANSWERS["restore"]()).validate(document)
    assert document["sent_since"]
    assert Path(document["kept"], "journal.db").exists()
    assert "goes on from a backup" in xp("plan").err
    assert "The files that were there before are in" in xp("restore", "kept", "--accept-orders").out


def test_old_runs_are_pruned_when_asked_for() -> None:
    for _ in range(3):
        xp("apply", "--auto-approve")
    assert "Nothing to remove from platform: no run ended before" in xp("prune", "--older-than", "400d").out
    with closing(sqlite3.connect("data/journal.db")) as db, db:  # they all ended long ago
        db.execute("UPDATE plans SET ended_at = '2020-01-01T00:00:00Z'")
        db.execute("UPDATE runs SET started_at = '2020-01-01T00:00:00Z', ended_at = started_at WHERE run_id = 2")
    document = xp("prune", "--older-than", "400d", "--dry-run", "--export", "gone.csv", "--json").json
    Draft7Validator(ANSWERS["prune"]()).validate(document)
    assert (document["runs"], document["dry_run"], Path("gone.csv").exists()) == (0, True, True)
    assert xp("prune", "--older-than", "400d", "--all", "--export", "gone.csv").code == 64
    assert xp("prune", "--older-than", "400d", "--all").code == 0
    assert xp("prune").code == 64
