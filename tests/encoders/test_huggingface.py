"""Models of transformers, by folder and hub name: the six of the paper and others, on tiny models of these classes."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from encoder_tiny import BUILDERS

from mixedsignals import media
from mixedsignals.encoders import encode
from mixedsignals.encoders.huggingface import local
from mixedsignals.errors import CannotFinish, InputError

Models = dict[str, Path]
MODALITY = {name: modality for name, (modality, _) in BUILDERS.items()}


@pytest.mark.parametrize("name", BUILDERS)
def test_every_kind_gives_a_row_per_clip(
    name: str, tiny_models: Models, clips: pl.DataFrame, clip_folder: Path, tmp_path: Path
) -> None:
    found = encode(clips, clip_folder, MODALITY[name], str(tiny_models[name]), cache=tmp_path, device="cpu")
    assert found.embeddings.clip_ids == ("000", "001", "002", "003", "004")
    assert found.embeddings.width == 32
    card = found.embeddings.card
    assert (card.encoder, card.modality, card.pooling) == (name, MODALITY[name], "mean")
    apart = np.linalg.norm(found.embeddings.values[0] - found.embeddings.values[1:], axis=1)
    assert apart.min() > 1e-3


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_a_clip_does_not_depend_on_the_clips_beside_it(
    name: str, pooling: str, tiny_models: Models, clips: pl.DataFrame, clip_folder: Path, tmp_path: Path
) -> None:
    def run(table: pl.DataFrame, cache: str, size: int) -> np.ndarray:
        encoder = str(tiny_models[name])
        found = encode(
            table,
            clip_folder,
            MODALITY[name],
            encoder,
            cache=tmp_path / cache,
            device="cpu",
            pooling=pooling,
            batch_size=size,
        )
        return found.embeddings.values

    together, alone = run(clips, "together", 5), run(clips, "alone", 1)
    assert np.allclose(together, alone, atol=2e-5)
    assert np.allclose(run(clips[[3, 0]], "two", 2), together[[3, 0]], atol=2e-5)


def test_text_is_the_masked_mean_of_the_model_s_own_states(
    tiny_models: Models, clips: pl.DataFrame, tmp_path: Path
) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_models["roberta"]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    assert tokenizer.pad_token_id == 1
    first = encode(clips, tmp_path, "text", str(folder), cache=tmp_path, pooling="first", device="cpu")
    mean = encode(clips, tmp_path, "text", str(folder), cache=tmp_path, device="cpu")
    for row, words in enumerate(clips["transcript"]):
        with torch.no_grad():
            states = model(
                **tokenizer(words, return_tensors="pt", truncation=True, max_length=64)
            ).last_hidden_state[0]
        assert np.allclose(mean.embeddings.values[row], states.mean(dim=0), atol=1e-5)
        assert np.allclose(first.embeddings.values[row], states[0], atol=1e-5)


def test_audio_is_the_mean_of_the_model_s_own_states(
    tiny_models: Models, clips: pl.DataFrame, clip_folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoFeatureExtractor, AutoModel

    folder = tiny_models["hubert"]
    extractor, model = AutoFeatureExtractor.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    found = encode(clips, clip_folder, "audio", str(folder), cache=tmp_path, device="cpu")
    for row, name in enumerate(clips["media"]):
        given = extractor(media.audio(clip_folder / name), sampling_rate=16_000, return_tensors="pt")
        with torch.no_grad():
            states = model(given.input_values).last_hidden_state[0]
        assert np.allclose(found.embeddings.values[row], states.mean(dim=0), atol=1e-5)


def test_video_is_the_mean_of_the_model_s_own_states(
    tiny_models: Models, clips: pl.DataFrame, clip_folder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModel
    from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

    folder = tiny_models["videomae"]
    processor, model = (
        VideoMAEImageProcessorPil.from_pretrained(folder),
        AutoModel.from_pretrained(folder).eval(),
    )
    found = encode(clips, clip_folder, "video", str(folder), cache=tmp_path, device="cpu")
    frames = media.frames(clip_folder / clips["media"][2], count=4)
    with torch.no_grad():
        states = model(processor(list(frames), return_tensors="pt").pixel_values).last_hidden_state[0]
    assert np.allclose(found.embeddings.values[2], states.mean(dim=0), atol=1e-5)


def test_the_way_of_the_paper(tiny_models: Models, clip_folder: Path, tmp_path: Path) -> None:
    sound = np.random.default_rng(0).normal(size=16_000 * 11).astype(np.float32) * 0.01
    media.write_audio(tmp_path / "long.wav", sound)
    media.write_audio(tmp_path / "ten.wav", np.clip(sound[: 16_000 * 10] * 20, -1, 1))
    table = pl.DataFrame({"clip_id": ["long", "ten"], "media": ["long.wav", "ten.wav"]})
    encoder = f"paper:{tiny_models['wav2vec2']}"
    found = encode(table, tmp_path, "audio", encoder, cache=tmp_path, device="cpu")
    card = found.embeddings.card
    assert card.pooling == "first"
    assert (card.preprocessing["max_seconds"], card.preprocessing["peak_normalised"]) == (10.0, 1)
    assert found.cut == ("long",)
    # Cut to the same ten seconds and brought to the same peak, the louder copy is the same clip.
    assert np.corrcoef(found.embeddings.values)[0, 1] > 0.999
    video = encode(
        pl.DataFrame({"clip_id": ["a"], "media": ["c1.mp4"]}),
        clip_folder,
        "video",
        f"paper:{tiny_models['timesformer']}",
        cache=tmp_path,
        device="cpu",
    )
    assert dict(video.embeddings.card.preprocessing) == {"frames": 16, "max_seconds": 10.0}


def test_silence_and_a_click_can_be_encoded(tiny_models: Models, tmp_path: Path) -> None:
    media.write_audio(tmp_path / "silence.wav", np.zeros(16_000, dtype=np.float32))
    media.write_audio(tmp_path / "click.wav", np.full(40, 0.5, dtype=np.float32))
    table = pl.DataFrame({"clip_id": ["silence", "click"], "media": ["silence.wav", "click.wav"]})
    for name in (str(tiny_models["hubert"]), f"paper:{tiny_models['hubert']}", str(tiny_models["whisper"])):
        assert len(encode(table, tmp_path, "audio", name, cache=tmp_path, device="cpu").embeddings) == 2


def test_long_words_are_cut_at_the_model_s_length(tiny_models: Models, tmp_path: Path) -> None:
    table = pl.DataFrame({"clip_id": ["a", "b"], "transcript": ["so sorry " * 200, "so sorry"]})
    found = encode(table, tmp_path, "text", str(tiny_models["roberta"]), cache=tmp_path, device="cpu")
    assert found.cut == ("a",)
    assert found.embeddings.card.preprocessing["max_tokens"] == 64


@pytest.mark.parametrize(
    ("name", "modality", "said"),
    [
        ("roberta", "audio", "roberta is a model for text (roberta) and was given for audio"),
        ("hubert", "text", "hubert is a model for audio (hubert) and was given for text"),
        ("videomae", "audio", "videomae is a model for video (videomae) and was given for audio"),
        ("deberta", "video", "deberta is a model for text (deberta-v2) and was given for video"),
        ("vit", "text", "vit is a model for pictures (vit) and was given for text"),
    ],
)
def test_a_model_of_another_kind(
    name: str,
    modality: str,
    said: str,
    tiny_models: Models,
    clips: pl.DataFrame,
    clip_folder: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError) as error:
        encode(clips, clip_folder, modality, str(tiny_models[name]), cache=tmp_path, device="cpu")
    assert error.value.problems[0].code == "wrong-kind-of-encoder"
    assert said in str(error.value)


def broken(model: Path, to: Path, *without: str, **config: object) -> str:
    shutil.copytree(model, to)
    for name in without:
        (to / name).unlink()
    if config:
        settings = json.loads((to / "config.json").read_text(encoding="utf-8"))
        (to / "config.json").write_text(json.dumps(settings | config), encoding="utf-8")
    return str(to)


def test_folders_that_hold_no_whole_model(tiny_models: Models, clips: pl.DataFrame, tmp_path: Path) -> None:
    def refuse(encoder: str) -> str:
        with pytest.raises(InputError) as error:
            encode(clips, tmp_path, "text", encoder, cache=tmp_path / "cache", device="cpu")
        return str(error.value)

    model = tiny_models["roberta"]
    (tmp_path / "nothing").mkdir()
    assert "holds no config.json and no model.safetensors" in refuse(str(tmp_path / "nothing"))
    assert "is not a folder" in refuse(str(tmp_path / "absent"))
    assert "holds no model.safetensors" in refuse(broken(model, tmp_path / "a", "model.safetensors"))
    assert "lacks weights" in refuse(broken(model, tmp_path / "b", num_hidden_layers=3))
    assert "of type 'mystery'" in refuse(broken(model, tmp_path / "c", model_type="mystery"))
    without = broken(model, tmp_path / "d", "tokenizer.json", "tokenizer_config.json")
    assert "holds no tokenizer" in refuse(without)
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "config.json").write_text("{", encoding="utf-8")
    (tmp_path / "e" / "model.safetensors").touch()
    assert "cannot be read as JSON" in refuse(str(tmp_path / "e"))
    truncated = Path(broken(model, tmp_path / "f"))
    content = (truncated / "model.safetensors").read_bytes()
    (truncated / "model.safetensors").write_bytes(content[: len(content) // 2])
    assert "cannot be loaded" in refuse(str(truncated))


@pytest.mark.parametrize("name", ["hubert", "whisper", "videomae", "timesformer"])
def test_a_model_without_its_processor(
    name: str, tiny_models: Models, clips: pl.DataFrame, clip_folder: Path, tmp_path: Path
) -> None:
    folder = broken(tiny_models[name], tmp_path / name, "preprocessor_config.json")
    with pytest.raises(InputError, match="Save model and processor into one folder"):
        encode(clips, clip_folder, MODALITY[name], folder, cache=tmp_path, device="cpu")


class _Bomb:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self._path,)  # type: ignore[return-value]


def test_code_in_files_is_never_run(tiny_models: Models, clips: pl.DataFrame, tmp_path: Path) -> None:
    bait = tmp_path / "executed"
    folder = Path(broken(tiny_models["roberta"], tmp_path / "pickled", "model.safetensors"))
    with (folder / "pytorch_model.bin").open("wb") as file:
        pickle.dump(_Bomb(bait), file)
    with pytest.raises(InputError, match="cannot be loaded"):
        encode(clips, tmp_path, "text", str(folder), cache=tmp_path, device="cpu")
    own = {"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"}
    folder = Path(broken(tiny_models["roberta"], tmp_path / "remote", auto_map=own, model_type="theirs"))
    (folder / "theirs.py").write_text(f"open({str(bait)!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(InputError):
        encode(clips, tmp_path, "text", str(folder), cache=tmp_path, device="cpu")
    assert not bait.exists()


def test_old_torch_files_can_be_read(tiny_models: Models, clips: pl.DataFrame, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = Path(broken(tiny_models["roberta"], tmp_path / "roberta", "model.safetensors"))
    torch.save(load_file(tiny_models["roberta"] / "model.safetensors"), folder / "pytorch_model.bin")
    old = encode(clips, tmp_path, "text", str(folder), cache=tmp_path, device="cpu").embeddings
    new = encode(
        clips, tmp_path, "text", str(tiny_models["roberta"]), cache=tmp_path, device="cpu"
    ).embeddings
    assert np.array_equal(old.values, new.values)
    assert old.card.revision != new.card.revision


def test_deberta_as_the_hub_has_it(tiny_models: Models, clips: pl.DataFrame, tmp_path: Path) -> None:
    """DeBERTa-v3 comes with a SentencePiece model and no tokenizer.json."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = Path(broken(tiny_models["deberta"], tmp_path / "deberta", "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        '{"do_lower_case": false, "vocab_type": "spm"}', encoding="utf-8"
    )
    (tmp_path / "words.txt").write_text(
        "i am so sorry to hear that you lost your job\n" * 50, encoding="utf-8"
    )
    pieces = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "words.txt"),
        model_prefix=str(folder / "spm"),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        **pieces,
    )
    found = encode(clips, tmp_path, "text", str(folder), cache=tmp_path, device="cpu")
    assert len(found.embeddings) == 5


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no way to the hub itself."""
    import huggingface_hub

    def unreachable(*args: object, **options: object) -> object:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    return tmp_path / "hub"


def put(hub: Path, repository: str, model: Path, commit: str, ref: str = "main") -> None:
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / ref).write_text(commit, encoding="utf-8")
    shutil.copytree(model, folder / "snapshots" / commit)


def test_a_hub_name_in_the_hub_s_cache_needs_no_network(
    hub: Path, tiny_models: Models, clips: pl.DataFrame, tmp_path: Path
) -> None:
    put(hub, "some/model", tiny_models["roberta"], "c" * 40)
    card = "---\nlanguage: en\nlicense: mit\n---\n# A model\n"
    (hub / "models--some--model" / "snapshots" / ("c" * 40) / "README.md").write_text(card, encoding="utf-8")
    found = encode(clips, tmp_path, "text", "some/model", cache=tmp_path, device="cpu").embeddings
    assert (found.card.encoder, found.card.revision, found.card.licence) == ("some/model", "c" * 40, "mit")
    direct = encode(
        clips, tmp_path, "text", str(tiny_models["roberta"]), cache=tmp_path, device="cpu"
    ).embeddings
    assert np.array_equal(found.values, direct.values)
    assert direct.card.licence is None


def test_a_revision_can_be_named(hub: Path, tiny_models: Models, clips: pl.DataFrame, tmp_path: Path) -> None:
    put(hub, "some/model", tiny_models["roberta"], "c" * 40)
    put(hub, "some/model", tiny_models["deberta"], "d" * 40, ref="v2")
    assert local.find_model("some/model@v2").revision == "d" * 40
    assert local.find_model("some/model").revision == "c" * 40


def test_the_paper_s_models_go_by_their_hub_names(
    hub: Path, tiny_models: Models, clips: pl.DataFrame, tmp_path: Path
) -> None:
    put(hub, "roberta-base", tiny_models["roberta"], "a" * 40)
    found = encode(clips, tmp_path, "text", "paper", cache=tmp_path, device="cpu").embeddings
    assert (found.card.encoder, found.card.pooling) == ("roberta-base", "first")


@pytest.mark.parametrize("name", ["roberta-base", "microsoft/deberta-v3-base", "paper"])
def test_a_hub_that_cannot_be_reached(hub: Path, name: str, clips: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(CannotFinish) as error:
        encode(clips, tmp_path, "text", name, cache=tmp_path, device="cpu")
    text = str(error.value)
    assert "the hub cannot be reached (no route to host)" in text
    assert all(way in text for way in ("folder", "`lite`", "ready-made features"))


def test_a_model_half_in_the_hub_s_cache_is_not_used(
    hub: Path, tiny_models: Models, clips: pl.DataFrame, tmp_path: Path
) -> None:
    put(hub, "some/model", tiny_models["roberta"], "c" * 40)
    (hub / "models--some--model" / "snapshots" / ("c" * 40) / "model.safetensors").unlink()
    with pytest.raises(CannotFinish, match="cannot be reached"):
        encode(clips, tmp_path, "text", "some/model", cache=tmp_path, device="cpu")


def test_what_is_taken_from_the_hub(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    files = [
        "README.md",
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "tf_model.h5",
        "onnx/model.onnx",
    ]
    asked: list[str] = []

    def snapshot(repository: str, *, local_files_only: bool = False, **options: object) -> str:
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("not here")
        asked.extend(options["allow_patterns"])  # type: ignore[arg-type]
        return str(tmp_path)

    def told(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in files])

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", told)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    local.find_model("some/model")
    assert sorted(asked) == ["README.md", "config.json", "model.safetensors"]
    asked.clear()
    files.remove("model.safetensors")
    local.find_model("some/model")
    assert sorted(asked) == ["README.md", "config.json", "pytorch_model.bin"]
