"""Trained heads asked about mixed-up clips: they answer as they did in the run, and out of fold, whatever is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import InputError, UsageError
from mixedsignals.heads import (
    FUSIONS,
    TOKEN,
    WITHHELD,
    Asking,
    HeadOptions,
    Items,
    fit_heads,
    load_heads,
    save_heads,
    with_noise,
)

from .conftest import card, make

FULL = "text+audio+video"


def fitted(made, name="gated", combinations=None, seeds=(1, 2), **options):
    chosen = HeadOptions(fusion=name, epochs=2, threads=1, group_size=2, **options)
    return fit_heads(
        *made.arguments, run_id="r", seeds=seeds, options=chosen, combinations=combinations, source="fusion"
    )


def asked(made, results, **options):
    return Asking(results.models, made.embeddings, made.splits, **options)


def own(results, asking, given):
    """The run's own out-of-fold probabilities as `ask` gives them."""
    table = results.predictions.filter(pl.col("given") == given)
    found = np.full((len(asking.seeds), len(asking.clip_ids), len(asking.labels)), np.nan)
    seed = np.searchsorted(asking.seeds, table["seed"])
    found[seed, asking.positions(table["clip_id"].to_list()), asking.labels.codes(table["label"])] = table[
        "probability"
    ]
    return found


@pytest.fixture(scope="module")
def ragged():
    """Half the clips have no video."""
    made = make(n=150, folds=2, n_labels=3, missing={"video": 0.5, "text": 0.05})
    return made, fitted(made)


@pytest.fixture(scope="module")
def complete():
    made = make(n=100, folds=2)
    return made, fitted(made, combinations=[FULL])


def test_without_any_change_all_combinations_say_exactly_what_the_run_said(ragged) -> None:
    made, results = ragged
    asking = asked(made, results)
    items = asking.plain()
    assert len(items) == 150
    for name in asking.combinations:
        expected = own(results, asking, name)[:, items.clips]
        np.testing.assert_array_equal(asking.ask(items, name), expected, err_msg=name)
    assert np.isnan(asking.ask(items, "video")).any(axis=(0, 2)).mean() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("name", "missing"), [*((name, "mask") for name in FUSIONS), ("gated", "tokens"), ("attention", "tokens")]
)
def test_every_member_says_exactly_what_it_said(name, missing, tmp_path) -> None:
    made = make(n=80, folds=2, missing={"audio": 0.3})
    results = fitted(made, name, [FULL], seeds=(1,), missing=missing)
    save_heads(results.models, tmp_path)
    asking = Asking(load_heads(tmp_path), made.embeddings, made.splits)
    items = asking.plain()
    np.testing.assert_array_equal(asking.ask(items), own(results, asking, FULL)[:, items.clips])


@pytest.mark.parametrize("name", ["gated", "attention", "product"])
def test_a_clip_that_shows_everything_of_another_is_that_other(name) -> None:
    made = make(n=60, folds=2)
    asking = asked(made, fitted(made, name, [FULL], seeds=(1,)))
    here, there = np.flatnonzero(asking.folds == 0)[:2], np.flatnonzero(asking.folds == 0)[2:4]
    items = asking.plain(here)
    for modality in asking.modalities:
        items = items.showing(modality, there)
    np.testing.assert_allclose(asking.ask(items), asking.ask(asking.plain(there)), atol=1e-12)


def test_a_swap_is_the_same_seen_from_either_clip(complete) -> None:
    asking = asked(*complete)
    one, other = (np.flatnonzero(asking.folds == 1)[part] for part in (slice(0, 10), slice(10, 20)))
    lent = asking.plain(one).showing("audio", other)
    taken = asking.plain(other).showing("text", one).showing("video", one)
    np.testing.assert_array_equal(asking.ask(lent), asking.ask(taken))
    assert np.abs(asking.ask(lent) - asking.ask(asking.plain(one))).max() > 1e-3


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=15)
def test_neither_order_nor_company_nor_repeats_change_an_answer(complete, seed) -> None:
    made, results = complete
    asking = asked(made, results, threads=1 + seed % 2)
    rng = np.random.default_rng(seed)
    clips = rng.integers(0, 100, size=40)
    items = Items(clips, {m: rng.integers(-1, 100, size=40) for m in asking.modalities})
    order = rng.integers(0, 40, size=60)
    whole = asking.ask(items)
    np.testing.assert_allclose(asking.ask(items.take(order)), whole[:, order], atol=1e-12)
    nothing = np.all([items.shown[m] == WITHHELD for m in asking.modalities], axis=0)
    assert (np.isnan(whole).all(axis=(0, 2)) == nothing).all()
    np.testing.assert_allclose(whole[:, ~nothing].sum(axis=-1), 1.0)


def test_what_is_withheld_is_as_if_the_clip_lacked_it(complete) -> None:
    made, results = complete
    asking = asked(made, results)
    whole = made.embeddings["audio"]
    lacking = {
        **made.embeddings,
        "audio": Embeddings(whole.clip_ids[1:], whole.values[1:], whole.card),
    }
    other = Asking(results.models, lacking, made.splits)
    clip = whole.clip_ids[0]
    expected = other.ask(other.plain(other.positions([clip])))
    items = asking.plain(asking.positions([clip])).showing("audio", WITHHELD)
    np.testing.assert_array_equal(asking.ask(items), expected)
    np.testing.assert_array_equal(asking.ask(asking.plain(items.clips).only(["text", "video"])), expected)


def test_only_the_heads_of_the_fold_that_never_saw_the_clip_answer(complete) -> None:
    made, results = complete
    kept = [model for model in results.models.heads if model.head.fold == 0]
    asking = Asking(replace(results.models, heads=tuple(kept)), made.embeddings, made.splits)
    answers = asking.ask(asking.plain())
    assert (np.isnan(answers[0, :, 0]) == (asking.folds != 0)).all()


def test_a_vector_from_outside_is_asked_about_like_any_other(complete) -> None:
    made, results = complete
    asking = asked(made, results)
    items = asking.plain(np.arange(5))
    numbers = asking.add("video", made.embeddings["video"].select(asking.clip_ids[:5]).values)
    np.testing.assert_array_equal(asking.ask(items.showing("video", numbers)), asking.ask(items))
    moved = asking.add("video", made.embeddings["video"].values[:5] + 1)
    assert np.abs(asking.ask(items.showing("video", moved)) - asking.ask(items)).max() > 1e-4


@pytest.mark.parametrize("decibels", [20.0, 0.0])
def test_noise_has_the_stated_ratio_and_depends_on_nothing_but_its_seed(decibels) -> None:
    made = make(n=40, folds=2, widths={"text": 400, "audio": 5})
    results = fitted(made, "product", ["text+audio"], seeds=(1,))
    asking = asked(made, results)
    noisy = with_noise(asking, asking.plain(), "text", decibels, seed=3)
    for row in range(0, 40, 7):
        standard = asking.heads("text+audio", int(asking.folds[noisy.clips[row]])).standardisers["text"]
        before = (asking.bank.values["text"][row] - standard.mean) / standard.scale
        after = (asking.bank.values["text"][noisy.shown["text"][row]] - standard.mean) / standard.scale
        ratio = np.square(before).mean() / np.square(after - before).mean()
        assert 10 * np.log10(ratio) == pytest.approx(decibels, abs=1.5)
    again = asked(made, results)
    fewer = with_noise(again, again.plain([7, 3]), "text", decibels, seed=3)
    np.testing.assert_array_equal(again.ask(fewer), asking.ask(noisy)[:, [7, 3]])
    other = with_noise(again, again.plain([7, 3]), "text", decibels, seed=4)
    assert np.abs(again.ask(other) - again.ask(fewer)).max() > 0


def test_noise_leaves_clips_alone_that_show_nothing(ragged) -> None:
    asking = asked(*ragged)
    lacking = asking.plain(np.flatnonzero(~asking.has("video"))[:6])
    np.testing.assert_array_equal(asking.ask(with_noise(asking, lacking, "video", 0.0)), asking.ask(lacking))


def test_answers_become_rows_in_the_order_asked(ragged) -> None:
    asking = asked(*ragged)
    items = asking.plain(np.flatnonzero(asking.folds >= 0)[:4])
    answers = asking.ask(items, "video")
    rows = asking.frame(answers, items, probe="swap", donor_id=["a", "b", "c", "d"], modality=None)
    there = [at for at in range(4) if not np.isnan(answers[0, at, 0])]
    assert rows.columns == ["seed", "clip_id", "probe", "donor_id", "modality", "label", "probability"]
    assert rows.height == 2 * len(there) * 3
    first = rows.head(3)
    assert first["label"].to_list() == ["label0", "label1", "label2"]
    assert first["donor_id"].unique().to_list() == ["abcd"[there[0]]]
    np.testing.assert_array_equal(first["probability"], answers[0, there[0]])


def test_what_cannot_be_asked_is_refused_in_words(complete) -> None:
    made, results = complete
    asking = asked(made, results)
    items = asking.plain()
    with pytest.raises(UsageError, match="no heads on 'text'; legal are text\\+audio\\+video"):
        asking.ask(items, "text")
    with pytest.raises(UsageError, match="learn_tokens"):
        asking.ask(items.showing("text", TOKEN))
    with pytest.raises(UsageError, match="no modality 'smell'; legal are text, audio, video"):
        items.showing("smell", 0)
    with pytest.raises(InputError, match="width 4"):
        asking.add("video", np.zeros((2, 9)))
    with pytest.raises(InputError, match="nobody"):
        asking.positions(["0001", "nobody"])
    with pytest.raises(UsageError, match="no heads to ask"):
        Asking([], made.embeddings, made.splits)
    with pytest.raises(UsageError, match="two heads"):
        Asking([results.models, results.models], made.embeddings, made.splits)
    strange = replace(made.embeddings["text"], card=card("text", encoder="another"))
    with pytest.raises(InputError, match="another"):
        Asking(results.models, {**made.embeddings, "text": strange}, made.splits)
