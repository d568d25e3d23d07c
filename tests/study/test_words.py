"""The pages' words: one file, every entry used, every entry that is asked for there, faults in a translation named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import mixedsignals.study.server as server
from mixedsignals.errors import InputError
from mixedsignals.study.server.words import OVERRIDE, languages, read_words

ROOT = Path(server.__file__).parent
ENGLISH = tomllib.loads((ROOT / "words" / "en.toml").read_text(encoding="utf-8"))
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in [*ROOT.rglob("*.py"), *ROOT.rglob("*.j2")])
MADE = ("stage_", "flag_", "reason_", "group_", "owner_")
"""Beginnings of names that are put together where they are used."""


def test_every_word_that_a_page_asks_for_is_there() -> None:
    asked = set(re.findall(r"words\(\s*[\"'](\w+)[\"']\s*[,)]", SOURCES))
    asked |= set(re.findall(r"Stop\(\d+, \"(\w+)\"\)", SOURCES))
    assert asked
    assert asked <= set(ENGLISH)


def test_no_word_is_left_over() -> None:
    unused = {
        name
        for name in ENGLISH
        if not name.startswith(MADE) and f'"{name}"' not in SOURCES and f"'{name}'" not in SOURCES
    }
    assert unused == set()


def test_no_page_has_words_of_its_own() -> None:
    for path in (ROOT / "templates").glob("*.j2"):
        text = re.sub(
            r"\{% block width %\}.*?\{% endblock %\}|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<!doctype html>",
            "",
            path.read_text(),
            flags=re.S,
        )
        own = re.sub(r"<[^>]*>", "", text)
        assert not re.findall(r"[A-Za-z]{3,}", own.replace("alpha", "")), path.name


def test_a_translation_replaces_what_it_has(tmp_path: Path) -> None:
    assert "en" in languages()
    assert read_words("en", tmp_path)("progress", done=1, total=2) == "1 of 2 done"
    (tmp_path / OVERRIDE).write_text('progress = "{done} von {total}"\nsend = "Weiter"\n')
    words = read_words("de", tmp_path)
    assert words("progress", done=1, total=2) == "1 von 2"
    assert words("send") == "Weiter"
    assert words("brand") == "Study"


def test_faults_of_a_translation_are_named_all_at_once(tmp_path: Path) -> None:
    lines = ['progress = "{done} von"', "send = 3", 'unheard = "x"', 'brand = "a { b"']
    (tmp_path / OVERRIDE).write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        read_words("en", tmp_path)
    assert {problem.code for problem in caught.value.problems} == {"illegal-string", "unknown-string"}
    assert len(caught.value.problems) == 4
