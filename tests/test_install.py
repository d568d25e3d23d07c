"""The core on its own: installed bare into a new environment, it imports and diagnoses without torch."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from mixedsignals.testing import make_evidence

PROJECT = Path(__file__).parents[1]

pytestmark = pytest.mark.index


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of programs of an environment that holds the core and nothing else."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    venv.create(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-compile"]
    pip += ["--disable-pip-version-check", "-c", str(PROJECT / "constraints.txt")]
    subprocess.run([*pip, str(PROJECT)], check=True, capture_output=True, text=True)
    return folder / "bin"


def test_the_core_has_no_heavy_library(bare: Path) -> None:
    code = (
        "import importlib.util as u, mixedsignals\n"
        "heavy = ['torch', 'transformers', 'crowdkit', 'statsmodels', 'ray', 'fastapi']\n"
        "print([name for name in heavy if u.find_spec(name)], mixedsignals.Labels(('a', 'b')).names)"
    )
    done = subprocess.run([str(bare / "python"), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] ('a', 'b')"


def test_the_core_diagnoses_reports_and_says_which_question_needs_a_library(
    bare: Path, tmp_path: Path
) -> None:
    made = make_evidence(n_clips=60, n_speakers=10, seed=2)
    made.votes.write_csv(tmp_path / "votes.csv")
    for source in ("text", "audio", "fusion"):
        own = made.predictions.filter(source=source, seed=42).pivot(
            "label", index="clip_id", values="probability"
        )
        own.write_csv(tmp_path / f"{source}.csv")
    files = [f"-p={tmp_path / f'{source}.csv'}" for source in ("text", "audio", "fusion")]
    files = [part for one in files for part in one.split("=", 1)]
    code = (
        "import polars as pl, sys; f = pl.read_parquet(sys.argv[1]);"
        "print(f.filter(code='MS406')['status'][0], f.filter(code='MS406')['message'][0])"
    )
    command = [str(bare / "mixedsignals"), "diagnose", *files, "--votes", str(tmp_path / "votes.csv")]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run"), "--quiet"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "macro-F1" in done.stdout
    findings = str(tmp_path / "run" / "tables" / "findings.parquet")
    said = subprocess.run(
        [str(bare / "python"), "-c", code, findings], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("not_applicable")
    assert "pip install 'mixedsignals[raters]'" in said.stdout
    assert (tmp_path / "run" / "report" / "index.html").stat().st_size > 100_000


def test_what_needs_torch_says_how_to_get_it(bare: Path, tmp_path: Path) -> None:
    from mixedsignals.testing import make_corpus

    make_corpus(tmp_path / "corpus", n_clips=60, n_speakers=6)
    command = [
        str(bare / "mixedsignals"),
        "run",
        str(tmp_path / "corpus"),
        "--out",
        str(tmp_path / "run"),
        "--quiet",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3
    assert "pip install 'mixedsignals[train]'" in done.stderr
    assert "Traceback" not in done.stderr
