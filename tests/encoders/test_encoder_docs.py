"""The page on encoders says what the code does: its example runs, and its table of licences is the catalogue's."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from mixedsignals.encoders import PRESETS, WEIGHTS, encode, registry

PAGE = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    namespace: dict[str, object] = {}
    exec(code, namespace)
    monkeypatch.setitem(registry.BUILT_IN, "punctuation", ("text", namespace["make"]))
    clips = pl.DataFrame({"clip_id": ["a", "b"], "transcript": ["What? No!!", "Yes."]})
    found = encode(clips, tmp_path, "text", "punctuation", cache=tmp_path, device="cpu")
    assert found.embeddings.values.tolist() == [[1.0, 2.0], [0.0, 0.0]]


def test_the_group_is_the_one_that_is_read() -> None:
    assert f'[project.entry-points."{registry.GROUP}"]' in PAGE


def test_the_licences_are_those_of_the_catalogue() -> None:
    rows = dict(re.findall(r"^\| `([\w.-]+)` \| ([\w.-]+) \|", PAGE, flags=re.MULTILINE))
    assert rows == {weights.name: weights.licence for weights in WEIGHTS.values()}


def test_the_presets_are_named() -> None:
    assert all(f"| `{preset}`" in PAGE for preset in PRESETS)
