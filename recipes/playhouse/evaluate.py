"""What plain models of the offline encoders, and the simulated people, make of a built `playhouse`.

A logistic regression per modality on mean-pooled features, in five speaker-disjoint folds, repeated over several cuts;
fusion is the mean of the three log-odds, or one regression on all features together. Read beside the planted truth.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mixedsignals.encoders import encode

from .plant import MODALITIES

CUTS = 5
STRENGTH = 0.003  # of the regression's inverse penalty, few clips and many features


def evaluate(corpus: Path) -> str:
    """Encode the corpus with the lite encoders and describe it in lines of text."""
    clips = pl.read_csv(corpus / "clips.csv")
    truth = clips.select("clip_id").join(
        pl.read_parquet(corpus / "truth.parquet"), on="clip_id", maintain_order="left"
    )
    features = {m: encode(clips, corpus, m, "lite").embeddings.values for m in MODALITIES}
    features["all features"] = np.concatenate([features[m] for m in MODALITIES], axis=1)
    logits = {name: out_of_fold(values, truth) for name, values in features.items()}
    logits["mean log-odds"] = np.mean([logits[m] for m in MODALITIES], axis=0)
    return "\n".join([*_models(logits, truth), *_conflicts(logits, truth), *_people(corpus, truth)])


def out_of_fold(values: np.ndarray, truth: pl.DataFrame) -> np.ndarray:
    """Log-odds of empathetic for every clip from models that never heard its speaker, (CUTS, n_clips)."""
    target = (truth["label"] == "empathetic").to_numpy()
    # A feature of EfficientNet may be zero in all but one clip: standardised, it would drown all others.
    bounded = FunctionTransformer(np.clip, kw_args={"a_min": -5, "a_max": 5})
    model = make_pipeline(StandardScaler(), bounded, LogisticRegression(C=STRENGTH, max_iter=2000))
    groups = truth["speaker_id"].to_numpy()
    return np.stack(
        [
            cross_val_predict(
                model,
                values,
                target,
                groups=groups,
                cv=StratifiedGroupKFold(5, shuffle=True, random_state=cut),
                method="decision_function",
            )
            for cut in range(CUTS)
        ]
    )


def _models(logits: dict[str, np.ndarray], truth: pl.DataFrame) -> list[str]:
    target = (truth["label"] == "empathetic").to_numpy()
    lines = [f"macro-F1 of logistic regression, five speaker-disjoint folds, {CUTS} cuts (mean, range)"]
    for name, values in logits.items():
        scores = [f1_score(target, cut > 0, average="macro") for cut in values]
        line = f"  {name:14s} {np.mean(scores):.3f}  {min(scores):.3f} to {max(scores):.3f}"
        if name in MODALITIES:
            cue = truth[f"x_{name}"].to_numpy()
            line += f"   correlation with the planted cue {np.corrcoef(values.mean(axis=0), cue)[0, 1]:.2f}"
            line += f"   the cue's own sign {f1_score(target, cue > 0, average='macro'):.3f}"
        lines.append(line)
    return lines


def _conflicts(logits: dict[str, np.ndarray], truth: pl.DataFrame) -> list[str]:
    """How well the divergence of the three models ranks the planted conflicts first."""
    planted = truth["conflict"].is_not_null().to_numpy()
    spread = np.mean(
        [_divergence(np.stack([logits[m][cut] for m in MODALITIES])) for cut in range(CUTS)], axis=0
    )
    ranked = planted[np.argsort(-spread, kind="stable")]
    count = int(planted.sum())
    found = ", ".join(f"{ranked[:top].sum()} of {count} in the first {top}" for top in (count, 80, 120))
    share = ", ".join(f"{count * top / len(ranked):.0f}" for top in (count, 80, 120))
    return [
        f"conflicts by divergence of the unimodal models: AUROC {roc_auc_score(planted, spread):.3f}; {found}",
        f"  by chance {share}",
    ]


def _divergence(logits: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence in bits of the three models' probabilities, each first brought to one scale."""
    scaled = 1.5 * logits / logits.std(axis=1, keepdims=True)
    p = 1 / (1 + np.exp(-scaled))
    return np.asarray(_entropy(p.mean(axis=0)) - _entropy(p).mean(axis=0))


def _entropy(p: np.ndarray) -> np.ndarray:
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def _people(corpus: Path, truth: pl.DataFrame) -> list[str]:
    """Accuracy of the simulated raters per condition and kind of clip."""
    conflict = pl.when(pl.col("conflict").is_not_null()).then(pl.lit("conflict")).otherwise(pl.lit("plain"))
    kind = pl.when(pl.col("ambiguous")).then(pl.lit("ambiguous")).otherwise(conflict)
    facts = truth.select("clip_id", "conflict", "dominant", target="label", kind=kind)
    votes = pl.read_parquet(corpus / "votes.parquet").join(facts, on="clip_id")
    votes = votes.join(pl.read_parquet(corpus / "truth_raters.parquet"), on="rater_id")
    votes = votes.with_columns(right=pl.col("label") == pl.col("target"))
    lines = ["accuracy of the simulated votes: all clips, plain, conflict, ambiguous"]
    for given in (*MODALITIES, "+".join(MODALITIES)):
        seen = votes.filter(pl.col("given") == given)
        parts = [seen, *(seen.filter(pl.col("kind") == k) for k in ("plain", "conflict", "ambiguous"))]
        lines.append(f"  {given:17s} " + "  ".join(f"{_share(part):.3f}" for part in parts))
    full = votes.filter(pl.col("given") == "+".join(MODALITIES), pl.col("conflict") == pl.col("dominant"))
    for strategy in ("integrate", "loudest"):
        part = full.filter(pl.col("strategy") == strategy)
        lines.append(
            f"  all three given, the loudest one in conflict, raters who {strategy}: {_share(part):.3f}"
        )
    pairs = combinations([f"x_{m}" for m in MODALITIES], 2)
    links = ", ".join(f"{a[2:]}-{b[2:]} {np.corrcoef(truth[a], truth[b])[0, 1]:.2f}" for a, b in pairs)
    return [*lines, f"correlation of the planted cues: {links}"]


def _share(votes: pl.DataFrame) -> float:
    return float(votes["right"].to_numpy().mean())
