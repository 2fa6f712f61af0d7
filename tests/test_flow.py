"Flow: sign, pairs, sub-pixel accuracy, threads, and what it refuses"
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mekit.core import MekitError, MekitWarning
from mekit.data.clip import Clip
from mekit.labels import Label
from mekit.core import Lazy
from mekit.motion.flow import METHODS, Flow, check_options, flow, register


def texture(size=96, seed=0):
    spectrum = np.fft.fft2(np.random.default_rng(seed).normal(size=(size, size)))
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij")
    image = np.fft.ifft2(spectrum * np.exp(-(fx**2 + fy**2) / (2 * .05**2))).real
    return 120 + 25 * (image - image.mean()) / image.std()


def moved(image, u, v):
    fy, fx = np.meshgrid(np.fft.fftfreq(len(image)), np.fft.fftfreq(len(image)), indexing="ij")
    return np.fft.ifft2(np.fft.fft2(image) * np.exp(-2j * np.pi * (u * fx + v * fy))).real


def as_bytes(image): return np.clip(np.rint(image), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def frames(): return np.stack([as_bytes(moved(texture(), s, -s / 2)) for s in (0, .3, .6, .9)])


@pytest.mark.parametrize("method", ["dis", "farneback"])
@pytest.mark.parametrize("shift", [(.1, 0), (0, -.25), (.5, .5), (-1.5, .75), (0, 0)])
def test_sign_and_size(method, shift):
    a, b = as_bytes(texture()), as_bytes(moved(texture(), *shift))
    uv = flow((a, b), method=method).uv[0][:, 16:-16, 16:-16]
    assert uv.mean((1, 2)) == pytest.approx(shift, abs=.03, rel=.03)


def test_reading_the_second_frame_at_the_flow_gives_the_first():
    a, b = as_bytes(texture()), as_bytes(moved(texture(), 1.2, .7))
    grid = np.stack(np.meshgrid(np.arange(96), np.arange(96))).astype(np.float32)
    back = cv2.remap(b.astype(np.float32), *(grid + flow((a, b)).uv[0]), cv2.INTER_CUBIC)
    inner = np.s_[12:-12, 12:-12]
    assert np.abs(back - a)[inner].mean() < .2 * np.abs(b - a.astype(float))[inner].mean()


def test_matches_opencv(frames):
    uv = flow((frames[0], frames[2]), method="farneback").uv[0]
    theirs = cv2.calcOpticalFlowFarneback(frames[0], frames[2], None, .5, 3, 21, 3, 5, 1.2, 0)
    assert np.abs(uv - theirs.transpose(2, 0, 1)).max() < 1e-4


def test_pairs_follow_the_marks(frames):
    clip = Clip(np.repeat(frames[..., None], 3, -1), label=Label(onset=1, apex=3), iod=40.)
    assert flow(clip).pairs.tolist() == [[1, t] for t in range(4)]
    assert flow(clip, pairs="apex").pairs.tolist() == [[1, 3]]
    assert flow(clip, pairs="next").pairs.tolist() == [[0, 1], [1, 2], [2, 3]]
    assert (flow(clip).uv[1] == 0).all()
    assert np.array_equal(flow(clip, pairs=[(1, 3)]).uv, flow(clip, pairs="apex").uv)
    assert flow(clip).percent == pytest.approx(flow(clip).uv * 2.5)


def test_no_onset_is_said(frames):
    clip = Clip(np.repeat(frames[..., None], 3, -1))
    with pytest.warns(MekitWarning, match="frame 0 stands for it"):
        assert flow(clip).pairs[:, 0].tolist() == [0] * 4
    with pytest.raises(MekitError, match="label.apex None"): flow(clip, pairs="apex")


def test_kinds_of_frames_agree(frames):
    a, b = frames[0], frames[3]
    plain = flow((a, b)).uv
    for kind in (lambda f: np.repeat(f[..., None], 3, -1), lambda f: f[..., None], lambda f: np.dstack([f] * 3 + [np.full_like(f, 9)]), lambda f: f.astype(float), lambda f: f / 255):
        assert np.abs(flow((kind(a), kind(b))).uv - plain).max() < .02


def test_threads_and_order_change_nothing(frames):
    pairs = [(0, 1), (0, 2), (0, 3), (3, 1), (2, 2)]
    one, many = flow(frames, pairs=pairs, threads=1), flow(frames, pairs=pairs[::-1], threads=4)
    assert np.array_equal(one.uv, many.uv[::-1])


def test_one_frame_is_at_rest(frames):
    assert (flow(frames[:1]).uv == 0).all()


def test_on_a_drawn_face_with_known_motion():
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU12": 1.5}, fps=20, size=128)
    found, truth = flow(clip, pairs="apex").uv[0], np.asarray(clip.truth.flow[clip.label.apex])
    assert np.hypot(*(found - truth)).mean() < .05


@pytest.mark.parametrize("call, message", [
    (lambda f: flow(f, method="dsi"), "Did you mean 'dis'"),
    (lambda f: flow(f, pairs="appex"), "Did you mean 'apex'"),
    (lambda f: flow(f, pairs=[(0, 4)]), "frames 0 to 3"),
    (lambda f: flow(f, pairs=[(-1, 2)]), "frames 0 to 3"),
    (lambda f: flow(f, pairs=[(0.5, 1.5)]), "whole numbers"),
    (lambda f: flow(f, pairs=[]), "whole numbers"),
    (lambda f: flow(f, pairs=[0, 1, 2]), "whole numbers"),
    (lambda f: flow((f[0], f[1][:50])), "one size"),
    (lambda f: flow((f[0] * np.nan, f[1] * 1.)), "finite pixels"),
    (lambda f: flow((f[0] - 300., f[1] * 1.)), "0 to 1 or 0 to 255"),
    (lambda f: flow(f[:0]), "at least one frame"), (lambda f: flow(None), "a Clip, frames.*NoneType"), (lambda f: flow(5), "a Clip, frames"), (lambda f: flow("clip.mp4"), "read_clip"),
    (lambda f: flow(f[0]), r"\(h w\) or \(h w 3\)"),
    (lambda f: flow(f[:1], pairs="next"), "two frames or more"),
    (lambda f: flow(f[:, :40, :40]), "48 pixels or more"),
])
def test_bad_input(frames, call, message):
    with pytest.raises(MekitError, match=message): call(frames)


@pytest.mark.parametrize("method, name, value", [
    ("dis", "patch", 0), ("dis", "patch", 65), ("dis", "patch", 8.), ("dis", "patch", True), ("dis", "stride", 0), ("dis", "stride", 100), ("dis", "stride", None),
    ("dis", "steps", 0), ("dis", "refine", -1), ("dis", "finest_scale", 5), ("dis", "finest_scale", -1), ("dis", "alpha", -1.), ("dis", "alpha", np.inf), ("dis", "texture", np.nan),
    ("farneback", "window", -5), ("farneback", "window", 2), ("farneback", "levels", 0), ("farneback", "iterations", 0), ("farneback", "poly_n", 4), ("farneback", "poly_sigma", 0)])
def test_options_that_would_end_the_process(frames, method, name, value):
    with pytest.raises(MekitError, match=f"flow '{method}': expected {name} "): flow(frames[:2], method=method, params={name: value})


@pytest.mark.parametrize("threads", [-1, 0, "x", 2.5, True])
def test_threads_are_checked(frames, threads):
    with pytest.raises(MekitError, match="expected threads as a whole number"): flow(frames, threads=threads)


def test_params_are_a_dict(frames):
    with pytest.raises(MekitError, match="params as a dict"): flow(frames, params=[("patch", 8)])


def test_pairs_as_an_array(frames):
    found = flow((frames[0], frames[2]), pairs=np.array([[1, 0], [0, 1]]))
    assert found.pairs.tolist() == [[1, 0], [0, 1]] and np.array_equal(found.uv[1:], flow((frames[0], frames[2])).uv)


def test_more_than_memory_is_refused():
    def nothing(i): raise AssertionError("a frame was decoded")
    clip = Clip(Lazy(nothing, 5000, (360, 640, 3)), label=Label(onset=0))
    with pytest.raises(MekitError, match=r"9\.2 GB.*crop_face.*clip\[::k\]"): flow(clip)


def test_texture_quiets_the_wall():
    "Flat, noisy picture beside a textured one: without texture weights the wall seems to move"
    rng = np.random.default_rng(0)
    still = texture(128)
    still[:, 64:] = 128
    a, b = (as_bytes(still + rng.normal(0, 2, still.shape)) for _ in range(2))
    on, off = (np.hypot(*flow((a, b), params=dict(texture=t)).uv[0])[:, 80:].mean() for t in (2., 0))
    assert on < .5 * off and off > .5


def test_the_default_reads_less_of_a_drawn_peak():
    "The measured truth that the notebook tells: both fall short, the default more"
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU12": 1.5}, fps=20)
    peak = np.hypot(*np.asarray(clip.truth.flow[clip.label.apex])).max()
    dis, farneback = (np.hypot(*flow(clip, pairs="apex", method=m).uv[0]).max() / peak for m in ("dis", "farneback"))
    assert .5 < dis < .75 < .8 < farneback < 1


def test_options(frames):
    assert flow(frames[:2], params=dict(patch=8)).params["patch"] == 8
    with pytest.raises(TypeError, match="Did you mean 'window'"): flow(frames, method="farneback", params=dict(windw=3))
    with pytest.raises(TypeError, match="Did you mean 'method'"): flow(frames, metod="dis")
    assert check_options(METHODS["farneback"], {}, where="x")["levels"] == 3


def test_a_method_that_gives_nonsense_is_named(frames):
    register("flat", lambda a, b: np.zeros((2, 3, 3)))
    register("nan", lambda a, b: np.full((2, *a.shape), np.nan))
    try:
        with pytest.raises(MekitError, match="flow 'flat'"): flow(frames, method="flat")
        with pytest.raises(MekitError, match="finite displacements"): flow(frames, method="nan")
    finally: del METHODS["flat"], METHODS["nan"]


def test_picture_and_repr(frames):
    made = flow(frames)
    assert repr(made) == "Flow(4 pairs, 96 x 96, dis)" and made.peak == 3
    assert "data:image/png" in made._repr_html_() and "px" in made._repr_html_()
    with pytest.raises(MekitError, match="inter-ocular"): made.percent
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "%IOD" in Flow(made.uv, made.pairs, iod=40.)._repr_html_()
    assert replace(made, iod=50.).percent == pytest.approx(made.uv * 2)
