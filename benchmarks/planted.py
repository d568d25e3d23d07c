"""What a run of the built-in corpus finds of what was planted there: precision and recall beside chance.

    python -m benchmarks.planted [RUN]      a finished run of playhouse; without one it is made, which takes minutes

Kinds of clips (ambiguous, misled, probable label error, ignorance), the ranking of clips by conflict, and careless
raters, each against the planted truth. What people would say of a clip, had all raters judged it often, follows from
the plan of the corpus: they are divided where no label would have two thirds, and know it where four fifths would say
the target. No label of the corpus is wrong, so for label errors some targets are turned round in a copy and diagnosed
again; the models were trained on the right ones, so this is easier than in life.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import special, stats

from benchmarks.results_file import print_table, save
from mixedsignals import api
from mixedsignals.diagnosis import CHECKS, Case, DiagnosisOptions, Evidence, diagnose
from mixedsignals.diagnosis.checks.challenging import AGREED, DIVIDED, kinds_of_clips
from mixedsignals.diagnosis.checks.informative import signals_of
from mixedsignals.labels import Labels
from mixedsignals.store import RunFolder
from mixedsignals.tables import TABLES, read_table

FLIPPED = 0.05
DRAWS = 20


def evidence_of(run: RunFolder) -> Evidence:
    """The tables of a finished run."""
    about = run.read_manifest()
    names = ("predictions", "votes", "clips", "targets", "splits", "gates")
    tables = {name: read_table(TABLES[name], run.table(name)) for name in names if run.table(name).is_file()}
    labels = Labels(tuple(about["corpus"]["labels"]), about["corpus"]["kind"])
    source = about.get("targets", {}).get("source")
    return Evidence(labels=labels, run_id=about["run_id"], target_source=source, **tables)


def against(what: str, found: set[str], planted: set[str], everything: int) -> dict[str, Any]:
    """Precision and recall of what was found, beside what as many names drawn at random would give."""
    hits = len(found & planted)
    return {
        "what": what,
        "found": len(found),
        "planted": len(planted),
        "right": hits,
        "precision": hits / len(found) if found else None,
        "by chance": len(planted) / everything,
        "recall": hits / len(planted) if planted else None,
        "recall by chance": len(found) / everything,
        "p": float(stats.hypergeom.sf(hits - 1, everything, len(planted), len(found))),
    }


def ranked(scores: pl.DataFrame, measure: str, planted: set[str]) -> list[dict[str, Any]]:
    """How many of the planted are among the first as many, and among the first third, by a score."""
    order = scores.filter(pl.col("measure") == measure).sort("value", descending=True, maintain_order=True)
    ids = order["clip_id"].to_list()
    tops = (len(planted), len(ids) // 3)
    return [against(f"conflict: first {top} by {measure}", set(ids[:top]), planted, len(ids)) for top in tops]


def of_kind(scores: pl.DataFrame, kind: str) -> set[str]:
    """The clips that a diagnosis calls of a kind."""
    return set(scores.filter(pl.col("measure") == f"kind:{kind}", pl.col("value") > 0)["clip_id"])


def said_by_all(truth: pl.DataFrame, raters: pl.DataFrame) -> np.ndarray:
    """Share of all judgements given everything that would say the target, by the plan (see the datasheet), (clips,)."""
    names = [one.removeprefix("x_") for one in truth.columns if one.startswith("x_")]
    cue, sigma = (truth.select([f"{what}_{name}" for name in names]).to_numpy() for what in ("x", "sigma"))
    loudness = np.abs(cue) / sigma
    loudest = (loudness == loudness.max(axis=1, keepdims=True))[:, None, :]
    follows = (raters["strategy"] == "loudest").to_numpy()[None, :, None]
    weight = raters.select([f"weight_{name}" for name in names]).to_numpy()[None] * np.where(
        follows, loudest, True
    )
    evidence = (weight * cue[:, None, :]).sum(2) / np.sqrt((weight**2 * sigma[:, None, :] ** 2).sum(2))
    lapse, acuity, bias = (raters[name].to_numpy() for name in ("lambda", "acuity", "bias"))
    empathetic = (lapse / 2 + (1 - lapse) * special.ndtr(acuity * evidence - bias)).mean(axis=1)
    return np.asarray(np.where(truth["label"] == "empathetic", empathetic, 1 - empathetic))


def clips_found(evidence: Evidence, truth: pl.DataFrame, raters: pl.DataFrame) -> list[dict[str, Any]]:
    """Kinds and rankings against the planted truth."""
    chosen = [check for check in CHECKS if check.code in ("MS205", "MS701")]
    scores = diagnose(evidence, checks=chosen).scores
    share = said_by_all(truth, raters)
    ids = truth["clip_id"].to_numpy()
    divided, known = (set(ids[rows]) for rows in (np.maximum(share, 1 - share) < DIVIDED, share >= AGREED))
    conflict = set(truth.filter(pl.col("conflict").is_not_null())["clip_id"])
    ambiguous = set(truth.filter("ambiguous")["clip_id"])
    wrong, unsure, clips = wrong_clips(evidence), unsure_clips(evidence), truth.height
    misled, ignorant = of_kind(scores, "misled"), of_kind(scores, "ignorance")
    rows = [
        against("ambiguous to people: divided by the plan", of_kind(scores, "ambiguous"), divided, clips),
        against("the same: planted ambiguous", of_kind(scores, "ambiguous"), ambiguous, clips),
        against("misled by a modality: planted conflict", misled, conflict, clips),
        against("the same among the errors of fusion", misled, conflict & wrong, len(wrong)),
        against(
            "ignorance: people know, fusion errs or is unsure", ignorant, known & (wrong | unsure), clips
        ),
        against("the same: people know, fusion errs", ignorant & wrong, known & wrong, clips),
    ]
    named = modality_named(evidence, truth)
    return [*rows, named, *ranked(scores, "conflict", conflict), *ranked(scores, "jsd", conflict)]


def modality_named(evidence: Evidence, truth: pl.DataFrame) -> dict[str, Any]:
    """Of the clips rightly called misled, on how many the modality that is named is the one turned round."""
    case = Case(evidence, DiagnosisOptions())
    kinds = kinds_of_clips(case)
    turned = dict(truth.select("clip_id", "conflict").iter_rows())
    misled = [row for row in np.flatnonzero(kinds.by_name["misled"]) if turned[case.clip_ids[int(row)]]]
    right = sum(case.parts[kinds.misleading[row]].name == turned[case.clip_ids[int(row)]] for row in misled)
    return {
        "what": "misled in a planted conflict: the modality named is the one turned",
        "found": len(misled),
        "planted": len(misled),
        "right": right,
        "precision": right / len(misled) if misled else None,
        "by chance": 1 / len(case.parts),
        "recall": None,
        "recall by chance": None,
        "p": float(stats.binom.sf(right - 1, len(misled), 1 / len(case.parts))) if misled else None,
    }


def unsure_clips(evidence: Evidence) -> set[str]:
    """The tenth of the clips on which fusion is least sure."""
    case = Case(evidence, DiagnosisOptions())
    doubt = signals_of(case).baselines["fused_entropy"]
    return set(case.clip_ids.gather(np.flatnonzero(doubt >= np.nanquantile(doubt, 0.9))))


def wrong_clips(evidence: Evidence) -> set[str]:
    """Clips on which the seed-mean of fusion, given everything, is not the target."""
    assert evidence.predictions is not None
    assert evidence.targets is not None
    fused = evidence.predictions.filter(pl.col("source") == "fusion")
    fullest = fused["given"].unique().sort(descending=True).to_list()
    widest = max(fullest, key=lambda given: given.count("+"))
    mean = (
        fused.filter(pl.col("given") == widest).group_by("clip_id", "label").agg(pl.col("probability").mean())
    )
    said = mean.sort("probability", descending=True).unique("clip_id", keep="first", maintain_order=True)
    both = said.join(evidence.targets, on="clip_id", suffix="_target")
    return set(both.filter(pl.col("label") != pl.col("label_target"))["clip_id"])


def label_errors(evidence: Evidence) -> dict[str, Any]:
    """Turned targets that are called probable label errors, over several draws; the one check that says so."""
    assert evidence.targets is not None
    names, targets = evidence.labels.names, evidence.targets
    check = [one for one in CHECKS if one.code == "MS701"]
    right = found = planted = 0
    for draw in range(DRAWS):
        turned = set(targets["clip_id"].sample(fraction=FLIPPED, seed=draw))
        other = pl.col("label").replace_strict(dict(zip(names, [*names[1:], names[0]], strict=True)))
        wrong = targets.with_columns(
            pl.when(pl.col("clip_id").is_in(list(turned))).then(other).otherwise("label").alias("label")
        )
        made = diagnose(replace(evidence, targets=wrong), checks=check, options=DiagnosisOptions(seed=draw))
        called = of_kind(made.scores, "label_error")
        right, found, planted = right + len(called & turned), found + len(called), planted + len(turned)
    return {
        "what": f"probable label error: {FLIPPED:.0%} of the targets turned, {DRAWS} draws",
        "found": found,
        "planted": planted,
        "right": right,
        "precision": right / found if found else None,
        "by chance": planted / (targets.height * DRAWS),
        "recall": right / planted,
        "recall by chance": found / (targets.height * DRAWS),
        "p": None,
    }


def raters_found(evidence: Evidence, truth: pl.DataFrame) -> list[dict[str, Any]]:
    """Careless raters by each model, against the planted ones."""
    check, rows = [one for one in CHECKS if one.code == "MS406"], []
    planted = set(truth.filter("careless")["rater_id"])
    for model in ("dawid-skene", "mace", "glad"):
        made = diagnose(evidence, checks=check, options=DiagnosisOptions(raters=model))
        one = made.estimates.filter(pl.col("measure") == "rater_competence", pl.col("p") < 0.05)
        named = set(one["slice"].str.strip_prefix("rater="))
        rows.append(against(f"careless raters by {model}", named, planted, truth.height))
    return rows


def main() -> None:
    """Read or make a run, print and save the table."""
    corpus = api.playhouse()
    truth, raters = (pl.read_parquet(corpus / f"{name}.parquet") for name in ("truth", "truth_raters"))
    with tempfile.TemporaryDirectory() as scratch:
        run = RunFolder(Path(sys.argv[1])) if len(sys.argv) > 1 else api.run(corpus, Path(scratch) / "run")
        evidence = evidence_of(run)
        rows = [
            *clips_found(evidence, truth, raters),
            label_errors(evidence),
            *raters_found(evidence, raters),
        ]
    print_table(rows)
    print(f"saved {save('planted', rows, corpus='playhouse, 240 clips').name}")


if __name__ == "__main__":
    main()
