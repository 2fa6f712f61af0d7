"The camera's promises: exact truth under every nuisance, one cause for one effect, the same bytes from the same seed"
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError
from mekit.data.clip import read_clip
from mekit.data.course import distractor_courses
from mekit.data.nuisance import NUISANCES, nuisance_log
from mekit.data.pose import Pose
from mekit.data.sensor import smeared, through_h264
from mekit.data.synthetic import synthesize

GEOMETRY = {"translation": 4.0, "rotation": 6.0, "scale": 0.06, "yaw": 10.0, "pitch": 8.0}
EVERY = GEOMETRY | {"noise": 2.0, "shot": 2.0, "illumination": 0.1, "gradient": 0.1, "flicker_100": 0.05, "flicker_120": 0.05, "exposure": 0.3, "gamma": 1.2,
                    "motion_blur": 0.5, "focus": 0.6, "jpeg": 80, "h264": 23, "occlusion": 0.2, "dropped": 0.2}
SMALL = dict(size=128, duration_ms=400, fps=60.0, onset_ms=100, offset_ms=350)


def taken_back(clip, t):
    uv = clip.truth.flow[t]
    y, x = np.mgrid[: uv.shape[1], : uv.shape[2]].astype(np.float32)
    return cv2.remap(clip.frames[t].astype(np.float32), x + uv[0], y + uv[1], cv2.INTER_CUBIC)


def left(clip, t):
    "Median difference in grey levels between frame t taken back and the onset frame, where the truth is valid"
    away = np.abs(taken_back(clip, t) - clip.frames[clip.truth.reference])[clip.truth.valid[t]]
    return float(np.median(away))


def test_every_nuisance_is_tried_here():
    assert set(EVERY) == set(NUISANCES)


# the truth under geometry

@pytest.mark.parametrize("name", list(GEOMETRY))
def test_the_truth_takes_frames_back_whatever_the_head_does(name):
    clip = synthesize({"AU12": 3.0, "AU4": 2.0}, nuisance={name: GEOMETRY[name]}, seed=3, **SMALL)
    size = np.array([np.abs(clip.truth.flow[t]).max() for t in range(len(clip))])
    t = int(size.argmax())
    before = np.abs(clip.frames[t].astype(float) - clip.frames[clip.label.onset])[clip.truth.valid[t]].mean()
    after = np.abs(taken_back(clip, t) - clip.frames[clip.label.onset])[clip.truth.valid[t]].mean()
    assert size[t] > 2 and left(clip, t) < 1 and after < 0.35 * before


@settings(max_examples=8, deadline=None)
@given(st.fixed_dictionaries({k: st.floats(0, v) for k, v in GEOMETRY.items()}), st.integers(0, 99))
def test_any_pose_composes_with_the_expression(nuisance, seed):
    clip = synthesize({"AU1": 2.0, "AU12L": 3.0}, nuisance=nuisance, seed=seed, size=96, duration_ms=300, fps=60.0)
    assert all(left(clip, t) < 1 for t in (clip.label.apex, 0, len(clip) - 1))
    assert np.abs(clip.truth.flow[clip.truth.reference]).max() < 1e-4
    for t in (clip.label.apex, len(clip) - 1):
        start = clip.truth.landmarks[clip.truth.reference]
        moved = clip.truth.landmarks[t] - start
        inside = (start > 2).all(1) & (start < 93).all(1)
        read = cv2.remap(clip.truth.flow[t].transpose(1, 2, 0), *start.T.astype(np.float32), cv2.INTER_LINEAR)[:, 0]
        assert np.median(np.linalg.norm(moved - read, axis=1)[inside]) < 0.05


def test_a_turn_moves_what_is_in_front_more():
    "Checked against a rotation written down here"
    size, iod = 64, 25.0
    y, x = np.mgrid[:size, :size]
    depth = np.where((np.abs(x - 31.5) < 6) & (np.abs(y - 31.5) < 6), 0.5, 0.0)
    pose = Pose({"yaw": np.array([0.0, 10.0])}, 2, size, depth, iod)
    angle = np.radians(10)
    for point in ((31.5, 31.5), (31.5, 5.0), (50.0, 31.5)):
        z = float(cv2.remap(pose.relief, np.array([[point[0]]], np.float32), np.array([[point[1]]], np.float32), cv2.INTER_LINEAR)[0, 0])
        want = 31.5 + (point[0] - 31.5) * np.cos(angle) + z * np.sin(angle)
        got = pose.there(1, np.array(point).reshape(2, 1))
        assert np.allclose(got.ravel(), [want, point[1]], atol=0.01)


def test_hidden_points_are_those_behind_others():
    "Against brute force: a turn about the vertical keeps points in their row, where another point at the same place and nearer hides them"
    size, angle = 96, np.radians(20)
    y, x = (np.mgrid[:size, :size] - 47.5) / 30
    depth = 1.2 * np.exp(-0.5 * (np.hypot(x, y) / 0.25) ** 4)
    pose = Pose({"yaw": np.array([0.0, 20.0])}, 2, size, depth, 30.0)
    seen = pose.seen(1, pose.grid, pose.there(1, pose.grid.astype(float)))
    def turned(x, z): return x * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - x * np.sin(angle)
    fine, hidden = np.linspace(0, size - 1, 20001), np.zeros((size, size), bool)
    for row in range(20, 76):
        across, height = turned(fine - 47.5, np.interp(fine, np.arange(size), pose.relief[row]))
        for column in range(10, 86):
            here, own = turned(column - 47.5, pose.relief[row, column])
            hidden[row, column] = bool((height[:-1][np.diff(np.sign(across - here)) != 0] > own + 0.3).any())
    inner = (slice(20, 76), slice(10, 86))
    assert hidden.sum() > 50 and not (seen & hidden)[inner].any()
    grazing = cv2.dilate(hidden.astype(np.uint8), np.ones((9, 9))) > 0
    assert (~seen & ~grazing)[inner].mean() < 0.01


def test_what_a_turn_hides_is_not_valid_in_a_clip():
    clip = synthesize(nuisance={"yaw": 20.0}, seed=3, identity=2, **SMALL)
    t = int(np.abs(clip.truth.nuisance["yaw"]).argmax())
    u = np.stack(np.meshgrid(*[np.arange(128, dtype=np.float32)] * 2)) + clip.truth.flow[t]
    inside = ((u >= 0) & (u <= 127)).all(0)
    assert 0.01 < (inside & ~clip.truth.valid[t]).mean() < 0.15
    wrong = np.abs(taken_back(clip, t) - clip.frames[clip.label.onset]).mean(-1) > 40
    assert (wrong & clip.truth.valid[t]).sum() < 0.2 * (wrong & inside).sum()


# light, and what is not motion

def test_light_is_in_appearance_and_not_in_flow():
    clip = synthesize(nuisance={"gradient": 0.2}, seed=1, **SMALL)
    t = int(np.linalg.norm(clip.truth.nuisance["gradient"], axis=1).argmax())
    assert not clip.truth.flow[t].any()
    changed = np.abs(clip.frames[t].astype(float) - clip.frames[clip.label.onset]).mean(-1)
    assert clip.truth.appearance[t][changed > 2.5].all()
    assert not clip.truth.appearance[clip.label.onset].any()


def test_light_moves_with_the_lamp_and_the_face_with_the_head():
    "A gradient stays in the frame while the head drifts: relit, frame t taken back is the onset frame"
    clip = synthesize(nuisance={"gradient": 0.3, "translation": 6.0}, seed=5, **SMALL)
    t = int(np.linalg.norm(clip.truth.nuisance["translation"], axis=1).argmax())
    slope, axis = clip.truth.nuisance["gradient"][t], np.linspace(-1, 1, 128)
    gain = 1 + slope[0] * axis + slope[1] * axis[:, None]
    y, x = np.mgrid[:128, :128].astype(np.float32)
    uv = clip.truth.flow[t]
    relit = cv2.remap((clip.frames[t] / gain[..., None]).astype(np.float32), x + uv[0], y + uv[1], cv2.INTER_CUBIC)
    assert np.median(np.abs(relit - clip.frames[clip.label.onset])[clip.truth.valid[t]]) < 1


def test_flicker_beats_against_the_frame_rate():
    "100 Hz at 60 frames a second is a wave of 20 Hz; open for a whole period it is gone"
    log = nuisance_log({"flicker_100": 0.2}, 120, 30, 60.0, seed=2)["flicker_100"] - 1
    spectrum = np.abs(np.fft.rfft(log))
    assert np.fft.rfftfreq(120, 1 / 60)[spectrum.argmax()] == pytest.approx(20)
    short, whole = (np.ptp(nuisance_log({"flicker_100": 0.2, "motion_blur": share}, 120, 30, 80.0, seed=2)["flicker_100"]) for share in (0.01, 0.8))
    assert short > 0.3 and whole < 1e-9
    clip = synthesize(nuisance={"flicker_120": 0.1}, seed=2, **SMALL | {"fps": 200.0})
    grey = np.array([f[40:90, 40:90].mean() for f in clip.frames])
    assert np.allclose(grey / grey.mean(), clip.truth.nuisance["flicker_120"] / clip.truth.nuisance["flicker_120"].mean(), atol=0.01)


def test_an_object_in_the_way_makes_what_it_hides_invalid():
    clip = synthesize({"AU4": 2.0}, nuisance={"occlusion": 0.25}, seed=4, **SMALL)
    free = synthesize({"AU4": 2.0}, seed=4, **SMALL)
    assert clip.truth.valid[clip.label.onset].mean() > 0.9 and np.array_equal(clip.frames[clip.label.onset], free.frames[clip.label.onset])
    covered = clip.truth.nuisance["occlusion"]
    assert covered.max() > 0.2 and covered[clip.label.onset] == 0
    for t in np.flatnonzero(covered > 0.1)[::3]:
        other = np.abs(taken_back(clip, t) - clip.frames[clip.label.onset]).max(-1) > 12
        assert (other & clip.truth.valid[t])[3:-3, 3:-3].mean() < 0.002
        assert (~clip.truth.valid[t]).mean() < 0.35


# lens, sensor, files

def test_noise_of_photons_grows_with_light():
    clip = synthesize(nuisance={"shot": 5.0}, **SMALL)
    difference = (clip.frames[3].astype(float) - clip.frames[4]) / np.sqrt(2)
    level = synthesize(**SMALL).frames[0].astype(float)
    for low, high in ((20, 60), (100, 150), (170, 220)):
        at = (level > low) & (level < high)
        assert difference[at].std() == pytest.approx(5 * np.sqrt(level[at].mean() / 128), rel=0.1)


def test_exposure_and_gamma_are_what_they_say():
    plain, dark, curved = (synthesize(nuisance=n, **SMALL).frames[0].astype(float) for n in (None, {"exposure": -1.0}, {"gamma": 1.5}))
    middle = (plain > 30) & (plain < 220)
    assert np.abs(dark - plain * 2 ** (-1 / 2.2))[middle].mean() < 0.6
    assert np.abs(curved - 255 * (plain / 255) ** 1.5)[middle].mean() < 1


def test_defocus_is_a_blur_of_the_sharp_frame():
    sharp, soft = (synthesize(nuisance=n, **SMALL).frames[0].astype(np.float32) for n in (None, {"focus": 1.5}))
    assert np.abs(cv2.GaussianBlur(sharp, (0, 0), 1.5) - soft)[6:-6, 6:-6].max() < 2.5
    assert np.abs(sharp - soft)[6:-6, 6:-6].max() > 30


def test_an_open_shutter_smears_along_the_motion_and_moves_nothing():
    clips = [synthesize(nuisance={"translation": 10.0} | n, seed=6, **SMALL) for n in ({}, {"motion_blur": 1.0})]
    speed = np.linalg.norm(np.gradient(clips[0].truth.nuisance["translation"], axis=0), axis=1)
    t = int(speed.argmax())
    sharp, soft = (cv2.cvtColor(c.frames[t], cv2.COLOR_RGB2GRAY).astype(np.float32) for c in clips)
    assert speed[t] > 1 and cv2.Laplacian(soft, cv2.CV_32F).std() < 0.9 * cv2.Laplacian(sharp, cv2.CV_32F).std()
    assert np.abs(cv2.phaseCorrelate(sharp, soft)[0]).max() < 0.1
    still = int(speed.argmin())
    assert np.abs(clips[0].frames[still].astype(float) - clips[1].frames[still]).mean() < 1


def test_smear_of_one_point_is_as_long_as_the_motion():
    dot = np.zeros((41, 81, 3), np.float32)
    dot[20, 40] = 100
    way = np.zeros((2, 41, 81), np.float32)
    way[0] = 10
    row = smeared(dot, way, 1.0)[20, :, 0]
    at = np.arange(81)
    mean = (row * at).sum() / row.sum()
    assert mean == pytest.approx(40, abs=0.05) and np.sqrt((row * (at - mean) ** 2).sum() / row.sum()) == pytest.approx(10 / np.sqrt(12), rel=0.08)


def test_coding_takes_more_the_less_it_is_given():
    plain = synthesize({"AU4": 2.0}, **SMALL)
    def loss(nuisance): return np.abs(synthesize({"AU4": 2.0}, nuisance=nuisance, **SMALL).frames[10].astype(float) - plain.frames[10]).mean()
    assert loss({"jpeg": 95}) < loss({"jpeg": 60}) < loss({"jpeg": 20})
    assert loss({"h264": 10}) < loss({"h264": 28}) < loss({"h264": 45})


def test_h264_predicts_frames_from_each_other():
    "A still clip with a lone bright frame leaves a trace in its neighbours, as prediction does; the same input gives the same bytes"
    frames = np.full((9, 64, 64, 3), 90, np.uint8)
    frames[:, 20:40, 20:40] = np.random.default_rng(0).integers(0, 255, (20, 20, 3))
    once = through_h264(frames, 40, 60)
    assert np.array_equal(once, through_h264(frames, 40, 60))
    assert once.shape == frames.shape and 0.5 < np.abs(once.astype(float) - frames).mean() < 40


# dropped frames, events, seeds

def test_dropped_frames_leave_a_gap_and_change_no_other():
    whole, thin = (synthesize({"AU4": 2.0}, nuisance={"noise": 2.0, "translation": 2.0} | d, seed=9, **SMALL) for d in ({}, {"dropped": 0.3}))
    assert len(thin) == len(whole) - round(0.3 * len(whole))
    assert (np.diff(thin.numbers) > 1).any() and np.allclose(thin.times, thin.numbers * 1000 / 60)
    assert thin.truth.nuisance["dropped"].sum() + len(thin) == len(whole) or thin.numbers[-1] < len(whole) - 1
    for k in (0, len(thin) // 2, len(thin) - 1):
        n = thin.numbers[k]
        assert np.array_equal(thin.frames[k], whole.frames[n]) and np.array_equal(thin.truth.flow[k], whole.truth.flow[n])
    for mark in ("onset", "apex", "offset"): assert thin.numbers[getattr(thin.label, mark)] == getattr(whole.label, mark)


def test_several_events_have_courses_marks_and_one_reference():
    events = [{"aus": {"AU4": 2.0}, "onset_ms": 200, "apex_ms": 300, "offset_ms": 500}, {"aus": {"AU12": 3.0}, "onset_ms": 800, "apex_ms": 1000, "offset_ms": 1300, "pause": 0.4}]
    clip = synthesize(events=events, duration_ms=1500, fps=100.0, size=96)
    assert clip.truth.events == (("micro", "AU4", 20, 30, 50), ("micro", "AU12", 80, 100, 130))
    assert (clip.label.onset, clip.label.apex, clip.label.offset) == (20, 30, 50) and [str(a) for a in clip.label.aus] == ["AU4"]
    assert clip.truth.intensity["AU12"][:81].max() == 0 and clip.truth.intensity["AU12"][100] == 3.0 and clip.truth.intensity["AU4"][30] == 2.0
    assert np.allclose(np.diff(clip.truth.intensity["AU12"])[88:91], 0)
    assert left(clip, 100) < 1
    part = clip[10:60]
    assert part.truth.events == (("micro", "AU4", 10, 20, 40),)


def test_overlapping_events_share_their_first_onset():
    clip = synthesize(events=[{"aus": {"AU12": 3.0}, "onset_ms": 300, "offset_ms": 700}, {"aus": {"AU4": 2.0}, "onset_ms": 200, "offset_ms": 600}], size=64)
    assert clip.truth.reference == 40 == clip.label.onset and all(c[40] == 0 for c in clip.truth.intensity.values())


def test_distractors_keep_clear_of_the_reference_and_are_on_record():
    for seed in range(25):
        moves, gaze, events, open_ = distractor_courses({"blink": 3, "gaze": 4.0, "speech": 5.0, "macro": "AU12"}, 240, 60.0, 60, seed, busy=(60, 90))
        assert all(c[60] == 0 for c in moves.values()) and not gaze[60].any() and moves["AU45"].max() > 0.99 and np.abs(gaze).max() <= 4
        assert len(events) == 3 and all(b[2] >= a[4] - 1 for a, b in zip(events, events[1:])) and open_[1] == (90, 142, 239)


def test_a_face_that_blinks_speaks_and_looks_aside_is_still_exact():
    clip = synthesize({"AU4": 2.0}, distractors={"blink": [900.0], "gaze": 4.0, "speech": 5.0}, seed=2, size=128, fps=60.0, duration_ms=1500, onset_ms=300, apex_ms=450, offset_ms=700)
    kinds = [e[:2] for e in clip.truth.events]
    assert kinds == [("micro", "AU4"), ("blink", "AU45")] and {"AU25", "AU26", "AU45"} < set(clip.truth.intensity)
    assert all(left(clip, t) < 1 for t in range(0, len(clip), 9)) and all(c[clip.truth.reference] == 0 for c in clip.truth.intensity.values())
    closed = int(clip.truth.intensity["AU45"].argmax())
    eyes = clip.truth.landmarks[closed, [37, 41]], clip.truth.landmarks[clip.label.onset, [37, 41]]
    assert abs(eyes[0][1, 1] - eyes[0][0, 1]) < 0.4 * abs(eyes[1][1, 1] - eyes[1][0, 1])


def test_the_same_seed_gives_the_same_bytes_under_everything():
    made = [synthesize({"AU4": 2.0, "AU12": 1.0}, nuisance=EVERY, seed=s, **SMALL) for s in (7, 7, 8)]
    frames = [np.asarray(c.frames) for c in made]
    assert np.array_equal(frames[0], frames[1]) and not np.array_equal(frames[0][:5], frames[2][:5])
    assert np.array_equal(np.asarray(made[0].truth.flow), np.asarray(made[1].truth.flow))
    log = made[0].truth.nuisance
    assert set(log) == set(EVERY) and all(len(v) == len(made[0]) for v in log.values())


def test_one_nuisance_does_not_change_another():
    alone, both = (synthesize(nuisance=n, seed=3, **SMALL).truth.nuisance["yaw"] for n in ({"yaw": 5.0}, EVERY | {"yaw": 5.0, "dropped": 0}))
    assert np.array_equal(alone, both)


def test_a_clip_with_everything_survives_being_saved(tmp_path):
    clip = synthesize({"AU4": 2.0}, nuisance=EVERY, seed=7, **SMALL)
    again = read_clip(clip.save(tmp_path / "clip"))
    assert np.array_equal(np.asarray(again.frames), np.asarray(clip.frames)) and np.array_equal(again.numbers, clip.numbers)
    assert (again.label.onset, again.label.apex) == (clip.label.onset, clip.label.apex)


def test_a_clip_travels_light_and_is_made_again_elsewhere():
    clip = synthesize({"AU4": 2.0}, nuisance=EVERY, distractors={"blink": [300.0]}, seed=7, **SMALL | {"duration_ms": 700})
    packed = pickle.dumps(clip)
    again = pickle.loads(packed)
    assert len(packed) < 1e6 and np.array_equal(clip.frames[9], again.frames[9]) and np.array_equal(clip.truth.valid[9], again.truth.valid[9])


@pytest.mark.parametrize("options, message", [
    (dict(nuisance={"yaw": 45}), "at most 20 degrees"), (dict(nuisance={"jpeg": 0}), "quality from 1 to 100"), (dict(nuisance={"h264": 60}), "from 0 to 51"),
    (dict(nuisance={"gamma": 0}), "from 0.4 to 2.5"), (dict(nuisance={"exposure": -9}), "stops from -3 to 3"), (dict(nuisance={"focus": 30}), "a sixteenth"),
    (dict(nuisance={"dropped": 0.9}), "at most 0.5"), (dict(nuisance={"occlusion": True}), "at most 0.5"), (dict(nuisance={"flicker": 0.1}), "Did you mean 'flicker_1"),
    (dict(events=[]), "either aus or events"), (dict(events=[{"aus": "AU4"}], aus="AU12"), "either aus or events"), (dict(events=[{"au": "AU4"}]), "unknown option 'au'"),
    (dict(pause=0.95), "0 to 0.8"), (dict(hold_ms=900), "0 to "), (dict(distractors={"sneeze": 1}), "unknown distractor"), (dict(distractors={"gaze": -1}), "above 0"),
    (dict(distractors={"blink": [240.0]}), "no blink during the onset frame"), (dict(distractors={"macro": {"AU99": 1}}, duration_ms=3000, offset_ms=900), "AU99"),
    (dict(table=3), "a table that calibrate made"), (dict(offset_ms=5000), "from 0 to duration_ms = 1000"), (dict(size=8), "32 to 1024"), (dict(events="AU4"), "either aus or events"),
])
def test_wrong_options_are_named(options, message):
    with pytest.raises((MekitError, TypeError), match=message):
        synthesize(**options)


def test_filming_takes_milliseconds():
    "Everything on at 128 pixels, without codecs between frames; processor time, best of many"
    import time
    cv2.setNumThreads(1)
    plain, full = (synthesize({"AU4": 2.0}, nuisance=n, seed=1, **SMALL | {"duration_ms": 1000}) for n in (None, {k: v for k, v in EVERY.items() if k not in ("h264", "dropped")}))
    def best(clip):
        times = []
        for t in range(5, 45):
            start = time.process_time()
            clip.frames[t]
            times.append(time.process_time() - start)
        return min(times)
    cv2.setNumThreads(-1)
    assert best(full) - best(plain) < 0.025
