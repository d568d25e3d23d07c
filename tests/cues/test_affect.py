"""Affect dimensions by models that the test builds and saves itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixedsignals import media
from mixedsignals.cues.affect import Affect
from mixedsignals.errors import CannotFinish, UsageError
from mixedsignals.sources import Source

transformers = pytest.importorskip("transformers")
pytest.importorskip("torch")


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "am", "glad", "sad", "."]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        problem_type="regression",
        id2label={0: "Valence", 1: "Arousal"},
        label2id={"Valence": 0, "Arousal": 1},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def audio_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audio")
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    config = transformers.Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        id2label={0: "calm", 1: "very angry", 2: "sad"},
        label2id={"calm": 0, "very angry": 1, "sad": 2},
        classifier_proj_size=8,
    )
    transformers.Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_a_regression_gives_its_outputs_as_they_are(text_model: Path) -> None:
    extractor = Affect("text", str(text_model))
    found = extractor.measure(Source(text="i am glad .")).values
    assert set(found) == {"text_valence", "text_arousal"} == {cue.name for cue in extractor.cues}
    assert found != extractor.measure(Source(text="i am sad .")).values
    assert {cue.unit for cue in extractor.cues} == {"as the model gives it"}


def test_a_classifier_gives_probabilities_and_silence_none(audio_model: Path, tmp_path: Path) -> None:
    extractor = Affect("audio", str(audio_model))
    sound = np.random.default_rng(0).normal(scale=0.1, size=16_000).astype(np.float32)
    media.write_audio(tmp_path / "a.wav", sound, rate=16_000)
    media.write_audio(tmp_path / "b.wav", np.zeros(16_000, np.float32), rate=16_000)
    found = extractor.measure(Source(path=tmp_path / "a.wav")).values
    assert set(found) == {"audio_calm", "audio_very_angry", "audio_sad"}
    assert sum(found.values()) == pytest.approx(1.0)
    assert extractor.measure(Source(path=tmp_path / "b.wav")).absent == {"*": "the sound is silent"}


def test_other_weights_have_another_card(text_model: Path, tmp_path: Path) -> None:
    transformers.set_seed(5)
    config = transformers.BertConfig.from_pretrained(text_model)
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    transformers.BertTokenizer.from_pretrained(text_model).save_pretrained(tmp_path)
    cards = [Affect("text", str(folder)).card["weights"] for folder in (text_model, text_model, tmp_path)]
    assert cards[0] == cards[1] != cards[2]


def test_what_is_no_model_or_no_modality_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotFinish, match="cannot be loaded as a model of affect"):
        Affect("text", str(tmp_path))
    with pytest.raises(UsageError, match="audio and text"):
        Affect("video", "x")
