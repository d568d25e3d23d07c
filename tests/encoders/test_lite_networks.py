"""The networks of the offline set against other people's code, on random weights; no download is needed."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixedsignals.encoders.ctranslate2 import read_ctranslate2
from mixedsignals.encoders.efficientnet import EfficientNetLite0, load_efficientnet
from mixedsignals.encoders.frames import middle_square
from mixedsignals.encoders.mel import log_mel
from mixedsignals.encoders.pooling import filled, pool
from mixedsignals.encoders.whispernet import whisper_encoder
from mixedsignals.errors import InputError

KINDS = {np.dtype(np.float32): 0, np.dtype(np.int8): 1, np.dtype(np.int16): 2, np.dtype(np.float16): 4}


def write_ctranslate2(path: Path, arrays: dict[str, np.ndarray], version: int = 6) -> Path:
    """The format as CTranslate2's own converter writes it."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    content = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(arrays))
    for name, value in arrays.items():
        content += text(name) + struct.pack("<B", value.ndim) + struct.pack(f"<{value.ndim}I", *value.shape)
        content += struct.pack("<BI", KINDS[value.dtype], value.nbytes) + value.tobytes()
    path.write_bytes(content + struct.pack("<I", 0))
    return path


@pytest.fixture
def whisper():
    """A tiny encoder of transformers, and its weights under CTranslate2's names."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=16,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=24,
        max_source_positions=50,
        num_mel_bins=80,
    )
    model = WhisperEncoder(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    arrays = {f"encoder/{c}/{k}": state[f"{c}.{k}"] for c in ("conv1", "conv2") for k in ("weight", "bias")}
    arrays["encoder/position_encodings/encodings"] = state["embed_positions.weight"]
    arrays["encoder/num_heads"] = np.array(2, dtype=np.int16)
    norms = {"layer_norm": "layer_norm"}
    for at in range(2):
        ours, theirs = f"layer_{at}", f"layers.{at}"
        norms |= {f"{ours}/self_attention/layer_norm": f"{theirs}.self_attn_layer_norm"}
        norms |= {f"{ours}/ffn/layer_norm": f"{theirs}.final_layer_norm"}
        for kind in ("weight", "bias"):
            zeros = np.zeros(16, dtype=np.float32)
            parts = [state.get(f"{theirs}.self_attn.{part}_proj.{kind}", zeros) for part in "qkv"]
            arrays[f"encoder/{ours}/self_attention/linear_0/{kind}"] = np.concatenate(parts)
            arrays[f"encoder/{ours}/self_attention/linear_1/{kind}"] = state[
                f"{theirs}.self_attn.out_proj.{kind}"
            ]
            arrays[f"encoder/{ours}/ffn/linear_0/{kind}"] = state[f"{theirs}.fc1.{kind}"]
            arrays[f"encoder/{ours}/ffn/linear_1/{kind}"] = state[f"{theirs}.fc2.{kind}"]
    for ours, theirs in norms.items():
        arrays |= {
            f"encoder/{ours}/gamma": state[f"{theirs}.weight"],
            f"encoder/{ours}/beta": state[f"{theirs}.bias"],
        }
    return model, arrays


def test_whisper_equals_the_encoder_of_transformers(whisper, tmp_path: Path) -> None:
    model, arrays = whisper
    arrays["decoder/unwanted"] = np.zeros(3, dtype=np.float32)
    read = read_ctranslate2(write_ctranslate2(tmp_path / "model.bin", arrays), prefix="encoder/")
    assert "decoder/unwanted" not in read
    mel = torch.randn(3, 80, 100)
    with torch.no_grad():
        assert torch.allclose(whisper_encoder(read)(mel), model(mel).last_hidden_state, atol=1e-5)


def test_whisper_takes_shorter_sound_with_the_positions_cut(whisper) -> None:
    model, arrays = whisper
    mel = torch.randn(2, 80, 30)
    model.config.max_source_positions = 15
    model.embed_positions = torch.nn.Embedding.from_pretrained(model.embed_positions.weight[:15])
    with torch.no_grad():
        assert torch.allclose(whisper_encoder(arrays)(mel), model(mel).last_hidden_state, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.5, 3.21, 30.0])
def test_log_mel_equals_the_feature_extractor_of_transformers(seconds: float) -> None:
    from transformers import WhisperFeatureExtractor

    samples = np.random.default_rng(0).normal(size=int(seconds * 16_000)).astype(np.float32) * 0.1
    padded = np.pad(samples, (0, 480_000 - len(samples)))
    theirs = WhisperFeatureExtractor(feature_size=80)(samples, sampling_rate=16_000, return_tensors="np")
    assert np.allclose(log_mel(padded), theirs.input_features[0], atol=1e-4)


def test_log_mel_of_silence_is_finite() -> None:
    assert np.isfinite(log_mel(np.zeros(8000, dtype=np.float32))).all()


@pytest.mark.parametrize("version", [1, 7])
def test_another_version_of_the_format(tmp_path: Path, version: int) -> None:
    path = write_ctranslate2(tmp_path / "model.bin", {"a": np.zeros(3, dtype=np.float32)}, version=version)
    with pytest.raises(InputError, match=f"format version {version}"):
        read_ctranslate2(path)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_cut_or_foreign_files_are_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    arrays = {"a/b": np.arange(6, dtype=np.float16).reshape(2, 3), "c": np.array(4, dtype=np.int8)}
    path = write_ctranslate2(tmp_path_factory.mktemp("ct2") / "model.bin", arrays)
    whole = path.read_bytes()
    assert {name: value.tolist() for name, value in read_ctranslate2(path).items()} == {
        name: value.tolist() for name, value in arrays.items()
    }
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 5))])
    with pytest.raises(InputError, match="cannot be read as CTranslate2 weights"):
        read_ctranslate2(path)
    path.write_bytes(data.draw(st.binary(max_size=200)))
    with pytest.raises(InputError, match="cannot be read as CTranslate2 weights"):
        read_ctranslate2(path)


def test_efficientnet_equals_the_package_that_made_the_weights(tmp_path: Path) -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2.0)
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    ours = load_efficientnet(tmp_path / "weights.pth")
    pictures = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        wanted = theirs.extract_features(pictures).mean(dim=(2, 3))
        assert torch.allclose(ours(pictures), wanted, atol=1e-5)
        assert torch.allclose(ours.folded()(pictures), wanted, atol=1e-4)


def test_folding_keeps_the_function() -> None:
    torch.manual_seed(0)
    model = EfficientNetLite0().eval()
    pictures = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        before = model(pictures)
        assert torch.allclose(model.folded()(pictures), before, atol=1e-5)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())


@settings(deadline=None, max_examples=50)
@given(height=st.integers(1, 400), width=st.integers(1, 400), side=st.integers(8, 64))
def test_the_middle_square_of_any_picture(height: int, width: int, side: int) -> None:
    frame = np.full((height, width, 3), 7, dtype=np.uint8)
    square = middle_square(frame, side)
    assert square.shape == (side, side, 3)
    assert (square == 7).all()


def test_the_middle_square_is_in_the_middle() -> None:
    frame = np.zeros((100, 300, 3), dtype=np.uint8)
    frame[:, 100:200] = 255
    assert (middle_square(frame, 100) == 255).all()


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    more=st.integers(0, 4),
    seed=st.integers(0, 99),
)
def test_padding_never_counts(lengths: list[int], more: int, seed: int) -> None:
    positions = max(lengths) + more
    states = torch.randn(len(lengths), positions, 3, generator=torch.Generator().manual_seed(seed))
    mask = filled(lengths, positions, "cpu")
    poisoned = torch.where(mask[:, :, None], states, torch.tensor(1e6))
    mean, first = pool(poisoned * mask[:, :, None], mask, "mean"), pool(poisoned, mask, "first")
    for row, length in enumerate(lengths):
        assert np.allclose(mean[row], states[row, :length].mean(dim=0), atol=1e-5)
        assert np.array_equal(first[row], states[row, 0].numpy())
