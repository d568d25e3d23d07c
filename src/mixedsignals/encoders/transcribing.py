"""The words of clips that have sound and no transcript, heard by Whisper tiny.en, the offline audio encoder whole.

Weights come from the same CTranslate2 file as the encoder's; the network and the search for words are those of
Transformers. What is heard is a guess (English only, and wrong in about a third of the words of synthetic speech), so
nothing here is done unasked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mixedsignals import media
from mixedsignals.encoders.ctranslate2 import read_ctranslate2
from mixedsignals.encoders.mel import RATE, log_mel
from mixedsignals.encoders.weights import weights_folder
from mixedsignals.errors import InputError
from mixedsignals.progress import SILENT, Progress
from mixedsignals.sources import Source, find_sources

if TYPE_CHECKING:
    from transformers import WhisperForConditionalGeneration

__all__ = ["transcribe", "whisper_model"]

_WINDOW = 30.0  # seconds that Whisper hears at once
_SILENT = 1e-4  # root mean square below which (full scale 1) a window holds no speech: about -80 dB
_MOST_TOKENS = 224
_END, _START, _NO_TIMES = 50256, 50257, 50362


def transcribe(
    clips: pl.DataFrame,
    root: Path,
    *,
    cache: Path | None = None,
    device: str = "auto",
    progress: Progress = SILENT,
) -> dict[str, str]:
    """Words heard in each clip that has sound; a clip without sound, or in which nothing is heard, is left out.

    Windows of 30 s are heard one by one, greedily, so the same sound gives the same words.

    Args:
        clips: a `clips` table; transcripts in it are not looked at.
        root: folder that relative paths start from.
        cache: where the offline weights lie; None means the usual place.

    Raises:
        InputError: media that are missing or cannot be read.
        CannotFinish: the offline weights are not there.
    """
    from tokenizers import Tokenizer

    from mixedsignals.encoders.huggingface.loading import quiet
    from mixedsignals.encoders.pace import pick_device

    folder = weights_folder("whisper-tiny.en", cache=cache)
    device = pick_device(device)
    model = whisper_model(read_ctranslate2(folder / "model.bin")).to(device)
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
    sources, _ = find_sources(clips, root, "audio")
    heard: dict[str, str] = {}
    with quiet(), progress.task("transcripts", total=len(sources)) as task:
        for clip_id, source in sources.items():
            parts = [
                tokens.decode(_tokens(model, window, device), skip_special_tokens=True).strip()
                for window in _windows(source)
            ]
            if words := " ".join(part for part in parts if part):
                heard[clip_id] = words
            task.advance()
    return heard


def _windows(source: Source) -> list[npt.NDArray[np.float32]]:
    """The sound in windows of 30 s, the last padded with silence; silent ones are left out."""
    assert source.path is not None
    try:
        samples = media.audio(source.path, start=source.start, end=source.end, rate=RATE)
    except InputError as error:
        if {problem.code for problem in error.problems} == {"no-audio-track"}:
            return []
        raise
    size = int(_WINDOW * RATE)
    cut = [samples[at : at + size] for at in range(0, len(samples), size)]
    return [
        np.pad(window, (0, size - len(window))) for window in cut if np.sqrt(np.mean(window**2)) >= _SILENT
    ]


def _tokens(
    model: WhisperForConditionalGeneration, window: npt.NDArray[np.float32], device: str
) -> list[int]:
    import torch

    mel = torch.from_numpy(log_mel(window))[None].to(device)
    with torch.inference_mode():
        found: list[int] = model.generate(mel)[0].tolist()
    return found


def whisper_model(arrays: Mapping[str, npt.NDArray[Any]]) -> WhisperForConditionalGeneration:
    """Whisper for plain Transformers out of the arrays of a CTranslate2 file, in evaluation mode, float32."""
    import torch
    from transformers import GenerationConfig, WhisperForConditionalGeneration

    model = WhisperForConditionalGeneration(_config(arrays))
    state = {name: torch.from_numpy(value.astype(np.float32)) for name, value in _state(arrays).items()}
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    model.load_state_dict(state)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=_START,
        eos_token_id=_END,
        pad_token_id=_END,
        bos_token_id=_END,
        no_timestamps_token_id=_NO_TIMES,
        is_multilingual=False,
        return_timestamps=False,
        max_length=_MOST_TOKENS,
    )
    model.eval()
    return model


def _config(arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    from transformers import WhisperConfig

    width, bands, _ = arrays["encoder/conv1/weight"].shape
    layers = {
        side: sum(
            name.startswith(f"{side}/") and name.endswith("self_attention/linear_0/weight") for name in arrays
        )
        for side in ("encoder", "decoder")
    }
    inner = len(arrays["encoder/layer_0/ffn/linear_0/bias"])
    return WhisperConfig(
        vocab_size=len(arrays["decoder/embeddings/weight"]),
        num_mel_bins=bands,
        d_model=width,
        encoder_layers=layers["encoder"],
        decoder_layers=layers["decoder"],
        encoder_attention_heads=int(arrays["encoder/num_heads"]),
        decoder_attention_heads=int(arrays["decoder/num_heads"]),
        encoder_ffn_dim=inner,
        decoder_ffn_dim=inner,
        max_source_positions=len(arrays["encoder/position_encodings/encodings"]),
        max_target_positions=len(arrays["decoder/position_encodings/encodings"]),
        decoder_start_token_id=_START,
        eos_token_id=_END,
        pad_token_id=_END,
        bos_token_id=_END,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )


_RENAMED = {
    "position_encodings/encodings": "embed_positions/weight",
    "embeddings/weight": "embed_tokens/weight",
    "self_attention/layer_norm": "self_attn_layer_norm",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "self_attention/linear_1": "self_attn/out_proj",
    "attention/linear_2": "encoder_attn/out_proj",
    "attention/linear_0": "encoder_attn/q_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
    "/gamma": "/weight",
    "/beta": "/bias",
}


def _state(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The arrays under the names of Transformers, with query, key and value taken apart."""
    state: dict[str, npt.NDArray[Any]] = {}
    for name, value in arrays.items():
        if not value.ndim:
            continue
        side, _, rest = name.partition("/")
        layer, _, inside = rest.partition("/")
        prefix = f"model.{side}."
        if layer.startswith("layer_") and layer[6:].isdigit():
            prefix, rest = f"{prefix}layers.{layer[6:]}.", inside
        kind = rest.rpartition("/")[2]
        if rest.startswith("self_attention/linear_0"):
            parts = dict(zip("qkv", np.split(value, 3), strict=True))
            state |= {f"{prefix}self_attn.{part}_proj.{kind}": one for part, one in parts.items()}
        elif rest.startswith("attention/linear_1"):
            parts = dict(zip("kv", np.split(value, 2), strict=True))
            state |= {f"{prefix}encoder_attn.{part}_proj.{kind}": one for part, one in parts.items()}
        else:
            for theirs, ours in _RENAMED.items():
                rest = rest.replace(theirs, ours)
            state[prefix + rest.replace("/", ".")] = value
    return {name: value for name, value in state.items() if not name.endswith("k_proj.bias")}
