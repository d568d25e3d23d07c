"""MS914: what withholding, mismatched pairs, noise and altered recordings change, against the unaltered clip."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from finding_helpers import only, rows, value

from mixedsignals.diagnosis import Diagnosis, Evidence
from mixedsignals.diagnosis.checks.robust import spoken
from mixedsignals.testing import make_evidence, make_probes

PLAN: dict[str, Any] = {
    "n_clips": 200,
    "n_speakers": 20,
    "labels": ("a", "b", "c"),
    "strength": {"text": 1.0, "audio": 1.5, "video": 2.0},
}


@pytest.fixture(scope="module")
def probes() -> pl.DataFrame:
    return make_probes(partners=2, media=True, **PLAN)


def asked(probes: pl.DataFrame | None, **changes: Any) -> Diagnosis:
    return only(Evidence(**{**make_evidence(**PLAN).evidence(), "probes": probes, **changes}), "MS914")


def said(found: Diagnosis, probe: str) -> dict[str, Any]:
    (one,) = rows(found, code="MS914", slice=f"probe={probe}")
    return one


def copied(probes: pl.DataFrame, probe: str, source: str = "plain") -> pl.DataFrame:
    """The table with the answers of a probe replaced by those of another one."""
    keys = ["seed", "clip_id", "label"]
    base = probes.filter(probe=source).select(*keys, pl.col("probability").alias("other"))
    own = probes.filter(probe=probe).join(base, on=keys).with_columns(probability="other")
    return pl.concat([probes.filter(pl.col("probe") != probe), own.select(probes.columns)])


def turned(probes: pl.DataFrame, probe: str, share: float) -> pl.DataFrame:
    """The table with the answers of a probe turned round on about that share of clips (labels dealt out anew)."""
    chosen = (pl.col("probe") == probe) & ((pl.col("clip_id").hash(seed=3) % 1000) < int(1000 * share))
    other = pl.col("label").replace_strict({"a": "b", "b": "c", "c": "a"}, return_dtype=pl.String)
    return probes.with_columns(label=pl.when(chosen).then(other).otherwise("label"))


def test_every_probe_but_swaps_has_its_sentence_and_numbers(probes: pl.DataFrame) -> None:
    found = asked(probes)
    told = {row["slice"] for row in rows(found, code="MS914")}
    named = (
        "mismatch",
        "mute",
        "noise:20",
        "noise:10",
        "noise:0",
        "media:plain",
        "media:mute",
        "media:freeze",
    )
    assert told == {f"probe={name}" for name in named}
    for measure in ("probe_change", "probe_distance", "probe_loss"):
        slices = set(found.estimates.filter(measure=measure)["slice"])
        singles = {
            f"{name}={m}" for name in named if name != "media:plain" for m in ("text", "audio", "video")
        }
        assert slices == {*singles, "media:plain=text+audio+video"}
    excess = found.estimates.filter(measure="excess:probe_change")
    assert set(excess["slice"]) == {
        f"media:{k}={m}" for k in ("mute", "freeze") for m in ("text", "audio", "video")
    }


def test_more_noise_changes_more_and_withholding_costs_accuracy(probes: pl.DataFrame) -> None:
    found = asked(probes)
    for measure in ("probe_change", "probe_distance"):
        doses = [value(found, measure, "fusion", f"noise:{level}=video") for level in (20, 10, 0)]
        assert doses == sorted(doses)
        assert doses[2] > doses[0] + 0.05
    assert value(found, "probe_loss", "fusion", "mute=video") > 0.05
    assert said(found, "mute")["status"] == "passed"
    assert said(found, "noise:20")["status"] == "passed"
    assert "Withholding a modality changes" in said(found, "mute")["message"]


def test_what_changes_nothing_is_zero(probes: pl.DataFrame) -> None:
    found = asked(copied(probes, "mute"))
    for modality in ("text", "audio", "video"):
        for measure in ("probe_change", "probe_distance", "probe_loss"):
            assert value(found, measure, "fusion", f"mute={modality}") == 0


def test_what_changes_all_decisions_is_one(probes: pl.DataFrame) -> None:
    found = asked(turned(copied(probes, "mute"), "mute", 1.0))
    assert value(found, "probe_change", "fusion", "mute=text") == 1
    whole = asked(copied(probes, "mute")).estimates.filter(measure="probe_change", slice="mute=text")
    assert whole["low"][0] == 0
    assert 0 < whole["high"][0] < 0.3, "no change in 20 speakers is not proof that there is never one"


def test_it_fires_where_a_modality_harms(probes: pl.DataFrame) -> None:
    """Withheld text answers as the unaltered clip does, and what is unaltered was turned round on half of the clips."""
    harmed = turned(copied(probes, "mute"), "plain", 0.5)
    one = said(asked(harmed), "mute")
    assert (one["status"], one["severity"]) == ("issue", "medium")
    assert "Fusion is right more often without text, audio and video" in one["message"]


def test_it_fires_where_encoding_alone_changes_decisions(probes: pl.DataFrame) -> None:
    assert said(asked(probes), "media:plain")["status"] == "passed"
    shaky = said(asked(turned(probes, "media:plain", 0.4)), "media:plain")
    assert shaky["status"] == "issue"
    assert "changes decisions by itself" in shaky["message"]


def test_recordings_must_beat_encoding_alone(probes: pl.DataFrame) -> None:
    found = asked(probes)
    excess = value(found, "excess:probe_change", "fusion", "media:mute=video")
    change = value(found, "probe_change", "fusion", "media:mute=video")
    again = value(found, "probe_change", "fusion", "media:plain=text+audio+video")
    assert excess == pytest.approx(change - again, abs=1e-9)
    assert "not shown to be more" not in said(found, "media:mute")["message"]
    unchanged = said(asked(copied(probes, "media:freeze", "media:plain")), "media:freeze")
    assert "not shown to be more" in unchanged["message"]


def test_faint_noise_that_matters_is_a_tip(probes: pl.DataFrame) -> None:
    brittle = said(asked(turned(probes, "noise:20", 0.4)), "noise:20")
    assert brittle["status"] == "tip"
    assert "brittle" in brittle["message"]
    loud = said(asked(turned(probes, "noise:0", 0.4)), "noise:0")
    assert loud["status"] == "passed", "loud noise may matter"


def test_leaning_on_the_pairing_is_a_tip(probes: pl.DataFrame) -> None:
    assert "loses accuracy" in said(asked(turned(probes, "mismatch", 0.4)), "mismatch")["message"]
    better = turned(copied(probes, "mismatch"), "plain", 0.4)
    one = said(asked(better), "mismatch")
    assert one["status"] == "tip"
    assert "err on the same clips" in one["message"]


def test_without_targets_only_accuracy_is_left_out(probes: pl.DataFrame) -> None:
    clips = make_evidence(**PLAN).clips.drop("label")
    found = asked(probes, targets=None, clips=clips)
    assert set(found.estimates["measure"]) == {"probe_change", "probe_distance", "excess:probe_change"}
    assert "accuracy" not in said(found, "mute")["message"]


def test_it_says_why_it_is_not_applicable(probes: pl.DataFrame) -> None:
    reasons = {
        "Nothing was probed": None,
        "another run": probes.with_columns(run_id=pl.lit("x")),
        "swaps alone": probes.filter(pl.col("probe").is_in(["plain", "swap"])),
        "nothing to compare": probes.filter(pl.col("probe") != "plain"),
    }
    for words, table in reasons.items():
        (one,) = rows(asked(table), code="MS914")
        assert one["status"] == "not_applicable"
        assert words in one["message"]
    half = probes.filter((pl.col("probe") != "mute") | (pl.col("seed") == 42))
    assert said(asked(half), "mute")["status"] == "not_applicable"


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ("noise:10", "noise at 10 dB"),
        ("media:noise:10", "noise at 10 dB in the recording"),
        ("media:shift:500", "shifting sound against picture by 500 ms"),
        ("media:negate", "negating the words"),
        ("media:freeze", "freezing the picture"),
        ("mute", "withholding a modality"),
        ("unheard-of", "unheard-of"),
    ],
)
def test_probes_have_words(probe: str, words: str) -> None:
    assert spoken(probe) == words
