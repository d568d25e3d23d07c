"""Embeddings are joined by id, finite, and carry a card that tells any two makings apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixedsignals.embeddings import Card, Embeddings
from mixedsignals.errors import InputError

CARD = Card("audio", "tiny", "abc", "last", "mean", {"rate": 16_000, "seconds": 10.0})
VALUES = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_rows_follow_ids_not_order() -> None:
    chosen = Embeddings(("a", "b", "c"), VALUES, CARD).select(["c", "a"])
    assert chosen.clip_ids == ("c", "a")
    assert chosen.values.tolist() == [[4, 5], [0, 1]]


def test_an_absent_clip_is_named() -> None:
    with pytest.raises(InputError, match="x, y"):
        Embeddings(("a", "b", "c"), VALUES, CARD).select(["a", "x", "y"])


@pytest.mark.parametrize(
    ("ids", "values", "code"),
    [
        (("a", "a", "b"), VALUES, "duplicate-id"),
        (("a", "b"), VALUES, "embedding-shape"),
        (("a", "b", "c"), VALUES[:, 0], "embedding-shape"),
        (("a", "b", "c"), np.where(VALUES == 3, np.nan, VALUES), "not-finite"),
    ],
)
def test_bad_embeddings(ids: tuple[str, ...], values: np.ndarray, code: str) -> None:
    with pytest.raises(InputError) as caught:
        Embeddings(ids, values, CARD)
    assert [problem.code for problem in caught.value.problems] == [code]


def test_round_trip_without_pickle(tmp_path: Path) -> None:
    path = tmp_path / "audio.npz"
    made = Embeddings(("ä", "0012", "c"), VALUES, CARD)
    made.save(path)
    read = Embeddings.load(path)
    assert (read.clip_ids, read.card) == (made.clip_ids, made.card)
    assert np.array_equal(read.values, made.values)


def test_an_object_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, clip_ids=np.array(["a"]), values=np.array([object()]), card=np.array("{}"))
    with pytest.raises(InputError, match="cannot be read"):
        Embeddings.load(path)


def test_the_card_tells_makings_apart() -> None:
    others = [
        Card("audio", "tiny", "abd", "last", "mean", CARD.preprocessing),
        Card("audio", "tiny", "abc", "last", "first", CARD.preprocessing),
        Card("audio", "tiny", "abc", "last", "mean", {"rate": 16_000, "seconds": 9.0}),
        Card("audio", "tiny", "abc", "last", "mean", CARD.preprocessing, fold=1, seed=42),
    ]
    assert len({card.digest() for card in (CARD, *others)}) == 5
    same = Card("audio", "tiny", "abc", "last", "mean", {"seconds": 10.0, "rate": 16_000}, licence="MIT")
    assert same.digest() == CARD.digest()
    assert Card.from_dict(CARD.to_dict()).digest() == CARD.digest()
