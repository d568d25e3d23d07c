"""The null of the finder: modalities dealt anew within label, speaker and fold, and the cases counted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import CannotFinish
from mixedsignals.heads import Asking, HeadOptions, fit_heads, shuffled
from mixedsignals.measures.dominance import shapley, unsupported_dominance

from .conftest import Made, make

FULL = "text+audio+video"


def fitted(made, name="gated", combinations=None, seeds=(1, 2)):
    chosen = HeadOptions(fusion=name, epochs=3, threads=1, group_size=4)
    results = fit_heads(*made.arguments, run_id="r", seeds=seeds, options=chosen, combinations=combinations)
    return Asking(results.models, made.embeddings, made.splits)


def twins(made: Made) -> Made:
    """Clips n and n + half of a corpus share all vectors, the label and the folds."""
    half = len(made.targets) // 2
    ids = made.targets["clip_id"].to_list()
    of = {**{clip: clip for clip in ids[:half]}, **dict(zip(ids[half:], ids[:half], strict=True))}
    embeddings = {}
    for modality, one in made.embeddings.items():
        row = {clip: at for at, clip in enumerate(one.clip_ids)}
        values = one.values[[row[of[clip]] for clip in ids]]
        embeddings[modality] = Embeddings(tuple(ids), values, one.card)
    label = dict(made.targets.select("clip_id", "label").iter_rows())
    role = {(clip, fold): role for clip, fold, role in made.splits.iter_rows()}
    targets = pl.DataFrame({"clip_id": ids, "label": [label[of[clip]] for clip in ids], "share": 1.0})
    splits = pl.DataFrame(
        [(clip, fold, role[of[clip], fold]) for clip in ids for fold in (0, 1)],
        schema=["clip_id", "fold", "role"],
        orient="row",
    )
    return Made(embeddings, targets, splits, made.labels)


@pytest.fixture(scope="module")
def pairs():
    """Sixty pairs of twins, each pair a speaker of its own, with a weak signal so that fusion often errs."""
    made = twins(make(n=120, folds=2, n_labels=4, signal=0.4))
    speakers = {clip: f"s{int(clip) % 60}" for clip in made.targets["clip_id"]}
    asking = fitted(made)
    return made, speakers, asking, shuffled(asking, made.targets, speakers, repeats=3)


def observed(asking: Asking, made: Made) -> np.ndarray:
    """Cases of the clips as they are, by definition: (seeds, clips, modalities, labels)."""
    items = asking.plain(np.arange(len(asking.clip_ids)))
    shares = asking.target_shares(made.targets)
    names = asking.modalities
    order = ["+".join(m for at, m in enumerate(names) if s >> at & 1) for s in range(1, 8)]
    said = {name: asking.ask(items, name) for name in order}
    found = np.zeros((len(asking.seeds), len(items), 3, len(asking.labels)))
    prior = np.stack([shares[asking.members_of(f, "train")].mean(axis=0) for f in asking.folds])
    rows = np.arange(len(items))
    for seed in range(len(asking.seeds)):
        fused = said[FULL][seed].argmax(axis=1)
        p = np.stack([prior[rows, fused], *(said[name][seed][rows, fused] for name in order)])
        alone = np.stack([said[name][seed].argmax(axis=1) for name in names])
        misled, dominant = unsupported_dominance(
            shapley(np.log(p / (1 - p))), alone, fused, shares.argmax(axis=1)
        )
        for clip in np.flatnonzero(misled):
            found[seed, clip, dominant[clip], alone[dominant[clip], clip]] = 1
    return found


def test_dealing_among_twins_changes_nothing_so_the_null_is_what_is_observed(pairs) -> None:
    made, _, asking, null = pairs
    expected = observed(asking, made)
    assert 0.02 < expected.sum(axis=(2, 3)).mean() < 0.9
    clip = asking.positions(null.rows["clip_id"].to_list())
    seed = np.searchsorted(asking.seeds, null.rows["seed"])
    modality = [asking.modalities.index(name) for name in null.rows["modality"]]
    label = asking.labels.codes(null.rows["label"])
    np.testing.assert_allclose(null.rows["probability"], expected[seed, clip, modality, label], atol=1e-12)


def test_every_clip_has_a_row_for_every_seed_modality_and_label(pairs) -> None:
    made, _, asking, null = pairs
    assert null.rows.height == 2 * 120 * 3 * 4
    assert set(null.dealt) == set(made.targets["clip_id"])
    assert null.alone == null.partial == ()
    assert null.by_speaker
    assert null.rows["probe"].unique().to_list() == ["shuffled"]
    assert null.rows["source"].unique().to_list() == [asking.source]
    assert null.rows["donor_id"].is_null().all()


def test_dealing_among_strangers_changes_something_and_repeats_with_its_seed(pairs) -> None:
    made, _, asking, _ = pairs
    strangers = shuffled(asking, made.targets, None, repeats=4)
    assert not strangers.by_speaker
    shares = strangers.rows["probability"].to_numpy() * 4
    np.testing.assert_allclose(shares, np.round(shares), atol=1e-12)
    per_clip = strangers.rows.group_by("seed", "clip_id").agg(pl.col("probability").sum())
    assert per_clip["probability"].max() <= 1
    assert ((shares > 0.5) & (shares < 3.5)).any()
    assert shuffled(asking, made.targets, {}, repeats=4).rows.equals(strangers.rows)
    assert not shuffled(asking, made.targets, None, repeats=4, seed=9).rows.equals(strangers.rows)


def test_clips_that_are_alone_or_lack_a_modality_are_left_out_and_counted() -> None:
    made = make(n=90, folds=2, missing={"video": 0.5}, signal=0.3)
    asking = fitted(made, "product", seeds=(1,))
    whole = np.flatnonzero(asking.has("video"))
    hermit, company = asking.clip_ids[whole[0]], {asking.clip_ids[row] for row in whole[1:]}
    speakers = {clip: None if clip == hermit else "same" for clip in asking.clip_ids}
    null = shuffled(asking, made.targets, speakers, repeats=2)
    assert null.alone == (hermit,)
    assert set(null.partial) == {clip for clip in asking.clip_ids if clip not in company | {hermit}}
    assert set(null.dealt) == company == set(null.rows["clip_id"])


def test_a_second_fusion_without_unimodal_heads_borrows_them(pairs) -> None:
    made, speakers, first, _ = pairs
    second = fitted(made, "mean", [FULL])
    null = shuffled(second, made.targets, speakers, beside=first, repeats=2)
    items = second.plain(np.arange(120))
    assert null.rows["source"].unique().to_list() == ["mean"]
    hits = null.rows.filter(pl.col("probability") > 0)
    assert hits.height
    for seed, clip, modality, label in hits.select("seed", "clip_id", "modality", "label").iter_rows():
        row = first.seeds.index(seed)
        said = first.ask(items.take(second.positions([clip])), modality)[row, 0].argmax()
        assert list(first.labels)[said] == label


def test_two_modalities_will_do_and_one_is_refused() -> None:
    made = make(n=60, folds=2, widths={"text": 4, "audio": 3}, signal=0.3)
    null = shuffled(fitted(made, "product", seeds=(1,)), made.targets, None, repeats=2)
    assert null.rows["modality"].unique(maintain_order=True).to_list() == ["text", "audio"]
    lone = Made({"text": made.embeddings["text"]}, made.targets, made.splits, made.labels)
    with pytest.raises(CannotFinish, match="the only modality is text"):
        shuffled(fitted(lone, "product", seeds=(1,)), made.targets, None)
