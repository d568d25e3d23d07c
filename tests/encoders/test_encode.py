"""The line around an encoder: what is encoded, what is reused, what is absent, what is said, and what goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from encoder_fakes import CountingEncoder, Listener, vector_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixedsignals.encoders import Absent, encode, registry
from mixedsignals.errors import CannotFinish, InputError, UsageError


def table(words: list[str | None]) -> pl.DataFrame:
    rows = {"clip_id": [f"{at:04d}" for at in range(len(words))], "transcript": words}
    return pl.DataFrame(rows, schema={"clip_id": pl.String, "transcript": pl.String})


def run(words: list[str | None], cache: Path, **options: object):
    return encode(table(words), cache, "text", "counting", cache=cache, device="cpu", **options)


def test_rows_follow_the_clips(counting: CountingEncoder, tmp_path: Path) -> None:
    words = ["a longer sentence than others", "short", "middle one", "b", "cc", "ddd", "eeee"]
    found = run(words, tmp_path)
    assert found.embeddings.clip_ids == tuple(f"{at:04d}" for at in range(7))
    assert np.array_equal(found.embeddings.values, np.stack([vector_of(w) for w in words]))
    assert found.embeddings.card == counting.card
    assert (found.encoded, found.reused, found.absent, found.cut) == (7, 0, (), ())


def test_identical_words_are_encoded_once(counting: CountingEncoder, tmp_path: Path) -> None:
    found = run(["Kids are talking by the door.", "Dogs are sitting by the door."] * 720, tmp_path)
    assert len(found.embeddings) == 1440
    assert counting.seen == ["Dogs are sitting by the door.", "Kids are talking by the door."]
    assert found.encoded == 2


def test_a_second_run_does_not_even_load(counting: CountingEncoder, tmp_path: Path) -> None:
    first = run(["one", "two", "three"], tmp_path)
    second = run(["one", "two", "three"], tmp_path)
    assert counting.loads == 1
    assert (second.encoded, second.reused) == (0, 3)
    assert np.array_equal(first.embeddings.values, second.embeddings.values)


def test_only_what_changed_is_encoded_again(counting: CountingEncoder, tmp_path: Path) -> None:
    run(["one", "two", "three"], tmp_path)
    counting.batches.clear()
    found = run(["one", "two, corrected", "three"], tmp_path)
    assert counting.seen == ["two, corrected"]
    assert np.array_equal(found.embeddings.values[1], vector_of("two, corrected"))


def test_another_card_shares_nothing(
    counting: CountingEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["one"], tmp_path)
    other = CountingEncoder(revision="2")
    monkeypatch.setitem(registry.BUILT_IN, "counting", ("text", lambda request, cache: other))
    assert run(["one"], tmp_path).encoded == 1
    assert other.seen == ["one"]


def test_clips_without_words_are_absent_with_a_reason(counting: CountingEncoder, tmp_path: Path) -> None:
    found = run(["one", None, "", "  \n", "two"], tmp_path)
    assert found.embeddings.clip_ids == ("0000", "0004")
    assert found.absent == (
        Absent("0001", "no transcript"),
        Absent("0002", "no transcript"),
        Absent("0003", "the transcript is blank"),
    )


def test_no_clip_at_all_has_the_modality(counting: CountingEncoder, tmp_path: Path) -> None:
    with pytest.raises(CannotFinish, match=r"None of the 2 clips has text: no transcript \(2\)"):
        run([None, None], tmp_path)
    with pytest.raises(CannotFinish, match="there are no clips"):
        run([], tmp_path)


def test_clips_that_were_cut_are_named_on_every_run(counting: CountingEncoder, tmp_path: Path) -> None:
    for _ in range(2):
        listener = Listener()
        found = run(["short", "one two three four five six seven eight nine"], tmp_path, progress=listener)
        assert found.cut == ("0001",)
        assert any("1 clip is longer than counting takes in (max_tokens 8)" in line for line in listener.said)


def test_progress_counts_every_clip(counting: CountingEncoder, tmp_path: Path) -> None:
    listener = Listener()
    run([f"words {at}" for at in range(23)], tmp_path, progress=listener)
    assert listener.tasks["text by counting"] == [23, 23]
    assert not listener.said


def test_long_work_is_announced(
    counting: CountingEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixedsignals.encoders.pace._WORTH_SAYING", 0.0)
    counting.seconds = 0.01
    listener = Listener()
    run([f"words {at}" for at in range(30)], tmp_path, progress=listener)
    (line,) = listener.said
    assert "more clips will take about" in line
    assert "a stopped run goes on where it was" in line


def test_too_little_memory_halves_the_batch(counting: CountingEncoder, tmp_path: Path) -> None:
    counting.room = 2
    listener = Listener()
    words = [f"words {at}" for at in range(40)]
    found = run(words, tmp_path, batch_size=16, progress=listener)
    assert np.array_equal(found.embeddings.values, np.stack([vector_of(w) for w in words]))
    assert max(len(batch) for batch in counting.batches) == 2
    assert listener.said[-1].endswith("going on with 2.")


def test_too_little_memory_for_one_clip(counting: CountingEncoder, tmp_path: Path) -> None:
    counting.room = 0
    with pytest.raises(CannotFinish, match="too little memory to encode a single clip"):
        run(["one", "two"], tmp_path)


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory(
    counting: CountingEncoder, tmp_path: Path
) -> None:
    counting.room, counting.error = 0, RuntimeError("shapes do not match")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(["one"], tmp_path)


def test_values_that_are_not_finite_are_refused_and_not_kept(
    counting: CountingEncoder, tmp_path: Path
) -> None:
    counting.poison = "bad"
    with pytest.raises(CannotFinish, match="not finite for clips 0001"):
        run(["good", "bad"], tmp_path, batch_size=1)
    counting.poison = None
    assert np.array_equal(run(["bad"], tmp_path).embeddings.values[0], vector_of("bad"))


@pytest.mark.parametrize(
    ("encoder", "options", "said"),
    [
        ("features", {}, "Ready-made features go with encoder='features'"),
        ("lite", {"features": Path("f.npz")}, "Ready-made features go with encoder='features'"),
        ("lite", {"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_options_that_make_no_sense(
    encoder: str, options: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        encode(table(["one"]), tmp_path, "text", encoder, cache=tmp_path, **options)


def test_a_device_that_is_not_there(counting: CountingEncoder, tmp_path: Path) -> None:
    for device in ("nonsense", "cuda:77"):
        with pytest.raises(UsageError, match=f"device '{device}' cannot be used here"):
            encode(table(["one"]), tmp_path, "text", "counting", cache=tmp_path, device=device)
    assert counting.loads == 0


def test_without_torch_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "mixedsignals.encoders.frames", raising=False)
    table_of_one = pl.DataFrame({"clip_id": ["a"], "media": ["a.mp4"]})
    with pytest.raises(CannotFinish, match=r"Encoding needs PIL.*pip install 'mixedsignals\[train\]'"):
        encode(table_of_one, tmp_path, "video", "lite", cache=tmp_path)


def test_an_encoder_of_another_modality_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="minilm-l6 encodes text and was given for audio"):
        encode(table(["one"]), tmp_path, "audio", "minilm-l6", cache=tmp_path)
    with pytest.raises(InputError, match="given for smell"):
        encode(table(["one"]), tmp_path, "smell", "lite", cache=tmp_path)


def test_a_registered_encoder_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "theirs-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n", encoding="utf-8")
    (package / "entry_points.txt").write_text(
        "[mixedsignals.encoders]\ntheirs = theirs:make\n", encoding="utf-8"
    )
    code = """
from encoder_fakes import CountingEncoder
def make(request, cache):
    return CountingEncoder(revision=request.modality)
"""
    (tmp_path / "theirs.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = encode(table(["one"]), tmp_path, "text", "theirs", cache=tmp_path / "cache", device="cpu")
    assert found.embeddings.card.revision == "text"
    sys.modules.pop("theirs", None)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(st.text(min_size=0, max_size=12) | st.none(), min_size=1, max_size=30),
    size=st.integers(1, 9),
)
def test_any_words_in_any_batches(
    words: list[str | None],
    size: int,
    counting: CountingEncoder,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    having = {f"{at:04d}": w for at, w in enumerate(words) if w and w.strip()}
    if not having:
        with pytest.raises(CannotFinish):
            run(words, cache)
        return
    for _ in range(2):
        found = run(words, cache, batch_size=size)
        assert found.embeddings.clip_ids == tuple(having)
        assert np.array_equal(found.embeddings.values, np.stack([vector_of(w) for w in having.values()]))
        assert {a.clip_id for a in found.absent} == {f"{at:04d}" for at in range(len(words))} - set(having)
