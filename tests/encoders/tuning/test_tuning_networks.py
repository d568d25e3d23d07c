"""What learns and what does not, for every family of networks; frozen layers asked once say the same as asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
import torch

from mixedsignals.encoders.protocol import EncoderRequest
from mixedsignals.encoders.registry import find_encoder
from mixedsignals.encoders.tuning.building import build_network, check_tunable
from mixedsignals.encoders.tuning.network import Item, Network
from mixedsignals.encoders.tuning.saving import backbone_part
from mixedsignals.errors import InputError, UsageError
from mixedsignals.sources import find_sources
from mixedsignals.tuning_options import TuningOptions

LABELS = ("neutral", "empathetic")
Models = dict[str, Path]
SIX = {
    "roberta": "text",
    "deberta": "text",
    "hubert": "audio",
    "wav2vec2": "audio",
    "videomae": "video",
    "timesformer": "video",
}
OTHERS = {"wavlm": "audio", "whisper": "audio", "spectrogram": "audio", "vit": "video"}


class Ready:
    """An encoder that is loaded, with prepared clips."""

    def __init__(
        self, name: str, modality: str, folder: Path, clips: pl.DataFrame, media: Path, *, frames: int = 4
    ) -> None:
        count = {"timesformer": 8, "videomae": 4}.get(name, frames)
        request = EncoderRequest(modality, str(folder), frames=count if modality == "video" else None)
        self.encoder: Any = find_encoder(request, media)
        self.encoder.load("cpu")
        sources, _ = find_sources(clips, media, modality)
        self.payloads = [self.encoder.prepare(source).payload for source in sources.values()]

    def network(self, tune: str = "last2", **options: Any) -> Network:
        torch.manual_seed(1)
        return build_network(
            self.encoder, LABELS, tune=tune, options=TuningOptions(**options), seed=3, cache=Path()
        )

    def items(self, network: Network) -> list[Item]:
        return [Item(payload, network.outline(payload)) for payload in self.payloads]


@pytest.fixture(scope="module", params=[*SIX, *OTHERS])
def ready(
    request: pytest.FixtureRequest, tiny_models: dict[str, Path], clips: pl.DataFrame, clip_folder: Path
) -> Ready:
    name = request.param
    return Ready(name, (SIX | OTHERS)[name], tiny_models[name], clips, clip_folder)


def test_the_last_two_layers_and_the_head_learn_and_nothing_else(ready: Ready) -> None:
    network = ready.network()
    layers = network.layers()
    wanted = {id(p) for layer in layers[-2:] for p in layer.parameters()}
    wanted |= {id(p) for p in network.head().values()}
    assert {id(p) for p in network.learning().values()} == wanted
    assert wanted


def test_what_learns_gets_a_gradient_and_what_does_not_gets_none(ready: Ready) -> None:
    network = ready.network()
    network.train()
    network(**network.collate(ready.items(network))).sum().backward()
    for name, value in network.named_parameters():
        assert (value.grad is not None) == value.requires_grad, name


def test_replaying_what_frozen_layers_gave_equals_the_plain_path(ready: Ready) -> None:
    """Also where clips of other lengths share the batch, and in the gradients."""
    plain, replaying = ready.network(), ready.network()
    items = ready.items(plain)
    plain.eval(), replaying.eval()
    plainly = plain(**plain.collate(items))
    inner = [one for item in items for one in replaying.enters([item])]  # one by one: no padding at all
    replaying.replaying()
    again = replaying(
        **replaying.collate([Item(None, item.outline, x) for item, x in zip(items, inner, strict=True)])
    )
    torch.testing.assert_close(again, plainly, atol=2e-5, rtol=1e-4)
    plainly.square().sum().backward()
    again.square().sum().backward()
    there = {name: value.grad for name, value in plain.learning().items()}
    for name, value in replaying.learning().items():
        torch.testing.assert_close(value.grad, there[name], atol=2e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize("tune", ["last2", "lora", "full"])
def test_tuned_tensors_laid_over_the_encoder_give_the_embeddings_of_the_network(
    ready: Ready, tune: str
) -> None:
    """The encoder with what was tuned says what the tuned backbone says; untuned it says something else."""
    network = ready.network(tune, lora_rank=2)
    with torch.no_grad():
        for value in network.learning().values():
            value.add_(
                0.05 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
            )
    encoder, before = ready.encoder, ready.encoder.encode(prepared(ready))
    encoder.tuned = backbone_part(network.tuned())
    try:
        encoder.load("cpu")
        after = encoder.encode(prepared(ready))
    finally:
        encoder.tuned = {}
    encoder.load("cpu")
    expected = pooled(ready, network)
    np.testing.assert_allclose(after, expected, atol=2e-4, rtol=1e-3)
    assert np.abs(after - before).max() > 1e-3


def prepared(ready: Ready) -> list[Any]:
    from mixedsignals.encoders.protocol import Prepared

    return [Prepared(payload) for payload in ready.payloads]


def pooled(ready: Ready, network: Network) -> Any:
    """Embeddings by the network's own backbone, put in the encoder's place."""
    encoder = ready.encoder
    kept, encoder.model = encoder.model, network.eval().backbone()
    convolutions = getattr(encoder, "_per_clip", None)
    try:
        if convolutions is not None:
            encoder._per_clip = encoder.model.feature_extractor
        return encoder.encode(prepared(ready))
    finally:
        encoder.model = kept
        if convolutions is not None:
            encoder._per_clip = convolutions


def test_the_head_follows_the_seed(ready: Ready) -> None:
    one, same = ready.network(), ready.network()
    other = build_network(ready.encoder, LABELS, tune="last2", options=TuningOptions(), seed=4, cache=Path())
    name = next(name for name, value in one.head().items() if value.ndim > 1)
    assert torch.equal(one.head()[name], same.head()[name])
    assert not torch.equal(one.head()[name], other.head()[name])


def test_frozen_layers_are_noisy_only_where_that_is_asked_for(
    tiny_models: dict[str, Path], clips: pl.DataFrame, clip_folder: Path
) -> None:
    ready = Ready("roberta", "text", tiny_models["roberta"], clips, clip_folder)
    quiet, noisy = ready.network().train(), ready.network(frozen_dropout=True).train()
    embeddings = "model.roberta.embeddings.dropout"
    assert not dict(quiet.named_modules())[embeddings].training
    assert dict(noisy.named_modules())[embeddings].training
    assert (quiet.first, noisy.first) == (0, None), "noisy layers cannot be replayed"
    assert dict(quiet.named_modules())["model.roberta.encoder.layer.1"].training


def test_a_classifier_for_other_labels_gets_a_new_head(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    """Its labels are not ours even where their number is the same."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source = tiny_models["roberta"]
    model = AutoModelForSequenceClassification.from_pretrained(
        source, id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1}
    )
    with torch.no_grad():
        model.classifier.out_proj.bias.fill_(7.0)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(source).save_pretrained(tmp_path)
    encoder: Any = find_encoder(EncoderRequest("text", str(tmp_path)), tmp_path)
    encoder.load("cpu")
    network: Any = build_network(
        encoder, LABELS, tune="last2", options=TuningOptions(), seed=0, cache=tmp_path
    )
    assert network.model.config.id2label == {0: "neutral", 1: "empathetic"}
    assert not (network.model.classifier.out_proj.bias == 7.0).any()


def test_a_text_model_given_for_audio_is_refused(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    encoder: Any = find_encoder(EncoderRequest("audio", str(tiny_models["roberta"])), tmp_path)
    with pytest.raises(InputError, match=r"is a model for text .* was given for audio"):
        encoder.load("cpu")


def test_an_encoder_of_another_package_cannot_be_tuned(counting: Any) -> None:
    with pytest.raises(UsageError, match="comes from another package"):
        check_tunable(counting)


class TestThePaper:
    """Layers and parameters that learn, counted on the published configurations without their weights."""

    #: per encoder layer of a base model; head of two labels
    COUNTS: ClassVar = {
        "roberta": 2 * 7_087_872 + 592_130,
        "deberta": 2 * 7_087_872 + 592_130,
        "hubert": 2 * 7_087_872 + 197_378,
        "wav2vec2": 2 * 7_087_872 + 197_378,
        # VideoMAE's keys have no bias; its head normalises the mean over patches.
        "videomae": 2 * (7_087_872 - 768) + 2 * 768 + 2 * 768 + 2,
        # TimeSformer's layer has attention over time too, with a norm and a linear layer behind it.
        "timesformer": 2 * (7_087_872 + 2_362_368 + 590_592 + 2 * 768) + 2 * 768 + 2,
    }

    @pytest.mark.parametrize("name", SIX)
    def test_layer_list_and_count(self, name: str) -> None:
        import transformers

        from mixedsignals.encoders.tuning.huggingface import StackedNetwork, TextNetwork

        configs = {
            "roberta": transformers.RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1),
            "deberta": transformers.DebertaV2Config(
                vocab_size=128100, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
                intermediate_size=3072,
                relative_attention=True, pos_att_type="p2c|c2p", position_buckets=256, norm_rel_ebd="layer_norm",
                share_att_key=True, type_vocab_size=0, position_biased_input=False,
            ),
            "hubert": transformers.HubertConfig(),
            "wav2vec2": transformers.Wav2Vec2Config(),
            "videomae": transformers.VideoMAEConfig(num_frames=16),
            "timesformer": transformers.TimesformerConfig(num_frames=8),
        }  # fmt: skip
        forms = {
            "text": transformers.AutoModelForSequenceClassification,
            "audio": transformers.AutoModelForAudioClassification,
            "video": transformers.AutoModelForVideoClassification,
        }
        config = configs[name]
        config.num_labels = 2
        with torch.device("meta"):
            model = forms[SIX[name]].from_config(config)
        network = TextNetwork(model, 0) if SIX[name] == "text" else StackedNetwork(model)
        network.learn("last2", lora_rank=8, frozen_dropout=True)
        learning = network.learning()
        layers = {
            name.split(".layer.")[-1].split(".layers.")[-1].split(".")[0]
            for name in learning
            if ".layer" in name
        }
        assert {layer for layer in layers if layer.isdigit()} == {"10", "11"}
        assert len(network.layers()) == 12
        count = sum(value.numel() for value in learning.values())
        per_layer = sum(value.numel() for value in network.layers()[0].parameters())
        head = sum(value.numel() for value in network.head().values())
        assert count == 2 * per_layer + head
        assert count == self.COUNTS[name]

    def test_the_preset_is_the_papers_training(self) -> None:
        from mixedsignals.encoders.tuning import candidates_of
        from mixedsignals.manifest import RunOptions

        options = RunOptions.of_preset("paper")
        assert (options.tune, options.pooling, options.fusion, options.seeds) == (
            "last2",
            "first",
            "gated",
            (42, 43, 44, 45),
        )
        tuning = options.tuning
        assert (tuning.learning_rate, tuning.batch_size, tuning.epochs) == (5e-6, 8, 15)
        assert (tuning.max_seconds, tuning.frames, tuning.inner_folds) == (10.0, 16, 0)
        assert {modality: candidates_of(modality, name) for modality, name in options.encoders.items()} == {
            "text": ("paper:roberta-base", "paper:microsoft/deberta-v3-base"),
            "audio": ("paper:facebook/hubert-base-ls960", "paper:facebook/wav2vec2-base"),
            "video": ("paper:MCG-NJU/videomae-base", "paper:facebook/timesformer-base-finetuned-k400"),
        }
