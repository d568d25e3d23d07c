"""The offline audio and video encoders as they learn: padding is not heard, replay changes nothing, and what is
exported is the same function in plain Transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixedsignals.encoders.efficientnet import EfficientNetLite0
from mixedsignals.encoders.tuning import lite
from mixedsignals.encoders.tuning.export import whisper_names
from mixedsignals.encoders.tuning.lite import FramesNetwork, WhisperNetwork
from mixedsignals.encoders.tuning.network import Item
from mixedsignals.encoders.whispernet import WhisperEncoder

POSITIONS = 100


def whisper(tune: str = "last2") -> WhisperNetwork:
    torch.manual_seed(0)
    encoder = WhisperEncoder(bands=80, width=32, heads=4, inner=48, layers=4, positions=POSITIONS)
    with torch.no_grad():
        for value in encoder.parameters():
            if value.ndim > 1:
                value.normal_(std=0.2)
    network = WhisperNetwork(encoder, 3)
    network.learn(tune, lora_rank=2, frozen_dropout=False)
    return network


def sounds(network: WhisperNetwork, lengths: tuple[int, ...] = (40, 100, 64)) -> list[Item]:
    random = np.random.default_rng(0)
    payloads = [(random.normal(size=(80, 2 * n)).astype(np.float32), n - 3) for n in lengths]
    return [Item(payload, network.outline(payload)) for payload in payloads]


def replayed(network: Any, items: list[Item]) -> torch.Tensor:
    inner = [one for item in items for one in network.enters([item])]
    network.replaying()
    return network(**network.collate([Item(None, i.outline, x) for i, x in zip(items, inner, strict=True)]))


def test_a_clip_never_depends_on_its_batch() -> None:
    network = whisper().eval()
    items = sounds(network)
    together = network(**network.collate(items))
    alone = torch.cat([network(**network.collate([item])) for item in items])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tune", ["last2", "lora"])
def test_whisper_replayed_equals_whisper_heard(tune: str) -> None:
    plain, other = whisper(tune).eval(), whisper(tune).eval()
    items = sounds(plain)
    torch.testing.assert_close(replayed(other, items), plain(**plain.collate(items)), atol=1e-5, rtol=1e-4)


def test_only_two_layers_and_the_head_of_whisper_learn() -> None:
    names = {name.split(".")[0] + "." + name.split(".")[1] for name in whisper().learning()}
    assert names == {
        "encoder.layers",
        "projector.weight",
        "projector.bias",
        "classifier.weight",
        "classifier.bias",
    }
    layers = {name.split(".")[2] for name in whisper().learning() if name.startswith("encoder.layers")}
    assert layers == {"2", "3"}


def test_exported_whisper_says_the_same_in_transformers_where_a_clip_fills_the_window() -> None:
    import transformers

    network = whisper("full")
    with torch.no_grad():  # tuned keys have a bias, which Whisper's lack: it moves all attention alike
        network.encoder.layers[0].self_attention["linear_0"].bias.normal_()
    network.eval()
    config = transformers.WhisperConfig(
        d_model=32,
        encoder_layers=4,
        encoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_layers=1,
        decoder_attention_heads=4,
        num_mel_bins=80,
        max_source_positions=POSITIONS,
        classifier_proj_size=lite.PROJECTION,
        num_labels=3,
    )
    model = transformers.WhisperForAudioClassification(config).eval()
    names = whisper_names(network.encoder.state_dict(), POSITIONS)
    state = {f"encoder.{name}": value for name, value in names.items()}
    model.load_state_dict({**state, **{n: v.detach() for n, v in network.head().items()}})
    mel = np.random.default_rng(1).normal(size=(80, 2 * POSITIONS)).astype(np.float32)
    item = Item((mel, POSITIONS), network.outline((mel, POSITIONS)))
    ours = network(**network.collate([item]))
    theirs = model(input_features=torch.from_numpy(mel)[None]).logits
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A network over random weights; the real ones are not needed to see what learns."""

    def load(_: Path) -> EfficientNetLite0:
        torch.manual_seed(0)
        return EfficientNetLite0().eval()

    monkeypatch.setattr(lite, "load_efficientnet", load)
    monkeypatch.setattr(lite, "weights_folder", lambda name, cache: tmp_path)

    def make(tune: str = "last2") -> FramesNetwork:
        network = FramesNetwork(tmp_path, 2)
        network.learn(tune, lora_rank=2, frozen_dropout=False)
        return network

    return make


def clips_of(network: FramesNetwork) -> list[Item]:
    random = np.random.default_rng(0)
    payloads = [random.integers(0, 255, (2, 224, 224, 3), dtype=np.uint8) for _ in range(2)]
    return [Item(payload, network.outline(payload)) for payload in payloads]


def test_frames_replayed_equal_frames_seen(frames: Any) -> None:
    torch.manual_seed(5)
    plain = frames().eval()
    other = frames().eval()
    other.classifier.load_state_dict(plain.classifier.state_dict())
    items = clips_of(plain)
    torch.testing.assert_close(replayed(other, items), plain(**plain.collate(items)), atol=1e-5, rtol=1e-4)


def test_batch_statistics_stay_while_the_last_two_blocks_learn(frames: Any) -> None:
    network = frames()
    before = {name: value.clone() for name, value in network.efficientnet.named_buffers()}
    network.train()
    network(**network.collate(clips_of(network))).sum().backward()
    for name, value in network.efficientnet.named_buffers():
        assert torch.equal(value, before[name]), name
    blocks = {name.split(".")[2] for name in network.learning() if "_blocks" in name}
    assert blocks == {"14", "15"}


@pytest.mark.weights
def test_tuned_whisper_over_the_offline_weights_encodes_as_its_network(tmp_path: Path) -> None:
    """The tuned tensors in the encoder's own pipeline: what heads will see is what was tuned."""
    from mixedsignals.encoders.protocol import EncoderRequest, Prepared
    from mixedsignals.encoders.registry import find_encoder
    from mixedsignals.encoders.tuning.building import build_network
    from mixedsignals.encoders.tuning.saving import backbone_part
    from mixedsignals.store import cache_dir
    from mixedsignals.tuning_options import TuningOptions

    encoder: Any = find_encoder(EncoderRequest("audio", "lite"), cache_dir())
    encoder.load("cpu")
    network = build_network(
        encoder, ("a", "b"), tune="last2", options=TuningOptions(), seed=0, cache=cache_dir()
    )
    with torch.no_grad():
        for value in network.learning().values():
            value.add_(
                0.02 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
            )
    items = sounds(network, (60, 60))  # type: ignore[arg-type]
    encoder.tuned = backbone_part(network.tuned())
    encoder.load("cpu")
    found = encoder.encode([Prepared(item.payload) for item in items])
    states = network.eval().encoder(torch.from_numpy(np.stack([item.payload[0] for item in items])))
    np.testing.assert_allclose(found, states[:, :57].mean(dim=1).detach().numpy(), atol=1e-4)
