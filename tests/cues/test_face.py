"""Faces: found where they are, absent where not; turning a picture turns the head, mirroring it swaps the sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mixedsignals import media
from mixedsignals.api import playhouse
from mixedsignals.cues.face import FACE_CUES, Face
from mixedsignals.cues.face.networks import COEFFICIENTS, FaceNetworks, _anchors, _overlap
from mixedsignals.cues.face.pose import angles, turning
from mixedsignals.errors import CannotFinish
from mixedsignals.sources import Source
from mixedsignals.store import cache_dir

MODEL = cache_dir() / "weights" / "face-landmarker" / "0.1.1" / "face_landmarker.task"
needs_model = pytest.mark.skipif(
    not MODEL.is_file(), reason="run `mixedsignals weights fetch face-landmarker`"
)
Pictures = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def networks() -> FaceNetworks:
    pytest.importorskip("ai_edge_litert")
    return FaceNetworks(MODEL)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return media.frames(playhouse() / "media" / "ph002.mp4", count=4)


@pytest.mark.weights
@needs_model
def test_a_face_is_found_and_every_cue_has_a_value(pictures: Pictures) -> None:
    pytest.importorskip("ai_edge_litert")
    found = Face(MODEL).of_pictures(pictures, 2.0)
    assert set(found.values) == {cue.name for cue in FACE_CUES}
    assert not found.absent
    assert found.values["face_share"] == 1.0
    for cue in FACE_CUES:
        if cue.unit == "0 to 1":
            assert 0 <= found.values[cue.name] <= 1
    assert abs(found.values["head_yaw"]) < 25


@pytest.mark.weights
@needs_model
def test_what_has_no_face_is_absent_with_the_reason() -> None:
    pytest.importorskip("ai_edge_litert")
    noise = np.random.default_rng(0).integers(0, 255, (3, 120, 160, 3), dtype=np.uint8)
    for nothing in (noise, np.zeros((3, 64, 64, 3), np.uint8)):
        assert Face(MODEL).of_pictures(nothing, 1.0).absent == {"*": "no face was found"}


@pytest.mark.weights
@needs_model
def test_a_face_in_one_picture_of_three_says_what_it_cannot_tell(pictures: Pictures) -> None:
    pytest.importorskip("ai_edge_litert")
    some = np.concatenate([pictures[:1], np.zeros_like(pictures[:2])])
    found = Face(MODEL).of_pictures(some, 1.0)
    assert found.values["face_share"] == pytest.approx(1 / 3)
    assert found.absent["head_movement"] == "a face was found in 1 pictures only"
    assert "head_movement" not in found.values


@pytest.mark.weights
@needs_model
def test_mirroring_swaps_left_and_right_and_nothing_else(networks: FaceNetworks, pictures: Pictures) -> None:
    seen, mirrored = networks.look(pictures[0]), networks.look(pictures[0][:, ::-1])
    assert seen is not None
    assert mirrored is not None
    place = {name: at for at, name in enumerate(COEFFICIENTS)}
    left, right = seen.coefficients[place["mouthSmileLeft"]], seen.coefficients[place["mouthSmileRight"]]
    assert mirrored.coefficients[place["mouthSmileRight"]] == pytest.approx(left, abs=0.15)
    assert mirrored.coefficients[place["mouthSmileLeft"]] == pytest.approx(right, abs=0.15)
    assert angles(mirrored.landmarks)[0] == pytest.approx(-angles(seen.landmarks)[0], abs=4)


@pytest.mark.weights
@needs_model
def test_size_and_place_of_the_picture_do_not_matter(networks: FaceNetworks, pictures: Pictures) -> None:
    one = networks.look(pictures[0])
    wide = np.zeros((300, 500, 3), np.uint8)
    wide[40 : 40 + 224, 200 : 200 + 224] = pictures[0]
    moved = networks.look(wide)
    assert one is not None
    assert moved is not None
    eye = np.linalg.norm(one.landmarks[263] - one.landmarks[33])
    apart = np.abs(moved.landmarks[:, :2] - [200, 40] - one.landmarks[:, :2]).mean()
    assert apart < 0.05 * eye
    assert np.abs(moved.coefficients - one.coefficients).mean() < 0.05


def upright() -> npt.NDArray[np.float64]:
    points = np.zeros((478, 3))
    points[33], points[263] = [-30, 0, 0], [30, 0, 0]
    points[10], points[152] = [0, -50, 0], [0, 70, 0]
    return points


@pytest.mark.parametrize(("axis", "which"), [(1, 0), (0, 1), (2, 2)], ids=["yaw", "pitch", "roll"])
@pytest.mark.parametrize("degrees", [-25.0, 5.0, 40.0])
def test_angles_are_those_by_which_a_head_was_turned(axis: int, which: int, degrees: float) -> None:
    turn = np.radians(degrees)
    first, second = [(1, 2), (0, 2), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(turn)
    matrix[first, second], matrix[second, first] = -np.sin(turn), np.sin(turn)
    found = angles(upright() @ matrix.T)
    assert abs(found[which]) == pytest.approx(abs(degrees), abs=1e-6)
    assert np.abs(np.delete(found, which)).max() < 1e-6


def test_a_head_that_turns_30_degrees_in_a_second_turns_at_30_degrees_per_second() -> None:
    held = np.stack([np.linspace(0, 30, 11), np.zeros(11), np.zeros(11)], axis=1)
    assert turning(held, np.linspace(0, 1, 11)) == pytest.approx(30.0)
    assert turning(held[:1], np.zeros(1)) is None


def test_anchors_cover_the_picture_and_overlap_is_that_of_boxes() -> None:
    assert _anchors().shape == (896, 2)
    assert (_anchors() > 0).all()
    assert (_anchors() < 1).all()
    box = np.array([0.0, 0.0, 2.0, 2.0])
    assert _overlap(np.array([[0.0, 0, 2, 2], [1, 0, 2, 2], [5, 5, 1, 1]]), box) == pytest.approx(
        [1, 1 / 3, 0]
    )


def test_a_file_that_is_no_model_and_a_sound_without_picture_are_told(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "no.task").write_bytes(b"nothing")
    with pytest.raises(CannotFinish, match="cannot be read as MediaPipe's face models"):
        Face(tmp_path / "no.task")


@pytest.mark.weights
@needs_model
def test_a_sound_file_has_no_picture(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    media.write_audio(tmp_path / "a.wav", np.full(8000, 0.1, np.float32), rate=16_000)
    assert Face(MODEL).measure(Source(path=tmp_path / "a.wav")).absent == {"*": "the file has no picture"}


@pytest.mark.realdata
@pytest.mark.weights
@needs_model
def test_real_faces_are_found_in_every_clip_of_crema_d(realdata: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    face = Face(MODEL, pictures=4)
    for clip in sorted((realdata / "cremad" / "clips").glob("*.flv")):
        assert face.measure(Source(path=clip)).values["face_share"] == 1.0
