"""`study serve`, `invite`, `status` and `close` as an owner calls them, and what they say when something is wrong."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from mixedsignals.cli._app import _run
from mixedsignals.study.store import read_answers

Study = Callable[..., Any]


def study(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """`mixedsignals study …`, in this process."""
    typed, out, err = ["study", *map(str, arguments)], io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        code = _run(typed)
    return subprocess.CompletedProcess(typed, code, out.getvalue(), err.getvalue())


def test_serve_invite_status_and_close(make_study: Study, serve: Study) -> None:
    folder = make_study()
    with serve(folder) as running:
        links = study("invite", folder.path, "--count", 2, "--url", running.address).stdout.split()
        assert len(links) == 2
        person = running.visitor().enter(links[0])
        while person.shown:
            assert person.answer(label="warm", confidence=3).status == 200
        status = study("status", folder.path)
        assert "1 people, 1 finished; 4 of 64 judgements" in status.stdout
        told = json.loads(study("status", folder.path, "--json").stdout)
        assert (told["judged"], told["wanted"], told["finished"], told["closed"]) == (4, 64, 1, False)
        assert study("close", folder.path).stdout.endswith("closed\n")
        assert "This study is closed" in running.visitor().get(links[1]).text
        assert study("close", folder.path, "--reopen").stdout.endswith("open\n")
        assert running.visitor().enter(links[1]).shown
    assert read_answers(folder.path / "study.db").height == 7
    log = (folder.path.parent / "server.log").read_text()
    assert "POST /study/answer 200" in log
    for link in links:
        assert link.rsplit("/", 1)[1] not in log


def test_the_owners_password_is_drawn_once_and_shown_once(make_study: Study) -> None:
    folder = make_study()
    shown = []
    environment = {name: value for name, value in os.environ.items() if name != "MIXEDSIGNALS_OWNER_PASSWORD"}
    for _ in range(2):
        command = [sys.executable, "-m", "mixedsignals", "study", "serve", str(folder.path), "--port", "0"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert "Ctrl-C to stop" in process.stderr.readline()
        process.terminate()
        shown.append(process.communicate(timeout=30)[0])
    password = re.search(r"password, shown this once: (\S+)", shown[0])
    assert password is not None
    assert len(password[1]) >= 16
    assert "password" not in shown[1]
    assert password[1].encode() not in (folder.path / "study.db").read_bytes()


@pytest.mark.parametrize("verb", ["serve", "invite", "status", "close"])
def test_no_study_there(tmp_path: Path, verb: str) -> None:
    done = study(verb, tmp_path / "nowhere")
    assert done.returncode == 1
    assert "is no study" in done.stderr
    assert "study create" in done.stderr


@pytest.mark.parametrize("verb", ["status", "close"])
def test_a_study_that_nobody_has_served(make_study: Study, verb: str) -> None:
    folder = make_study()
    done = study(verb, folder.path)
    assert done.returncode == 1
    assert "study.db: is not there" in done.stderr
    assert not (folder.path / "study.db").exists()


def test_all_faults_of_a_study_are_named_before_it_is_served(make_study: Study) -> None:
    folder = make_study()
    (folder.pages / "consent.md").unlink()
    next(folder.media.iterdir()).unlink()
    text = folder.settings_path.read_text()
    folder.settings_path.write_text(text.replace("confidence = true", 'confidence = "yes"'))
    done = study("serve", folder.path, "--port", 0)
    assert done.returncode == 1
    for part in ("pages/consent.md", "stimuli/", "confidence"):
        assert part in done.stderr


def test_options_that_do_not_go_together(make_study: Study) -> None:
    folder = make_study()
    for arguments, words in (
        (("invite", folder.path, "--open", "--panel"), "name one"),
        (("invite", folder.path, "--quota", 3), "--quota goes with --open or --panel"),
        (("invite", folder.path, "--url", "study.example.org"), "legal is an address"),
        (("serve", folder.path, "--public-url", "https://x.example/path"), "legal is an address"),
        (("serve", folder.path, "--port", 70000), "70000"),
    ):
        done = study(*arguments)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    short = study("serve", folder.path, MIXEDSIGNALS_OWNER_PASSWORD="short")
    assert short.returncode == 2
    assert "choose a longer one" in short.stderr


def test_a_port_that_is_taken_and_a_database_out_of_reach(make_study: Study) -> None:
    folder = make_study()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = study("serve", folder.path, "--port", taken.getsockname()[1])
    assert done.returncode == 3
    assert "Name another --port" in done.stderr
    away = study("serve", folder.path, "--port", 0, "--database", "postgresql://me:hidden@127.0.0.1:1/x")
    assert away.returncode == 3
    assert "cannot be opened" in away.stderr
    assert "hidden" not in away.stderr


def test_links_for_many_and_for_recruiting_services(make_study: Study) -> None:
    folder = make_study()
    panel = study(
        "invite", folder.path, "--panel", "--quota", 5, "--url", "https://study.example.org/"
    ).stdout
    assert panel.startswith("https://study.example.org/i/")
    assert panel.strip().endswith("?PROLIFIC_PID={{%PROLIFIC_PID%}}")
    assert len(json.loads(study("invite", folder.path, "--open", "--json").stdout)) == 1


def test_without_the_extra_it_says_what_to_install(make_study: Study, tmp_path: Path) -> None:
    folder = make_study()
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for name in ("fastapi", "sqlalchemy"):
        (hidden / f"{name}.py").write_text(f"raise ModuleNotFoundError('no', name='{name}')")
    command = [sys.executable, "-m", "mixedsignals", "study", "serve", str(folder.path), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(hidden)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 3
    assert "pip install 'mixedsignals[study]'" in done.stderr
