"""The stable names in `estimates.measure` and `scores.measure`: what each number is, its unit and its range.

A name in braces stands for several: `auroc:{signal}->{target}` is one row for each signal and target below. The page of
the check that makes a number says how it is computed and when not to believe it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

__all__ = ["ESTIMATE_NAMES", "PLACEHOLDERS", "SCORE_NAMES", "MeasureName", "expanded"]


@dataclass(frozen=True)
class MeasureName:
    """What a number is: one phrase, its unit and range, and the code of the check that makes it."""

    meaning: str
    unit: str
    range: str
    check: str


PLACEHOLDERS: dict[str, dict[str, str]] = {
    "signal": {
        "jsd": "Jensen-Shannon divergence of the calibrated single modalities; named beforehand",
        "mean_total_variation": "mean total variation of pairs of single modalities",
        "collision_disagreement": "chance that two single modalities, drawn from their distributions, differ",
        "fusion_gap": "divergence of fusion and the mean of the single modalities",
        "conflict": "how strongly two single modalities contradict each other; described, not tested",
        "fused_entropy": "baseline: entropy of fusion",
        "fused_doubt": "baseline: 1 − largest probability of fusion",
        "mean_unimodal_entropy": "baseline: mean entropy of the single modalities",
        "seed_disagreement": "rival: divergence of the seeds of fusion",
    },
    "disagreement": {
        "jsd": "as above",
        "mean_total_variation": "as above",
        "collision_disagreement": "as above",
        "fusion_gap": "as above",
        "conflict": "as above",
    },
    "target": {
        "annotator_uncertainty": "chance that two people disagree about the clip",
        "fused_error": "fusion is wrong",
        "misled": "fusion is wrong and a single modality right, where they part",
    },
    "order": {"fused_doubt": "clips left out by doubt of fusion", "jsd": "clips left out by divergence"},
    "pattern": {
        "agree": "all say the same",
        "fusion_with_1": "fusion sides with one part (and so on up to all but one)",
        "fusion_with_2": "fusion sides with two parts",
        "fusion_alone": "the parts agree, and fusion says something else",
        "split": "the parts differ, and fusion sides with none",
    },
    "kind": {
        "ambiguous": "ambiguous to people",
        "misled": "misled by one modality",
        "label_error": "the target is probably wrong",
        "ignorance": "the model does not know, people do",
    },
    "performance": {"macro_f1": "macro-F1", "weighted_f1": "weighted F1", "accuracy": "accuracy"},
    "distance": {
        "cross_entropy_to_votes": "cross-entropy of the votes under the model (nats)",
        "brier_to_votes": "squared distance (0 to 2)",
        "manhattan_to_votes": "sum of absolute differences (0 to 2)",
        "wasserstein_to_votes": "earth mover's distance, ordinal labels only (ranks)",
        "entropy_calibration_error": "entropy of the model less that of the votes (−log₂ C to log₂ C bits)",
        "distribution_calibration_error": "total variation (0 to 1)",
    },
    "outcome": {
        "right": "fusion and a part are right",
        "rescued": "fusion is right, no part is",
        "misled": "a part is right, fusion is not",
        "lost": "nobody is right",
    },
    "question": {
        "disagreement": "a source parts from fusion, against all agree",
        "misled": "fusion is misled, against other clips on which it parts from a source",
    },
    "share": {"70": "70 %", "80": "80 %", "90": "90 %"},
    "modality": {"text": "words", "audio": "voice", "video": "face"},
    "pair": {
        "text+audio": "words and voice",
        "text+video": "words and face",
        "audio+video": "voice and face",
    },
    "ways": {
        "subset~token": "models trained on each subset, and a learned missing token",
        "subset~resampled": "models trained on each subset, and modalities lent by other clips",
        "token~resampled": "a learned missing token, and modalities lent by other clips",
    },
    "weights": {"gate": "the gates", "weight": "the attention weights"},
    "stage": {"": "raw", ":calibrated": "after calibration out of fold"},
}

_SHARE, _UNIT = ("share of clips", "0 to 1"), ("", "0 to 1")

ESTIMATE_NAMES: dict[str, MeasureName] = {
    "{performance}": MeasureName(
        "performance of a source; of people, accuracy of single votes", *_UNIT, "MS101, MS801"
    ),
    "chance:{performance}": MeasureName("the same with targets permuted within groups", *_UNIT, "MS101"),
    "fusion_gain": MeasureName("accuracy of fusion less that of a part", "", "−1 to 1", "MS104"),
    "disagreement_rate": MeasureName(
        "a source parts from fusion, or two sources (`a|b`) part", *_SHARE, "MS201, MS202"
    ),
    "chance:disagreement_rate": MeasureName(
        "the same, if errors were independent given the label", *_SHARE, "MS201, MS202"
    ),
    "excess_disagreement": MeasureName("rate less its chance", "", "−1 to 1", "MS201, MS202"),
    "pattern:{pattern}": MeasureName("clips with that pattern", *_SHARE, "MS203"),
    "{outcome}_rate": MeasureName("clips with that outcome", *_SHARE, "MS204, MS206"),
    "misled_difference": MeasureName(
        "of two fusions `a|b`, how much more often the first is misled", "", "−1 to 1", "MS206"
    ),
    "chance:misled_rate": MeasureName("misled, with sources permuted within label", *_SHARE, "MS204"),
    "chance:rescued_rate": MeasureName("rescued, with sources permuted within label", *_SHARE, "MS204"),
    "both_right": MeasureName("a part and fusion are right", *_SHARE, "MS204"),
    "both_wrong": MeasureName("a part and fusion are wrong", *_SHARE, "MS204"),
    "part_only_right": MeasureName("a part is right, fusion is not", *_SHARE, "MS204"),
    "fusion_only_right": MeasureName("fusion is right, the part is not", *_SHARE, "MS204"),
    "calibration_error{stage}": MeasureName("root mean square of stated less seen shares", *_UNIT, "MS301"),
    "calibration_error:vector_scaled": MeasureName(
        "the same for the mean over seeds after vector scaling", *_UNIT, "MS301"
    ),
    "log_loss{stage}": MeasureName("−ln probability of the target", "nats", "0 up", "MS301"),
    "temperature": MeasureName("temperature of calibration; above 1 is too sure", "", ".05 to 20", "MS301"),
    "reliability_stated{stage}": MeasureName("mean confidence in a bin (slice `bin=NN`)", *_UNIT, "MS301"),
    "reliability_seen{stage}": MeasureName("share right in a bin", *_UNIT, "MS301"),
    "jsd": MeasureName(
        "mean divergence of the single modalities; slice `calibrated=no` is raw",
        "bits",
        "0 to log₂ C",
        "MS302",
    ),
    "disagreement_rate:vector_scaled": MeasureName(
        "a source parts from fusion after vector scaling", *_SHARE, "MS302"
    ),
    "seed_disagreement_rate": MeasureName("two seeds of a source part", *_SHARE, "MS303"),
    "beyond_seeds": MeasureName(
        "disagreement with fusion less what seeds alone show", "", "−1 to 1", "MS303"
    ),
    "rater_disagreement": MeasureName("two people who judge the same clip disagree", *_UNIT, "MS401, MS402"),
    "vote_entropy": MeasureName(
        "entropy of votes, Miller-Madow; biased, see the page", "bits", "0 to log₂ C", "MS401, MS402"
    ),
    "rater_disagreement_difference": MeasureName(
        "where models part less where they agree", "", "−1 to 1", "MS402"
    ),
    "vote_entropy_difference": MeasureName("where models part less where they agree", "bits", "", "MS402"),
    "krippendorff_alpha": MeasureName("agreement of people; 1 perfect, 0 chance", "", "−1 to 1", "MS403"),
    "vote_accuracy": MeasureName("single votes that equal an independent target", *_UNIT, "MS403"),
    "majority_accuracy": MeasureName("majorities that equal an independent target", *_UNIT, "MS403"),
    "oracle_error": MeasureName(
        "targets that are majorities on which an oracle errs: most people would say something else",
        *_UNIT,
        "MS403, MS501",
    ),
    "noise_ceiling": MeasureName("largest correlation with people's disagreement", *_UNIT, "MS404"),
    "noise_ceiling:spearman": MeasureName("the same of rank correlation", *_UNIT, "MS404"),
    "noise_ceiling:auroc": MeasureName("the same of AUROC", *_UNIT, "MS404"),
    "rater_kappa": MeasureName(
        "agreement of the median rater with others, beyond chance", "", "−1 to 1", "MS405"
    ),
    "rater_competence": MeasureName(
        "agreement with the consensus of a model of raters, beyond chance (slice `rater=ID`; else the median); "
        "below .5 a rater guesses more often than not, and p tests that",
        "",
        "−1 to 1",
        "MS406",
    ),
    "careless_raters": MeasureName(
        "raters who guess more often than not", "share of raters", "0 to 1", "MS406"
    ),
    "consensus_against_majority": MeasureName(
        "the consensus of that model is not the majority", *_SHARE, "MS406"
    ),
    "consensus_accuracy": MeasureName("consensuses that equal an independent target", *_UNIT, "MS406"),
    "delta_auroc:{target}": MeasureName(
        "gain in AUROC over confidence alone; p is of the residual test", "", "−1 to 1", "MS501"
    ),
    "delta_log_loss:{target}": MeasureName(
        "log-loss of confidence alone less that with signals", "nats", "", "MS501"
    ),
    "residual_correlation:{target}": MeasureName(
        "divergence and target once confidence is known", "", "−1 to 1", "MS501"
    ),
    "detectable:{target}": MeasureName(
        "smallest gain in AUROC that these clips could have shown", "", "0 up", "MS501"
    ),
    "control:delta_auroc:{target}": MeasureName(
        "gain with modalities of the wrong clips", "", "−1 to 1", "MS501"
    ),
    "base_rate:{target}": MeasureName(
        "mean of the target: the chance level of average precision", *_UNIT, "MS502"
    ),
    "auroc:{signal}->{target}": MeasureName(
        "how well the signal ranks clips by the target; .5 is chance", *_UNIT, "MS502"
    ),
    "auprc:{signal}->{target}": MeasureName("average precision of that ranking", *_UNIT, "MS502"),
    "spearman:{signal}->annotator_uncertainty": MeasureName("rank correlation", "", "−1 to 1", "MS502"),
    "kendall:{signal}->annotator_uncertainty": MeasureName(
        "tau-b, up to 5,000 clips", "", "−1 to 1", "MS502"
    ),
    "partial_spearman:{disagreement}->{target}": MeasureName(
        "rank correlation with the confidence of fusion held fixed", "", "−1 to 1", "MS502"
    ),
    "aurc:{order}": MeasureName("area under the curve of risk against coverage", *_UNIT, "MS502"),
    "excess_aurc:{order}": MeasureName("that area less the best possible one", *_UNIT, "MS502"),
    "augrc:{order}": MeasureName("area under generalised risk", *_UNIT, "MS502"),
    "risk_at_{share}:{order}": MeasureName("errors of fusion among the clips kept", *_UNIT, "MS502"),
    "{distance}": MeasureName(
        "distance of calibrated probabilities to people's votes", "see below", "0 up", "MS601"
    ),
    "chance:{distance}": MeasureName("the same of the shares of all votes", "see below", "0 up", "MS601"),
    "gain_over_vote_shares": MeasureName(
        "how much nearer than those shares (cross-entropy)", "nats", "", "MS601"
    ),
    "kind:{kind}": MeasureName("clips of that kind", *_SHARE, "MS701"),
    "precision:challenge->{target}": MeasureName(
        "mean of the target over the tenth of highest challenge", *_UNIT, "MS701"
    ),
    "chance:precision:challenge->{target}": MeasureName("mean over all clips", *_UNIT, "MS701"),
    "error_rate": MeasureName("fusion errs on the clips of a slice", *_SHARE, "MS702"),
    "any_disagreement": MeasureName("a source parts from fusion on the clips of a slice", *_SHARE, "MS702"),
    "human_gain": MeasureName(
        "accuracy of votes given everything less that given one modality", "", "−1 to 1", "MS801"
    ),
    "hurt_by_more": MeasureName("people do worse given everything than given the best one", *_SHARE, "MS802"),
    "chance:hurt_by_more": MeasureName("the same in a simulation in which nobody is hurt", *_SHARE, "MS802"),
    "loss_where_hurt": MeasureName(
        "loss in accuracy given everything, on held-out votes, over clips that look worse off",
        "",
        "−1 to 1",
        "MS802",
    ),
    "follow_rate": MeasureName(
        "of a model: how much the probability of a donor's label grows when a modality comes from that clip; of "
        "people: under conflict, votes that go with one modality",
        "",
        "−1 to 1",
        "MS803, MS912",
    ),
    "follow_rate:{modality}": MeasureName(
        "the same by the donor's label (slice `label=LABEL`)", "", "−1 to 1", "MS912"
    ),
    "follow_decisions": MeasureName(
        "how much more often that label is predicted when a modality comes from that clip",
        "",
        "−1 to 1",
        "MS912",
    ),
    "follow_difference": MeasureName(
        "how much more one modality is followed than another (slice `swapped=A|B`)", "", "−2 to 2", "MS912"
    ),
    "follow_by_entropy:{modality}": MeasureName(
        "slope of following on the relative entropy of the swapped modality; slice `within=clip` compares donors of "
        "the same clip",
        "per unit of relative entropy",
        "",
        "MS913",
    ),
    "follow_at_entropy:{modality}": MeasureName(
        "follow rate in a bin of relative entropy (slice `bin=NN`)", "", "−1 to 1", "MS913"
    ),
    "relative_entropy:{modality}": MeasureName(
        "mean in that bin: −1 where only the swapped modality is sure, 1 where it alone is unsure",
        "",
        "−1 to 1",
        "MS913",
    ),
    "probe_change": MeasureName(
        "decisions that change under a probe (slice `PROBE=MODALITY`)", *_SHARE, "MS914"
    ),
    "probe_distance": MeasureName("mean total variation from the unaltered answer", *_UNIT, "MS914"),
    "probe_loss": MeasureName("accuracy lost under a probe", "", "−1 to 1", "MS914"),
    "excess:probe_change": MeasureName(
        "how many more decisions change than by encoding the recording again", "", "−1 to 1", "MS914"
    ),
    "model_gain": MeasureName(
        "accuracy of the model given everything less that given one modality, on the clips that people judged",
        "",
        "−1 to 1",
        "MS804",
    ),
    "accuracy_beside_people": MeasureName(
        "accuracy of a model on the clips that people judged", *_UNIT, "MS804"
    ),
    "cue_difference:{question}": MeasureName(
        "Cohen's d of a cue between two kinds of clips, centred on speakers (slice `cue=NAME`)",
        "standard deviations",
        "",
        "MS901, MS902",
    ),
    "cue_difference_within_label:{question}": MeasureName(
        "the same, centred on speaker and label", "standard deviations", "", "MS901, MS902"
    ),
    "training_confidence": MeasureName("mean probability of the target while training", *_UNIT, "MS921"),
    "training_variability": MeasureName("its standard deviation over epochs", "", "0 to .5", "MS921"),
    "training_correctness": MeasureName(
        "epochs in which the target led", "share of epochs", "0 to 1", "MS921"
    ),
    "forgotten": MeasureName(
        "times that a clip was right after an epoch and wrong after the next", "per training", "0 up", "MS921"
    ),
    "easy_and_hard": MeasureName(
        "clips easy for the source and hard for another (slice `hard_in=NAME`)", *_SHARE, "MS922"
    ),
    "chance:easy_and_hard": MeasureName(
        "the same, if both learned independently given the label", *_SHARE, "MS922"
    ),
    "never_learned": MeasureName("clips trained on that no source learned", *_SHARE, "MS923"),
    "auroc:cues->misled": MeasureName(
        "how well a model of cues ranks misled clips of others", *_UNIT, "MS903"
    ),
    "auroc:fused_doubt->misled:same_clips": MeasureName(
        "the doubt of fusion on the same clips and folds", *_UNIT, "MS903"
    ),
    "auroc_gain:cues_over_doubt->misled": MeasureName("difference of both", "", "−1 to 1", "MS903"),
    "delta_auroc:cues->misled": MeasureName(
        "gain in AUROC of the cues' score over confidence; p is of the residual test", "", "−1 to 1", "MS903"
    ),
    "cue_weight:misled": MeasureName(
        "mean weight of a cue in that model (slice `cue=NAME`)",
        "log odds per standard deviation",
        "",
        "MS903",
    ),
    "unsupported_dominance_rate": MeasureName(
        "fusion is wrong, and the modality that carries its decision says a wrong label that no other says; by "
        "modality, or by kind (modality->label, of the clips with another label)",
        *_SHARE,
        "MS910, MS911",
    ),
    "null:unsupported_dominance_rate": MeasureName(
        "the same with modalities dealt out again within label and speaker, and fused anew",
        *_SHARE,
        "MS910, MS911",
    ),
    "excess:unsupported_dominance_rate": MeasureName(
        "rate less its null, paired by clip", "", "−1 to 1", "MS910, MS911"
    ),
    "best_unimodal:unsupported_dominance_rate": MeasureName(
        "the best single modality, chosen on other groups, says a wrong label that no other says",
        *_SHARE,
        "MS910",
    ),
    "over_best_unimodal:unsupported_dominance_rate": MeasureName(
        "rate of fusion less that of the best single modality", "", "−1 to 1", "MS910"
    ),
    "flips_back_rate": MeasureName(
        "cases on which fusion says the target once a modality is left out (slice `without=MODALITY`)",
        "share of cases",
        "0 to 1",
        "MS910",
    ),
    "unsupported_dominance_in_slice": MeasureName(
        "the same rate on the clips of a slice, of all cases or of one kind", *_SHARE, "MS911"
    ),
    "shapley:{modality}": MeasureName(
        "mean Shapley value on right or wrong: what the modality adds to the share of clips right",
        "",
        "−1 to 1",
        "MS904",
    ),
    "shapley_true:{modality}": MeasureName(
        "mean Shapley value on the log-odds of the target", "nats", "", "MS904"
    ),
    "shapley_predicted:{modality}": MeasureName(
        "mean Shapley value on the log-odds of the label that the source predicts", "nats", "", "MS904"
    ),
    "shapley_difference:{modality}": MeasureName(
        "how much more it adds to the share of clips right than another", "", "−2 to 2", "MS904"
    ),
    "shapley_predicted_difference:{modality}": MeasureName(
        "how much more it adds to the log-odds of the predicted label than another", "nats", "", "MS904"
    ),
    "flip_rate:{modality}": MeasureName(
        "clips whose label changes when the modality is left out", *_SHARE, "MS904"
    ),
    "imputation_agreement:{ways}": MeasureName(
        "two handlings of a missing modality give the largest value to the same one", *_SHARE, "MS905"
    ),
    "chance:imputation_agreement:{ways}": MeasureName(
        "the same, if each named modalities independently", *_SHARE, "MS905"
    ),
    "imputation_rank:{ways}": MeasureName(
        "rank correlation across clips of the values of a modality by two handlings", "", "−1 to 1", "MS905"
    ),
    "{weights}_rank:{modality}": MeasureName(
        "rank correlation across clips with the Shapley value on the predicted label", "", "−1 to 1", "MS906"
    ),
    "{weights}_names_dominant": MeasureName(
        "the largest of them is on the modality with the largest Shapley value", *_SHARE, "MS906"
    ),
    "chance:{weights}_names_dominant": MeasureName(
        "the same, if both named modalities independently", *_SHARE, "MS906"
    ),
    "excess:{weights}_names_dominant": MeasureName("share less its chance", "", "−1 to 1", "MS906"),
    "interaction:{pair}": MeasureName(
        "what two modalities add to the share of clips right together, beyond each by itself",
        "",
        "−2 to 2",
        "MS907",
    ),
    "fault_rate": MeasureName(
        "clips (or votes) that a fault of the data concerns, of those that were looked at",
        "share",
        "0 to 1",
        "MS001, MS002, MS003, MS004, MS005, MS006, MS007, MS008, MS009",
    ),
}

SCORE_NAMES: dict[str, MeasureName] = {
    "target_against_votes": MeasureName(
        "1 where the target contradicts unanimous votes", "", "0 or 1", "MS008"
    ),
    "parts_from_fusion": MeasureName(
        "1 where the source's label is not that of fusion", "", "0 or 1", "MS201"
    ),
    "pattern": MeasureName("0 agree, k fusion with k parts, −1 fusion alone, −2 split", "", "−2 up", "MS203"),
    "misled": MeasureName("1 where fusion is wrong and a part right", "", "0 or 1", "MS204"),
    "rescued": MeasureName("1 where fusion is right and no part is", "", "0 or 1", "MS204"),
    "p_target": MeasureName("calibrated probability of the target", *_UNIT, "MS205"),
    "confidence": MeasureName("largest calibrated probability", "", "1/C to 1", "MS205"),
    "entropy": MeasureName("entropy of the calibrated distribution", "bits", "0 to log₂ C", "MS205"),
    "true_class_gap": MeasureName(
        "probability of the target, fusion less source; uses the truth", "", "−1 to 1", "MS205"
    ),
    "seed_disagreement": MeasureName("divergence of the seeds of a source", "bits", "0 up", "MS205"),
    "jsd": MeasureName(PLACEHOLDERS["signal"]["jsd"], "bits", "0 to log₂ C", "MS205"),
    "mean_total_variation": MeasureName(PLACEHOLDERS["signal"]["mean_total_variation"], *_UNIT, "MS205"),
    "collision_disagreement": MeasureName(PLACEHOLDERS["signal"]["collision_disagreement"], *_UNIT, "MS205"),
    "conflict": MeasureName(
        "how strongly two single modalities contradict each other: the largest margin that both reach",
        *_UNIT,
        "MS205",
    ),
    "fusion_gap": MeasureName(PLACEHOLDERS["signal"]["fusion_gap"], "bits", "0 to 1", "MS205"),
    "rater_disagreement": MeasureName("chance that two people disagree about the clip", *_UNIT, "MS401"),
    "vote_entropy": MeasureName("Miller-Madow entropy of its votes", "bits", "0 to log₂ C", "MS401"),
    "n_votes": MeasureName("votes of the clip under the fullest condition", "votes", "1 up", "MS401"),
    "consensus_against_majority": MeasureName(
        "1 where the consensus of a model of raters is not the majority", "", "0 or 1", "MS406"
    ),
    "challenge": MeasureName(
        "entropy of the mean of all calibrated distributions over its maximum", *_UNIT, "MS701"
    ),
    "kind:{kind}": MeasureName("1 where the clip is of that kind", "", "1", "MS701"),
    "training_confidence": MeasureName("mean probability of the target while training", *_UNIT, "MS921"),
    "training_variability": MeasureName("its standard deviation over epochs", "", "0 to .5", "MS921"),
    "training_correctness": MeasureName(
        "epochs in which the target led", "share of epochs", "0 to 1", "MS921"
    ),
    "training_region": MeasureName("1 easy, 0 ambiguous, −1 hard to learn", "", "−1 to 1", "MS921"),
    "forgotten": MeasureName("forgetting events of the clip", "per training", "0 up", "MS921"),
    "unsupported_dominance": MeasureName(
        "1 where an unsupported dominant modality misleads fusion, by its mean over seeds",
        "",
        "0 or 1",
        "MS910",
    ),
    "case_shapley:{modality}": MeasureName(
        "of such a case: what the modality adds to the log-odds of the label that fusion says",
        "nats",
        "",
        "MS910",
    ),
    "case_flips_back:{modality}": MeasureName(
        "1 where fusion says the target without the modality", "", "0 or 1", "MS910"
    ),
    "unsupported_dominance_steady": MeasureName(
        "seeds in which it does", "share of seeds", "0 to 1", "MS910"
    ),
    "shapley_predicted:{modality}": MeasureName(
        "what the modality adds to the log-odds of the predicted label, mean over seeds", "nats", "", "MS904"
    ),
    "shapley_true:{modality}": MeasureName(
        "what the modality adds to the log-odds of the target, mean over seeds", "nats", "", "MS904"
    ),
    "shapley_spread:{modality}": MeasureName(
        "standard deviation over seeds of what it adds to the predicted label", "nats", "0 up", "MS904"
    ),
    "misled_by_cues": MeasureName(
        "log odds of being misled, by a model of cues that never met the speaker", "log odds", "", "MS903"
    ),
}


def expanded(name: str) -> Iterator[str]:
    """Every name that a name with placeholders stands for."""
    used = [key for key in PLACEHOLDERS if f"{{{key}}}" in name]
    for values in product(*(PLACEHOLDERS[key] for key in used)):
        yield name.format(**dict(zip(used, values, strict=True)))
