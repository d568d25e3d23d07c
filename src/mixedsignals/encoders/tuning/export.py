"""A tuned encoder as a whole model of Transformers: a folder that plain `from_pretrained` reads, or a hub's repository.

What the pretrained encoder has and what was tuned are put together. Whisper tiny.en becomes
`WhisperForAudioClassification` with windows of a stated length; EfficientNet-lite0 has no class in Transformers and
stays a file of tensors.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from mixedsignals.encoders.huggingface.loading import quiet
from mixedsignals.encoders.overlay import lay_over
from mixedsignals.encoders.protocol import EncoderRequest
from mixedsignals.encoders.registry import find_encoder
from mixedsignals.encoders.tuning.huggingface import classifier
from mixedsignals.encoders.tuning.lite import PROJECTION
from mixedsignals.encoders.tuning.saving import Tuned, backbone_part, head_part
from mixedsignals.encoders.whisper import WhisperTiny
from mixedsignals.errors import CannotFinish, InputError, Problem, UsageError

__all__ = ["export_tuned", "push_folder"]

_CARD = "README.md"


def export_tuned(tuned: Tuned, out: Path, *, cache: Path) -> Path:
    """Write the whole model, its tokenizer or processor, and its card into the new or empty folder `out`.

    `AutoModelFor…Classification.from_pretrained(out)` gives the logits of the tuned classifier; labels are in its
    configuration. Whisper hears exactly one window (its positions are cut to the seconds of the tuning): logits equal
    those of the tuning for a clip that fills it.

    Raises:
        InputError: `out` is not empty, or the tuned tensors are damaged.
        UsageError: an encoder that is no model of Transformers.
        CannotFinish: the pretrained encoder cannot be had.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            Problem("foreign-folder", "is not empty", "Name a new or empty folder.", file=str(out))
        )
    encoder: Any = find_encoder(EncoderRequest(**tuned.request), cache)
    tensors = tuned.tensors()
    encoder.tuned = backbone_part(tensors)
    encoder.load("cpu")
    out.mkdir(parents=True, exist_ok=True)
    with quiet():
        if isinstance(encoder, WhisperTiny):
            _whisper(encoder, tuned, head_part(tensors), out)
        elif hasattr(encoder, "local"):
            _huggingface(encoder, tuned, head_part(tensors), out)
        else:
            raise UsageError(
                f"{tuned.card.encoder} is no model of Transformers; its tuned tensors are in {tuned.folder}"
            )
    if (tuned.folder / _CARD).is_file():
        shutil.copy(tuned.folder / _CARD, out / _CARD)
    return out


def push_folder(folder: Path, repository: str, *, private: bool = True) -> str:
    """Upload an exported folder to a hub; the only place where tuning uses the network unasked for weights.

    The hub is the one that `huggingface_hub` knows (`HF_ENDPOINT`, a token by `hf auth login` or `HF_TOKEN`).

    Returns:
        The address of the repository.

    Raises:
        CannotFinish: the hub cannot be reached or does not let this user in.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Tuned encoder of mixedsignals"
        )
    except Exception as error:  # the hub's client passes on whatever its transport raises
        why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise CannotFinish(
            f"{repository} could not be pushed ({why[:200]}). The model is in {folder}; log in (`hf auth login`) and "
            "name OWNER/NAME that you may write to, or upload the folder by hand."
        ) from error
    return str(address)


def _huggingface(encoder: Any, tuned: Tuned, head: dict[str, Tensor], out: Path) -> None:
    model = classifier(encoder, tuned.labels)
    lay_over(model, head)
    model.save_pretrained(out)
    for part in ("tokenizer", "processor", "extractor"):
        if (found := getattr(encoder, part, None)) is not None:
            found.save_pretrained(out)


def _whisper(encoder: WhisperTiny, tuned: Tuned, head: dict[str, Tensor], out: Path) -> None:
    """Names and shapes of the CTranslate2 file to those of Transformers; one matrix becomes query, key and value."""
    import transformers

    network = encoder.model
    layers = len(network.layers)
    seconds = min(30, math.ceil(float(encoder.card.preprocessing["max_seconds"])))
    config = transformers.WhisperConfig(
        d_model=network.width,
        encoder_layers=layers,
        encoder_attention_heads=network.layers[0].heads,
        encoder_ffn_dim=network.layers[0].ffn["linear_0"].out_features,
        decoder_layers=layers,
        decoder_attention_heads=network.layers[0].heads,
        num_mel_bins=network.conv1.in_channels,
        max_source_positions=50 * seconds,
        classifier_proj_size=PROJECTION,
        num_labels=len(tuned.labels),
        id2label=dict(enumerate(tuned.labels)),
        label2id={label: at for at, label in enumerate(tuned.labels)},
    )
    model = transformers.WhisperForAudioClassification(config)
    state = {
        f"encoder.{name}": value for name, value in whisper_names(network.state_dict(), 50 * seconds).items()
    }
    model.load_state_dict({**state, **head})
    model.save_pretrained(out)
    transformers.WhisperFeatureExtractor(chunk_length=seconds).save_pretrained(out)


def whisper_names(state: dict[str, Tensor], positions: int) -> dict[str, Tensor]:
    """An encoder's tensors by Transformers' names."""
    found: dict[str, Tensor] = {"embed_positions.weight": state["position_encodings"][:positions]}
    renamed = {
        "self_attention.layer_norm": "self_attn_layer_norm",
        "self_attention.linear_1": "self_attn.out_proj",
        "ffn.layer_norm": "final_layer_norm",
        "ffn.linear_0": "fc1",
        "ffn.linear_1": "fc2",
    }
    for name, value in state.items():
        if name == "position_encodings":
            continue
        if ".self_attention.linear_0." in name:
            stem, _, kind = name.partition("self_attention.linear_0.")
            for part, piece in zip(("q_proj", "k_proj", "v_proj"), value.chunk(3), strict=True):
                if (part, kind) != (
                    "k_proj",
                    "bias",
                ):  # a bias of the keys moves all attention alike: Whisper has none
                    found[f"{stem}self_attn.{part}.{kind}"] = piece
            continue
        for ours, theirs in renamed.items():
            name = name.replace(ours, theirs)
        found[name] = value
    return {name: value.contiguous().clone() for name, value in found.items()}
