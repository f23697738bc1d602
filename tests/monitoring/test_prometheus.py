"""A real Prometheus scrapes what is served, and its own tool finds nothing wrong with the files that are shipped."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import yaml

from tests.cli.conftest import xp
from tests.monitoring.conftest import listening

SHIPPED = Path(__file__).parents[2] / "monitoring"
TRIES = 300
PROMETHEUS, PROMTOOL = shutil.which("prometheus") or "", shutil.which("promtool") or ""

pytestmark = pytest.mark.skipif(
    not (PROMETHEUS and PROMTOOL),
    reason="Prometheus is not installed here (Debian: apt-get install prometheus)",
)


def promtool(*words: str, given: str | None = None) -> str:
    ran = subprocess.run(
        [PROMTOOL, *words], input=given, capture_output=True, text=True, check=False, cwd=SHIPPED, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("line", ["check rules alert-rules.yaml", "check config prometheus.yml"])
def test_promtool_finds_nothing_wrong_with_what_is_shipped(line: str) -> None:
    assert "SUCCESS" in promtool(*line.split())


def test_the_alert_rules_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alert-rules.test.yaml")


def test_promtool_finds_nothing_wrong_with_the_exposition(project: Path) -> None:
    assert promtool("check", "metrics", given=xp("metrics", "--symbols", "5").out) == ""


class Prometheus:
    """A Prometheus on a free port of loopback."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Ask until there is an answer; Prometheus needs a moment to start and to scrape."""
        url = f"http://{self.address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        for _ in range(TRIES):
            try:
                with urllib.request.urlopen(url, timeout=5) as reply:
                    found = json.load(reply)["data"]["result"]
            except (URLError, OSError):
                found = []
            if found:
                return [(entry["metric"], float(entry["value"][1])) for entry in found]
            time.sleep(0.1)
        return []


@pytest.fixture
def prometheus(project: Path, tmp_path: Path) -> Iterator[Prometheus]:
    with listening(project, "--symbols", "3") as (_, place), socket.socket() as free:
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(SHIPPED / "alert-rules.yaml")]
        config["scrape_configs"][0]["static_configs"] = [{"targets": [place]}]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        line = [PROMETHEUS, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"]
        process = subprocess.Popen([*line, f"--web.listen-address={address}"], cwd=tmp_path)
        yield Prometheus(address)
        process.terminate()
        process.wait(timeout=30)


def test_a_real_prometheus_scrapes_what_is_served(prometheus: Prometheus) -> None:
    ((labels, equity),) = prometheus.ask("exitplan_equity")
    assert (labels["account"], labels["venue"], labels["currency"], labels["job"]) == (
        "platform",
        "paper",
        "USD",
        "exitplan",
    )
    assert 20_000 < equity < 30_000
    assert prometheus.ask("up")[0][1] == 1
    assert prometheus.ask("sum(exitplan_positions)")[0][1] == 13
    assert prometheus.ask('exitplan_actions_total{kind="close",outcome="done"}')[0][1] == 8
    assert prometheus.ask('exitplan_account_state{state="NEEDS_CLEANUP"}')[0][1] == 1
    assert len(prometheus.ask("exitplan_position_value")) == 3
    assert prometheus.ask("time() - exitplan_reading_timestamp_seconds")[0][1] < 600
