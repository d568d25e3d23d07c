"""What a study is: conditions in one spelling, arms, ranges, and every fault named at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixedsignals.errors import InputError
from mixedsignals.labels import PERCEIVED
from mixedsignals.study.conditions import includes, is_condition, parse_condition, sound_of
from mixedsignals.study.folder import PAGES, StudyFolder, open_study
from mixedsignals.study.settings import StudySettings, read_settings, write_settings

GOOD = StudySettings("a study", ("text", "audio", "text+audio+video"), labels=("no", "yes"))
conditions = st.lists(st.sampled_from(PERCEIVED), min_size=1, unique=True).filter(
    lambda parts: not {"audio", "audio-lowpass"} <= set(parts)
)


@given(conditions, st.randoms(use_true_random=False))
def test_a_condition_has_one_spelling(parts: list[str], random: object) -> None:
    one = parse_condition("+".join(parts))
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert parse_condition(" + ".join(parts)) == one
    assert is_condition(one)
    assert (sound_of(one) is None) == (not {"audio", "audio-lowpass"} & set(parts))


@pytest.mark.parametrize(
    "wrong", ["", "smell", "audio+audio", "audio+audio-lowpass", "text,audio", "+", "Audio"]
)
def test_what_is_no_condition(wrong: str) -> None:
    assert not is_condition(wrong)
    with pytest.raises(InputError):
        parse_condition(wrong)


@given(conditions, conditions)
def test_including_is_strict_and_has_a_direction(one: list[str], other: list[str]) -> None:
    first, second = parse_condition("+".join(one)), parse_condition("+".join(other))
    assert not includes(first, first)
    assert not (includes(first, second) and includes(second, first))


def test_sound_with_its_words_includes_sound_without() -> None:
    assert includes("audio", "audio-lowpass")
    assert not includes("audio-lowpass", "audio")


def test_arms_add_and_have_a_control() -> None:
    study = StudySettings("s", ("text", "audio", "text+audio"), ("a", "b"), design="counterfactual")
    assert [arm.name for arm in study.arms] == [
        "text>text+audio",
        "text>text",
        "audio>text+audio",
        "audio>audio",
    ]
    assert [arm.is_control for arm in study.arms] == [False, True, False, True]
    assert study.cells == tuple(arm.name for arm in study.arms)
    assert GOOD.arms == ()


def test_where_nothing_can_be_added_there_is_no_arm() -> None:
    with pytest.raises(InputError, match="gives all that another gives"):
        StudySettings("s", ("text", "audio"), ("a", "b"), design="counterfactual")


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        StudySettings(
            " ",
            ("smell", "audio+text", "audio+text"),
            labels=("a", "a"),
            design="round",  # type: ignore[arg-type]
            scale=1,
            practice=-1,
            raters_per_cell=2.5,  # type: ignore[arg-type]
            confidence="yes",  # type: ignore[arg-type]
            loudness=3.0,
            items_per_participant=3,
            repeats=4,
            completion_url="http://plain.example",
        )
    told = str(caught.value)
    for what in (
        "name is",
        "'smell' is not a condition",
        "the spelling 'text+audio'",
        "each condition once",
        "labels are listed twice",
        "design is 'round'",
        "scale is 1",
        "practice is -1",
        "raters_per_cell is 2.5",
        "confidence is 'yes'",
        "loudness is 3.0",
        "repeats is 4",
        "https://",
    ):
        assert what in told


def test_somebody_must_be_able_to_answer() -> None:
    with pytest.raises(InputError, match="nobody could answer"):
        StudySettings("s", ("text",))
    only_scale = StudySettings("s", ("text",), scale=7)
    assert only_scale.answers.names == tuple("1234567")
    assert only_scale.answers.kind == "ordinal"


@given(
    st.builds(
        StudySettings,
        name=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1).filter(
            str.strip
        ),
        conditions=st.just(("text", "audio-lowpass")),
        labels=st.just(("ja", "nein, “gar” nicht")),
        loudness=st.none() | st.floats(-40, -10),
        scale=st.just(0) | st.integers(2, 11),
        free_text=st.booleans(),
        seed=st.integers(0, 2**31 - 1),
    )
)
def test_written_and_read_again_it_is_the_same(settings: StudySettings) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.toml"
        write_settings(settings, path)
        assert read_settings(path) == settings


def test_faults_of_the_file_are_named_with_those_of_its_values(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        'labels = ["a", "b"]\nconditions = ["text", 3]\nraters = 4\npractice = true\n', encoding="utf-8"
    )
    with pytest.raises(InputError) as caught:
        read_settings(path)
    told = str(caught.value)
    for what in ("raters is not a known entry", "name is not there", "conditions is", "practice is True"):
        assert what in told
    path.write_text("labels = [", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as TOML"):
        read_settings(path)


def test_people_needed(tmp_path: Path) -> None:
    assert (
        StudySettings("s", ("text", "audio"), ("a", "b"), items_per_participant=20).participants_for(60) == 30
    )
    assert StudySettings("s", ("text",), ("a", "b"), items_per_participant=20).participants_for(1) == 1


def test_the_folder_names_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no study"):
        open_study(tmp_path)
    folder = StudyFolder(tmp_path)
    write_settings(GOOD, folder.settings_path)
    with pytest.raises(InputError) as caught:
        open_study(tmp_path)
    told = str(caught.value)
    assert all(f"pages/{name}.md" in told for name in PAGES)
    assert "stimuli.parquet" in told
    assert "clips.parquet" in told


def test_pages_of_the_owner_are_never_written_over(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    folder.write_missing_pages()
    (folder.pages / "consent.md").write_text("mine", encoding="utf-8")
    folder.write_missing_pages()
    assert folder.page("consent") == "mine"
    assert "{label}" in folder.page("attention")
