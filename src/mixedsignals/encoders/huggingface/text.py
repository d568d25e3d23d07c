"""Words by any text model of transformers, and by the offline MiniLM."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixedsignals.embeddings import Card
from mixedsignals.encoders.catalogue import WEIGHTS, weights_card
from mixedsignals.encoders.huggingface.loading import load_model, load_part
from mixedsignals.encoders.huggingface.local import LocalModel
from mixedsignals.encoders.protocol import Array, EncoderRequest, Pooling, Prepared
from mixedsignals.encoders.weights import weights_folder
from mixedsignals.errors import InputError, Problem
from mixedsignals.sources import Source

__all__ = ["MiniLM", "TextEncoder"]

_MOST_TOKENS = 512
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model", "*.tiktoken")


class TextEncoder:
    """A text model: the last hidden state, pooled over the tokens of the clip (its special tokens included)."""

    batch_size = 32

    def __init__(self, request: EncoderRequest, local: LocalModel) -> None:
        self.local = local
        self._pooling: Pooling = request.pooling or "mean"
        self._most = _most_tokens(local)
        self.tuned: Mapping[str, Any] = {}
        self.card = Card(
            modality="text",
            encoder=local.name,
            revision=local.revision,
            layer="last_hidden_state",
            pooling=self._pooling,
            preprocessing={"max_tokens": self._most},
            licence=local.licence,
        )

    def load(self, device: str) -> None:
        """Read tokenizer and weights."""
        from mixedsignals.encoders.overlay import lay_over

        model = load_model(self.local, "text")
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        lay_over(model, self.tuned)
        self.model, self._device = model.to(device), device

        _check_vocabulary(self.local)

        def tokenizer() -> Any:
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(
                self.local.folder, local_files_only=True, trust_remote_code=False
            )

        self.tokenizer = load_part(self.local, tokenizer)
        self._lock = threading.Lock()

    def prepare(self, source: Source) -> Prepared:
        """Words to token ids; what exceeds the model's length is left out."""
        with self._lock:  # fast tokenizers keep the truncation as a state
            ids = self.tokenizer(source.text, verbose=False)["input_ids"]
            if cut := len(ids) > self._most:
                ids = self.tokenizer(source.text, truncation=True, max_length=self._most)["input_ids"]
        return Prepared(ids, cut=cut)

    def encode(self, batch: Sequence[Prepared]) -> Array:
        """Pad with the tokenizer's own padding id, and tell the model and the pooling what is padding."""
        import torch

        from mixedsignals.encoders.pooling import pool

        longest = max(len(item.payload) for item in batch)
        ids = np.full((len(batch), longest), self.tokenizer.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.int64)
        for row, item in enumerate(batch):
            ids[row, : len(item.payload)] = item.payload
            mask[row, : len(item.payload)] = 1
        given = torch.from_numpy(mask).to(self._device)
        with torch.inference_mode():
            states = self.model(input_ids=torch.from_numpy(ids).to(self._device), attention_mask=given)
            return pool(states.last_hidden_state, given.bool(), self._pooling)


class MiniLM(TextEncoder):
    """all-MiniLM-L6-v2 from the offline weights: 384 numbers, 256 tokens (what it was trained on)."""

    def __init__(self, request: EncoderRequest, cache: Path) -> None:
        self._cache = cache
        weights = WEIGHTS["minilm-l6"]
        self.local = LocalModel(weights.name, weights.revision, Path(), weights.licence)
        self._pooling = request.pooling or "mean"
        self._most = 256
        self.tuned = {}
        self.card = weights_card("minilm-l6", pooling=self._pooling, preprocessing={"max_tokens": self._most})

    def load(self, device: str) -> None:
        """Check the files in the cache, then load them."""
        folder = weights_folder("minilm-l6", cache=self._cache)
        self.local = LocalModel(self.local.name, self.local.revision, folder, self.local.licence)
        super().load(device)


def _check_vocabulary(local: LocalModel) -> None:
    """Without these files transformers makes a tokenizer that knows a handful of special tokens, and says nothing."""
    if not any(path for pattern in _VOCABULARIES for path in local.folder.glob(pattern)):
        raise InputError(
            Problem(
                code="unreadable-model",
                message=f"{local.name} holds no tokenizer ({', '.join(_VOCABULARIES)})",
                remedy="Save the tokenizer into the same folder with `save_pretrained`.",
                file=str(local.folder),
            )
        )


def _most_tokens(local: LocalModel) -> int:
    """How many tokens the model takes: at most 512, fewer where it has fewer positions."""
    config = local.settings("config.json")
    limits = [_MOST_TOKENS]
    if positions := config.get("max_position_embeddings"):
        # RoBERTa's family counts positions from its padding id on.
        offset = config.get("pad_token_id", 1) + 1 if "roberta" in str(config.get("model_type")) else 0
        limits.append(int(positions) - offset)
    if stated := local.settings("tokenizer_config.json").get("model_max_length"):
        limits.append(int(min(stated, 1e6)))
    return min(limits)
