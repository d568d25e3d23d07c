"""Predictions of outside models that are wrong in the usual ways: one clear error, or *not applicable* with the reason.

Each case is typed as a user would, and whatever is written holds no NaN, in no table and in no figure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from mixedsignals.testing import Made, make_evidence

from .conftest import Call, Done, one_error, tables

NOT_A_NUMBER = re.compile(r"(?<![\w])(NaN|nan|Infinity|-inf)(?![\w])")
NAMES = ("predictions", "votes", "clips", "targets", "splits")


@pytest.fixture(scope="module")
def made() -> Made:
    """60 clips of 12 speakers, two seeds, three votes under each condition."""
    return make_evidence(n_clips=60, n_speakers=12, seeds=(1, 2), votes_per_clip=3, seed=4)


def written(folder: Path, made: Made, **instead: pl.DataFrame | None) -> list[object]:
    """The tables as files, some of them replaced or left out, and the options that name them."""
    options: list[object] = []
    held = {name: getattr(made, name) for name in NAMES} | instead
    for name, table in held.items():
        if table is not None:
            table.drop([c for c in ("run_id", "calibrated") if c in table.columns]).write_csv(
                folder / f"{name}.csv"
            )
            options += [f"--{name}", folder / f"{name}.csv"]
    return options


def diagnosed(call: Call, folder: Path, options: list[object]) -> Done:
    return call("diagnose", *options, "--out", folder / "run", "--media", "none", "--quiet")


def findings(folder: Path, code: str) -> list[dict[str, str]]:
    """The findings of one code, after a look at everything that was written for numbers that are none."""
    for table in tables(folder / "run").values():
        bad = table.select(cs.float().is_nan().any() | cs.float().is_infinite().any())
        assert not any(bad.row(0)) if bad.width else True
    page = (folder / "run" / "report" / "index.html").read_text(encoding="utf-8")
    for data in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
        assert not NOT_A_NUMBER.search(data)
    found = pl.read_parquet(folder / "run" / "tables" / "findings.parquet")
    return list(found.filter(pl.col("code") == code).iter_rows(named=True))


def scaled(change: Callable[[pl.Expr], pl.Expr]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda table: table.with_columns(change(pl.col("probability")).alias("probability"))


def first_row(value: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    chosen = pl.when(pl.int_range(pl.len()) == 0).then(value).otherwise("probability")
    return lambda table: table.with_columns(chosen.alias("probability"))


REFUSED = {
    "sums": (first_row(0.999), "1 of 480 clips do not sum to one", "--renormalise"),
    "logits": (scaled(lambda p: (p / (1 - p)).log()), "these look like logits", "softmax"),
    "percentages": (scaled(lambda p: 100 * p), "these are percentages", "Divide them by 100"),
    "keys": (lambda table: pl.concat([table, table.head(2)]), "a second row for", "Keep one row"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_numbers_that_are_no_probabilities_are_refused_in_one_error(
    name: str, made: Made, tmp_path: Path, call: Call
) -> None:
    spoil, said, remedy = REFUSED[name]
    options = written(tmp_path, made, predictions=spoil(made.predictions))
    error = one_error(diagnosed(call, tmp_path, options), 1)
    assert "predictions.csv" in error
    assert said in error
    assert remedy in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["sums", "percentages"])
def test_what_can_be_renormalised_is_on_request(name: str, made: Made, tmp_path: Path, call: Call) -> None:
    options = written(tmp_path, made, predictions=REFUSED[name][0](made.predictions))
    done = diagnosed(call, tmp_path, [*options, "--renormalise"])
    assert done.code == 0, done.err
    assert findings(tmp_path, "MS101")[0]["status"] == "passed"


def test_labels_that_differ_between_files_are_refused(made: Made, tmp_path: Path, call: Call) -> None:
    one = made.predictions.filter(pl.col("source") == "text", pl.col("seed") == 1)
    one.select("clip_id", "label", "probability").write_csv(tmp_path / "text.csv")
    other = one.with_columns(pl.col("label").replace("neutral", "Neutral"))
    other.select("clip_id", "label", "probability").write_csv(tmp_path / "audio.csv")
    files = ["-p", tmp_path / "text.csv", "-p", tmp_path / "audio.csv"]
    error = one_error(diagnosed(call, tmp_path, files), 1)
    assert "text.csv: no probability for Neutral" in error
    assert "audio.csv: no probability for neutral" in error


def test_a_label_nobody_predicted_is_a_warning_and_counts_nowhere(
    made: Made, tmp_path: Path, call: Call
) -> None:
    options = [*written(tmp_path, made), "--labels", "neutral,empathetic,angry"]
    done = call("diagnose", *options, "--out", tmp_path / "run", "--media", "none")
    assert done.code == 0, done.err
    assert "warning: no source gives the label 'angry' any probability" in done.err
    (row,) = findings(tmp_path, "MS009")
    assert row["status"] == "tip"
    assert "'angry'" in row["message"]


def test_a_seed_missing_for_some_clips_is_an_issue_that_names_them(
    made: Made, tmp_path: Path, call: Call
) -> None:
    some = made.clips["clip_id"].head(7).to_list()
    gone = (pl.col("source") == "audio") & (pl.col("seed") == 2) & pl.col("clip_id").is_in(some)
    options = written(tmp_path, made, predictions=made.predictions.filter(~gone))
    assert diagnosed(call, tmp_path, options).code == 0
    (row,) = [row for row in findings(tmp_path, "MS002") if row["status"] == "issue"]
    assert row["source"] == "audio"
    assert "7 of 60 clips" in row["message"]


def test_predictions_on_training_clips_are_an_issue_where_splits_are_given(
    made: Made, tmp_path: Path, call: Call
) -> None:
    splits = made.clips.select(
        "clip_id", role=pl.when(pl.int_range(pl.len()) < 40).then(pl.lit("test")).otherwise(pl.lit("train"))
    )
    assert diagnosed(call, tmp_path, written(tmp_path, made, splits=splits)).code == 0
    (row,) = findings(tmp_path, "MS003")
    assert (row["status"], row["severity"]) == ("issue", "high")
    assert "20 of 60 clips (33 %) that were trained or tuned on" in row["message"]


@pytest.mark.parametrize(("raters", "said"), [(2, "Only 2 raters voted"), (1, "Only 1 rater voted")])
def test_one_or_two_raters_are_not_judged(
    raters: int, said: str, made: Made, tmp_path: Path, call: Call
) -> None:
    ids = made.votes["rater_id"].value_counts(sort=True)["rater_id"].head(raters).to_list()
    votes = made.votes.filter(pl.col("rater_id").is_in(ids)).unique(
        ["clip_id", "rater_id", "given"], maintain_order=True
    )
    assert diagnosed(call, tmp_path, written(tmp_path, made, votes=votes)).code == 0
    for code in ("MS405", "MS406", "MS007"):
        (row,) = findings(tmp_path, code)
        assert row["status"] == "not_applicable"
        assert said in row["message"]


def test_one_rater_leaves_agreement_and_uncertainty_not_applicable(
    made: Made, tmp_path: Path, call: Call
) -> None:
    votes = made.votes.filter(given="text+audio+video").unique("clip_id", keep="first", maintain_order=True)
    votes = votes.with_columns(rater_id=pl.lit("r1"))
    assert diagnosed(call, tmp_path, written(tmp_path, made, votes=votes)).code == 0
    for code in ("MS401", "MS403", "MS404"):
        assert {row["status"] for row in findings(tmp_path, code)} == {"not_applicable"}, code
    by_target = {row["slice"]: row for row in findings(tmp_path, "MS501")}
    assert "no clip has two votes" in by_target["target=annotator_uncertainty"]["message"]


def test_one_class_left_says_what_cannot_be_asked(made: Made, tmp_path: Path, call: Call) -> None:
    kept = made.targets.filter(pl.col("label") == "neutral")["clip_id"].to_list()
    held = {name: getattr(made, name).filter(pl.col("clip_id").is_in(kept)) for name in NAMES}
    assert diagnosed(call, tmp_path, written(tmp_path, made, **held)).code == 0
    (row,) = findings(tmp_path, "MS301")
    assert row["message"] == "All targets are the same label, so a calibrator would learn nothing."
    assert {row["status"] for row in findings(tmp_path, "MS102")} == {"issue"}


def test_votes_that_are_all_equal_are_not_applicable_with_the_reason(
    made: Made, tmp_path: Path, call: Call
) -> None:
    votes = made.votes.with_columns(label=pl.lit("neutral"))
    assert diagnosed(call, tmp_path, written(tmp_path, made, votes=votes)).code == 0
    rows = findings(tmp_path, "MS403")
    assert {row["status"] for row in rows} == {"not_applicable"}
    assert all("same label" in row["message"] for row in rows)
    assert {row["status"] for row in findings(tmp_path, "MS404")} == {"not_applicable"}


def test_a_hundred_thousand_clips_of_one_speaker(tmp_path: Path, call: Call) -> None:
    rng, clips = np.random.default_rng(0), 100_000
    ids, truth = [f"c{at:06}" for at in range(clips)], rng.integers(0, 2, clips)
    files: list[object] = []
    for name, strength in (("text", 1.0), ("audio", 1.5), ("fusion", 2.0)):
        yes = 1 / (1 + np.exp(-(strength * (2 * truth - 1) + 1.5 * rng.normal(size=clips))))
        pl.DataFrame({"clip_id": ids, "no": 1 - yes, "yes": yes}).write_csv(tmp_path / f"{name}.csv")
        files += ["-p", tmp_path / f"{name}.csv"]
    about = pl.DataFrame({"clip_id": ids, "speaker_id": "ann", "label": np.where(truth, "yes", "no")})
    about.write_csv(tmp_path / "clips.csv")
    done = diagnosed(call, tmp_path, [*files, "--clips", tmp_path / "clips.csv"])
    assert done.code == 0, done.err
    assert "Only 1 speaker (1.0 effective) stands behind the intervals" in done.out
    (row,) = findings(tmp_path, "MS103")
    assert (row["status"], row["severity"]) == ("issue", "high")
    for row in findings(tmp_path, "MS501")[1:]:
        assert row["status"] == "not_applicable"
        assert "too few groups" in row["message"]
    assert "no interval: one group only" in findings(tmp_path, "MS104")[0]["message"]
    assert "more than independent errors would" not in done.out
    assert "independent given the label would" not in done.out
