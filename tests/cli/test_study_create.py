"""`study create` and `export` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.study.settings import read_settings

from .conftest import Call, one_error


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty clips with words and labels only, of six speakers."""
    folder = tmp_path_factory.mktemp("texts")
    rows = [
        {
            "clip_id": f"c{at:02}",
            "speaker_id": f"s{at % 6}",
            "transcript": f"words {at}",
            "label": "ab"[at % 2],
        }
        for at in range(30)
    ]
    pl.DataFrame(rows).write_csv(folder / "clips.csv")
    return folder


def test_what_is_said_is_in_study_toml(texts: Path, tmp_path: Path, call: Call) -> None:
    done = call(
        *("study", "create", texts, "--conditions", "text", "--out", tmp_path / "s", "--scale", "7"),
        *("--scale-ends", "cold, warm", "--no-confidence", "--free-text", "--reasons", "--no-headphones"),
        *("--raters-per-cell", "3", "--practice", "1", "--attention", "0", "--repeats", "0", "--seed", "5"),
        *("--completion-url", "https://example.org/done", "--quiet"),
    )
    assert done.code == 0, done.err
    made = read_settings(tmp_path / "s" / "study.toml")
    assert (made.scale, made.scale_low, made.scale_high) == (7, "cold", "warm")
    assert (made.confidence, made.free_text, made.reasons, made.headphones) == (False, True, True, False)
    assert (made.raters_per_cell, made.practice, made.attention, made.repeats, made.seed) == (3, 1, 0, 0, 5)
    assert made.labels == ("a", "b")
    assert "29 clips in 1 condition " in done.out
    assert "next: edit" in done.out


def test_power_is_printed_with_what_it_assumes(texts: Path, tmp_path: Path, call: Call) -> None:
    arguments = ("--design", "counterfactual", "--simulations", "20", "--quiet")
    # Words alone have nothing to add, so the second condition needs sound: refused with every clip's name.
    done = call(
        "study", "create", texts, "--conditions", "text,text+audio", "--out", tmp_path / "s", *arguments
    )
    assert "c00" in one_error(done, 1)
    one = call(
        "study", "create", texts, "--conditions", "text", "--out", tmp_path / "one", "--json", "--quiet"
    )
    told = json.loads(one.out)
    assert told["power"] is None
    assert told["n_clips"] == 28
    assert told["settings"]["conditions"] == ["text"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--conditions", "text,smell"), 1, "'smell' is not a condition"),
        (("--conditions", ","), 1, "one condition or more"),
        (("--conditions", "text", "--only-scale"), 2, "--only-scale goes with --scale"),
        (("--conditions", "text", "--kind", "ordinal"), 2, "--kind goes with --labels"),
        (("--conditions", "text", "--scale-ends", "cold"), 2, "LOW,HIGH"),
        (("--conditions", "text", "--scale", "1"), 1, "2 to 11 points"),
        (("--conditions", "text", "--items-per-participant", "29"), 3, "Give --items-per-participant 28"),
        (("--conditions", "text", "--design", "counterfactual"), 1, "gives all that another gives"),
        (("--conditions", "text", "--loudness", "5"), 1, "loudness is 5.0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    texts: Path, tmp_path: Path, call: Call, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = call("study", "create", texts, "--out", tmp_path / "s", *arguments, "--quiet")
    assert done.code == code, done.err
    assert told in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "s" / "study.toml").exists()


def test_a_scale_alone_has_its_points_as_answers(texts: Path, tmp_path: Path, call: Call) -> None:
    done = call(
        *("study", "create", texts, "--conditions", "text", "--out", tmp_path / "s"),
        *("--scale", "5", "--only-scale"),
    )
    assert done.code == 0, done.err
    assert "not applicable" in done.err
    assert read_settings(tmp_path / "s" / "study.toml").answers.names == tuple("12345")
    assert not (tmp_path / "s" / "targets.parquet").exists()


def test_the_same_command_goes_on(texts: Path, tmp_path: Path, call: Call) -> None:
    command = ("study", "create", texts, "--conditions", "text", "--out", tmp_path / "s", "--quiet")
    assert call(*command).code == 0
    before = (tmp_path / "s" / "stimuli.parquet").read_bytes()
    again = call(*command)
    assert again.code == 0, again.err
    assert (tmp_path / "s" / "stimuli.parquet").read_bytes() == before
    assert "other settings" in one_error(call(*command, "--seed", "1"), 1)


def test_export_says_what_goes_with_which_tool(texts: Path, tmp_path: Path, call: Call) -> None:
    done = call("export", texts, "--to", "label-studio", "--out", tmp_path / "ls", "--json", "--quiet")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {
        "out": str(tmp_path / "ls"),
        "projects": [str(tmp_path / "ls" / "text")],
        "tasks": 30,
        "files": 0,
    }
    assert call("export", texts, "--to", "label-studio", "--quiet").code == 2
    assert call("export", texts, "--to", "fiftyone", "--out", tmp_path / "x", "--quiet").code == 2
    assert call("export", texts, "--to", "fiftyone", "--quiet").code == 3
