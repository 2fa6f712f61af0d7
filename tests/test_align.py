"Head motion taken out: nothing added to a face at rest, known heads recovered, expressions kept, truth carried, the residual honest"
import pickle
import warnings

import cv2
import numpy as np
import pytest

from mekit.anatomy import carry, place, region_mask
from mekit.core import Lazy, MekitError, MekitWarning
from mekit.data.clip import Clip, read_clip
from mekit.data.synthetic import SUPPORTED, synthesize
from mekit.face.align import Alignment, align, apply
from mekit.face.register import REFERENCES
from mekit.face.warp import warp
from mekit.face.landmarks import landmarks, similarity
from mekit.labels import Label, Terms
from mekit.motion.flow import flow

HEADS = {"all": dict(translation=5., rotation=3., scale=.03), "all, noise and lamp": dict(translation=5., rotation=3., scale=.03, noise=2., illumination=.15)}


def true_heads(clip):
    log, middle, n = clip.truth.nuisance, (clip.shape[0] - 1) / 2, len(clip)
    angle, maps = np.radians(log.get("rotation", np.zeros(n))), np.tile(np.eye(3), (n, 1, 1))
    maps[:, :2, :2] = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1) * np.broadcast_to(log.get("scale", 1.), n)[:, None, None]
    maps[:, :2, 2] = middle - maps[:, :2, :2] @ np.full(2, middle) + log.get("translation", np.zeros((n, 2)))
    return maps


def off(clip, aligned, where):
    "Pixels between the estimated and the true head, t k, at points of the onset frame"
    return np.stack([np.linalg.norm(apply(a, where) - apply(b, where), axis=1) for a, b in zip(aligned.alignment.motion, true_heads(clip))])


def skin(clip):
    return np.argwhere(region_mask("face", clip.truth.landmarks[clip.label.onset], clip.shape))[::41, ::-1]


def references(clip):
    return carry(REFERENCES, clip.truth.landmarks[clip.label.onset])


@pytest.mark.parametrize("noise", [1., 6.])
def test_a_face_at_rest_gains_no_motion(noise):
    clip = synthesize((), fps=20, nuisance={"noise": noise}, seed=7)
    aligned = align(clip)
    gained = off(clip, aligned, skin(clip))
    print(f"noise {noise:g}: rms {np.sqrt((gained**2).mean()):.4f} px over the face, {off(clip, aligned, references(clip)).max():.4f} at most at the references")
    assert np.sqrt((gained**2).mean()) < .03 and gained.mean(1).max() < .05


@pytest.mark.parametrize("head", HEADS)
def test_a_known_head_is_recovered_at_the_references(head):
    clip = synthesize((), fps=14, nuisance=HEADS[head], seed=11)
    error = off(clip, align(clip), references(clip))
    print(f"{head}: {error.max():.4f} px at most")
    assert error.max() < .05


@pytest.mark.parametrize("unit", SUPPORTED)
def test_an_expression_is_not_a_head(unit):
    clip = synthesize({unit: 1.5}, fps=14, size=192)
    aligned, apex = align(clip), clip.label.apex
    drawn, left = np.asarray(clip.truth.motion[apex]), np.asarray(aligned.truth.flow[apex])
    strong = np.hypot(*drawn) > .5 * np.hypot(*drawn).max()
    lost = np.hypot(*(left - drawn))[strong].max() / np.hypot(*drawn).max()
    print(f"AU{unit}: changed by {lost:.1%} of its peak")
    assert lost < .05 and not aligned.alignment.doubtful.any() and aligned.alignment.signal[apex] > .35


def test_an_expression_on_a_moving_head_in_noise_is_kept():
    clip = synthesize({"AU9": 2., "AU1": 1.5}, fps=16, nuisance=dict(translation=6., rotation=3., scale=.03, noise=1.5, illumination=.1), seed=2)
    aligned, apex = align(clip), clip.label.apex
    drawn = np.asarray(clip.truth.motion[apex])
    strong = np.hypot(*drawn) > .5 * np.hypot(*drawn).max()
    assert np.hypot(*(aligned.truth.flow[apex] - drawn))[strong].max() < .1 * np.hypot(*drawn).max()


def test_a_wide_motion_that_tugs_at_the_references_is_not_a_head():
    "The forehead goes up by 4 %IOD and takes the inner eye corners along a little: the cheeks and the jaw outvote them"
    clip, points = pulled([((0, -.5), .35, 4.)])
    known = align(clip, landmarks=points).alignment
    assert np.abs(known.shift).max() < .2 and known.signal.max() > 1.


def test_a_wrinkled_nose_alone_is_not_taken_for_the_head_and_the_words_name_it():
    clip, points = pulled([((0, .05), .1, 3.)])
    with pytest.warns(MekitWarning, match="or a wrinkled nose's"):
        known = align(clip, landmarks=points).alignment
    assert np.abs(known.shift).max() < .03 and known.doubtful.sum() > 4 and "wrinkled" in known.doubt and "frames 0" not in known.doubt


def pulled(bumps, n=14, size=192):
    "A still face on which patches of skin go up and come back: (canonical place, radius in eye distances, %IOD)"
    face = synthesize((), duration_ms=50, size=size)
    points, frame = face.truth.landmarks[0], face.frames[0]
    x, y = np.meshgrid(*[np.arange(size, dtype=np.float32)] * 2)
    up = sum(much / 100 * face.iod * np.exp(-((x - a)**2 + (y - b)**2) / (2 * (wide * face.iod)**2)) for at, wide, much in bumps for a, b in carry(np.array([at]), points))
    film = np.stack([cv2.remap(frame, x, (y + s * up).astype(np.float32), cv2.INTER_LANCZOS4) for s in np.sin(np.linspace(0, np.pi, n))])
    return Clip(film, label=Label(onset=0)), points


def jumping(frame, moves, size=(420, 420)):
    film = np.full((len(moves), *size, 3), 120, np.uint8)
    for picture, (x, y) in zip(film, moves):
        picture[y:y + frame.shape[0], x:x + frame.shape[1]] = frame
    return film


def test_jumps_of_half_the_face_and_long_drifts_are_followed():
    face = synthesize((), duration_ms=50, size=192)
    moves = [(100, 100), (103, 101), (20, 150), (200, 60), (90, 220), (101, 100)]
    clip = Clip(jumping(face.frames[0], moves), label=Label(onset=0))
    aligned = align(clip, landmarks=face.truth.landmarks[0] + moves[0])
    assert np.abs(aligned.alignment.shift - (np.array(moves) - moves[0])).max() < .05


def test_frames_are_resampled_once_and_to_a_hundredth_of_a_pixel():
    clip = synthesize((), fps=20, nuisance=dict(translation=4., rotation=2.), seed=1)
    aligned = align(clip)
    calls = []
    counted = clip.replace(frames=Lazy(lambda i: (calls.append(i), np.array(clip.frames[i]))[1], len(clip), clip.frames.shape[1:]))
    lazy = align(counted, size=128)
    measured = len(calls)
    lazy.frames[3]
    assert measured <= len(clip) + 2 and len(calls) <= measured + 1
    inner = np.s_[40:-40, 60:-60]
    for t in (2, 11, 17):
        assert np.abs(aligned.frames[t].astype(float) - clip.frames[clip.label.onset])[inner].mean() < .8
    assert np.array_equal(aligned.frames[clip.label.onset], clip.frames[clip.label.onset])


def test_a_warp_reads_where_it_says():
    y, x = np.mgrid[:80, :100].astype(float)
    def wave(x, y): return (100 + 60 * np.sin(x / 5) * np.cos(y / 6)).astype(np.float32)
    to = np.array([[1.02, .03, -1.37], [-.03, 1.02, 2.61], [0, 0, 1]])
    got = warp(wave(x, y), to, (80, 100))
    want = wave(to[0, 0] * x + to[0, 1] * y + to[0, 2], to[1, 0] * x + to[1, 1] * y + to[1, 2])
    assert np.abs(got - want)[12:-12, 12:-12].max() < .005 * 60 / 5
    assert np.array_equal(warp(wave(x, y), np.eye(3), (80, 100)), wave(x, y))
    colour = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    assert np.allclose(warp(colour, to, (30, 30))[..., 1], warp(colour[..., 1], to, (30, 30)), atol=1e-3)


# the truth

@pytest.mark.parametrize("size, reference", [(None, None), (160, 3)])
def test_the_truth_is_that_of_the_aligned_clip(size, reference):
    clip = synthesize({"AU12": 3., "AU4": 2.}, fps=20, nuisance=dict(translation=4., rotation=3., scale=.03), seed=5)
    aligned = align(clip, size=size, reference=reference)
    onset, apex = clip.label.onset, clip.label.apex
    uv = np.asarray(aligned.truth.flow[apex])
    y, x = np.mgrid[:aligned.shape[0], :aligned.shape[1]].astype(np.float32)
    back = cv2.remap(aligned.frames[apex].astype(np.float32), x + uv[0], y + uv[1], cv2.INTER_CUBIC)
    inside = cv2.erode(np.asarray(aligned.truth.valid[apex]).astype(np.uint8), np.ones((9, 9))) > 0
    points = aligned.truth.landmarks
    moved = cv2.remap(uv.transpose(1, 2, 0), *points[onset].T.astype(np.float32), cv2.INTER_LINEAR)[:, 0]
    assert inside.mean() > .5 and np.abs(back - aligned.frames[onset])[inside].mean() < 1.2
    assert np.abs(points[apex] - points[onset] - moved)[17:].max() < .06
    size_of = np.hypot(*np.asarray(aligned.truth.motion[apex])).max() / aligned.iod
    assert np.isclose(size_of, np.hypot(*np.asarray(clip.truth.motion[apex])).max() / clip.iod, rtol=.03)
    outer = np.linalg.norm(points[onset, 45] - points[onset, 36])
    assert np.isclose(outer, aligned.iod, rtol=.04)
    assert (aligned.label, aligned.times.tolist(), aligned.numbers.tolist()) == (clip.label, clip.times.tolist(), clip.numbers.tolist())


def test_what_lies_beyond_the_recorded_picture_is_not_valid():
    clip = synthesize({"AU4": 2.}, fps=20, size=128)
    wide = align(clip, size=128, iod_fraction=.15)
    valid = np.asarray(wide.truth.valid[clip.label.apex])
    assert not valid[:20].any() and not valid[:, :20].any() and valid[64, 64] and valid.mean() < .4


def test_normalised_faces_have_their_eyes_in_one_place():
    seen = [align(synthesize((), fps=20, size=n, nuisance={"rotation": 4.}, seed=s), size=200, iod_fraction=.4).truth.landmarks for n, s in ((128, 1), (256, 2))]
    for points in seen:
        assert np.abs(points[:, [36, 45]] - place((200, 200), iod_fraction=.4)[[36, 45]]).max() < .15


def test_a_cut_clip_keeps_its_part_of_the_alignment():
    clip = align(synthesize({"AU4": 2.}, fps=20, nuisance={"translation": 3.}))
    piece = clip[4:12]
    assert len(piece.alignment) == 8 and np.array_equal(piece.alignment.motion, clip.alignment.motion[4:12]) and piece.alignment.floor == clip.alignment.floor
    again = pickle.loads(pickle.dumps(piece))
    assert np.array_equal(again.frames[2], piece.frames[2]) and np.array_equal(np.asarray(again.truth.flow[1]), np.asarray(piece.truth.flow[1]))


# the residual

def test_references_that_disagree_with_the_face_are_doubtful_and_flow_refuses():
    clip, points = pulled([((0, .02), .17, 3.)])
    with pytest.warns(MekitWarning, match="more motion is left at the eye corners"):
        aligned = align(clip, landmarks=points)
    doubtful = aligned.alignment.doubtful
    assert doubtful[6:8].all() and not doubtful[0]
    with pytest.raises(MekitError, match="frames whose head motion is out.*doubtful.*residual='warn'"):
        flow(aligned)
    with pytest.warns(MekitWarning, match="What is read there may be the head's motion"):
        assert len(flow(aligned, residual="warn")) == len(clip)
    with pytest.raises(MekitError, match="Did you mean 'warn'"):
        flow(aligned, residual="warm")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(flow(aligned, residual="accept")) == len(clip)
    flow(aligned, pairs=[(0, int(np.flatnonzero(~doubtful)[0]))])
    flow(clip)


def test_glasses_hide_the_references_but_not_the_face():
    "The head is still found by the rest of the face; the residual is unknown"
    face = synthesize((), fps=20, nuisance={"translation": 2.}, size=192)
    film = np.array(face.frames)
    film[12:15, 74:112, 60:132] = np.random.default_rng(0).integers(0, 255, (38, 72, 1))
    with pytest.warns(MekitWarning, match="3 of 20: the eye corners and nose bridge were not recognised .frames 12 to 14"):
        known = align(Clip(film, label=Label(onset=face.label.onset)), landmarks=face.truth.landmarks[face.label.onset]).alignment
    assert np.flatnonzero(known.lost).tolist() == [12, 13, 14]
    assert np.abs(known.shift - face.truth.nuisance["translation"]).max() < .25


def test_a_hand_before_the_eyes_is_said_and_the_clip_goes_on():
    face = synthesize((), fps=20, size=128)
    film = np.array(face.frames)
    film[8:11, 20:75, 20:110] = 128
    with pytest.warns(MekitWarning, match="3 of 20: .*not recognised .frames 8 to 10"):
        aligned = align(Clip(film, label=Label(onset=2)), landmarks=face.truth.landmarks[0])
    assert np.flatnonzero(aligned.alignment.lost).tolist() == [8, 9, 10]
    assert np.abs(aligned.alignment.shift[11:]).max() < .01
    assert "nan" not in aligned.alignment._repr_html_()


def test_the_residual_is_noise_where_nothing_is_left_and_shows_what_a_shift_cannot_undo():
    head = dict(rotation=3., noise=1.)
    clip = synthesize((), fps=20, nuisance=head, seed=4)
    full, shift = align(clip).alignment, align(clip, model="translation").alignment
    assert np.nanmax(full.residual) < 4 * full.floor and np.nanmax(shift.residual) > 4 * np.nanmax(full.residual)
    assert np.allclose(shift.rotation, 0) and np.allclose(full.residual_percent, full.residual / clip.iod * 100)


def test_pictures_and_words():
    aligned = align(synthesize({"AU4": 2.}, fps=20, nuisance={"translation": 3.}))
    known = aligned.alignment
    assert isinstance(known, Alignment) and "residual 0." in repr(known) and "%IOD" in repr(known)
    page = known._repr_html_()
    assert page.count("<polyline") == 7 and "degrees" in page and "signal" in page and "nan" not in page
    assert "aligned" in repr(aligned)


# bad input

def test_a_clip_without_onset_says_which_frame_it_took():
    clip = Clip(np.array(synthesize((), fps=20, size=96).frames)[:4])
    with pytest.warns(MekitWarning, match="no onset mark; frame 0 stands for it"):
        assert align(clip, landmarks=synthesize((), duration_ms=50, size=96).truth.landmarks[0]).alignment.reference == "frame 0"


def test_one_frame_is_aligned_with_itself():
    face = synthesize((), duration_ms=50, size=96)
    one = align(Clip(np.array(face.frames)[:1], label=Label(onset=0)), landmarks=face.truth.landmarks[0])
    assert np.array_equal(one.alignment.motion, np.eye(3)[None]) and one.alignment.residual.tolist() == [0] and one.alignment.floor == 0
    one.alignment._repr_html_()


def test_a_face_at_the_border_is_measured_by_what_is_seen():
    face = synthesize((), fps=20, nuisance={"translation": 3.}, seed=3)
    cut = Clip(np.array(face.frames)[:, :, 90:], label=Label(onset=face.label.onset))
    found = align(cut, landmarks=face.truth.landmarks[face.label.onset] - (90, 0)).alignment
    assert np.abs(found.shift - face.truth.nuisance["translation"]).max() < .08


def test_terms_stay_with_the_aligned_clip():
    clip = synthesize((), fps=20, size=96)
    private = clip.replace(label=Label(onset=5, terms=Terms("private")))
    assert align(private).label.terms.access == "private"


@pytest.mark.parametrize("call, message", [
    (lambda c: align(None), "a Clip, received NoneType"), (lambda c: align(c, model="rigid"), "unknown model 'rigid'"), (lambda c: align(c, size=8), "32 to 4096"),
    (lambda c: align(c, size=64, iod_fraction=2), "0.1 to 0.9"), (lambda c: align(c, reference=len(c)), "reference frame from 0 to"), (lambda c: align(c, reference=True), "reference frame"),
    (lambda c: align(c, landmarks=np.zeros((5, 2))), r"\(68, 2\)"), (lambda c: align(c, landmarks=np.full((68, 2), np.nan)), "finite landmarks"),
    (lambda c: align(align(c)), "aligned already"), (lambda c: align(c, landmarks=c.truth.landmarks[0] * 0 + 5), "8 pixels or more apart"),
    (lambda c: align(c, landmarks=c.truth.landmarks[0] + 4000), "0 pixels of it"),
    (lambda c: align(read_clip(np.full((3, 90, 90, 3), 7, np.uint8), fps=25).mark(onset=0)), "a face in frame 0"),
    (lambda c: align(read_clip(np.full((3, 96, 96, 3), 7, np.uint8), fps=25).mark(onset=0), landmarks=c.truth.landmarks[0]), "one colour")])
def test_what_is_refused(call, message):
    with pytest.raises(MekitError, match=message):
        call(synthesize((), duration_ms=50, size=96))


def test_on_a_real_face_the_residual_is_plausible(video):
    "More than a second of a face that moves a lot: turning head, blink, brows. The references end up still, the mean picture sharp"
    clip = read_clip(video, start=0, stop=28).mark(onset=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MekitWarning)
        aligned = align(clip, size=192)
    known = aligned.alignment
    print(f"{known}; head moved {np.ptp(known.shift, axis=0).round(1)} px, turned {np.ptp(known.rotation):.1f} degrees; floor {known.floor:.3f} px")
    assert np.ptp(known.shift, axis=0).max() > 15 and not known.lost.any()
    assert .005 < np.nanmedian(known.residual_percent) < 2.5 and np.nanmedian(known.residual) < np.nanmedian(known.signal)
    frames = np.asarray(aligned.frames).astype(np.float32).mean(-1)
    crop = np.linalg.inv(similarity(landmarks(clip).points[0][[36, 45]], place((192, 192))[[36, 45]]))
    held = [warp(np.asarray(clip.frames[t]), crop, (192, 192)).mean(-1) for t in (0, 27)]
    middle = np.s_[60:130, 50:140]
    before, after = (np.corrcoef(a[middle].ravel(), b[middle].ravel())[0, 1] for a, b in (held, frames[[0, -1]]))
    print(f"first and last frame around the nose: correlation {before:.2f} in a fixed window, {after:.2f} aligned")
    assert after > .65 and after > before + .3
