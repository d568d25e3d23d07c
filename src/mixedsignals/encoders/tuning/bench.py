"""One encoder on the bench: loaded once, its clips read once, and all models of the plan trained over it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from mixedsignals.encoders.pace import pick_device
from mixedsignals.encoders.protocol import EncoderRequest
from mixedsignals.encoders.registry import find_encoder
from mixedsignals.encoders.tuning.building import build_network, check_tunable
from mixedsignals.encoders.tuning.clips import ClipStore, Labelled
from mixedsignals.encoders.tuning.modelcard import CardFacts, measured, write_card
from mixedsignals.encoders.tuning.network import Item, Network
from mixedsignals.encoders.tuning.plan import ModelId, TuningPlan
from mixedsignals.encoders.tuning.saving import Tuned, describe, load_tuned, read_tuned, write_tuned
from mixedsignals.encoders.tuning.training import Lesson, Taught, processes, teach
from mixedsignals.encoders.tuning.tuned_encoder import request_record
from mixedsignals.errors import UsageError
from mixedsignals.progress import Progress
from mixedsignals.sources import find_sources
from mixedsignals.store import atomic

__all__ = ["Bench", "meet"]

_EVALUATED = 8


class Bench:
    """One encoder, tuned in every fold with every seed.

    Args:
        name: of the encoder, as the user gave it.
    """

    def __init__(self, plan: TuningPlan, modality: str, name: str) -> None:
        options = plan.options
        self.plan, self.modality, self.name = plan, modality, name
        self.request = EncoderRequest(
            modality=modality,
            name=name,
            pooling=plan.pooling,  # type: ignore[arg-type]
            max_seconds=options.max_seconds,
            frames=options.frames,
        )
        self.encoder = find_encoder(self.request, plan.cache)
        check_tunable(self.encoder)
        self.device = _one_device(plan.device)
        self.sources, self.absent = find_sources(plan.clips, plan.root, modality)
        self.store = ClipStore(plan.work / modality, self.encoder, shares=processes())
        self._ready = False
        self._replays: str | None = None

    @property
    def folder(self) -> Path:
        """Where its models are kept."""
        return self.plan.folder / self.modality / self.encoder.card.encoder.replace("/", "--")

    def open(self, progress: Progress) -> None:
        """Load the encoder and read its clips, once.

        Raises:
            InputError: media that cannot be read.
            CannotFinish: weights that cannot be had, or folds that cannot be learned from.
        """
        if self._ready:
            return
        self.encoder.load("cpu")
        self.store.prepare(self.sources, progress)
        meet(self.device)
        self.plan.check(self.modality, list(self.having))
        self._ready = True

    @property
    def having(self) -> dict[str, None]:
        """Clips that have the modality, in the order of the table."""
        return {clip: None for clip in self.sources if self.store.has(clip)}

    def network(self, seed: int) -> Network:
        """A new network over the pretrained encoder."""
        plan = self.plan
        return build_network(
            self.encoder,
            plan.labels.names,
            tune=plan.tune,
            options=plan.options,
            seed=seed,
            cache=plan.cache,
        )

    def found(self, model: ModelId) -> Tuned | None:
        """The model, if an earlier run finished it in the same way."""
        return read_tuned(self.folder / model.name, self.key(model))

    def model(self, model: ModelId, progress: Progress) -> Tuned:
        """Train one model, or take it as it is."""
        before = self.found(model)
        if before is not None:
            return before
        self.open(progress)
        network = self._replaying(self.network(model.seed), progress)
        lesson = self.lesson(model, network)
        taught = teach(network, lesson, progress)
        folder = self.folder / model.name
        if taught.tensors is not None:
            network.load_tuned(taught.tensors)
            if model.inner < 0:
                self._card(model, lesson, taught, folder, self._speak(network, model, folder))
            card = {**self.encoder.card.to_dict(), "fold": model.fold, "seed": model.seed}
            write_tuned(
                folder, taught.tensors, self._record(model, lesson, taught), type(self.encoder.card)(**card)
            )
            shutil.rmtree(lesson.folder, ignore_errors=True)
        meet(self.device)
        return load_tuned(folder)

    def lesson(self, model: ModelId, network: Network) -> Lesson:
        """What one model is trained on, and how."""
        plan = self.plan
        parts = plan.parts(model, self.having)
        targets = {clip: torch.from_numpy(plan.shares[clip]) for clip in (*parts.train, *parts.tune)}

        def item(clip: str) -> Item:
            return self.store.item(clip, network)

        return Lesson(
            name=f"{self.encoder.card.encoder} ({self.modality}), {model.name.replace('.', ', ')}",
            train=Labelled(parts.train, targets, plan.weights(parts.train), item),
            tune=Labelled(parts.tune, targets, {}, item),
            lengths=[self.store.length(clip) for clip in parts.train],
            options=plan.options,
            seed=model.seed,
            folder=self.folder / f"{model.name}.training",
            device=self.device,
        )

    def _replaying(self, network: Network, progress: Progress) -> Network:
        """Let frozen layers speak once, if they say the same every time."""
        if network.first is None or not self.plan.options.replay:
            return network
        if self._replays is None:
            self.store.replay(network.to(self.device), str(network.first), progress)
            meet(self.device)
            self._replays = str(network.first)
        else:
            self.store.look(network.to(self.device))
        network.replaying()
        return network

    def _card(
        self, model: ModelId, lesson: Lesson, taught: Taught, folder: Path, spoken: tuple[list[str], Any]
    ) -> None:
        """The model card, with what was measured on the test clips."""
        plan, card = self.plan, self.encoder.card
        facts = CardFacts(
            modality=self.modality,
            encoder=card.encoder,
            revision=card.revision,
            licence=card.licence,
            labels=plan.labels.names,
            corpus=plan.corpus,
            tune=plan.tune,
            options=plan.options.deciding(),
            where=(model.fold, model.seed),
            n_train=len(lesson.train),
            n_tune=len(lesson.tune),
            history=taught.history,
            best=taught.best,
            measured=measured(*spoken, plan.shares, plan.groups, lesson.train.clips, plan.labels),
        )
        with atomic(folder / "README.md") as partial:
            partial.write_text(write_card(facts), encoding="utf-8")

    def _speak(self, network: Network, model: ModelId, folder: Path) -> tuple[list[str], Any]:
        """What the best epoch says of the test clips of its fold: logits in `out_of_fold.npz`."""
        clips = self.plan.test_clips(model.fold, self.having)
        network.eval().to(self.device)
        logits = []
        ordered = sorted(clips, key=lambda clip: (self.store.length(clip), clip))
        with torch.no_grad():
            for at in range(0, len(ordered), _EVALUATED):
                batch = network.collate([self.store.item(c, network) for c in ordered[at : at + _EVALUATED]])
                logits.append(
                    network(**{name: value.to(self.device) for name, value in batch.items()}).float().cpu()
                )
        folder.mkdir(parents=True, exist_ok=True)
        values = torch.cat(logits).numpy() if logits else np.zeros((0, len(self.plan.labels)), np.float32)
        np.savez(folder / "out_of_fold.npz", clip_ids=np.array(ordered, dtype=np.str_), logits=values)
        return ordered, values

    def _record(self, model: ModelId, lesson: Lesson, taught: Taught) -> dict[str, Any]:
        return {
            "request": request_record(self.request),
            "labels": list(self.plan.labels.names),
            "tune": self.plan.tune,
            "options": self.plan.options.deciding(),
            "history": describe(taught.history),
            "best": taught.best,
            "n_train": len(lesson.train),
            "n_tune": len(lesson.tune),
            "inner": model.inner if model.inner >= 0 else None,
            "key": self.key(model),
        }

    def key(self, model: ModelId) -> str:
        """SHA-256 of everything that a model's numbers depend on."""
        plan = self.plan
        parts = plan.parts(model, self.sources)
        said = {
            "torch": torch.__version__,
            "encoder": self.encoder.card.digest(),
            "labels": list(plan.labels.names),
            "tune": plan.tune,
            "options": plan.options.deciding(),
            "seed": model.seed,
            "train": [
                (clip, plan.shares[clip].tolist(), self.sources[clip].digest()) for clip in parts.train
            ],
            "tuned by": [(clip, plan.shares[clip].tolist()) for clip in parts.tune],
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _one_device(name: str) -> str:
    """The device that Trainer will take.

    Raises:
        UsageError: one of several is named; which that is, is the environment's to say.
    """
    device = pick_device(name)
    if ":" in device:
        kind, _, number = device.partition(":")
        raise UsageError(
            f"--device {device}: encoders are tuned on the first device that is seen, or on all of them by torchrun; "
            f"say CUDA_VISIBLE_DEVICES={number} and --device {kind}"
        )
    return device


def meet(device: str) -> None:
    """Wait until every process has come here."""
    if processes()[1] == 1:
        return
    if not dist.is_initialized():
        from accelerate import PartialState

        PartialState(cpu=device == "cpu", backend="gloo" if device == "cpu" else None)
    dist.barrier()
