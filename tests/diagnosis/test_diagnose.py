"""The diagnosis as a whole: its tables, what it does with odd evidence, and what it never does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.diagnosis import (
    CHECKS,
    BuiltIn,
    Case,
    DiagnosisOptions,
    Evidence,
    NotApplicable,
    Outcome,
    diagnose,
)
from mixedsignals.diagnosis.check import further_checks
from mixedsignals.errors import InputError, UsageError
from mixedsignals.labels import Labels
from mixedsignals.tables import ESTIMATES, FINDINGS, PREDICTIONS, SCORES, conform
from mixedsignals.testing import Made, make_evidence

QUICK = DiagnosisOptions(permutations=99)


def checked(evidence: Evidence, options: DiagnosisOptions = QUICK) -> Any:
    """A diagnosis whose every table keeps its declaration; `conform` refuses NaN, repeated keys and strange values."""
    made = diagnose(evidence, options=options)
    conform(SCORES, made.scores)
    conform(ESTIMATES, made.estimates)
    conform(FINDINGS, made.findings)
    if made.predictions is not None:
        conform(PREDICTIONS, made.predictions)
    assert set(made.findings["code"]) == {check.code for check in CHECKS}, "every check says something"
    assert made.findings["message"].str.ends_with(".").all()
    assert not made.findings["message"].str.contains(r"\bnan\b|\bNone\b|\binf\b").any()
    return made


@settings(deadline=None, max_examples=20)
@given(
    plan=st.fixed_dictionaries(
        {
            "n_clips": st.integers(1, 90),
            "n_speakers": st.sampled_from([None, 1, 2, 7, 30]),
            "labels": st.sampled_from([("a", "b"), ("a", "b", "c", "d")]),
            "kind": st.sampled_from(["nominal", "ordinal"]),
            "seeds": st.sampled_from([(1,), (1, 2), (3, 4, 5)]),
            "n_raters": st.sampled_from([None, 40]),
            "votes_per_clip": st.sampled_from([1, 2, (1, 8)]),
            "pairs": st.booleans(),
            "missing": st.sampled_from([{}, {"text": 0.5}, {"text": 1.0}]),
            "seed": st.integers(0, 50),
        }
    ),
    drop=st.sets(st.sampled_from(["votes", "clips", "targets", "splits", "predictions"]), max_size=4),
)
def test_any_evidence_gives_tables_that_keep_their_declaration(plan: dict[str, Any], drop: set[str]) -> None:
    tables = make_evidence(**plan).evidence() | dict.fromkeys(drop)
    if tables["predictions"] is None and tables["votes"] is None:
        with pytest.raises(InputError, match="nothing to diagnose"):
            Evidence(**tables)
        return
    checked(Evidence(**tables))


def without(made: Made, **tables: Any) -> Evidence:
    return Evidence(**{**made.evidence(), **tables})


@pytest.mark.parametrize(
    "change",
    [
        lambda m: {"votes": m.votes.with_columns(pl.lit("neutral").alias("label"))},
        lambda m: {"targets": m.targets.with_columns(pl.lit("neutral").alias("label")), "clips": None},
        lambda m: {"votes": m.votes.filter(pl.col("rater_id") == "r0001")},
        lambda m: {"votes": m.votes.filter(pl.col("rater_id").is_in(["r0001", "r0002"]))},
        lambda m: {"predictions": m.predictions.with_columns(pl.lit(0.5).alias("probability"))},
        lambda m: {"predictions": m.predictions.filter(pl.col("source") == "text")},
        lambda m: {"predictions": m.predictions.filter(pl.col("clip_id") == "c0001")},
        lambda m: {"predictions": m.predictions.head(0)},
        lambda m: {"clips": m.clips.with_columns(pl.lit("one").alias("speaker_id"))},
        lambda m: {"clips": m.clips.head(10)},
        lambda m: {"targets": m.targets.head(0)},
        lambda m: {"votes": m.votes.head(0)},
    ],
    ids=[
        "all votes equal",
        "one class left",
        "one rater",
        "two raters",
        "constant sources",
        "one source",
        "one clip",
        "no prediction",
        "one speaker",
        "clips of another part",
        "no target",
        "no vote",
    ],
)
def test_odd_evidence_is_diagnosed_without_a_nan(change: Any) -> None:
    made = make_evidence(n_clips=60, n_speakers=6)
    checked(without(made, **change(made)))


def test_a_label_outside_the_list_is_an_error_that_names_it() -> None:
    made = make_evidence(n_clips=20)
    votes = made.votes.with_columns(pl.lit("angry").alias("label"))
    with pytest.raises(InputError, match="angry"):
        diagnose(without(made, votes=votes))


def test_another_run_s_predictions_are_an_error_that_names_them() -> None:
    made = make_evidence(n_clips=20)
    with pytest.raises(InputError, match="made"):
        diagnose(without(made, run_id="another"))


def test_only_the_named_run_is_diagnosed() -> None:
    made = make_evidence(n_clips=30)
    other = make_evidence(n_clips=30, seed=9).predictions.with_columns(pl.lit("other").alias("run_id"))
    both = diagnose(without(made, predictions=pl.concat([other, made.predictions])), options=QUICK)
    alone = diagnose(without(made), options=QUICK)
    assert both.estimates.equals(alone.estimates)


def test_order_of_rows_does_not_matter() -> None:
    made = make_evidence(n_clips=80)
    first = diagnose(without(made), options=QUICK)
    mixed = {
        name: getattr(made, name).sample(fraction=1, shuffle=True, seed=3)
        for name in ("predictions", "votes", "targets")
    }
    second = diagnose(without(made, **mixed), options=QUICK)
    key = ["measure", "source", "slice"]
    joined = first.estimates.join(second.estimates, on=key, validate="1:1")
    assert len(joined) == len(first.estimates) == len(second.estimates)
    assert np.allclose(joined["value"], joined["value_right"])


def test_sources_may_have_any_name_and_fusion_is_named() -> None:
    made = make_evidence(n_clips=100, pairs=False)
    names = {"text": "roberta", "audio": "hubert", "video": "videomae", "fusion": "late"}
    given = pl.when(pl.col("source") == "late").then("given").otherwise(pl.lit("unknown")).alias("given")
    renamed = made.predictions.with_columns(pl.col("source").replace(names)).with_columns(given)
    found = checked(without(made, predictions=renamed), DiagnosisOptions(permutations=99, fusion="late"))
    assert set(found.estimates.filter(pl.col("measure") == "disagreement_rate")["source"]) >= {
        "roberta",
        "hubert",
        "videomae",
        "hubert|roberta",
    }


def test_without_a_fused_source_the_others_are_still_diagnosed() -> None:
    made = make_evidence(n_clips=100)
    parts = made.predictions.filter(pl.col("source") != "fusion")
    found = checked(without(made, predictions=parts))
    status = dict(found.findings.filter(pl.col("source") == "all").select("code", "status").iter_rows())
    assert status["MS201"] == status["MS204"] == "not_applicable"
    assert set(found.findings.filter(pl.col("code") == "MS202")["status"]) == {"passed"}


def test_calibrators_for_new_clips_cover_every_source() -> None:
    made = make_evidence(n_clips=100, pairs=True)
    found = diagnose(without(made), options=QUICK)
    assert ("fusion", "text+audio+video") in found.calibrators
    assert len(found.calibrators) == 7
    raw = np.array([[0.2, 0.8]])
    assert found.calibrators["text", "text"](raw).sum() == pytest.approx(1.0)


def test_a_check_of_one_s_own_joins_in_and_may_say_why_not() -> None:
    def speak(case: Case) -> Outcome:
        outcome = Outcome()
        outcome.find("tip", f"There are {len(case)} clips.")
        return outcome

    def refuse(case: Case) -> Outcome:
        raise NotApplicable("It is Sunday.")

    made = make_evidence(n_clips=10)
    checks = [BuiltIn("MY001", "count", speak), BuiltIn("MY002", "weekday", refuse)]
    found = diagnose(without(made), checks=checks).findings
    assert found.select("code", "status", "message").rows() == [
        ("MY001", "tip", "There are 10 clips."),
        ("MY002", "not_applicable", "It is Sunday."),
    ]


def test_an_installed_check_may_not_take_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name = "mine"

        @staticmethod
        def load() -> BuiltIn:
            return BuiltIn("MS101", "again", lambda case: Outcome())

    monkeypatch.setattr("mixedsignals.diagnosis.check.entry_points", lambda group: [Entry])
    assert [check.code for check in further_checks([])] == ["MS101"]
    with pytest.raises(UsageError, match="MS101"):
        further_checks(["MS101"])


def test_skipped_checks_say_nothing() -> None:
    made = make_evidence(n_clips=20)
    found = diagnose(without(made), options=DiagnosisOptions(permutations=99, skip=("MS101", "MS501")))
    assert not set(found.findings["code"]) & {"MS101", "MS501"}


def test_options_out_of_range_are_all_named() -> None:
    with pytest.raises(UsageError, match=r"level.*alpha.*permutations.*calibration_folds"):
        DiagnosisOptions(level=2, alpha=0, permutations=3, calibration_folds=1)


def test_progress_is_told_of_every_check() -> None:
    from contextlib import contextmanager

    class Count:
        told = 0
        total: int | None = None

        @contextmanager
        def task(self, name: str, total: int | None = None) -> Any:
            self.total = total
            yield self

        def advance(self, n: int = 1) -> None:
            self.told += n

        def say(self, text: str) -> None: ...

    count = Count()
    made = make_evidence(n_clips=20)
    diagnose(without(made), options=QUICK, progress=count)
    assert count.told == count.total == len(CHECKS)


def test_no_torch_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from mixedsignals.testing import make_evidence; from mixedsignals.diagnosis import *;"
        "from mixedsignals.diagnosis import door, summary; m = make_evidence(n_clips=30);"
        "diagnose(Evidence(**m.evidence())); sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_groups_are_speakers_and_clips_where_none_is_known() -> None:
    clips = pl.DataFrame({"clip_id": list("abcd"), "speaker_id": ["x", None, "x", None]})
    votes = pl.DataFrame({"clip_id": ["a"], "given": ["text"], "label": ["no"], "count": [2]})
    case = Case(Evidence(labels=Labels(("no", "yes")), votes=votes, clips=clips), DiagnosisOptions())
    codes = case.groups.codes.tolist()
    assert codes[0] == codes[2]
    assert len(set(codes)) == 3 == case.groups.count


@pytest.mark.realdata
def test_the_human_side_of_crema_d(realdata: Path, tmp_path: Path) -> None:
    from mixedsignals.corpus import import_corpus, make_targets, read_corpus

    import_corpus("cremad", realdata / "cremad", tmp_path / "cremad")
    corpus = read_corpus(tmp_path / "cremad")
    targets = make_targets(corpus.clips, corpus.votes, corpus.targets, corpus.labels)
    evidence = Evidence(
        labels=corpus.labels,
        votes=corpus.votes,
        clips=corpus.clips,
        targets=targets.table,
        target_source=targets.source,
    )
    found = checked(evidence)
    alpha = found.estimates.filter(pl.col("measure") == "krippendorff_alpha").select("slice", "value")
    by_slice = dict(alpha.iter_rows())
    assert by_slice["given=audio"] < by_slice["given=video"] < by_slice["given=audio+video"]
    (gain,) = found.findings.filter(pl.col("code") == "MS801").iter_rows(named=True)
    assert gain["message"].startswith("People gain from more modalities")
    (careless,) = found.findings.filter(pl.col("code") == "MS405").iter_rows(named=True)
    assert "no rater ids" in careless["message"]
