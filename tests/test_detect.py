"Faces found by the bundled cascades: on the drawn face, on a real one, and where there is none"
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from mekit.core import MekitError, MekitWarning
from mekit.data.clip import read_clip
from mekit.data.synthetic import demo, synthesize
from mekit.face.detect import IOD_RATIO, crop_face, detect


@pytest.fixture(scope="module")
def clip():
    return demo()


@pytest.fixture(scope="module")
def real(video):
    return read_clip(video)


def on_wall(frame, at, shape=(480, 640), scale=1.):
    "The frame as a part of a larger grey picture"
    picture = np.full((*shape, 3), 130, np.uint8)
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    y, x = at
    picture[y:y + small.shape[0], x:x + small.shape[1]] = small
    return picture


def test_eyes_are_where_they_were_drawn(clip):
    found = detect(clip, frames=range(0, 200, 25))
    truth = np.stack([clip.truth.landmarks[0][list(i)].mean(0) for i in ((36, 39), (42, 45))])
    assert found.found.all() and found.found_eyes.all()
    assert np.linalg.norm(found.eyes - truth, axis=-1).max() / clip.iod < .08
    assert np.abs(found.iod / clip.iod - 1).max() < .06
    assert (found.eyes[:, 0, 0] < found.eyes[:, 1, 0]).all()


def test_boxes_hold_the_eyes_and_the_mouth(clip):
    x, y, w, h = detect(clip, frames=[0]).boxes[0]
    inner = clip.truth.landmarks[0][36:68]
    assert ((inner > (x, y)) & (inner < (x + w, y + h))).all()


def test_a_real_face_is_found_in_nearly_all_frames(real):
    found = detect(real, frames=range(0, len(real), 20))
    assert found.found.mean() > .97
    assert found.found_eyes.mean() > .85
    centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    steps = np.linalg.norm(np.diff(centres[found.found], axis=0), axis=1)
    assert steps.max() < 160
    eyes = found.eyes[found.found_eyes]
    boxes = found.boxes[found.found_eyes]
    assert (eyes[..., 1] < (boxes[:, 1] + .55 * boxes[:, 3])[:, None]).all()


def test_nobody_is_nan_and_false_and_no_exception():
    rng = np.random.default_rng(0)
    for frames in (np.zeros((2, 90, 120, 3), np.uint8), rng.integers(0, 255, (2, 200, 200, 3), np.uint8), np.full((1, 20, 20, 3), 9, np.uint8)):
        found = detect(frames)
        assert not found.found.any() and not found.found_eyes.any()
        assert np.isnan(found.boxes).all() and np.isnan(found.eyes).all() and np.isnan(found.iod).all()


def test_a_clip_with_a_gap_has_a_gap(clip):
    frames = np.stack([clip.frames[0], np.zeros_like(clip.frames[0]), clip.frames[0]])
    assert detect(frames).found.tolist() == [True, False, True]


def test_the_largest_face_wins(clip):
    picture = on_wall(clip.frames[0], (100, 20))
    picture[40:168, 420:548] = cv2.resize(clip.frames[0], (128, 128), interpolation=cv2.INTER_AREA)
    x, y, w, h = detect(picture[None]).boxes[0]
    assert x + w / 2 < 320 and w > 120


def test_grey_and_float_frames_are_the_same_face(clip):
    colour = np.stack([clip.frames[0]])
    grey = np.stack([cv2.cvtColor(clip.frames[0], cv2.COLOR_RGB2GRAY)])
    assert np.allclose(detect(colour).boxes, detect(grey).boxes)
    assert np.allclose(detect(colour).boxes, detect(colour / 255.).boxes)


def test_threads_give_the_same_answer(clip):
    once = detect(clip, frames=[0, 90]).eyes
    with ThreadPoolExecutor(4) as pool:
        for eyes in pool.map(lambda _: detect(clip, frames=[0, 90]).eyes, range(4)):
            assert np.array_equal(eyes, once)


# crops

def test_the_truth_moves_with_the_crop(clip):
    crop = crop_face(clip, size=192, margin=1.1)
    onset, apex = crop.label.onset, crop.label.apex
    assert crop.shape == (192, 192) and len(crop) == len(clip) and crop.label == clip.label
    assert np.isclose(np.linalg.norm(np.diff(crop.truth.landmarks[0][[36, 45]], axis=0)), crop.iod)
    percent = [np.hypot(*c.truth.flow[apex]).max() / c.iod for c in (clip, crop)]
    assert np.isclose(*percent, rtol=.02)
    uv = crop.truth.flow[apex]
    x, y = np.meshgrid(*[np.arange(192, dtype=np.float32)] * 2)
    back = cv2.remap(crop.frames[apex].astype(np.float32), x + uv[0], y + uv[1], cv2.INTER_CUBIC)
    moving = np.hypot(*uv) > .3
    before, after = (np.abs(f.astype(float) - crop.frames[onset])[moving].mean() for f in (crop.frames[apex], back))
    assert after < .35 * before
    assert detect(crop, frames=[0]).found[0]


def test_the_same_window_for_every_frame(clip):
    crop = crop_face(clip)
    still = [t for t in (0, 20, 49, 160, 199)]
    assert all(np.array_equal(crop.frames[t], crop.frames[0]) for t in still)


def test_landmarks_of_a_drifting_face_follow_it_into_the_crop():
    moving = synthesize({"AU12": 2.}, nuisance={"translation": 6.}, seed=3, duration_ms=300)
    crop = crop_face(moving, size=256)
    scale = crop.iod / moving.iod
    assert np.allclose(crop.truth.nuisance["translation"], moving.truth.nuisance["translation"] * scale)
    shift = crop.truth.landmarks - crop.truth.landmarks[0]
    assert np.allclose(shift, (moving.truth.landmarks - moving.truth.landmarks[0]) * scale)


def test_a_real_crop_shows_the_face_and_estimates_its_iod(real):
    crop = crop_face(real, size=224)
    again = detect(crop, frames=[0])
    assert again.found[0] and crop.shape == (224, 224)
    assert abs(again.iod[0] / crop.iod - 1) < .1
    assert "estimated" in crop.source
    x, y, w, h = again.boxes[0]
    assert w > .6 * 224


def test_no_face_gives_the_clip_back_with_a_warning():
    nobody = read_clip(np.full((3, 100, 140, 3), 60, np.uint8))
    with pytest.warns(MekitWarning, match="no frontal face"):
        assert crop_face(nobody) is nobody


def test_a_face_that_comes_later_is_used_and_said(clip):
    frames = np.stack([np.zeros_like(clip.frames[0])] * 2 + [clip.frames[0]] * 2)
    with pytest.warns(MekitWarning, match="frame 2"):
        crop = crop_face(read_clip(frames), size=128)
    assert crop.shape == (128, 128) and not crop.frames[0].any() and crop.frames[2].any()


def test_at_the_edge_the_window_stays_inside_and_beyond_it_repeats(clip):
    corner = read_clip(np.stack([on_wall(clip.frames[0], (224, 384))] * 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", MekitWarning)
        crop = crop_face(corner, size=160)
    assert detect(crop).found[0]
    wide = crop_face(clip, margin=3.)
    assert not wide.truth.valid[0][0].any() and wide.truth.valid[0][128, 128]
    assert np.array_equal(wide.frames[0][0], wide.frames[0][5])


def test_the_ratio_is_that_of_the_canonical_face():
    assert 1.3 < IOD_RATIO < 1.6


@pytest.mark.parametrize("call, message", [
    (lambda c: crop_face(c, size=4), "16 to 4096"),
    (lambda c: crop_face(c, margin=float("nan")), "margin"), (lambda c: crop_face(c, margin="x"), "margin"), (lambda c: crop_face(None), "a Clip, received NoneType"),
    (lambda c: detect(c, frames="a"), "frames as whole numbers"), (lambda c: detect(c, frames=[.5]), "frames as whole numbers"), (lambda c: detect(c, frames=[True]), "frames as whole numbers"),
    (lambda c: detect(c, frames=[200]), "0 to 199"),
    (lambda c: detect(c.frames[0]), "t h w 3"),
    (lambda c: detect(np.full((1, 9, 9, 3), np.nan)), "0 to 1"),
])
def test_wrong_options_are_named(clip, call, message):
    with pytest.raises(MekitError, match=message):
        call(clip)
