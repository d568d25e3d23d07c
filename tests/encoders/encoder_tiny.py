"""Tiny, randomly initialised models of the classes that the paper uses, saved as a user would have them.

Nothing can be downloaded where the tests run, so each builder makes a real model of the real class with a real
tokenizer or processor beside it, and saves both into one folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch

_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
_CONVOLUTIONS = {
    "conv_dim": (16, 16, 16),
    "conv_stride": (5, 4, 4),
    "conv_kernel": (10, 8, 4),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
_SENTENCE = "i am so sorry to hear that you lost your job kids talking by the door dogs sitting"


def roberta(folder: Path) -> None:
    """Byte-level BPE with RoBERTa's own special tokens; the pad id is 1, not 0."""
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *(chr(c) for c in range(33, 127)), "Ġ"]
    vocabulary = {token: at for at, token in enumerate(dict.fromkeys(tokens))}
    RobertaTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    config = RobertaConfig(vocab_size=len(vocabulary), max_position_embeddings=66, pad_token_id=1, **_SMALL)
    _save(RobertaModel(config), folder)


def deberta(folder: Path) -> None:
    """DeBERTa-v2's class, which v3 uses too, with a unigram vocabulary."""
    from transformers import DebertaV2Config, DebertaV2Model, DebertaV2Tokenizer

    pieces = [
        "[PAD]",
        "[CLS]",
        "[SEP]",
        "[UNK]",
        *(f"▁{word}" for word in _SENTENCE.split()),
        "▁",
        *map(chr, range(97, 123)),
    ]
    vocabulary = [(piece, -float(at)) for at, piece in enumerate([*dict.fromkeys(pieces), "[MASK]"])]
    DebertaV2Tokenizer(vocab=vocabulary).save_pretrained(folder)
    config = DebertaV2Config(
        vocab_size=len(vocabulary),
        max_position_embeddings=64,
        relative_attention=True,
        pos_att_type="p2c|c2p",
        position_buckets=8,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        type_vocab_size=0,
        position_biased_input=False,
        **_SMALL,
    )
    _save(DebertaV2Model(config), folder)


def hubert(folder: Path) -> None:
    """HuBERT-base normalises over time in its first convolution (`group`) and was trained without a mask."""
    from transformers import HubertConfig, HubertModel

    _save(HubertModel(HubertConfig(feat_extract_norm="group", **_CONVOLUTIONS, **_SMALL)), folder)
    _waveform_extractor(folder, mask=False)


def wav2vec2(folder: Path) -> None:
    """wav2vec2-base, likewise."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    _save(Wav2Vec2Model(Wav2Vec2Config(feat_extract_norm="group", **_CONVOLUTIONS, **_SMALL)), folder)
    _waveform_extractor(folder, mask=False)


def wavlm(folder: Path) -> None:
    """WavLM-large's way: layer norm in the convolutions, trained with a mask."""
    from transformers import WavLMConfig, WavLMModel

    _save(WavLMModel(WavLMConfig(feat_extract_norm="layer", **_CONVOLUTIONS, **_SMALL)), folder)
    _waveform_extractor(folder, mask=True)


def whisper(folder: Path) -> None:
    """A Whisper from the hub: encoder and decoder, of which only the encoder is wanted."""
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    config = WhisperConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        vocab_size=60,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        num_mel_bins=80,
    )
    _save(WhisperModel(config), folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)


def spectrogram(folder: Path) -> None:
    """The audio spectrogram transformer: one picture of a fixed length."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

    _save(ASTModel(ASTConfig(max_length=128, num_mel_bins=32, **_SMALL)), folder)
    ASTFeatureExtractor(max_length=128, num_mel_bins=32).save_pretrained(folder)


def videomae(folder: Path) -> None:
    """VideoMAE on 4 frames of 32 px, with the processor as the hub has it."""
    from transformers import VideoMAEConfig, VideoMAEModel
    from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

    _save(VideoMAEModel(VideoMAEConfig(image_size=32, patch_size=16, num_frames=4, **_SMALL)), folder)
    VideoMAEImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


def timesformer(folder: Path) -> None:
    """TimeSformer on 8 frames; its processor on the hub goes by an old name of VideoMAE's."""
    from transformers import TimesformerConfig, TimesformerModel

    _save(TimesformerModel(TimesformerConfig(image_size=32, patch_size=16, num_frames=8, **_SMALL)), folder)
    settings = {
        "feature_extractor_type": "VideoMAEFeatureExtractor",
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "image_mean": [0.45, 0.45, 0.45],
        "image_std": [0.225, 0.225, 0.225],
        "resample": 2,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), encoding="utf-8")


def vit(folder: Path) -> None:
    """A model of single pictures."""
    from transformers import ViTConfig, ViTModel
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    _save(ViTModel(ViTConfig(image_size=32, patch_size=16, **_SMALL), add_pooling_layer=False), folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


BUILDERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "roberta": ("text", roberta),
    "deberta": ("text", deberta),
    "hubert": ("audio", hubert),
    "wav2vec2": ("audio", wav2vec2),
    "wavlm": ("audio", wavlm),
    "whisper": ("audio", whisper),
    "spectrogram": ("audio", spectrogram),
    "videomae": ("video", videomae),
    "timesformer": ("video", timesformer),
    "vit": ("video", vit),
}


def build(name: str, folder: Path) -> Path:
    """Save the model of that name; the same weights every time."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    BUILDERS[name][1](folder)
    return folder


def _save(model: torch.nn.Module, folder: Path) -> None:
    """Weights large enough that clips differ from each other by more than rounding."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
    model.save_pretrained(folder)


def _waveform_extractor(folder: Path, *, mask: bool) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    Wav2Vec2FeatureExtractor(return_attention_mask=mask, do_normalize=True).save_pretrained(folder)
