"The drawn face and its motion, held to models and methods that know nothing of how they were made"
from itertools import product

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.anatomy import AU_MOTION, to_ibug
from mekit.core import MekitError
from mekit.data.movement import MOST
from mekit.data.synthetic import LETTERS, SUPPORTED, demo, letter_of, synthesize
from mekit.labels import CD6ME_AUS

AUS = [f"AU{n}{side}" for n, side in product(SUPPORTED, ("", "L", "R"))]


def grey(frame):
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)


def taken_back(clip, t):
    "Frame t read where the truth says the onset frame's pixels went, float"
    uv = clip.truth.flow[t]
    x, y = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in uv.shape[:0:-1]])
    return cv2.remap(clip.frames[t].astype(np.float32), x + uv[0], y + uv[1], cv2.INTER_CUBIC)


def length(uv):
    return np.hypot(uv[0], uv[1])


# the face, seen by others

def seen_by(landmarker, frame):
    "MediaPipe's faces: list of (468 or 478 2 pixels, blendshapes)"
    mp = pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    from mediapipe.tasks.python import BaseOptions, vision
    options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(landmarker)), output_face_blendshapes=True, num_faces=3)
    with vision.FaceLandmarker.create_from_options(options) as model:
        found = model.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(frame)))
    scale = (frame.shape[1], frame.shape[0])
    points = [np.array([(p.x, p.y) for p in face]) * scale - .5 for face in found.face_landmarks]
    return list(zip(points, [{b.category_name: b.score for b in shapes} for shapes in found.face_blendshapes]))


@pytest.mark.parametrize("identity", [0, 21, 42])
@pytest.mark.parametrize("size", [256, 512])
def test_a_landmark_model_finds_one_neutral_face_where_it_was_drawn(landmarker, identity, size):
    clip = synthesize(identity=identity, size=size, duration_ms=50)
    faces = seen_by(landmarker, clip.frames[0])
    assert len(faces) == 1
    points, shapes = faces[0]
    at_rest = ("mouthSmileLeft", "mouthSmileRight", "jawOpen", "browDownLeft", "browDownRight")
    assert {n: round(shapes[n], 3) for n in at_rest if shapes[n] >= .1} == {}
    away = np.linalg.norm(to_ibug(points) - clip.truth.landmarks[0], axis=1) / clip.iod
    assert np.median(away[17:]) < .05
    assert away[36:48].max() < .05


def test_a_landmark_model_sees_the_lip_corner_move_on_its_side(landmarker):
    "Far beyond a micro-expression: the judge's own landmarks jitter by a percent or two"
    clip = synthesize({"AU12L": 8.}, size=512, duration_ms=100)
    rest, pulled = (to_ibug(seen_by(landmarker, clip.frames[t])[0][0]) for t in (clip.label.onset, clip.label.apex))
    moved = (pulled - rest) / clip.iod * 100
    true = (clip.truth.landmarks[clip.label.apex] - clip.truth.landmarks[clip.label.onset]) / clip.iod * 100
    assert np.linalg.norm(moved[54] - true[54]) < .6 * np.linalg.norm(true[54])
    assert np.linalg.norm(moved[48]) < .4 * np.linalg.norm(moved[54])


def test_the_bundled_cascades_find_one_face_and_two_eyes():
    frame = grey(demo().frames[0])
    faces = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml").detectMultiScale(frame, 1.1, 5)
    assert len(faces) == 1
    x, y, w, h = faces[0]
    eyes = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_eye.xml").detectMultiScale(frame[y:y + round(.6 * h), x:x + w], 1.05, 4)
    assert len(eyes) == 2


def test_landmarks_are_symmetric_and_measured_between_the_outer_eye_corners():
    clip = synthesize(duration_ms=50, size=128)
    first = clip.truth.landmarks[0]
    assert np.isclose(np.linalg.norm(first[45] - first[36]), clip.iod)
    assert np.isclose(first[:17, 0] + first[16::-1, 0], 2 * first[8, 0]).all()


# the motion

@pytest.mark.parametrize("au", AUS)
def test_the_truth_takes_every_frame_back_to_the_onset(au):
    clip = synthesize({au: 3.}, duration_ms=200, size=192)
    onset, apex = clip.label.onset, clip.label.apex
    for t in (apex, (onset + apex) // 2, (apex + clip.label.offset) // 2):
        moving = (length(clip.truth.flow[t]) > .25) & clip.truth.valid[t] & ~clip.truth.appearance[t]
        left = np.abs(taken_back(clip, t) - clip.frames[onset])[moving].mean()
        edge = au[2:].rstrip("LR") in ("5", "7", "45")      # nothing is as sharp as a lash line
        assert left < (2.2 if edge else .9)
        assert left < (.5 if edge else .35) * np.abs(clip.frames[t].astype(float) - clip.frames[onset])[moving].mean()


@pytest.mark.parametrize("au", AUS)
def test_the_peak_is_what_was_asked_for_on_the_side_asked_for(au):
    clip = synthesize({au: 2.}, duration_ms=200, size=128)
    moved = clip.truth.landmarks[clip.label.apex] - clip.truth.landmarks[clip.label.onset]
    size = np.linalg.norm(moved, axis=1) / clip.iod * 100
    assert np.isclose(size.max(), 2., atol=1e-3)
    assert length(clip.truth.flow[clip.label.apex]).max() / clip.iod * 100 < 2.6
    if au[-1] in "LR":
        right_of_picture = clip.truth.landmarks[0, :, 0] > clip.truth.landmarks[0, 27, 0] + 2
        own = right_of_picture if au[-1] == "L" else clip.truth.landmarks[0, :, 0] < clip.truth.landmarks[0, 27, 0] - 2
        assert size[own].max() > 1.99
        assert size[~own & (np.abs(clip.truth.landmarks[0, :, 0] - clip.truth.landmarks[0, 27, 0]) > 2)].max() < 1.


@pytest.mark.parametrize("number", SUPPORTED)
def test_landmarks_go_where_anatomy_says(number):
    clip = synthesize({number: 2.}, duration_ms=200, size=128)
    moved = clip.truth.landmarks[clip.label.apex] - clip.truth.landmarks[clip.label.onset]
    for k, direction in AU_MOTION[number].items():
        if np.hypot(*direction) > .5:
            cosine = moved[k] @ direction / np.linalg.norm(moved[k]) / np.hypot(*direction)
            assert cosine > (.8 if number in (23, 24) else .9), (number, k)     # two lips that press against each other


@pytest.mark.parametrize("au, limit", [("AU12", .35), ("AU4", .30), ("AU1", .20), ("AU15", .35)])
def test_dis_flow_recovers_the_truth(au, limit):
    "Error as a share of the motion, where it is more than half of its peak"
    clip = synthesize({au: 1.5})
    onset, apex = clip.label.onset, clip.label.apex
    truth = clip.truth.flow[apex]
    found = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(grey(clip.frames[onset]), grey(clip.frames[apex]), None).transpose(2, 0, 1)
    strong = length(truth) > .5 * length(truth).max()
    assert length(found - truth)[strong].mean() < limit * length(truth)[strong].mean()
    assert length(found)[length(truth) < .01].mean() < .05


@settings(max_examples=8, deadline=None)
@given(st.fixed_dictionaries({}, optional={"translation": st.floats(0, 5), "rotation": st.floats(0, 6), "scale": st.floats(0, .08)}), st.integers(0, 99))
def test_a_moving_head_composes_with_the_expression(head, seed):
    "The truth, rebuilt from the log: the similarity about the middle, after the motion of the units; pictures agree with it"
    clip = synthesize({"AU12": 3., "AU4": 2.}, duration_ms=100, size=128, nuisance=head, seed=seed)
    log, middle = clip.truth.nuisance, 63.5
    y, x = np.mgrid[:128, :128]
    for t in (clip.label.onset, clip.label.apex, 3):
        angle, scale = np.radians(log.get("rotation", np.zeros(20))[t]), log.get("scale", np.ones(20))[t]
        move = log.get("translation", np.zeros((20, 2)))[t]
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        place = (np.stack([x, y]) + clip.truth.motion[t]).reshape(2, -1) - middle
        there = turn @ place + middle + move[:, None] - np.stack([x, y]).reshape(2, -1)
        assert np.abs(there.reshape(2, 128, 128) - clip.truth.flow[t]).max() < 1e-3
        found = cv2.remap(clip.truth.flow[t].transpose(1, 2, 0), *clip.truth.landmarks[clip.label.onset].T.astype(np.float32), cv2.INTER_LINEAR)[:, 0]
        assert np.abs(clip.truth.landmarks[t] - clip.truth.landmarks[clip.label.onset] - found)[17:].max() < .08      # the jaw's edge passes in front of the neck
        inside = clip.truth.valid[t]
        assert np.abs(taken_back(clip, t) - clip.frames[clip.label.onset])[inside].mean() < 1.3
    assert all(np.abs(np.asarray(v)).max() <= np.abs(head[k]) + (k == "scale") + 1e-9 for k, v in log.items())
    assert (np.abs(clip.truth.flow[clip.label.onset]) < 1e-4).all()


@settings(max_examples=12, deadline=None)
@given(st.dictionaries(st.sampled_from(["AU1", "AU2", "AU4", "AU9", "AU12", "AU15"]), st.floats(.2, 5.), min_size=1, max_size=3), st.integers(0, 99))
def test_any_mixture_is_exact(aus, seed):
    clip = synthesize(aus, duration_ms=100, size=96, nuisance={"translation": 2.}, seed=seed)
    t = clip.label.apex
    inside = clip.truth.valid[t][8:-8, 8:-8]
    left = np.abs(taken_back(clip, t) - clip.frames[clip.label.onset])[8:-8, 8:-8][inside]
    assert left.mean() < 1.2
    assert set(clip.truth.intensity) == set(aus)


def test_sharpness_does_not_give_the_motion_away():
    "A drifting head: detail may change by under 3 % although the shift passes through every fraction of a pixel"
    clip = synthesize(nuisance={"translation": 1.5}, duration_ms=400)
    detail = np.array([np.abs(cv2.Laplacian(grey(f).astype(np.float32), cv2.CV_32F))[40:-40, 70:-70].mean() for f in clip.frames])
    assert np.ptp(detail) / detail.mean() < .03


# the time course

def test_still_before_onset_and_after_offset():
    clip = demo()
    still = [*range(clip.label.onset + 1), *range(clip.label.offset, len(clip))]
    assert all(not clip.truth.flow[t].any() for t in still[::7])
    assert all(np.array_equal(clip.frames[t], clip.frames[0]) for t in still[::7])
    assert clip.times[clip.label.onset] == 250 and clip.times[clip.label.offset] == 750


def test_onset_to_apex_to_offset_is_one_hill():
    course = synthesize({"AU1": 2.}, onset_ms=100, apex_ms=250, offset_ms=900).truth.intensity["AU1"]
    assert course[20] == 0 and course[50] == 2. and course[180] == 0
    assert (np.diff(course)[20:50] > 0).all() and (np.diff(course)[50:180] < 0).all()
    assert np.abs(np.diff(course, 2)).max() < .02


def test_a_frame_does_not_depend_on_what_was_looked_at_before():
    options = dict(nuisance={"noise": 3., "translation": 1., "illumination": .1}, seed=5, duration_ms=200, size=64)
    a, b = synthesize({"AU4": 2.}, **options), synthesize({"AU4": 2.}, **options)
    forward = [a.frames[t] for t in range(len(a))]
    assert all(np.array_equal(forward[t], b.frames[t]) for t in reversed(range(len(b))))
    assert not np.array_equal(forward[3], synthesize({"AU4": 2.}, **options | {"seed": 6}).frames[3])


# nuisances

def test_noise_has_the_size_asked_for():
    clip = synthesize(nuisance={"noise": 4.}, duration_ms=100)
    difference = clip.frames[3].astype(float) - clip.frames[8]
    inner = (clip.frames[3] > 20) & (clip.frames[3] < 235)
    assert abs(difference[inner].std() / np.sqrt(2) - 4) < .2
    assert (clip.truth.nuisance["noise"] == 4).all()


def test_drift_is_in_the_flow_and_not_in_the_motion():
    clip = synthesize({"AU12": 2.}, nuisance={"translation": 4.}, seed=2)
    drift = clip.truth.nuisance["translation"]
    assert np.isclose(np.linalg.norm(drift, axis=1).max(), 4) and not drift[clip.label.onset].any()
    for t in (0, clip.label.apex, 199):
        assert np.allclose(clip.truth.flow[t] - clip.truth.motion[t], drift[t][:, None, None], atol=1e-6)
        assert np.allclose(clip.truth.landmarks[t, 27] - clip.truth.landmarks[clip.label.onset, 27] - drift[t], 0, atol=.02)
        left = np.abs(taken_back(clip, t) - clip.frames[clip.label.onset])[clip.truth.valid[t]]
        assert left.mean() < .8
    assert not clip.truth.valid[np.linalg.norm(drift, axis=1).argmax()].all()


def test_light_changes_by_the_fraction_and_moves_nothing():
    clip = synthesize(nuisance={"illumination": .1}, duration_ms=300)
    gain = clip.truth.nuisance["illumination"]
    assert gain[clip.label.onset] == 1 and np.isclose(np.abs(gain - 1).max(), .1)
    t = np.abs(gain - 1).argmax()
    part = (slice(100, 160), slice(100, 160))
    assert abs(clip.frames[t][part].mean() / clip.frames[clip.label.onset][part].mean() - gain[t]) < .01
    assert not clip.truth.flow[t].any()


# the label and the errors

def test_the_label_says_what_was_done():
    label = synthesize({"AU4": 1.5, "AU12L": "C", 9: .3}).label
    assert [au.code for au in label.aus] == ["4B", "L12C", "9A"]
    assert (label.database, label.subject, label.terms.access) == ("synthetic", "identity0", "publishable")
    keys = {synthesize({"AU4": a}, seed=s, size=n, nuisance=m).label.sample for a in (1., 2.) for s in (0, 1) for n in (64, 96) for m in (None, {"noise": 1.})}
    assert len(keys) == 16
    assert synthesize({"AU4": 1.}).label == synthesize({"AU4": 1.}).label


def test_the_table_of_letters():
    "The values that captions and labels rest on; ranges touch each other"
    assert {k: v[0] for k, v in LETTERS.items()} == {"A": .5, "B": 1.1, "C": 2.3, "D": 4., "E": 6.}
    rows = list(LETTERS.values())
    assert all(a[2] == b[1] for a, b in zip(rows, rows[1:]))
    assert demo().truth.intensity["AU12L"].max() == 1.1


@pytest.mark.parametrize("amplitude", [float("nan"), -3, float("inf"), "B", None, True])
def test_no_letter_for_what_is_no_amplitude(amplitude):
    with pytest.raises(MekitError, match="letter_of: expected an amplitude"): letter_of(amplitude)


def test_letters_and_numbers_agree():
    for letter, (value, low, high) in LETTERS.items():
        assert letter_of(value) == letter and low < value < high
    assert synthesize(["AU1E"]).truth.intensity["AU1"].max() == LETTERS["E"][0]


@pytest.mark.parametrize("options, message", [
    (dict(aus={"AU18": 1.}), "AU1, AU2, AU4, AU5, AU6, AU7, AU9, AU10, AU12"),
    (dict(aus={"AU4": "F"}), "intensity letter"),
    (dict(aus={"AU4": 0}), "above 0"),
    (dict(aus={"AU4": 50.}), "up to"),
    (dict(aus={"AU4": float("nan")}), "above 0"),
    (dict(aus={"AU4": 1., 4: 2.}), "once"),
    (dict(aus={"AU4": 1., "AU4R": 2.}), "once"),
    (dict(aus={"smile": 1.}), "one action unit"),
    (dict(identity=64), "identity"),
    (dict(identity=-1), "identity"),
    (dict(size=7), "32 to 1024"),
    (dict(size=256.5), "32 to 1024"),
    (dict(fps=0), "fps"),
    (dict(duration_ms=float("inf")), "duration_ms"),
    (dict(onset_ms=250, apex_ms=251), "apart"),
    (dict(fps=3), "4 to 100,000"),
    (dict(onset_ms=600, apex_ms=500), "onset before apex"),
    (dict(offset_ms=1500), "offset_ms"),
    (dict(nuisance={"blur": 1}), "noise, translation, rotation, scale, illumination"),
    (dict(nuisance={"noise": -1}), "0 or more"), (dict(nuisance={"noise": True}), "0 or more"),
    (dict(nuisance=3), "nuisance as a dict"), (dict(nuisance={"translation": 500}, size=64), "an eighth of the frame, 8 px"),
    (dict(aus=None), "action units such as"), (dict(aus=1.5), "action units such as"),
    (dict(onset_ms="x"), "onset_ms as a number"), (dict(apex_ms=float("nan")), "apex_ms as a number"), (dict(offset_ms=True), "offset_ms as a number"),
    (dict(nuisance={"illumination": 1.5}), "below 1"), (dict(nuisance={"rotation": 20}), "15 degrees"), (dict(nuisance={"scale": .3}), "a fifth"),
    (dict(seed=-1), "seed"),
    (dict(seed=1.5), "seed"),
])
def test_wrong_options_are_named(options, message):
    with pytest.raises(MekitError, match=message):
        synthesize(**options)


def test_the_largest_amplitudes_are_possible_one_by_one():
    for number in SUPPORTED:
        clip = synthesize({number: MOST[number]}, duration_ms=100, size=96)
        assert np.isfinite(clip.truth.flow[clip.label.apex]).all() and clip.frames[clip.label.apex].any()


def test_fifty_clips_are_fifty_different_clips():
    made = [synthesize({CD6ME_AUS[k % 12]: .5 + .03 * k}, size=64, fps=20., duration_ms=300, nuisance={"noise": 1., "yaw": 1., "illumination": .02}, seed=k) for k in range(50)]
    assert len({clip.digest() for clip in made}) == 50 and len({clip.label.sample for clip in made}) == 50
    assert all(np.isfinite(np.asarray(clip.truth.flow)).all() for clip in made[::10])
