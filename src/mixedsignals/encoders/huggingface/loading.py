"""Loads a model of transformers from a folder, quietly and safely, and says which kind of clip it can encode."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mixedsignals.encoders.huggingface.local import LocalModel
from mixedsignals.errors import InputError, Problem

__all__ = ["load_model", "load_part", "quiet", "sees_clips"]

_Part = TypeVar("_Part")
_SAFE = {"local_files_only": True, "trust_remote_code": False}
# Heads that some checkpoints lack; nothing here reads them.
_UNUSED = ("pooler.", "masked_spec_embed", "decoder.")


def load_model(local: LocalModel, modality: str) -> Any:
    """The bare model in evaluation mode, float32, on the CPU.

    Raises:
        InputError: a model of another kind, of a kind that transformers does not know, or with weights missing.
    """
    kind = str(local.settings("config.json").get("model_type", ""))
    _check_kind(local, kind, modality)

    def load() -> Any:
        import torch
        from transformers import AutoModel

        return AutoModel.from_pretrained(local.folder, dtype=torch.float32, output_loading_info=True, **_SAFE)

    model, loading = load_part(local, load)
    missing = sorted(
        key for key in loading["missing_keys"] if not key.removeprefix("model.").startswith(_UNUSED)
    )
    mismatched = sorted(str(item[0]) for item in loading["mismatched_keys"])
    if bad := missing + mismatched:
        message = f"lacks weights, or has them in another shape, for {len(bad)} parts: {', '.join(bad[:3])}"
        raise InputError(
            Problem("incomplete-model", message, "Save the whole model again.", file=str(local.folder))
        )
    return model.eval()


def load_part(local: LocalModel, load: Callable[[], _Part]) -> _Part:
    """Run a `from_pretrained`; whatever it raises becomes one sentence.

    Raises:
        InputError: the files cannot be read as what they should be.
    """
    try:
        with quiet():
            return load()
    except (
        Exception
    ) as error:  # readers of many formats raise whatever they like at a file that is not theirs
        why = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        if "weights only" in why.lower():
            why = "its weights file is damaged or holds more than weights, which could run code"
        message = f"{local.name} cannot be loaded: {why[:300]}"
        remedy = "Save model and processor into one folder with `save_pretrained`, or name another encoder."
        raise InputError(Problem("unreadable-model", message, remedy, file=str(local.folder))) from error


def sees_clips(kind: str) -> bool:
    """Whether a model type takes clips of frames (else single pictures)."""
    return kind in _kinds()["video"]


@contextmanager
def quiet() -> Iterator[None]:
    """Neither bars nor notices of transformers; what matters of them is raised as an error."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _check_kind(local: LocalModel, kind: str, modality: str) -> None:
    kinds = _kinds()
    if kind in kinds[modality] or (modality == "video" and kind in kinds["pictures"]):
        return
    other = next((name for name, types in kinds.items() if kind in types), None)
    what = f"is a model for {other} ({kind})" if other else f"is of type {kind or 'unknown'!r}"
    raise InputError(
        Problem(
            code="wrong-kind-of-encoder",
            message=f"{local.name} {what} and was given for {modality}",
            remedy=f"Name a model for {modality}, or `lite`.",
        )
    )


@functools.cache
def _kinds() -> dict[str, frozenset[str]]:
    """Model types that transformers has for each modality."""
    with quiet():
        from transformers.models.auto import modeling_auto as auto
    audio = {*auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES, *auto.MODEL_FOR_CTC_MAPPING_NAMES}
    video = {*auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES}
    pictures = {*auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES} - video
    text = {
        *auto.MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES,
        *auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        *auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        *auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    return {
        "audio": frozenset(audio),
        "video": frozenset(video),
        "pictures": frozenset(pictures),
        "text": frozenset(text - audio - video - pictures),
    }
