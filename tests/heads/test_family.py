"""Every member of the family: the same numbers alone and in a group, any subset of modalities, saved and loaded, and
nothing learned from clips that it may not see."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mixedsignals.embeddings import Embeddings
from mixedsignals.errors import UsageError
from mixedsignals.heads import FUSIONS, HeadOptions, fit_heads, load_heads, predict_heads, save_heads
from mixedsignals.heads.basis import Bases, inner_folds
from mixedsignals.heads.data import prepare
from mixedsignals.heads.fusion import fusion_of, is_solved
from mixedsignals.heads.grid import buckets_of
from mixedsignals.heads.linear import LinearFit
from mixedsignals.heads.training import train_group
from mixedsignals.progress import SILENT

from .conftest import Made, make

FULL = "text+audio+video"
MEMBERS = tuple(FUSIONS)
SOLVED = tuple(name for name in MEMBERS if is_solved(HeadOptions(fusion=name)))
TRAINED = tuple(name for name in MEMBERS if name not in SOLVED)
RAGGED = {"text": 0.1, "audio": 0.2, "video": 0.3}


def quick(name: str, **changes: object) -> HeadOptions:
    return HeadOptions(fusion=name, epochs=3, threads=1, group_size=2, **changes)  # type: ignore[arg-type]


def fitted(made: Made, name: str, **options: object):
    speakers = {clip: f"s{int(clip) % 12}" for clip in made.targets["clip_id"]}
    return fit_heads(
        *made.arguments,
        run_id="r",
        seeds=(1,),
        options=quick(name, **options),
        combinations=[FULL],
        groups=speakers,
    )


def relabelled(made: Made, roles: tuple[str, ...], fold: int) -> Made:
    """The corpus with the labels of the clips of some roles in one fold turned round."""
    clips = made.splits.filter(pl.col("fold") == fold, pl.col("role").is_in(roles))["clip_id"].to_list()
    turned = pl.when(pl.col("label") == "label0").then(pl.lit("label1")).otherwise(pl.lit("label0"))
    targets = made.targets.with_columns(
        pl.when(pl.col("clip_id").is_in(clips)).then(turned).otherwise("label").alias("label")
    )
    return Made(made.embeddings, targets, made.splits, made.labels)


@pytest.mark.parametrize("missing", ["mask", "tokens"])
@pytest.mark.parametrize("name", TRAINED)
def test_groups_equal_one_after_another_in_float64(name: str, missing: str) -> None:
    made = make(n=110, missing=RAGGED)
    data = prepare(*made.arguments, seeds=(1, 2), soft=False, progress=SILENT)
    options = HeadOptions(fusion=name, epochs=2, batch_size=32, dtype="float64", missing=missing)  # type: ignore[arg-type]
    (bucket,) = buckets_of(data, [FULL], (1, 2), options.batch_size)
    together = train_group(data, bucket.heads, options)
    for one in (together[0], together[-1]):
        (alone,) = train_group(data, [one.head], options)
        assert alone.best == one.best
        for array, value in one.arrays.items():
            np.testing.assert_allclose(value, alone.arrays[array], atol=1e-9, rtol=0, err_msg=array)
        np.testing.assert_allclose(one.test.probabilities, alone.test.probabilities, atol=1e-9)


@pytest.mark.parametrize("name", ["gmu", "evidential"])
def test_gradient_modulation_equals_itself_in_groups_and_changes_the_result(name: str) -> None:
    made = make(n=110)
    data = prepare(*made.arguments, seeds=(1, 2), soft=False, progress=SILENT)
    options = HeadOptions(fusion=name, epochs=3, batch_size=32, dtype="float64", modulation=True)
    (bucket,) = buckets_of(data, [FULL], (1, 2), options.batch_size)
    together = train_group(data, bucket.heads, options)
    (alone,) = train_group(data, bucket.heads[-1:], options)
    np.testing.assert_allclose(together[-1].test.probabilities, alone.test.probabilities, atol=1e-9)
    plain = HeadOptions(fusion=name, epochs=3, batch_size=32, dtype="float64")
    (without,) = train_group(data, bucket.heads[-1:], plain)
    assert np.abs(without.test.probabilities - alone.test.probabilities).max() > 1e-6


@pytest.mark.parametrize("name", MEMBERS)
def test_saved_and_loaded_heads_agree_with_the_tables_on_any_subset(name: str, tmp_path) -> None:
    made = make(missing=RAGGED, n_labels=3)
    results = fitted(made, name)
    save_heads(results.models, tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".safetensors", ".json")]
    models = load_heads(tmp_path)
    said = predict_heads(models, made.embeddings, splits=made.splits)
    joined = results.predictions.join(said.predictions, on=["clip_id", "given", "source", "label"])
    assert joined.height == results.predictions.height
    assert (joined["probability"] - joined["probability_right"]).abs().max() < 1e-5
    assert set(results.predictions["source"]) == {FUSIONS[name].source}
    for fewer in (["text"], ["audio", "video"]):
        left = {modality: made.embeddings[modality] for modality in fewer}
        part = predict_heads(models, left, splits=made.splits)
        sums = part.predictions.group_by("clip_id").agg(pl.col("probability").sum())
        assert sums["probability"].is_between(1 - 1e-6, 1 + 1e-6).all()
        assert set(part.gates["modality"]) == set(fewer)
    assert results.gates.select(pl.col("gate", "weight").is_between(0, 1).all()).row(0) == (True, True)
    whole = results.gates.group_by("clip_id").agg(pl.col("weight").sum())
    assert whole["weight"].is_between(1 - 1e-5, 1 + 1e-5).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_modality_leaves_no_trace(name: str) -> None:
    """What stands in the rows of a modality that a clip lacks must not matter."""
    made = make(missing={"video": 0.5})
    models = fitted(made, name).models
    some = [
        clip for clip in made.embeddings["text"].clip_ids if clip not in made.embeddings["video"].clip_ids
    ]
    without = {m: made.embeddings[m].select(some) for m in ("text", "audio")}
    crowd = dict(made.embeddings)
    alone = predict_heads(models, without).predictions
    among = predict_heads(models, crowd).predictions.filter(pl.col("clip_id").is_in(some))
    both = alone.join(among, on=["clip_id", "label"])
    assert both.height == alone.height
    assert (both["probability"] - both["probability_right"]).abs().max() < 1e-5


@pytest.mark.parametrize("name", MEMBERS)
def test_labels_of_test_clips_teach_nothing(name: str) -> None:
    made = make(folds=2)
    before = fitted(made, name).predictions
    after = fitted(relabelled(made, ("test",), 0), name).predictions
    tested = made.splits.filter(pl.col("fold") == 0, pl.col("role") == "test")["clip_id"].to_list()
    kept = [frame.filter(pl.col("clip_id").is_in(tested))["probability"] for frame in (before, after)]
    assert kept[0].to_list() == kept[1].to_list()


@pytest.mark.parametrize("name", ["mean", "product", "concat", "conflict"])
def test_labels_of_tuning_clips_teach_these_nothing(name: str) -> None:
    made = make(folds=2)
    before = fitted(made, name).predictions
    after = fitted(relabelled(made, ("tune",), 0), name).predictions
    tested = made.splits.filter(pl.col("fold") == 0, pl.col("role") == "test")["clip_id"].to_list()
    kept = [frame.filter(pl.col("clip_id").is_in(tested))["probability"] for frame in (before, after)]
    assert kept[0].to_list() == kept[1].to_list()


@pytest.mark.parametrize("name", SOLVED)
def test_other_seeds_and_class_weights_are_finite(name: str) -> None:
    made = make(n_labels=3, n=90)
    found = fitted(made, name, class_weights=True)
    assert found.predictions["probability"].is_finite().all()
    assert len(found.models.heads) == 2
    assert all(len(one.history) == 1 for one in found.models.heads)


def test_the_solver_finds_the_optimum_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(150) % 3
    x = rng.normal(size=(150, 8)) + np.eye(3, 8)[truth] * 2
    for penalty in (0.01, 0.3):
        ours = LinearFit(x, np.eye(3)[truth])(penalty, tolerance=1e-9)
        theirs = LogisticRegression(C=1 / (penalty * len(x)), tol=1e-10, max_iter=5000).fit(x, truth)
        np.testing.assert_allclose(np.exp(ours(x)), theirs.predict_proba(x), atol=5e-3)


def test_more_columns_than_clips_are_no_obstacle() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(40) % 2
    x = rng.normal(size=(40, 200)) + truth[:, None] * 0.3
    ours = LinearFit(x, np.eye(2)[truth])(0.5, tolerance=1e-9)
    # For two labels scikit-learn holds one vector, which is the difference of our two.
    theirs = LogisticRegression(C=2 / (0.5 * 40), tol=1e-10, max_iter=5000).fit(x, truth)
    np.testing.assert_allclose(np.exp(ours(x)), theirs.predict_proba(x), atol=2e-2)


def test_inner_folds_keep_speakers_together() -> None:
    made = make()
    speakers = {clip: f"s{int(clip) % 12}" for clip in made.targets["clip_id"]}
    data = prepare(*made.arguments, seeds=(1,), soft=False, progress=SILENT, groups=speakers)
    folds = inner_folds(data, 0, 1)
    train = data.part(data.inputs, 0, "train")
    assert set(np.flatnonzero(folds >= 0)) == set(train)
    for speaker in np.unique(data.groups[train]):
        assert len(set(folds[train][data.groups[train] == speaker])) == 1
    assert len(set(folds[train])) == 5
    assert (inner_folds(data, 0, 2) != folds).any()
    assert (inner_folds(data, 0, 1, repeat=1) != folds).any()
    assert (inner_folds(data, 0, 1) == folds).all()
    labels = data.targets[train].argmax(axis=1)
    for kind in range(5):
        assert len(set(labels[folds[train] != kind])) == 2


def test_out_of_fold_posteriors_come_from_models_without_the_speaker() -> None:
    """Turning a speaker's labels round changes what is said of others, and nothing of what is said of the speaker."""
    made = make(n=120)
    speakers = {clip: f"s{int(clip) % 12}" for clip in made.targets["clip_id"]}
    data = prepare(*made.arguments, seeds=(1,), soft=False, progress=SILENT, groups=speakers)
    folds = inner_folds(data, 0, 1)
    first = Bases(data).of(0, 1, "audio").out_of_fold
    inside = folds == 0
    turned = data.targets.copy()
    turned[inside] = turned[inside][:, ::-1]
    other = prepare(*made.arguments, seeds=(1,), soft=False, progress=SILENT, groups=speakers)
    other.targets[:] = turned
    bases = Bases(other)
    bases._made[0, 1, 0] = folds  # the same inner folds
    second = bases.of(0, 1, "audio")
    if second.penalty == Bases(data).of(0, 1, "audio").penalty:
        np.testing.assert_allclose(second.out_of_fold[inside], first[inside], atol=1e-6)
    assert np.nanmax(np.abs(second.out_of_fold[~inside] - first[~inside])) > 1e-3


def test_mean_and_product_by_hand() -> None:
    made = make(n_labels=3)
    singles = fit_heads(
        *made.arguments,
        run_id="r",
        seeds=(1,),
        options=quick("mean"),
        combinations=["text", "audio", "video"],
    ).predictions
    wide = singles.pivot("source", index=["clip_id", "label"], values="probability")
    for name in ("mean", "product"):
        found = fit_heads(
            *made.arguments, run_id="r", seeds=(1,), options=quick(name), combinations=[FULL]
        ).predictions
        both = wide.join(found.select("clip_id", "label", "probability"), on=["clip_id", "label"])
        p = np.stack([both[m].to_numpy() for m in ("text", "audio", "video")])
        if name == "mean":
            np.testing.assert_allclose(both["probability"], p.mean(axis=0), atol=1e-5)
            continue
        share = {fold: _prior(made, fold) for fold in (0, 1)}
        fold_of = dict(made.splits.filter(role="test").select("clip_id", "fold").iter_rows())
        prior = np.array(
            [share[fold_of[clip]][label] for clip, label in zip(both["clip_id"], both["label"], strict=True)]
        )
        both = both.with_columns(raw=p.prod(axis=0) / prior**2)
        expected = both["raw"] / both.select(pl.col("raw").sum().over("clip_id"))["raw"]
        np.testing.assert_allclose(both["probability"], expected, atol=1e-5)


def _prior(made: Made, fold: int) -> dict[str, float]:
    train = made.splits.filter(pl.col("fold") == fold, pl.col("role") == "train").select("clip_id")
    labels = train.join(made.targets, on="clip_id")["label"]
    counts = {label: int((labels == label).sum()) + 1 / 3 for label in made.labels}
    return {label: n / sum(counts.values()) for label, n in counts.items()}


def test_unknown_members_are_named() -> None:
    with pytest.raises(UsageError, match="there is no fusion 'magic'; legal are gated"):
        fusion_of(HeadOptions(fusion="magic"))


def test_every_member_names_its_source() -> None:
    assert set(MEMBERS) >= {
        "gated",
        "concat",
        "mean",
        "product",
        "stacked",
        "gmu",
        "lowrank",
        "attention",
        "evidential",
        "conflict",
    }
    assert all(member.reference for member in FUSIONS.values())


def test_tokens_are_learned_where_modalities_are_missing() -> None:
    made = make(missing=RAGGED)
    (head, *_) = fitted(made, "gmu", missing="tokens").models.heads
    arrays = head.arrays()
    assert all(np.abs(arrays[f"weights/{m}.token"]).max() > 0 for m in ("text", "audio", "video"))


def _with_noise(made: Made) -> Made:
    """The corpus with a modality that carries nothing instead of text."""
    rng = np.random.default_rng(9)
    text = made.embeddings["text"]
    noise = Embeddings(text.clip_ids, rng.normal(size=text.values.shape).astype(np.float32), text.card)
    return Made({**made.embeddings, "text": noise}, made.targets, made.splits, made.labels)


def test_the_conflict_gate_shuts_a_modality_that_carries_nothing() -> None:
    made = _with_noise(make(n=160, signal=1.0))
    with_text = fitted(made, "conflict")
    closed = with_text.gates.filter(modality="text")
    assert (closed["gate"] == 0).mean() >= 0.5
    assert with_text.gates.filter(modality="audio")["gate"].min() > 0


def test_the_conflict_gate_turns_down_a_loud_modality_that_nobody_supports() -> None:
    """With planted lies the support counts: shown a contradiction, the same voice is heard less than when borne out."""
    rng = np.random.default_rng(1)
    made = make(n=400, signal=1.5, folds=2)
    truth = dict(made.targets.select("clip_id", "label").iter_rows())
    clips = list(truth)
    code = np.array([int(truth[clip][-1]) for clip in clips])
    liar = rng.integers(0, 9, len(clips))  # 0, 1, 2: that modality points the other way
    embeddings = {}
    for number, (modality, given) in enumerate(made.embeddings.items()):
        shown = np.where(liar == number, 1 - code, code)
        values = np.where(shown == 1, 2.0, -2.0)[:, None] + rng.normal(size=(len(clips), given.width))
        embeddings[modality] = Embeddings(tuple(clips), values.astype(np.float32), given.card)
    lying = Made(embeddings, made.targets, made.splits, made.labels)
    found = fitted(lying, "conflict")
    gates = found.gates.with_columns(
        lies=pl.col("clip_id").replace_strict(dict(zip(clips, liar.tolist(), strict=True)))
    )
    own = gates.filter(modality="audio")
    alone = own.filter(pl.col("lies") == 1)["gate"].mean()
    borne_out = own.filter(pl.col("lies") > 2)["gate"].mean()
    assert alone < borne_out - 0.05
    top = found.predictions.sort("probability").group_by("clip_id").last()
    right = np.mean([truth[clip] == label for clip, label in top.select("clip_id", "label").iter_rows()])
    assert right > 0.97


def test_torch_keeps_its_random_state() -> None:
    before = torch.random.get_rng_state()
    fitted(make(n=60), "attention")
    assert torch.equal(before, torch.random.get_rng_state())
