"""The star: a room imports shared files, libraries and itself; only `api` composes; torch stays where models are."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "mixedsignals"
SHARED = {
    "tables",
    "labels",
    "errors",
    "testing",
    "media",
    "store",
    "measures",
    "embeddings",
    "features",
    "progress",
    "shards",
    "sources",
    "manifest",
    "tuning_options",
    "probe_options",
}
ROOMS = {
    "corpus",
    "encoders",
    "cues",
    "heads",
    "probes",
    "diagnosis",
    "remedies",
    "report",
    "study",
    "engines",
}
WITHOUT_TORCH = (
    "corpus",
    "probes",
    "diagnosis",
    "remedies",
    "report",
    "study",
    "measures",
    "tables",
    "media",
)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import of one level stays in its folder; more levels would hide where they lead.
            assert node.level <= 1, f"{path}: relative import across folders"
            yield node.module or "" if node.level == 0 else f"mixedsignals.{place(path)}"
            if node.module == "mixedsignals":
                yield from (f"mixedsignals.{alias.name}" for alias in node.names)


def place(path: Path) -> str:
    """The room or shared file that a source file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


FILES = sorted(SOURCE.rglob("*.py"))


def test_every_folder_is_a_known_room_or_shared() -> None:
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= SHARED | ROOMS | {"api", "cli"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_star_not_chain(path: Path) -> None:
    own = place(path)
    used = {name.split(".")[1] for name in imports(path) if name.startswith("mixedsignals.")}
    if own in ROOMS:
        assert used <= SHARED | {own}, f"a room imports another: {sorted(used - SHARED - {own})}"
    elif own in SHARED - {"testing"}:
        assert used <= SHARED - {"testing"} | {own}
    elif own == "cli":
        assert used <= SHARED | {"cli", "api", "__version__"}


@pytest.mark.parametrize("path", [p for p in FILES if place(p) in WITHOUT_TORCH], ids=str)
def test_no_torch_where_models_are_not_needed(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"torch", "transformers", "accelerate"}


@pytest.mark.parametrize(
    "path", [p for p in FILES if place(p) != "media"], ids=lambda p: str(p.relative_to(SOURCE))
)
def test_only_media_decodes(path: Path) -> None:
    assert "av" not in {name.split(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_is_pickled(path: Path) -> None:
    pickling = {name.split(".")[0] for name in imports(path)} & {
        "pickle",
        "joblib",
        "dill",
        "cloudpickle",
        "shelve",
    }
    allowed = {"pickle"} if path.parent.name == "importers" else set()
    assert pickling <= allowed


@pytest.mark.parametrize("room", sorted(room for room in ROOMS if (SOURCE / room).is_dir()))
def test_a_room_says_what_it_takes_and_gives(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8")))
    assert docstring, "a room's first file says which tables it takes and gives"
    assert len([part for part in docstring.replace("\n", " ").split(". ") if part.strip()]) == 2


def test_import_and_help_bring_no_heavy_library() -> None:
    code = (
        "import sys, mixedsignals, mixedsignals.cli\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'polars', 'altair', 'scipy', 'av'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_diagnosis_and_report_run_without_torch() -> None:
    code = "import sys, mixedsignals.diagnosis, mixedsignals.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
