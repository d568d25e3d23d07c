"""Decisions, patterns and outcomes by hand, on tables small enough to read."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.labels import Labels
from mixedsignals.report import ReportInput
from mixedsignals.report.clips import choose
from mixedsignals.report.records import describe
from mixedsignals.report.views import Views, given_order, source_order

Row = tuple[int, str, str, str, float]


def views(rows: list[Row], targets: dict[str, str] | None = None, **tables: pl.DataFrame) -> Views:
    """Views of predictions given as (seed, clip, source, given, probability of yes)."""
    predictions = [
        {"run_id": "r", "seed": seed, "clip_id": clip, "source": source, "given": given, "label": label}
        | {"probability": p if label == "yes" else 1 - p, "calibrated": None}
        for seed, clip, source, given, p in rows
        for label in ("no", "yes")
    ]
    schema = {"run_id": pl.String, "seed": pl.Int64, "clip_id": pl.String, "source": pl.String}
    schema |= {"given": pl.String, "label": pl.String, "probability": pl.Float64, "calibrated": pl.Float64}
    chosen = [{"clip_id": clip, "label": label, "share": 1.0} for clip, label in (targets or {}).items()]
    return Views(
        ReportInput(
            labels=Labels(("no", "yes")),
            predictions=pl.DataFrame(predictions, schema=schema),
            targets=pl.DataFrame(chosen) if chosen else None,
            **tables,
        )
    )


def test_a_decision_is_of_the_mean_over_seeds_and_of_the_fullest_input() -> None:
    seen = views(
        [
            (1, "a", "text", "text", 0.9),
            (2, "a", "text", "text", 0.3),
            (1, "a", "fusion", "text+audio", 0.9),
            (1, "a", "fusion", "text+audio+video", 0.2),
        ],
        {"a": "yes"},
    )
    text, fusion = (seen.decided(source).row(0, named=True) for source in ("text", "fusion"))
    assert (text["predicted"], round(text["p_target"], 9), text["right"]) == ("yes", 0.6, True)
    assert (fusion["predicted"], fusion["p_target"], fusion["right"]) == ("no", 0.2, False)


def test_a_tie_goes_to_the_first_label() -> None:
    assert views([(1, "a", "text", "text", 0.5)]).decided("text")["predicted"].to_list() == ["no"]


def test_patterns_name_the_sources_that_fusion_sides_with() -> None:
    said = {
        "agree": (0.9, 0.9, 0.9, 0.9),
        "alone": (0.9, 0.9, 0.9, 0.1),
        "two": (0.9, 0.9, 0.1, 0.9),
        "one": (0.1, 0.1, 0.9, 0.9),
    }
    names = (("text", "text"), ("audio", "audio"), ("video", "video"), ("fusion", "text+audio+video"))
    rows = [
        (1, clip, *name, p) for clip, values in said.items() for name, p in zip(names, values, strict=True)
    ]
    assert dict(views(rows).patterns.select("clip_id", "pattern").iter_rows()) == {
        "agree": "all agree",
        "alone": "fusion alone against all",
        "two": "fusion sides with text and audio",
        "one": "fusion sides with video",
    }


def test_a_clip_that_a_source_has_not_predicted_has_no_pattern_and_stays_listed() -> None:
    seen = views(
        [(1, "a", "text", "text", 0.9), (1, "a", "fusion", "text+audio", 0.9), (1, "b", "text", "text", 0.9)]
    )
    assert seen.patterns["clip_id"].to_list() == ["a"]
    assert set(choose(seen, 10).ids) == {"a", "b"}


def test_why_a_clip_is_listed_is_told_against_the_truth() -> None:
    said = {"misled": (0.9, 0.1), "rescued": (0.1, 0.9), "lost": (0.2, 0.1), "fine": (0.9, 0.9)}
    rows: list[Row] = []
    for clip, (text, fusion) in said.items():
        rows += [(1, clip, "text", "text", text), (1, clip, "fusion", "text+audio", fusion)]
    seen = views(rows, dict.fromkeys(said, "yes"))
    told = {clip["id"]: clip["why"] for clip in describe(seen, choose(seen, 10), {})["clips"]}
    assert told == {
        "misled": ["misled", "models part"],
        "rescued": ["rescued", "models part"],
        "lost": ["all wrong", "models agree"],
        "fine": ["models agree"],
    }


def test_clips_on_which_models_part_come_first_then_those_farthest_apart() -> None:
    said = {
        "near": (0.6, 0.4, 0.6),
        "far": (0.99, 0.01, 0.9),
        "calm": (0.9, 0.6, 0.9),
        "same": (0.9, 0.9, 0.9),
    }
    rows: list[Row] = []
    for clip, (text, audio, fusion) in said.items():
        rows += [(1, clip, "text", "text", text), (1, clip, "audio", "audio", audio)]
        rows += [(1, clip, "fusion", "text+audio", fusion)]
    chosen = choose(views(rows), 3)
    assert (chosen.ids, chosen.total) == (["far", "near", "calm"], 4)
    assert chosen.scores["far"] == 0.98
    assert "single models’ probabilities" in chosen.order


def test_saved_scores_decide_the_order_where_there_are_some() -> None:
    rows: list[Row] = [(1, clip, "text", "text", 0.9) for clip in "abc"]
    scores = pl.DataFrame(
        {"run_id": "r", "clip_id": ["a", "b"], "source": "models", "measure": "jsd", "value": [0.1, 0.7]}
    )
    chosen = choose(views(rows, scores=scores), 10)
    assert chosen.ids == ["b", "a", "c"]
    assert "Jensen-Shannon" in chosen.order


def test_votes_are_counted_per_condition_with_and_without_names() -> None:
    votes = pl.DataFrame(
        {
            "clip_id": ["a"] * 4,
            "rater_id": ["r1", "r2", None, None],
            "given": ["text+audio", "text+audio", "audio", "audio"],
            "occasion": [0] * 4,
            "label": ["yes", "yes", "no", "yes"],
            "count": [None, None, 3, 1],
        }
    )
    seen = views([(1, "a", "text", "text", 0.9)], votes=votes)
    told = describe(seen, choose(seen, 1), {})
    assert told["conditions"] == ["audio", "text+audio"]
    assert told["clips"][0]["votes"] == {"audio": [3, 1], "text+audio": [0, 2]}


def test_soft_targets_are_read_by_their_largest_share() -> None:
    soft = pl.DataFrame(
        {"clip_id": ["a", "a", "b", "b"], "label": ["no", "yes", "yes", "no"], "share": [0.4, 0.6, 0.5, 0.5]}
    )
    seen = Views(ReportInput(labels=Labels(("no", "yes")), targets=soft))
    assert dict(seen.targets.sort("clip_id").iter_rows()) == {"a": "yes", "b": "no"}


def test_reading_order() -> None:
    given = ["fusion~token", "people", "fusion", "zeta", "video", "audio|video", "text|audio", "text"]
    assert source_order(given) == [
        "text",
        "video",
        "text|audio",
        "audio|video",
        "zeta",
        "fusion",
        "fusion~token",
        "people",
    ]
    assert given_order(["text+audio+video", "video", "text", "audio+video", "text+audio"]) == [
        "text",
        "video",
        "text+audio",
        "audio+video",
        "text+audio+video",
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["text", "audio", "fusion"]), st.floats(0, 1)),
        min_size=1,
    )
)
@settings(deadline=None, max_examples=40)
def test_the_order_of_rows_does_not_matter(triples: list[tuple[str, str, float]]) -> None:
    unique = {(clip, source): p for clip, source, p in triples}
    rows = [
        (1, clip, source, "text+audio" if source == "fusion" else source, p)
        for (clip, source), p in unique.items()
    ]
    one, other = views(rows), views(rows[::-1])
    assert one.wide.equals(other.wide)
    assert one.patterns.sort("clip_id").equals(other.patterns.sort("clip_id"))
    assert choose(one, 9).ids == choose(other, 9).ids


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcd"), st.integers(1, 3), st.sampled_from(["text", "audio"])),
        st.sampled_from([0.1, 0.25, 0.5, 0.75]),
        min_size=1,
    ),
    st.dictionaries(st.sampled_from("abce"), st.sampled_from(["no", "yes"])),
)
@settings(deadline=None, max_examples=40)
def test_decisions_are_those_that_one_would_make_clip_by_clip(
    said: dict[tuple[str, int, str], float], targets: dict[str, str]
) -> None:
    seen = views([(seed, clip, source, source, p) for (clip, seed, source), p in said.items()], targets)
    wide = {row["clip_id"]: row for row in seen.wide.iter_rows(named=True)}
    assert sorted(wide) == sorted({clip for clip, _, _ in said})
    for clip, row in wide.items():
        assert row["target"] == targets.get(clip)
        for source in seen.sources:
            found = [p for (of, _, by), p in said.items() if (of, by) == (clip, source)]
            if not found:
                assert [row[f"{name}:{source}"] for name in ("predicted", "confidence", "right")] == [
                    None
                ] * 3
                continue
            yes = sum(found) / len(found)
            predicted = "yes" if yes > 1 - yes else "no"
            assert row[f"predicted:{source}"] == predicted
            assert abs(row[f"confidence:{source}"] - max(yes, 1 - yes)) < 1e-12
            if clip not in targets:
                assert row[f"right:{source}"] is None
                assert row[f"p_target:{source}"] is None
                continue
            assert row[f"right:{source}"] == (predicted == targets[clip])
            assert abs(row[f"p_target:{source}"] - (yes if targets[clip] == "yes" else 1 - yes)) < 1e-12
