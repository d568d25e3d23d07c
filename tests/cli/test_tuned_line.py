"""The whole line with encoders that learn, as a user types it: fit, predict, export, and what a run says of itself."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import pytest
from encoder_tiny import build
from tuning_lessons import clips_table

from mixedsignals import api
from mixedsignals.api.media_options import MediaOptions
from mixedsignals.api.media_probing import probe_media
from mixedsignals.api.second import CANDIDATES
from mixedsignals.api.trained import read_trained
from mixedsignals.api.tuned_models import export_encoder
from mixedsignals.cli._tuning import tuning_options
from mixedsignals.errors import CannotFinish, InputError, UsageError
from mixedsignals.manifest import RunOptions
from mixedsignals.tuning_options import TuningOptions

from .conftest import one_error, tables, typed

QUICK = (
    "--tune",
    "last2",
    "--folds",
    "2",
    "--seeds",
    "3",
    "--epochs",
    "2",
    "--threads",
    "1",
    "--device",
    "cpu",
)
TUNE = ("--tune-epochs", "2", "--tune-learning-rate", "3e-3", "--tune-inner-folds", "0")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("roberta", tmp_path_factory.mktemp("models") / "roberta")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    clips_table().write_csv(folder / "clips.csv")
    (folder / "corpus.toml").write_text(
        'name = "small"\nlabels = ["neutral", "empathetic"]\n', encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    patch = pytest.MonkeyPatch()
    patch.setenv("MIXEDSIGNALS_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def run(corpus: Path, model: Path, cache: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tuned"
    done = typed("fit", corpus, "--out", out, "--encoders", f"text={model}", *QUICK, *TUNE)
    assert done.code == 0, done.err
    assert "in-sample" in done.out, "the output says how training clips were embedded"
    return out


def test_every_clip_is_predicted_by_a_fold_that_never_saw_it(run: Path) -> None:
    found = tables(run)
    assert found["predictions"]["clip_id"].n_unique() == 48
    assert found["predictions"].group_by("clip_id", "source").len()["len"].to_list() == [2] * 48


def test_the_manifest_keeps_every_option_and_says_what_is_in_sample(run: Path, model: Path) -> None:
    manifest = tomllib.loads((run / "run.toml").read_text())
    options = RunOptions.from_dict(manifest["options"])
    assert (options.tune, options.tuning.epochs, options.tuning.learning_rate) == ("last2", 2, 3e-3)
    assert options.tuning.head_learning_rate == TuningOptions().head_learning_rate
    tuning = manifest["tuning"]
    assert tuning["training_clips_embedded"] == "in-sample"
    assert {(m["fold"], m["seed"]) for m in tuning["models"]} == {(0, 3), (1, 3)}
    assert manifest["encoders"]["text"]["tuned"]
    assert not (run / "models" / "partial").exists()
    assert not (run / "models" / "partial-clips").exists()


def test_the_same_command_does_nothing_again_and_other_options_are_refused(
    corpus: Path, model: Path, run: Path
) -> None:
    command = ("fit", corpus, "--out", run, "--encoders", f"text={model}", *QUICK, *TUNE)
    assert "nothing to do" in typed(*command).err
    assert typed(*command, "--tune-tracker", "none", "--no-tune-resume").code == 0, "how is not what"
    assert "tuning.batch_size: 8 → 4" in one_error(typed(*command, "--tune-batch-size", "4"), 1)


@pytest.fixture(scope="module")
def heard(
    corpus: Path, model: Path, cache: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The same clips with ready-made features of their sound, and a run whose text encoder is tuned."""
    folder = tmp_path_factory.mktemp("heard")
    shutil.copytree(corpus, folder / "corpus")
    (folder / "corpus" / "features").mkdir()
    clips = clips_table()
    random = np.random.default_rng(0)
    shown = clips.select(
        "clip_id",
        a=(pl.col("label") == "empathetic").cast(pl.Float64) + pl.Series(random.normal(size=48)),
        b=pl.Series(random.normal(size=48)),
    )
    shown.write_parquet(folder / "corpus" / "features" / "audio.parquet")
    done = typed(
        "fit", folder / "corpus", "--out", folder / "run", "--encoders", f"text={model}", *QUICK, *TUNE,
    )  # fmt: skip
    assert done.code == 0, done.err
    return folder / "corpus", folder / "run"


class TestSecondFusion:
    """Beside the paper's gate, in every fold and seed with the embeddings tuned there."""

    def test_it_stands_in_the_tables_and_in_the_manifest(self, heard: tuple[Path, Path]) -> None:
        second = tomllib.loads((heard[1] / "run.toml").read_text())["second"]
        assert set(second["members"]) == {"0", "1"}
        assert set(second["members"].values()) <= set(CANDIDATES)
        said = tables(heard[1])["predictions"].filter(source=second["source"])
        assert said["given"].unique().to_list() == ["text+audio"]
        assert said.group_by("clip_id", "seed").len()["len"].to_list() == [2] * 48

    def test_it_is_asked_about_clips_of_the_run_and_new_ones(self, heard: tuple[Path, Path]) -> None:
        corpus, run = heard
        found = api.predict(run, corpus).predictions
        keys = ["clip_id", "source", "given", "label"]
        both = found.join(tables(run)["predictions"], on=keys, suffix="_run")
        assert both.height == found.height
        assert set(found["source"]) == set(tables(run)["predictions"]["source"]) > {"text", "audio", "fusion"}
        assert (both["probability"] - both["probability_run"]).abs().max() < 1e-5
        assert [sum(len(one.heads) for one in part.second) for part in read_trained(run).parts] == [1, 1]

    def test_altered_words_go_through_the_encoder_tuned_in_the_fold_of_their_clip(
        self, heard: tuple[Path, Path], tmp_path: Path
    ) -> None:
        copy = Path(shutil.copytree(heard[1], tmp_path / "run"))
        options = MediaOptions(probes=("media:swap", "media:negate"), clips=6)
        made = probe_media(read_trained(copy), options=options)
        assert {(row[0], row[1]) for row in made.table.select("probe", "modality").unique().iter_rows()} == {
            ("media:plain", "text+audio"),
            ("media:swap", "text"),
            ("media:negate", "text"),
        }
        assert any("audio: this run learned from ready-made features" in note for note in made.notes)
        own = tables(copy)["predictions"].filter(given="text+audio")
        plain = made.table.filter(probe="media:plain")
        both = plain.join(own, on=("seed", "clip_id", "source", "label"), suffix="_run")
        assert both.height == plain.height == 6 * 2 * 2  # clips, labels, fusions
        assert (both["probability"] - both["probability_run"]).abs().max() < 1e-5


def test_predictions_of_the_runs_own_clips_are_those_of_its_tables(run: Path, corpus: Path) -> None:
    found = api.predict(run, corpus).predictions
    keys = ["clip_id", "source", "given", "label"]
    both = found.join(tables(run)["predictions"], on=keys, suffix="_run")
    assert both.height == found.height == 96
    assert (both["probability"] - both["probability_run"]).abs().max() < 1e-5


def test_new_clips_are_heard_by_every_fold(run: Path, corpus: Path, tmp_path: Path) -> None:
    clips_table(1, 4).with_columns(pl.col("clip_id").str.replace("c", "n")).write_csv(tmp_path / "clips.csv")
    (tmp_path / "corpus.toml").write_text((corpus / "corpus.toml").read_text())
    found = api.predict(run, tmp_path).predictions
    assert found["n_heads"].unique().to_list() == [2]
    assert found["clip_id"].n_unique() == 4


class TestExport:
    def test_plain_transformers_reads_it_and_says_the_same(self, run: Path, tmp_path: Path) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        done = typed(
            "export", run, "--to", "huggingface", "--out", tmp_path / "model", "--fold", "1", "--seed", "3"
        )
        assert done.code == 0, done.err
        whole = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
        assert whole.config.id2label == {0: "neutral", 1: "empathetic"}
        with np.load(next((run / "models" / "tuned").rglob("fold1.seed3/out_of_fold.npz"))) as file:
            wanted = dict(zip(file["clip_ids"].tolist(), file["logits"], strict=True))
        words = dict(clips_table().select("clip_id", "transcript").iter_rows())
        for clip in list(wanted)[:6]:
            with torch.no_grad():
                said = whole(**tokenizer(words[clip], return_tensors="pt")).logits[0].numpy()
            np.testing.assert_allclose(said, wanted[clip], atol=1e-4)

    def test_the_card_tells_data_splits_metrics_and_limits(self, run: Path, tmp_path: Path) -> None:
        folder, address = export_encoder(run, tmp_path / "model")
        card = (folder / "README.md").read_text()
        assert address is None
        for part in ("## Data", "## Splits", "## Metrics", "## Limits", "small", "| accuracy |", "95%: "):
            assert part in card
        assert card.startswith("---\n")

    def test_it_is_pushed_to_a_hub_only_when_asked(
        self, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import huggingface_hub

        calls: list[tuple[str, dict[str, Any]]] = []

        class Hub:
            def create_repo(self, name: str, **options: Any) -> str:
                calls.append((name, options))
                return f"https://hub.example/{name}"

            def upload_folder(self, **options: Any) -> None:
                calls.append(("upload", options))
                names = {path.name for path in Path(options["folder_path"]).iterdir()}
                assert {"config.json", "model.safetensors", "README.md"} <= names

        monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
        done = typed("export", run, "--to", "huggingface", "--out", tmp_path / "a")
        assert (done.code, calls) == (0, [])
        done = typed("export", run, "--to", "huggingface", "--out", tmp_path / "b", "--push", "me/model")
        assert "pushed to https://hub.example/me/model" in done.out
        assert calls[0] == ("me/model", {"private": True, "exist_ok": True})
        assert calls[1][1]["repo_id"] == "me/model"

    def test_a_hub_that_does_not_let_in(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import huggingface_hub

        from mixedsignals.encoders.tuning.export import push_folder

        class Hub:
            def create_repo(self, name: str, **_: Any) -> str:
                raise ConnectionError("401 Client Error")

        monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
        with pytest.raises(
            CannotFinish, match=r"me/model could not be pushed \(401 Client Error\).*hf auth login"
        ):
            push_folder(tmp_path, "me/model")

    def test_what_is_not_there(self, run: Path, tmp_path: Path) -> None:
        with pytest.raises(
            InputError, match=r"no tuned encoder of .*there are \[\('text', 0, 3\), \('text', 1, 3\)\]"
        ):
            export_encoder(run, tmp_path / "x", fold=9)
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "thing").touch()
        assert "is not empty" in one_error(
            typed("export", run, "--to", "huggingface", "--out", tmp_path / "full"), 1
        )
        assert "goes with another tool" in typed("export", run, "--to", "fiftyone", "--fold", "1").err


def test_every_field_of_the_options_is_on_the_command_line() -> None:
    @click.command()
    def empty() -> None: ...

    command: Any = empty
    for option in tuning_options():
        command = option(command)
    names = {parameter.name for parameter in command.params}
    assert names == {f"tune_{item.name}" for item in fields(TuningOptions)}


def test_a_preset_gives_way_to_what_is_typed(corpus: Path, model: Path, cache: None, tmp_path: Path) -> None:
    many, out = tmp_path / "corpus", tmp_path / "run"
    many.mkdir()
    clips_table(12, 4).write_csv(many / "clips.csv")
    (many / "corpus.toml").write_text((corpus / "corpus.toml").read_text())
    done = typed(
        "fit", many, "--out", out, "--preset", "lite", "--encoders", f"text={model}", "--folds", "2", "--epochs", "1",
        "--tune-epochs", "1", "--threads", "1", "--device", "cpu",
    )  # fmt: skip
    assert done.code == 0, done.err
    manifest = tomllib.loads((out / "run.toml").read_text())
    assert manifest["options"]["preset"] == "lite"
    assert manifest["options"]["tuning"]["epochs"] == 1
    assert manifest["options"]["tuning"]["inner_folds"] == 2
    assert manifest["options"]["seeds"] == [42]
    assert manifest["tuning"]["training_clips_embedded"] == "out of inner folds"
    assert "never saw them (2 inner folds)" in done.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tune": "half"}, "tune is 'half'; legal is frozen, last2, lora, full"),
        ({"tuning": TuningOptions, "batch_size": 0}, "batch_size is 0; legal is a whole number, 1 or more"),
        ({"tuning": TuningOptions, "schedule": "steps"}, "legal is constant, linear, cosine"),
        ({"tuning": TuningOptions, "inner_folds": 1}, "inner_folds is 1; legal is 0, or 2 or more"),
        ({"tuning": TuningOptions, "learning_rate": float("nan")}, "learning_rate is nan"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    make = options.pop("tuning", RunOptions)
    with pytest.raises(UsageError, match=said):
        make(**options)


def test_a_hub_name_that_is_unknown_or_out_of_reach_names_the_ways_out(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import RepositoryNotFoundError

    def unknown(*_: Any, **__: Any) -> Any:
        error = RepositoryNotFoundError.__new__(RepositoryNotFoundError)  # its own way wants a whole response
        Exception.__init__(error, "404")
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unknown)
    command = ("fit", corpus, "--out", tmp_path / "run", *QUICK, *TUNE)
    said = one_error(typed(*command, "--encoders", "text=nobody/nothing"), 1)
    assert "nor a model on the hub" in said
    assert "`lite`" in said

    def away(*_: Any, **__: Any) -> Any:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", away)
    said = one_error(typed(*command, "--encoders", "text=someone/model"), 3)
    assert "the hub cannot be reached (Name or service not known)" in said
    assert "Name a folder that holds the model" in said


def test_an_interrupted_download_is_gone_on_from(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub tells of the model, and breaks off on the way; the same command asks for the same files again."""
    from types import SimpleNamespace

    import huggingface_hub

    told = SimpleNamespace(
        siblings=[SimpleNamespace(rfilename=n) for n in ("config.json", "model.safetensors")]
    )
    asked: list[Any] = []

    def broken(repository: str, **options: Any) -> Any:
        if options.get("local_files_only"):
            raise huggingface_hub.errors.LocalEntryNotFoundError("not here")
        asked.append(options["allow_patterns"])
        raise ConnectionError("IncompleteRead(1024 bytes read)")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: told)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    command = ("fit", corpus, "--out", tmp_path / "run", *QUICK, *TUNE, "--encoders", "text=someone/model")
    said = one_error(typed(*command), 3)
    assert "was interrupted (IncompleteRead(1024 bytes read)). What came is kept" in said
    typed(*command)
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_ready_made_features_cannot_be_tuned(corpus: Path, tmp_path: Path) -> None:
    other = tmp_path / "corpus"
    shutil.copytree(corpus, other)
    (other / "features").mkdir()
    clips = clips_table()["clip_id"]
    random = np.random.default_rng(0)
    pl.DataFrame({"clip_id": clips, "a": random.normal(size=48), "b": random.normal(size=48)}).write_parquet(
        other / "features" / "text.parquet"
    )
    said = one_error(typed("fit", other, "--out", tmp_path / "run", *QUICK), 2)
    assert "ready-made features, which cannot be tuned" in said


def test_a_corpus_too_small_for_inner_folds(corpus: Path, model: Path, tmp_path: Path) -> None:
    small = tmp_path / "corpus"
    small.mkdir()
    clips_table(6, 4).write_csv(small / "clips.csv")
    (small / "corpus.toml").write_text((corpus / "corpus.toml").read_text())
    done = typed(
        "fit",
        small,
        "--out",
        tmp_path / "run",
        "--encoders",
        f"text={model}",
        *QUICK,
        "--tune-inner-folds",
        "2",
    )
    said = one_error(done, 3)
    assert "--tune-inner-folds 0" in said or "folds" in said
