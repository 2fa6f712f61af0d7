"Magnification: the gain that was asked for, nothing made of nothing, one computation for all factors, bands in time, artefacts measured"
import itertools
import warnings

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.anatomy import au_mask
from mekit.core import Lazy, MekitError, MekitWarning
from mekit.data.clip import Clip, read_clip
from mekit.data.synthetic import synthesize
from mekit.motion import magnify as verb
from mekit.motion.artefact import Artefact, artefact, compare, gain
from mekit.motion.eulerian import amplified, colour_line, gains, grey_of, linear
from mekit.motion.fields import METHODS
from mekit.motion.flow import Flow
from mekit.motion.lagrangian import carried
from mekit.motion.latent import load_magnifier
from mekit.motion.magnify import MAGNIFIERS, Magnified, Session, magnify, session
from mekit.motion.patches import farneback
from mekit.motion.phase_magnify import phase
from mekit.motion.steerable import Steerable, turned
from mekit.motion.timeband import Filtered, time_band

ALL = ("linear", "phase", "lagrangian", "latent")
BANDED = ALL[:3]


def moving(au: int, peak: float, size: int = 256, **nuisance) -> Clip:
    "A short clip whose unit peaks at so many pixels; onset frame 3, apex frame 5"
    iod = synthesize(size=size, fps=60.0, duration_ms=100).iod
    return synthesize({au: 100 * peak / iod}, size=size, fps=60.0, duration_ms=200, nuisance=nuisance or None)


@pytest.fixture(scope="module")
def brows() -> Clip:
    return moving(4, 0.25, 128)


@pytest.fixture(scope="module")
def waves() -> np.ndarray:
    "A coloured texture that swings left and right at 3 Hz, and drifts: 40 frames, 40 x 56"
    y, x = np.mgrid[:40, :56]
    t = np.arange(40) / 50
    frames = [128 + 60 * np.sin(0.6 * (x - 0.4 * np.sin(6 * np.pi * s) - s)) * np.cos(0.4 * y) for s in t]
    return np.rint(np.stack(frames)[..., None] * [1, 0.9, 0.8]).astype(np.uint8)


# ---- the gain

@pytest.mark.parametrize("au", [4, *(pytest.param(au, marks=pytest.mark.slow) for au in (1, 12, 15))])
def test_eight_times_a_quarter_pixel_is_two_pixels(au):
    "Within 25 % of what the same flow reads of a face that is drawn with eight times the movement"
    small, large = moving(au, 0.25), moving(au, 2.0)
    onset, apex = small.label.onset, small.label.apex
    where, truth = au_mask(au, small.truth.landmarks[onset], small.shape), np.asarray(large.truth.flow[apex])

    def read(frame):
        return (farneback(grey_of(small.frames[onset]), grey_of(frame)) * truth).sum(0)[where].sum()
    drawn = read(large.frames[apex])
    for method in ("phase", "lagrangian"):
        assert abs(read(magnify(small, 8, method=method).frames[apex]) / drawn - 1) < 0.25, method
    assert gain(small, large, asked=8).share == pytest.approx(1, abs=0.08)      # the calibration of `gain` itself


@pytest.mark.slow
@pytest.mark.parametrize("method,au", [("phase", 6), ("lagrangian", 6), ("phase", 2), ("lagrangian", 2)])
def test_gain_where_lids_move_too(method, au):
    small = moving(au, 0.25)
    assert abs(gain(small, magnify(small, 8, method=method)).share - 1) < 0.25


def test_the_true_flow_gives_the_true_gain(brows):
    known = Flow(np.stack([np.asarray(f) for f in brows.truth.flow]), np.stack([np.full(len(brows), brows.label.onset), np.arange(len(brows))], 1))
    for factor in (2, 5, 12):
        assert gain(brows, magnify(brows, factor, flow=known)).share == pytest.approx(1, abs=0.03)


def test_more_is_more(brows):
    for method in ALL:
        found = [gain(brows, magnify(brows, f, method=method)).found for f in (1, 3, 6)]
        assert found[0] == pytest.approx(1, abs=0.1) and found[0] < found[1] < found[2], method


def test_a_translated_texture_goes_on():
    "Phases against an exact translation by five times as much"
    fine = np.fft.fftfreq(96)
    spectrum = np.fft.fft2(np.random.default_rng(0).normal(0, 60, (96, 96))) * np.exp(-2 * (np.pi * 2) ** 2 * (fine[:, None] ** 2 + fine**2))
    moved = [128 + np.fft.ifft2(spectrum * np.exp(-2j * np.pi * fine * s)).real for s in (0, 0.3, 1.5)]
    clip = Clip(np.rint(np.stack([m[..., None].repeat(3, -1) for m in moved])).clip(0, 255).astype(np.uint8))
    made, inner = phase(clip, start=0)(1, 5.0), np.s_[20:-20, 20:-20]
    assert np.abs(made - clip.frames[2])[inner].mean() < 0.25 * np.abs(clip.frames[1].astype(float) - clip.frames[2])[inner].mean()


# ---- nothing of nothing

@pytest.mark.parametrize("method", ALL)
def test_factor_one_is_the_clip(brows, waves, method):
    draw = session(brows, method=method).draw
    assert np.abs(draw(5, 1.0) - brows.frames[5]).max() < 1e-3
    assert np.abs(draw(5, 1.001) - brows.frames[5]).mean() < 0.5       # and it is not an exception
    if method in BANDED:
        clip = read_clip(waves, fps=50)
        assert np.abs(session(clip, method=method, band=(1, 8)).draw(7, 1.0) - clip.frames[7]).max() < 1e-3


@pytest.mark.parametrize("method", ALL)
def test_frames_that_are_equal_stay(brows, method):
    still = read_clip(np.stack([brows.frames[5]] * 9), fps=60)
    for factor in (0, 3, 100):
        assert np.array_equal(magnify(still, factor, method=method).frames[8], brows.frames[5])
    if method in BANDED:
        assert np.array_equal(magnify(still, 50, method=method, band=(5, 20)).frames[4], brows.frames[5])


def test_factor_zero_takes_movement_out(brows):
    onset = np.asarray(brows.frames[3], float)
    before = np.abs(np.asarray(moving(4, 1.0, 128).frames[5], float) - onset).mean()
    for method in ("linear", "phase", "lagrangian", "latent"):
        assert np.abs(magnify(moving(4, 1.0, 128), 0, method=method).frames[5] - onset).mean() < 0.5 * before, method
    assert np.array_equal(magnify(brows, 0, method="linear").frames[5], onset)


@settings(max_examples=12, deadline=None)
@given(value=st.integers(0, 255), factor=st.floats(0, 100), method=st.sampled_from(ALL))
def test_one_colour_gives_one_colour(value, factor, method):
    plain = Clip(np.full((2, 48, 48, 3), value, np.uint8))
    assert (magnify(plain, factor, method=method).frames[1] == value).all()


@pytest.mark.parametrize("method", ALL)
def test_saturated_frames_are_cut_off_not_wrapped(method):
    "White on black that moves: still white on black, whatever the factor"
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    frames[0, :, 30:], frames[1, :, 31:] = 255, 255
    made = magnify(Clip(frames), 30, method=method).frames[1]
    assert made.dtype == np.uint8 and (made[:, 60:] > 200).mean() > 0.5 and (made[:, :4] < 60).mean() > 0.5


# ---- the linear method by hand

def test_linear_is_the_difference_times_alpha(brows):
    a, b = (np.asarray(brows.frames[i], np.float32) for i in (3, 5))
    assert np.allclose(linear(brows, start=3, movement=0.001, chroma=1.0)(5, 4.0), b + 3 * (b - a), atol=1e-3)


def test_the_bound_of_the_paper():
    "alpha on each level as long as (1 + alpha) delta < wavelength / 8, and never below zero"
    for alpha, delta in itertools.product((1.0, 7.0, 30.0), (0.1, 0.25, 2.0)):
        for level, g in enumerate(gains(alpha, 6, delta)):
            wavelength = 3 * 2**level
            assert g == pytest.approx(min(alpha, max(wavelength / (8 * delta) - 1, 0)))
    wave = np.sin(2 * np.pi * np.arange(64) / 4)[None, :, None].repeat(64, 0).repeat(3, -1).astype(np.float32)
    slow = np.sin(2 * np.pi * np.arange(64) / 32)[None, :, None].repeat(64, 0).repeat(3, -1).astype(np.float32)
    strength = [np.abs(amplified(w, 7.0, 0.25))[16:48, 16:48].mean() / np.abs(w)[16:48, 16:48].mean() for w in (wave, slow)]
    assert strength[0] < 2 and strength[1] > 5


def test_colours_follow_brightness(brows):
    "A picture in one hue changes along that hue; a grey one in grey"
    grey = np.random.default_rng(0).uniform(40, 200, (32, 32)).astype(np.float32)
    hue = np.float32([0.8, 1.1, 0.9]) / np.float32([0.8, 1.1, 0.9]).dot(np.float32([0.299, 0.587, 0.114]))
    assert np.abs(colour_line(grey[..., None] * hue, grey) - hue).max() < 0.05
    assert np.allclose(grey_of(colour_line(np.asarray(brows.frames[0], np.float32), grey_of(brows.frames[0]))), 1, atol=5e-3)


# ---- the pyramid

@settings(max_examples=10, deadline=None)
@given(h=st.integers(16, 90), w=st.integers(16, 90), orientations=st.integers(2, 8))
def test_the_pyramid_loses_nothing(h, w, orientations):
    picture = np.random.default_rng(h * w).uniform(0, 255, (h, w)).astype(np.float32)
    p = Steerable((h, w), orientations=orientations)
    spectrum = p.spectrum(picture)
    again = p.picture([p.coefficients(spectrum, k) for k in range(len(p))]) + p.rest(spectrum)
    assert np.abs(again - picture).max() < 5e-3


def test_light_does_not_turn_phases():
    picture = np.random.default_rng(0).uniform(20, 200, (48, 48)).astype(np.float32)
    p = Steerable((48, 48))
    for k in range(len(p)):
        a, b = (p.coefficients(p.spectrum(x), k) for x in (picture, picture * 1.2))
        assert turned(a, b, p.bands[k].spacing).abs().max() < 1e-3


# ---- carried

def test_a_known_movement_is_carried_exactly():
    y, x = np.mgrid[:64, :64].astype(np.float32)
    frame = np.stack([128 + 50 * np.sin(0.3 * x), 128 + 50 * np.cos(0.2 * y), 90 + x], -1)
    uv = np.stack([np.full((64, 64), 1.0), np.full((64, 64), -0.5)]).astype(np.float32)
    made = carried(frame, uv, 5.0)[8:-8, 8:-8]
    assert np.abs(made[..., 0] - (128 + 50 * np.sin(0.3 * (x - 4))[8:-8, 8:-8])).max() < 0.5
    assert np.abs(made[..., 1] - (128 + 50 * np.cos(0.2 * (y + 2))[8:-8, 8:-8])).max() < 0.5
    assert np.allclose(carried(frame, uv, 5.0, uv), carried(frame, uv, 5.0)) and np.array_equal(carried(frame, uv, 5.0, 0 * uv), frame)
    assert np.array_equal(carried(frame, 7 * uv, 1.0), frame)


# ---- one computation for all factors

def test_another_factor_measures_nothing_anew(brows):
    asked = []
    METHODS["counting"] = lambda a, b: asked.append(1) or farneback(a, b)
    try:
        for factor in (2, 8, 16, 8): magnify(brows, factor, flow="counting").frames[5]
        assert len(asked) == 1
        magnify(brows, 2, flow="counting").frames[4]
        assert len(asked) == 2
    finally: del METHODS["counting"]


def test_phases_are_taken_once(brows, monkeypatch):
    ready, taken = session(brows, method="phase", params={"rounds": 0}), []
    kept = Steerable.spectrum
    monkeypatch.setattr(Steerable, "spectrum", lambda self, picture: taken.append(1) or kept(self, picture))
    ready.frame(5, 2.0)
    first = len(taken)
    for factor in (3.0, 4.0, 30.0): ready.frame(5, factor)
    assert first == 2 and len(taken) == 2


def test_sessions_are_shared_and_few(brows):
    assert magnify(brows, 2).frames.session is magnify(brows, 9).frames.session
    assert magnify(brows, 2).frames.session is not magnify(brows.mark(onset=0), 2).frames.session
    assert magnify(brows, 2, method="phase").frames.session is not magnify(brows, 2, method="phase", params={"rounds": 2}).frames.session
    assert magnify(brows, 2, flow="dis").frames.session is not magnify(brows, 2, flow="farneback").frames.session
    for k in range(2 * verb.SESSIONS): magnify(brows, 2, method="phase", params={"smooth": float(k)})
    assert len(verb._SESSIONS) == verb.SESSIONS


def test_frames_that_somebody_wrote_into_count_as_others(waves):
    clip = read_clip(waves.copy(), fps=50)
    own = Clip(waves.copy(), clip.times, "declared")
    first = magnify(own, 5, method="linear").frames[9].copy()
    own.frames[0] += 9
    assert not np.array_equal(magnify(own, 5, method="linear").frames[9], first)


@pytest.mark.parametrize("method,band", [*((m, None) for m in ALL), *((m, (2.0, 8.0)) for m in BANDED)])
def test_any_order_gives_the_same_frames(waves, method, band):
    waves, order = waves[:16], [12, 2, 7, 0, 15, 8]
    options = dict(method=method, band=band, **({"flow": "farneback"} if method == "lagrangian" else {}))
    clip = read_clip(waves, fps=50)
    made = magnify(clip, 4, **options).frames
    first = {i: made[i].copy() for i in order}
    verb._SESSIONS.clear()
    again = magnify(Clip(waves.copy(), clip.times, "declared"), 4, **options).frames
    assert all(np.array_equal(again[i], first[i]) for i in sorted(order))


def test_a_magnified_clip_is_a_clip(brows):
    made = magnify(brows, 3)
    assert isinstance(made.frames, Magnified) and isinstance(made.frames.session, Session) and made.truth is None
    assert (made.frames.factor, made.frames.method, made[2:9].frames.factor) == (3, "lagrangian", 3)
    assert np.array_equal(made[2:9].frames[3], made.frames[5]) and np.array_equal(np.asarray(made[4:6].frames)[1], made.frames[5])
    assert made.label == brows.label and made.iod == brows.iod and np.array_equal(made.times, brows.times) and "motion 3 times, lagrangian" in made.source


def test_what_a_method_needs_to_be(brows):
    "Another method is added by its name"
    MAGNIFIERS["inverse"] = lambda clip, *, start, amount=1.0: lambda i, factor: 255 - factor * amount * np.asarray(clip.frames[i], np.float32)
    try: assert np.array_equal(magnify(brows, 1, method="inverse").frames[2], 255 - brows.frames[2])
    finally: del MAGNIFIERS["inverse"]


# ---- bands

def test_what_passes_a_band():
    clip, t = read_clip(np.zeros((300, 2, 2, 3), np.uint8), fps=100), np.arange(300) / 100
    band = time_band(clip, (2, 10))
    matrix = band.matrix(range(300))
    assert np.abs(matrix.sum(1)).max() < 1e-6       # at rest: nothing
    for hertz, share in ((0.2, 0.01), (2, 0.5), (5, 0.93), (10, 0.5), (40, 0.01)):
        passed = matrix @ np.sin(2 * np.pi * hertz * t)
        assert np.abs(passed[100:200]).max() == pytest.approx(share, abs=0.04), hertz
    below = time_band(clip, (0, 10)).matrix(range(300))
    assert np.allclose(below.sum(1), 1, atol=1e-5)


def test_a_filtered_frame_depends_on_nothing_far_away():
    n = 4000
    clip = read_clip(np.zeros((n, 1, 1, 3), np.uint8), fps=200)
    band, rng = time_band(clip, (2, 20)), np.random.default_rng(0)
    signal = rng.normal(size=n)
    other = signal.copy()
    other[:1500] += 100
    assert band.reach == 150
    assert band.weights(2000) @ signal[1850:2151] == pytest.approx(band.weights(2000) @ other[1850:2151])
    read = []
    lazy = Filtered(lambda j: read.append(j) or np.full(3, signal[j]), (3,), band)
    lazy.size, lazy.pieces = 10, Lazy(lazy._piece, n // 10, (10, 3), np.float32)
    assert lazy[2000][0] == pytest.approx(float(band.weights(2000) @ signal[1850:2151]), abs=1e-5)
    assert (min(read), max(read)) == (1850, 2009 + 150) and len(read) == len(set(read))


def test_uneven_frames_are_heard():
    even = np.arange(300) * 10.0
    jitter = even + np.random.default_rng(0).uniform(-3, 3, 300)
    made = []
    for times in (even, jitter):
        clip = Clip(np.zeros((300, 1, 1, 3), np.uint8), times, "pts")
        made.append(time_band(clip, (2, 10)).matrix(range(300)) @ np.exp(-0.5 * ((times - 1500) / 60) ** 2))
    assert np.abs(made[0] - made[1])[20:-20].max() < 0.06


@pytest.mark.parametrize("method", BANDED)
def test_a_band_leaves_the_drift_and_takes_the_swing(waves, method):
    clip = read_clip(waves, fps=50)
    made = magnify(clip, 3, method=method, band=(1.5, 12), flow="farneback" if method == "lagrangian" else None)
    width = 2 * np.pi / 0.6 / (2 * np.pi)

    def place(frames):
        "Position of the wave over time, by its phase at its own frequency"
        x = np.arange(56)
        return -np.unwrap([np.angle((f[16:24, :42, 0].mean(0) - 128) @ np.exp(-0.6j * x[:42])) for f in np.asarray(frames, float)]) * width
    before, after = place(clip.frames), place(made.frames)
    t = np.arange(40) / 50
    fit = np.stack([np.sin(6 * np.pi * t), np.cos(6 * np.pi * t), t, np.ones(40)], 1)[6:-6]
    old, new = (np.linalg.lstsq(fit, p[6:-6], rcond=None)[0] for p in (before, after))
    ratio = np.hypot(*new[:2]) / np.hypot(*old[:2])
    assert 1.5 < ratio < 3.3, ratio
    assert abs(new[2] - old[2]) < 0.5


# ---- bad input

@pytest.mark.parametrize("options,error,text", [
    (dict(factor=-1), MekitError, "a factor from 0 to 100"), (dict(factor=101), MekitError, "a factor from 0 to 100"), (dict(factor=float("nan")), MekitError, "a factor from 0 to 100"),
    (dict(factor=True), MekitError, "a factor from 0 to 100"), (dict(factor="8"), MekitError, "a factor from 0 to 100"), (dict(factor=None), MekitError, "a factor from 0 to 100"),
    (dict(method="fase"), MekitError, "Did you mean 'phase'"), (dict(methode="phase"), TypeError, "Did you mean 'method'"),
    (dict(band=(5, 40)), MekitError, "below 30 Hz, half of the 60 frames"), (dict(band=(8, 2)), MekitError, "0 <= low < high"), (dict(band=(3, 3)), MekitError, "0 <= low < high"),
    (dict(band=(float("nan"), 5)), MekitError, "two finite numbers"), (dict(band=(-1, 5)), MekitError, "0 <= low < high"), (dict(band=5), MekitError, r"\(low, high\) in Hz"),
    (dict(band=("a", 5)), MekitError, "two finite numbers"), (dict(method="latent", band=(2, 9)), MekitError, "no band"),
    (dict(method="phase", flow="dis"), TypeError, "flow"), (dict(flow="disc"), MekitError, "Did you mean 'dis'"), (dict(params=[1]), MekitError, "params as a dict"),
    (dict(method="phase", params={"rounds": -1}), MekitError, "rounds as a whole number"), (dict(method="phase", params={"smooth": float("nan")}), MekitError, "smooth as a number"),
    (dict(method="linear", params={"movement": 0}), MekitError, "movement as a number"), (dict(method="linear", params={"chrome": 0}), TypeError, "Did you mean 'chroma'"),
    (dict(method="latent", params={"magnifier": "theirs.pth"}), MekitError, "Magnifier"), (dict(params={"start": 2}), TypeError, "start"),
])
def test_refusals(brows, options, error, text):
    with pytest.raises(error, match=text): magnify(brows, **({"factor": 2} | options))


def test_a_clip_without_times_has_no_bands(waves):
    with pytest.raises(MekitError, match=r"fps=200"): magnify(Clip(waves), 2, band=(1, 5))
    gap = Clip(waves, np.r_[np.arange(20), np.arange(25, 45)] * 20.0, "pts")
    with pytest.raises(MekitError, match="widest gap is 120 ms"): magnify(gap, 2, band=(1, 10))
    with pytest.raises(MekitError, match="three frames"): magnify(read_clip(waves[:2], fps=50), 2, band=(1, 10))
    with pytest.warns(MekitWarning, match="lasts 0.78 s"): magnify(read_clip(waves, fps=50), 2, band=(0.1, 10))


def test_a_cut_is_said_once(brows):
    cut = read_clip(np.concatenate([np.full((3, 64, 64, 3), 30, np.uint8), np.full((3, 64, 64, 3), 200, np.uint8)]), fps=50)
    for options in ({}, {"band": (6, 20)}):
        with pytest.warns(MekitWarning, match="a cut, another scene") as heard:
            made = magnify(cut, 4, method="linear", **options)
            for i in range(6): made.frames[i]
        assert len([w for w in heard if "a cut" in str(w.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        magnify(brows, 4).frames[5]


def test_one_frame(brows):
    with pytest.warns(MekitWarning, match="one frame only"): made = magnify(brows[:1], 9, method="phase")
    assert np.array_equal(made.frames[0], brows.frames[0])


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("shape", [(17, 90), (61, 48)])
def test_odd_sizes(method, shape):
    rng = np.random.default_rng(1)
    base = cv2.GaussianBlur(rng.uniform(0, 255, (*shape, 3)), (0, 0), 2)
    clip = Clip(np.stack([base, np.roll(base, 1, 1)]).astype(np.uint8))
    options = {"flow": "farneback"} if method == "lagrangian" else {}
    assert magnify(clip, 3, method=method, **options).frames[1].shape == (*shape, 3)


def test_frames_too_small_for_phases_say_so():
    with pytest.raises(MekitError, match="16 pixels or more"): magnify(Clip(np.zeros((2, 8, 40, 3), np.uint8)), 2, method="phase")


# ---- artefacts

def test_a_square_that_was_made_up(brows):
    made = np.asarray(brows.frames).copy()
    made[7, 100:110, 4:14] += 30
    found = artefact(brows, brows.replace(frames=made, truth=None))
    assert isinstance(found, Artefact) and found.known and found.worst == 7 and found.maps.shape == (12, 128, 128)
    square = np.zeros((128, 128))
    square[100:110, 4:14] = 30
    assert np.allclose(found.maps[7], square, atol=1e-3) and found.maps[7].dtype == np.float32
    assert found.energy[7] == pytest.approx(np.sqrt((square**2).sum() / np.asarray(found.still[7]).sum()), rel=1e-3)
    assert found.mean == pytest.approx(found.energy[7] / 12**0.5, rel=1e-3) and (np.delete(found.energy, 7) == 0).all()
    assert "at worst" in repr(found) and "<img" in found._repr_html_() and 'data-terms="publishable"' in found._repr_html_()


def test_change_where_skin_moves_is_no_artefact(brows):
    made, moves = np.asarray(brows.frames).copy(), np.hypot(*np.asarray(brows.truth.flow[5])) > 0.1
    made[5][moves] = 255
    found = artefact(brows, brows.replace(frames=made, truth=None))
    assert found.mean == 0 and found.clipped[5] == pytest.approx(moves.mean(), abs=1e-6)


def test_light_is_an_artefact_of_the_linear_method():
    lit = synthesize((), size=128, fps=60.0, duration_ms=200, nuisance={"illumination": 0.1})
    energy = {m: artefact(lit, magnify(lit, 8, method=m)).mean for m in ("linear", "phase")}
    assert energy["phase"] < 0.3 * energy["linear"]


def test_artefact_of_a_recording_measures_stillness(brows):
    bare = brows.replace(truth=None)
    found = artefact(bare, magnify(bare, 8, method="linear"))
    assert not found.known and np.isfinite(found.mean)
    away = brows.mark(onset=0)     # the truth is measured from another frame
    assert not artefact(away, away).known
    with pytest.raises(MekitError, match="measured from the frame"): gain(away, magnify(away, 2))


def test_gain_says_what_it_needs(brows):
    made = magnify(brows, 2, method="linear")
    found = gain(brows, made)
    assert (found.asked, found.method, found.frame) == (2.0, "linear", 5) and "AU4" in found._repr_html_() and "of 2 times" in repr(found)
    assert gain(brows, made, asked=4).found != found.found
    with pytest.raises(MekitError, match="as asked="): gain(brows, brows)
    with pytest.raises(MekitError, match="a frame at="): gain(brows, made, at=12)
    with pytest.raises(MekitError, match="where nothing does"): gain(brows, made, at=0)
    with pytest.raises(MekitError, match="without"): gain(brows.replace(truth=None), made)
    with pytest.raises(MekitError, match="of 12 frames"): artefact(brows, made[:4])
    with pytest.raises(MekitError, match="Did you mean"): gain(brows, made, measure="farnebeck")


def test_the_table(brows):
    table = compare(brows, methods=("linear", "lagrangian"), factors=(2, 8))
    assert list(table.columns) == ["method", "factor", "gain", "share", "artefact", "clipped"] and len(table) == 4
    assert table.set_index(["method", "factor"]).loc[("lagrangian", 8), "gain"] == pytest.approx(gain(brows, magnify(brows, 8)).found, rel=0.02)


# ---- a real face

@pytest.mark.slow
def test_a_real_face(video):
    "A quarter of a second of a smile that begins, without alignment: every method draws it, and little is made up where nothing moves"
    clip = read_clip(video, start=240, stop=246, size=320).mark(onset=0)
    for method in BANDED:
        made = magnify(clip, 4, method=method)
        assert made.frames[4].std() > 10 and np.abs(made.frames[4].astype(float) - clip.frames[4]).mean() > 0.1
        assert artefact(clip, made).energy[1:].max() < 8


def test_the_gain_of_latent_below_one_is_the_factor(brows):
    for factor in (0, .5): assert gain(brows, magnify(brows, factor, method="latent"), asked=factor).found == pytest.approx(factor, abs=.15)


def test_no_gain_is_told_where_the_ruler_reads_almost_nothing():
    lids = moving(7, .25, 128)
    with pytest.warns(MekitWarning, match="less than a quarter of the true movement"): found = gain(lids, lids, asked=8)
    assert np.isnan(found.found)


def test_any_flow_method_may_read_the_gain(brows):
    made = magnify(brows, 4)
    for method in ("dis", "tvl1", "phase"): assert gain(brows, made, measure=method).share == pytest.approx(1, abs=.3), method
    with pytest.raises(MekitError, match="Did you mean 'tvl1'"): gain(brows, made, measure="tvl2")


def test_a_network_that_was_trained_further_gives_no_stale_picture(brows):
    net = load_magnifier()
    before = np.array(magnify(brows, 8, method="latent", params={"magnifier": net}).frames[5])
    with torch.no_grad(): net.manipulator.after[0].weight.mul_(3)
    assert np.abs(before.astype(float) - magnify(brows, 8, method="latent", params={"magnifier": net}).frames[5]).max() > 2


def test_artefact_refuses_a_flow_of_other_pairs(brows):
    n = len(brows)
    with pytest.raises(MekitError, match="from one frame to each"): artefact(brows, brows, flow=Flow(np.zeros((n, 2, *brows.shape), np.float32), np.stack([np.arange(n)] * 2, 1)))
