"""Media beside a page: what is copied, cut, transcoded, linked, left out, and what is said where nothing plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from mixedsignals import media as decoder
from mixedsignals.progress import SILENT
from mixedsignals.report.playback import Media, Player, prepare


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a playable MP4 of 2 s, a WAV of 1 s, and two files that are no recordings."""
    root = tmp_path_factory.mktemp("corpus")
    sound = np.sin(np.arange(32_000) / 20).astype(np.float32)
    pictures = [np.full((64, 96, 3), 8 * level, np.uint8) for level in range(20)]
    decoder.write_video(root / "all of it #1.mp4", pictures, fps=10, audio=sound)
    decoder.write_audio(root / "sound.wav", sound[:16_000])
    (root / "empty.mp4").write_bytes(b"")
    (root / "words.mp4").write_text("no recording")
    (root.parent / "outside.wav").write_bytes((root / "sound.wav").read_bytes())
    return root


def players(
    root: Path | None, out: Path, media: Media, *rows: dict[str, Any], height: int = 360
) -> list[Player]:
    filled = [{"clip_id": f"../{place}", **row} for place, row in enumerate(rows)]
    made = prepare(filled, root, out, media=media, height=height, progress=SILENT)
    return [player for several in made.values() for player in several]


def test_a_playable_file_is_copied_as_it_is(corpus: Path, out: Path) -> None:
    (player,) = players(corpus, out, "copy", {"media": "all of it #1.mp4"})
    assert (player.kind, player.note) == ("video", "")
    assert (out / player.src).read_bytes() == (corpus / "all of it #1.mp4").read_bytes()


def test_a_span_is_cut(corpus: Path, out: Path) -> None:
    (player,) = players(corpus, out, "copy", {"media": "all of it #1.mp4", "start": 0.5, "end": 1.25})
    assert player.note == "cut from a longer file"
    assert decoder.probe(out / player.src).duration == pytest.approx(0.75, abs=0.15)


def test_separate_sound_and_picture_give_two_players(corpus: Path, out: Path) -> None:
    given = {"audio": "sound.wav", "video": "all of it #1.mp4"}
    assert [player.kind for player in players(corpus, out, "copy", given)] == ["video", "audio"]


def test_the_same_file_named_twice_gives_one_player(corpus: Path, out: Path) -> None:
    given = {"media": "all of it #1.mp4", "video": "all of it #1.mp4"}
    assert len(players(corpus, out, "copy", given)) == 1


@pytest.mark.parametrize("name", ["missing.mp4", "empty.mp4", "words.mp4", "../outside.wav"])
@pytest.mark.parametrize("media", ["copy", "link"])
def test_what_cannot_be_played_says_why_and_stops_nothing(
    corpus: Path, out: Path, name: str, media: Media
) -> None:
    bad, good = players(corpus, out, media, {"media": name}, {"media": "sound.wav"})
    assert (bad.kind, bad.src) == ("none", "")
    assert len(bad.note.split()) >= 2
    assert good.kind == "audio"


def test_a_link_leads_from_the_page_to_the_file_with_its_span(corpus: Path, out: Path) -> None:
    (player,) = players(corpus, out, "link", {"media": "all of it #1.mp4", "start": 0.5, "end": 1.25})
    parts = urlsplit(player.src)
    assert parts.fragment == "t=0.5,1.25"
    assert (out / unquote(parts.path)).resolve() == (corpus / "all of it #1.mp4").resolve()
    assert not (out / "media").exists()


def test_no_media_and_no_root_give_no_players(corpus: Path, out: Path) -> None:
    assert players(corpus, out, "none", {"media": "sound.wav"}) == []
    assert players(None, out, "copy", {"media": "sound.wav"}) == []
    assert players(corpus, out, "copy", {"media": None}) == []


def test_names_are_digests_whatever_the_clip_is_called(corpus: Path, out: Path) -> None:
    (player,) = players(corpus, out, "copy", {"clip_id": "../../evil", "media": "sound.wav"})
    assert Path(player.src).parent == Path("media")
    assert Path(player.src).name.removeprefix("clip-").removesuffix(".wav").isalnum()


def test_writing_again_keeps_what_is_right_and_removes_what_is_not(corpus: Path, out: Path) -> None:
    (first,) = players(corpus, out, "copy", {"media": "sound.wav"})
    before = (out / first.src).stat()
    (out / "media" / "own.txt").write_text("somebody's")
    again = players(corpus, out, "copy", {"media": "sound.wav"}, {"media": "all of it #1.mp4"})
    assert again[0] == first
    assert (out / first.src).stat().st_mtime_ns == before.st_mtime_ns
    (video,) = players(corpus, out, "copy", {"media": "all of it #1.mp4"})
    assert sorted(path.name for path in (out / "media").iterdir()) == [Path(video.src).name, "own.txt"]
    players(corpus, out, "none")
    assert [path.name for path in (out / "media").iterdir()] == ["own.txt"]


@pytest.mark.realdata
def test_real_flash_video_is_transcoded_so_that_browsers_play_it(realdata: Path, out: Path) -> None:
    clips = sorted((realdata / "cremad" / "clips").rglob("*.flv"))
    assert clips
    (player,) = players(clips[0].parent, out, "copy", {"media": clips[0].name}, height=240)
    assert "transcoded" in player.note
    assert decoder.playable(out / player.src)
    about, original = decoder.probe(out / player.src), decoder.probe(clips[0])
    assert (about.height, about.has_audio) == (240, True)
    assert about.duration == pytest.approx(original.duration, abs=0.25)
    (link,) = players(clips[0].parent, out, "link", {"media": clips[0].name})
    assert (link.kind, "copied media" in link.note) == ("none", True)
