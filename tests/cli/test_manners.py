"""What the command line shows: JSON for errors too, silence when asked, bars at a terminal, help that helps."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import textwrap
from pathlib import Path

from .conftest import QUICK, Call


def test_errors_are_json_where_results_are(tmp_path: Path, copy: Path, call: Call) -> None:
    (copy / "clips.csv").write_text("clip_id,label\n")
    faults = call("run", copy, "--out", tmp_path / "run", "--json")
    told = json.loads(faults.out)
    assert (faults.code, told["exit_code"]) == (1, 1)
    assert [problem["code"] for problem in told["problems"]] == ["empty-corpus"]
    usage = call("run", copy, "--json")
    assert (usage.code, json.loads(usage.out)["exit_code"]) == (2, 2)
    assert "--out" in json.loads(usage.out)["error"]


def test_quiet_says_nothing_but_results(sound_corpus: Path, call: Call) -> None:
    assert call("check", sound_corpus, "--quiet").err == ""
    assert "Checking recordings" in call("check", sound_corpus, "--verbose").err


def test_a_mistyped_verb_is_guessed(call: Call) -> None:
    done = call("chekc")
    assert done.code == 2
    assert "Did you mean 'check'?" in done.err


def test_help_tells_of_exit_codes_and_completion(call: Call) -> None:
    told = call("--help").out
    assert "130 interrupted" in told
    source = re.search(r"_MIXEDSIGNALS_COMPLETE=(\w+)", told)
    assert source is not None
    environment = {**os.environ, "_MIXEDSIGNALS_COMPLETE": source[1]}
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, env=environment)
    assert "complete" in done.stdout


RUN = textwrap.dedent(
    """
    import sys
    sys.argv = ["mixedsignals"]
    from mixedsignals.cli import main
    main()
    """
)


def test_a_terminal_shows_bars(finished: Path, corpus: Path, sound_corpus: Path) -> None:
    shown = on_a_terminal("check", str(sound_corpus))
    assert "━" in shown
    assert "36/36" in shown
    assert shown.rstrip().endswith("no faults, no warnings.")
    args = [arg for arg in QUICK if arg != "--quiet"]
    again = on_a_terminal("run", str(corpus), "--out", str(finished), "--media", "none", *args)
    assert "Diagnosing" in again
    assert "━" in again
    assert again.rstrip().endswith("report/index.html")


def on_a_terminal(*args: str) -> str:
    """What a user at a terminal sees of a call, control sequences included."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "mixedsignals", *args], stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the terminal closes with its last process
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()
