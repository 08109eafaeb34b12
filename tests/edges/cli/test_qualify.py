"""`rtbf method qualify`: budget on standard error, the outcome on standard output, a signed file in the home, and the exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from rtbf.cli.cards import method
from rtbf.cli.context import CliContext
from rtbf.config import Settings
from rtbf.plan.qualification import kept_trials, read_trial
from rtbf.trial.qualification import Budget
from tests.tried import a_trial

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from rtbf.installation import Installation
    from rtbf.plan.qualification import Trial


@pytest.fixture
def run(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command with a trial that was made elsewhere: what a trial finds is tested where it is made."""
    asked: list[Any] = []

    def prepared(request: Any, work: Path, **settings: Any) -> Any:
        asked.append((request, work, settings))
        return SimpleNamespace(budget=Budget(training=2_000_000, unlearning=500_000, measuring=3_500_000))

    def invoke(trial: Trial, *arguments: str, is_json: bool = False) -> tuple[Result, Any]:
        monkeypatch.setattr("rtbf.startup.open_home", lambda settings, home: installation)
        monkeypatch.setattr("rtbf.trial.qualification.prepare_trial", prepared)
        monkeypatch.setattr("rtbf.trial.qualification.run_trial", lambda *_: trial)
        context = CliContext(home=installation.home.path, actor="max", is_json=is_json, settings=Settings())
        done = CliRunner().invoke(method, ["qualify", "npo", *arguments], obj=context, standalone_mode=False)
        return done, asked

    return invoke


@pytest.mark.parametrize(
    ("status", "awarded", "code"),
    [("PASS", "approximate", 0), ("PASS", "suppression", 1), ("FAIL", "none", 1), ("INCONCLUSIVE", "none", 3)],
)
def test_the_exit_code_tells_the_outcome(run: Any, installation: Installation, status: str, awarded: str, code: int) -> None:
    trial = replace(a_trial(installation.clock()), status=status, class_awarded=awarded)

    done, _ = run(trial)

    assert done.return_value == code, done.output
    assert ("not qualified" in done.stdout) == (code != 0)


def test_the_budget_is_told_before_and_the_signed_result_is_kept(run: Any, installation: Installation, tmp_path: Path) -> None:
    trial = a_trial(installation.clock())

    done, asked = run(trial, "--set", "learning_rate=0.001", "--seed", "9", "--out", str(tmp_path / "npo.json"))

    (kept,) = kept_trials(installation.home, installation.trust)
    assert kept.trial == trial
    assert read_trial((tmp_path / "npo.json").read_bytes(), installation.trust) == trial
    assert "6.0 M in all" in done.stderr
    ((request, work, settings),) = asked
    assert (request.method, dict(request.parameters), request.seed) == ("npo", {"learning_rate": "0.001"}, 9)
    assert work == installation.home.path / "trials"
    assert (settings["subjects"], settings["seed"], settings["profile"]) == (100, 9, "standard")


def test_the_table_shows_probes_shares_codes_and_what_is_not_covered(run: Any, installation: Installation) -> None:
    done, _ = run(replace(a_trial(installation.clock()), status="FAIL", class_awarded="none", codes=("F4:LEAK",)))

    for words in ("F4:LEAK", "F3", "+0.020", "INCONCLUSIVE", "0.000 to 0.036", "does not cover: everything else", "counts until"):
        assert words in done.stdout, words


def test_json_is_one_line_with_the_whole_statement(run: Any, installation: Installation) -> None:
    done, _ = run(a_trial(installation.clock()), is_json=True)

    value = json.loads(done.stdout)
    assert value["qualified"] is True
    assert value["subjects"] == 100
    assert value["digest"] == kept_trials(installation.home, installation.trust)[0].digest


def test_fewer_than_a_hundred_people_are_not_asked_for(run: Any, installation: Installation) -> None:
    done, asked = run(a_trial(installation.clock()), "--subjects", "99")

    assert done.exit_code != 0
    assert asked == []
