"""The built-in corpus: what its datasheet says is so, and what was planted can be found again in it."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import chi2, kstest, norm, spearmanr

from mixedsignals.labels import MODALITIES
from mixedsignals.media import probe
from mixedsignals.tables import CLIPS, VOTES, read_table

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "src" / "mixedsignals" / "data" / "playhouse"
SINGLE = ("text", "audio", "video")
FULL = "text+audio+video"
EMPATHETIC = pl.col("label") == "empathetic"


@pytest.fixture(scope="module")
def clips() -> pl.DataFrame:
    return read_table(CLIPS, FOLDER / "clips.csv")


@pytest.fixture(scope="module")
def votes() -> pl.DataFrame:
    return read_table(VOTES, FOLDER / "votes.parquet")


@pytest.fixture(scope="module")
def truth() -> pl.DataFrame:
    return pl.read_parquet(FOLDER / "truth.parquet")


@pytest.fixture(scope="module")
def raters() -> pl.DataFrame:
    return pl.read_parquet(FOLDER / "truth_raters.parquet")


@pytest.fixture(scope="module")
def recipe() -> None:
    """Make the recipe importable, as it is when run as a script."""
    sys.path.insert(0, str(ROOT / "recipes"))


# What a user meets


def test_reads_as_a_corpus_without_problems() -> None:
    from mixedsignals.corpus import load_lenient

    corpus, problems = load_lenient(FOLDER)
    assert problems == []
    assert (corpus.name, corpus.licence) == ("playhouse", "CC0-1.0")
    assert corpus.modalities == MODALITIES
    assert set(corpus.labels) == {"empathetic", "neutral"}


def test_240_clips_balanced_within_speakers(clips: pl.DataFrame) -> None:
    assert len(clips) == 240
    per_speaker = clips.group_by("speaker_id", "label").len()
    assert per_speaker["speaker_id"].n_unique() == 24
    assert per_speaker["len"].to_list() == [5] * 48


def test_media_are_small_short_and_whole(clips: pl.DataFrame) -> None:
    files = [FOLDER / name for name in clips["media"]]
    assert {file.name for file in files} == {file.name for file in (FOLDER / "media").iterdir()}
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) <= 15_000_000
    for file in files:
        info = probe(file)
        assert (info.has_audio, info.has_video) == (True, True)
        assert info.duration is not None
        assert 2.0 <= info.duration <= 4.0
        assert (info.video_codec, info.audio_codec, info.container) == ("h264", "aac", "mp4")
        assert info.width == info.height == 224


def test_sound_is_audible_and_the_picture_moves(clips: pl.DataFrame) -> None:
    from mixedsignals.media import audio, frames

    for name in clips["media"][::24]:
        samples = audio(FOLDER / name)
        assert np.sqrt(np.mean(samples**2)) > 0.02
        assert np.abs(samples).max() <= 1.0
        pictures = frames(FOLDER / name, count=4).astype(float)
        assert all(np.abs(one - other).mean() > 0.2 for one, other in pairwise(pictures))


def test_datasheet_and_licence_come_with_it() -> None:
    assert "CC0 1.0 Universal" in (FOLDER / "LICENSE").read_text(encoding="utf-8")
    datasheet = (FOLDER / "DATASHEET.md").read_text(encoding="utf-8")
    for table in ("clips.csv", "votes.parquet", "truth.parquet", "truth_raters.parquet"):
        assert table in datasheet


def test_the_package_never_reads_the_truth() -> None:
    for source in (ROOT / "src").rglob("*.py"):
        assert not re.search(r"truth(_raters)?\.parquet", source.read_text(encoding="utf-8")), source


# Words do not give the label away


def test_sentences_differ_and_no_speaker_meets_a_problem_twice(clips: pl.DataFrame) -> None:
    assert clips["transcript"].n_unique() == 240
    assert clips["topic"].n_unique() == 30
    assert not clips.select("speaker_id", "topic").is_duplicated().any()
    lengths = [len(text.split()) for text in clips["transcript"]]
    assert min(lengths) >= 6
    assert max(lengths) <= 13


def _best_rule(features: list[set[str]], target: list[bool]) -> float:
    """Share right of the best rule "this feature means that label"."""
    inside = Counter(name for having, is_it in zip(features, target, strict=True) if is_it for name in having)
    outside = Counter(
        name for having, is_it in zip(features, target, strict=True) if not is_it for name in having
    )
    positives = sum(target)
    negatives = len(target) - positives
    hits = (inside[name] + negatives - outside[name] for name in inside | outside)
    return max(max(hit, len(target) - hit) for hit in hits) / len(target)


def test_no_single_word_mark_or_template_gives_the_label_away(clips: pl.DataFrame) -> None:
    target = clips.select(EMPATHETIC)["label"].to_list()
    tokens = [re.findall(r"[a-z']+|[,?.]", text.lower()) for text in clips["transcript"]]
    assert _best_rule([set(words) for words in tokens], target) < 0.62
    assert _best_rule([{" ".join(pair) for pair in pairwise(words)} for words in tokens], target) < 0.58
    assert _best_rule([{words[0]} for words in tokens], target) < 0.58


def test_problem_and_speaker_say_nothing_about_warmth(truth: pl.DataFrame, clips: pl.DataFrame) -> None:
    warmth = clips.join(truth.select("clip_id", "warmth"), on="clip_id").group_by("topic")
    assert warmth.agg(pl.col("warmth").mean().alias("mean"))["mean"].to_list() == [0.0] * 30


# What was planted


def test_cues_are_direction_times_strength_plus_noise(truth: pl.DataFrame) -> None:
    noise = [
        (truth[f"x_{m}"] - truth[f"direction_{m}"] * truth[f"strength_{m}"]) / truth[f"sigma_{m}"]
        for m in SINGLE
    ]
    assert kstest(np.concatenate([values.to_numpy() for values in noise]), "norm").pvalue > 0.01
    assert np.abs(np.corrcoef([values.to_numpy() for values in noise])[np.triu_indices(3, 1)]).max() < 0.2


def test_a_conflict_turns_round_exactly_the_stated_modality(truth: pl.DataFrame) -> None:
    sign = np.where(truth.select(EMPATHETIC)["label"].to_numpy(), 1, -1)
    for modality in SINGLE:
        turned = (truth["conflict"] == modality).fill_null(False).to_numpy()
        assert turned.sum() == 18
        np.testing.assert_array_equal(
            truth[f"direction_{modality}"].to_numpy(), np.where(turned, -sign, sign)
        )
        assert truth.filter(turned)[f"strength_{modality}"].min() >= 1.1


def test_ambiguous_clips_are_weak_everywhere_and_never_conflicts(truth: pl.DataFrame) -> None:
    ambiguous = truth.filter("ambiguous")
    assert len(ambiguous) == 40
    assert ambiguous["conflict"].null_count() == 40
    strengths = [f"strength_{m}" for m in SINGLE]
    assert ambiguous.select(strengths).to_numpy().max() <= 0.35
    assert truth.filter(~pl.col("ambiguous")).select(strengths).to_numpy().min() >= 0.8


def test_dominant_is_the_loudest_and_warmth_follows_the_text_cue(truth: pl.DataFrame) -> None:
    loud = np.abs(np.stack([truth[f"x_{m}"] / truth[f"sigma_{m}"] for m in SINGLE]))
    assert [SINGLE[i] for i in loud.argmax(axis=0)] == truth["dominant"].to_list()
    assert spearmanr(truth["warmth"], truth["x_text"]).statistic > 0.98


def test_the_cue_alone_leaves_each_modality_short_of_the_label(truth: pl.DataFrame) -> None:
    target = truth.select(EMPATHETIC)["label"]
    for modality in SINGLE:
        right = ((truth[f"x_{modality}"] > 0) == target).mean()
        assert isinstance(right, float)
        assert 0.80 < right < 0.90


# Votes


def test_eight_votes_per_clip_and_condition_and_nobody_sees_a_clip_twice(votes: pl.DataFrame) -> None:
    assert set(votes["given"]) == {*SINGLE, FULL}
    assert votes.group_by("clip_id", "given").len()["len"].to_list() == [8] * 960
    assert not votes.select("clip_id", "rater_id").is_duplicated().any()
    assert votes.group_by("rater_id", "given").len()["len"].to_list() == [60] * 128
    orders = votes.group_by("rater_id").agg(pl.col("position").sort())
    assert all(order == list(range(240)) for order in orders["position"].to_list())


def _probability(vote: dict[str, object], *, heed_strategy: bool = True) -> float:
    """The datasheet's formula, one vote at a time and written apart from the recipe."""
    given = str(vote["given"]).split("+")
    value = {name: float(str(vote[name])) for name in vote if re.match(r"x_|sigma_|weight_", name)}
    if heed_strategy and vote["strategy"] == "loudest":
        given = [max(given, key=lambda m: abs(value[f"x_{m}"]) / value[f"sigma_{m}"])]
    above = sum(value[f"weight_{m}"] * value[f"x_{m}"] for m in given)
    below = math.sqrt(sum((value[f"weight_{m}"] * value[f"sigma_{m}"]) ** 2 for m in given))
    lapse, acuity, bias = (float(str(vote[name])) for name in ("lambda", "acuity", "bias"))
    return lapse / 2 + (1 - lapse) * float(norm.cdf(acuity * above / below - bias))


@pytest.fixture(scope="module")
def judged(votes: pl.DataFrame, truth: pl.DataFrame, raters: pl.DataFrame) -> pl.DataFrame:
    """Votes with everything behind them, the probability by the formula, and one that forgets the strategy."""
    facts = truth.rename({"label": "target"}).drop("speaker_id")
    rows = votes.join(facts, on="clip_id").join(raters, on="rater_id").rows(named=True)
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        p=pl.Series([_probability(row) for row in rows]),
        p_naive=pl.Series([_probability(row, heed_strategy=False) for row in rows]),
        says=EMPATHETIC.cast(pl.Float64),
        right=pl.col("label") == pl.col("target"),
    )


@pytest.mark.parametrize("given", [*SINGLE, FULL])
def test_votes_follow_the_recorded_formula(judged: pl.DataFrame, given: str) -> None:
    seen = judged.filter(pl.col("given") == given).sort("p")
    bins = [seen[start : start + 192] for start in range(0, len(seen), 192)]
    terms = [(b["says"].sum() - b["p"].sum()) ** 2 / (b["p"] * (1 - b["p"])).sum() for b in bins]
    assert chi2.sf(sum(terms), len(terms)) > 0.001


def test_votes_of_followers_betray_them(judged: pl.DataFrame) -> None:
    """The fit is a test with power: forgetting who follows the loudest modality fits clearly worse."""
    followers = judged.filter((pl.col("strategy") == "loudest") & (pl.col("given") == FULL))
    p, naive, says = (followers[name].to_numpy() for name in ("p", "p_naive", "says"))
    gain = says * np.log(p / naive) + (1 - says) * np.log((1 - p) / (1 - naive))
    assert gain.sum() > 5


def test_panel_holds_the_stated_shares(raters: pl.DataFrame) -> None:
    assert len(raters) == 32
    assert raters["careless"].sum() == 4
    assert raters.filter("careless")["lambda"].min() >= 0.6
    assert raters.filter(~pl.col("careless"))["lambda"].max() <= 0.04
    assert Counter(raters["strategy"]) == {"loudest": 8, "integrate": 24}


def test_people_gain_from_more_and_followers_are_misled(judged: pl.DataFrame) -> None:
    accuracy = dict(judged.group_by("given").agg(pl.col("right").mean()).iter_rows())
    assert all(0.65 < accuracy[m] < accuracy[FULL] - 0.03 for m in SINGLE)
    trapped = judged.filter((pl.col("given") == FULL) & (pl.col("conflict") == pl.col("dominant")))
    by = dict(trapped.group_by("strategy").agg(pl.col("right").mean()).iter_rows())
    assert by["loudest"] < 0.25 < by["integrate"]


# The recipe


@pytest.mark.usefixtures("recipe")
def test_the_seed_makes_the_same_tables(tmp_path: Path) -> None:
    from build_playhouse import Panel, Plan, write_tables

    write_tables(tmp_path, Plan(), Panel())
    assert (tmp_path / "clips.csv").read_bytes() == (FOLDER / "clips.csv").read_bytes()
    assert (tmp_path / "corpus.toml").read_bytes() == (FOLDER / "corpus.toml").read_bytes()
    for name in ("votes.parquet", "truth.parquet", "truth_raters.parquet"):
        assert_frame_equal(pl.read_parquet(tmp_path / name), pl.read_parquet(FOLDER / name))


@pytest.mark.usefixtures("recipe")
def test_a_warmer_face_smiles_and_tilts_more_but_every_face_speaks() -> None:
    from playhouse.acting import poses
    from playhouse.faces import draw, looks, scene

    loud = 0.2 * np.sin(np.arange(66_150) / 20) * (np.arange(66_150) // 6000 % 2)
    cold, warm = (poses(cue, loud, 1, 0.0, np.random.default_rng(1)) for cue in (-1.5, 1.5))
    assert len(cold) == len(warm) == 45
    for name in ("smile", "brow", "tilt", "blush", "lean"):
        assert np.mean([getattr(p, name) for p in warm]) > np.mean([getattr(p, name) for p in cold])
    assert [p.jaw for p in cold] == [p.jaw for p in warm]
    assert np.ptp([p.jaw for p in cold]) > 0.5
    look = looks(20)["ada"]
    picture = draw(look, warm[20], scene(look))
    assert picture.shape == (224, 224, 3)
    assert picture.dtype == np.uint8


# What encoders make of it


@pytest.mark.weights
@pytest.mark.parametrize("modality", ["text", "audio"])
@pytest.mark.usefixtures("recipe")
def test_one_modality_tells_something_but_not_all(
    clips: pl.DataFrame, truth: pl.DataFrame, modality: str
) -> None:
    from playhouse.evaluate import out_of_fold
    from sklearn.metrics import f1_score

    from mixedsignals.encoders import encode

    told = truth.join(clips.select("clip_id"), on="clip_id", maintain_order="right")
    logits = out_of_fold(encode(clips, FOLDER, modality, "lite").embeddings.values, told)
    target = told.select(EMPATHETIC)["label"].to_numpy()
    assert 0.65 < np.mean([f1_score(target, cut > 0, average="macro") for cut in logits]) < 0.85
