"TV-L1: the minimum it looks for, sub-pixel accuracy, batches, light, borders, and what it refuses"
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError
from mekit.data.synthetic import synthesize
from mekit.data.clip import read_clip
from mekit.motion.fields import as_bytes, grey_frame, random_texture, shifted
from mekit.motion.flow import METHODS, flow
from mekit.motion.patches import dis
from mekit.motion.tvl1 import box, descend, displaced, grain, median, tvl1

SIZE = 96
ORIGINAL = dict(levels=4, warps=5, steps=30, tau=1., medians=0, smooth=0, light=0, texture=0, huber=0, outlier=0)


def tensors(*frames): return [torch.as_tensor(np.array(f, np.float32))[None] for f in frames]


def bump(peak, size=SIZE, width=14.):
    y, x = np.mgrid[:size, :size].astype(np.float32)
    return np.stack([peak * np.exp(-((x - size / 2)**2 + (y - size / 2)**2) / (2 * width**2)), 0 * x]).astype(np.float32)


def moved(image, uv):
    "The image b with b(x + uv(x)) = image(x)"
    y, x = np.mgrid[:len(image), :len(image)].astype(np.float32)
    back = np.zeros_like(uv)
    for _ in range(30): back = -np.stack([cv2.remap(c, x + back[0], y + back[1], cv2.INTER_LINEAR) for c in uv])
    return cv2.remap(image.astype(np.float32), x + back[0], y + back[1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def pairs(n, h=SIZE, w=SIZE):
    "n pairs that differ in texture, motion and noise"
    shifts = np.random.default_rng(5).uniform(-1, 1, (n, 2))
    images = [random_texture(max(h, w), seed=k) for k in range(n)]
    ends = [as_bytes(shifted(image, *s), noise=k % 3, seed=k) for k, (image, s) in enumerate(zip(images, shifts))]
    return [torch.as_tensor(np.stack([f[:h, :w] for f in frames]), dtype=torch.float32) for frames in ([as_bytes(i) for i in images], ends)]


def error(uv, truth, where=np.s_[12:-12, 12:-12]): return float(np.hypot(*(np.asarray(uv) - truth))[where].mean())


# --- what it finds -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shift", [(.1, 0), (0, -.1), (-.25, .1), (.5, .5), (1., -2.), (-3.5, 1.25)])
def test_translation_is_recovered(shift):
    uv = tvl1(*tensors(as_bytes(random_texture(SIZE)), as_bytes(shifted(random_texture(SIZE), *shift))))[0]
    assert uv.dtype == torch.float32 and uv[:, 12:-12, 12:-12].mean((1, 2)).tolist() == pytest.approx(shift, abs=.02)


def test_reading_the_second_frame_at_the_flow_gives_the_first():
    truth, first = bump(1.5), random_texture(SIZE)
    second = moved(first, truth)
    uv = tvl1(*tensors(first, second))[0].numpy()
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    back = cv2.remap(second, x + uv[0], y + uv[1], cv2.INTER_CUBIC)
    assert np.abs(back - first)[12:-12, 12:-12].mean() < .2 * np.abs(second - first)[12:-12, 12:-12].mean()


@pytest.mark.parametrize("peak", [.1, .25, .5, 1., 2.])
def test_a_smooth_motion_is_followed(peak):
    first = random_texture(SIZE)
    found = tvl1(*tensors(as_bytes(first), as_bytes(moved(first, bump(peak)))))[0]
    assert error(found, bump(peak)) < .08 * error(0 * bump(peak), bump(peak)) + .006


@pytest.mark.parametrize("noise", [0., 2.])
def test_less_error_than_dis_on_a_face(noise):
    clip = synthesize({"AU12": .5}, identity=9, size=128, duration_ms=200, fps=60., nuisance=dict(noise=noise), seed=3)
    at, onset = clip.label.apex, clip.label.onset
    grey = [grey_frame(clip.frames[t], 1.) for t in (onset, at)]
    truth, size = np.asarray(clip.truth.flow[at]), np.hypot(*clip.truth.motion[at])
    on = size > .5 * size.max()
    ours, theirs = error(tvl1(*tensors(*grey))[0], truth, on), error(dis(*grey), truth, on)
    assert ours < theirs and ours < .75 * float(np.hypot(*truth)[on].mean())


def test_a_start_replaces_the_pyramid():
    first = random_texture(128, finest=.2)
    frames = tensors(first, shifted(first, 9, 0))
    start = torch.zeros(1, 2, 128, 128); start[:, 0] = 9.
    near, far = (float(tvl1(*frames, levels=1, initial=i)[0, 0, 24:-24, 24:-24].mean()) for i in (start, None))
    assert near == pytest.approx(9, abs=.05) and abs(far - 9) > 3


# --- other implementations -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [ORIGINAL, {}])
@pytest.mark.parametrize("peak", [.5, 1.5])
def test_agrees_with_opencv_contrib(peak, options):
    if not hasattr(cv2, "optflow"): pytest.skip("opencv-contrib-python is not installed")
    first = random_texture(SIZE)
    second = moved(first, bump(peak))
    theirs = cv2.optflow.DualTVL1OpticalFlow_create().calc(first.astype(np.float32) / 255, second / 255, None).transpose(2, 0, 1)
    ours = tvl1(*tensors(first, second), **options)[0]
    assert error(ours, theirs) < .1 * peak and error(ours, bump(peak)) <= error(theirs, bump(peak)) + .002


def plain_descent(rest, slope, uv, weight, slack, *, huber, tau, steps):
    "The same steps as loops over arrays, written from Chambolle and Pock's algorithm 1"
    sigma, ahead, px, py = .124 / tau, uv.copy(), np.zeros_like(uv), np.zeros_like(uv)
    for _ in range(steps):
        px[..., :-1] += tau * np.diff(ahead, axis=-1)
        py[:, :-1] += tau * np.diff(ahead, axis=-2)
        length = np.maximum(1 + tau * huber, np.hypot(px, py))
        px, py = px / length, py / length
        push = np.diff(px, axis=-1, prepend=0) + np.diff(py, axis=-2, prepend=0)
        guess = uv + sigma * push
        rho = rest + (slope * guess).sum(0)
        step = np.clip(rho / (slack + sigma * weight * (slope**2).sum(0)), -1, 1) * sigma * weight
        old, uv = uv, guess - step * slope
        ahead = 2 * uv - old
    return uv


@pytest.mark.parametrize("huber", [0., .03])
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_the_steps_are_those_of_the_plain_algorithm(huber, steps):
    draw = np.random.default_rng(2)
    rest, slope, uv = draw.normal(0, 4, (2, 17, 23)), draw.normal(0, 3, (2, 2, 17, 23)), draw.normal(0, 1, (2, 2, 17, 23))
    plain = np.stack([plain_descent(rest[k], slope[k], uv[k], .2, .7, huber=huber, tau=1., steps=steps) for k in range(2)])
    single = [torch.tensor(x, dtype=torch.float32) for x in (rest, slope, uv)]
    p = [torch.zeros(2, 2, 17, 23), torch.zeros(2, 2, 17, 23)]
    found = descend(*single, p, torch.full((2, 1, 1), .2), torch.full((2, 1, 1), .7), huber=huber, tau=1., steps=steps)
    assert np.abs(found.numpy() - plain).max() < 2e-4


def test_median_and_reading_against_plain_ones():
    field = torch.randn(2, 2, 7, 9, generator=torch.Generator().manual_seed(0))
    padded = np.pad(field.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    plain = np.median(np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3)), (-1, -2))
    assert np.abs(median(field).numpy() - plain).max() == 0
    constant, outside = displaced(torch.full((1, 20, 24), 7.), torch.randn(1, 2, 20, 24) * 40)
    assert constant.sub(7).abs().max() < 1e-5 and outside.any() and not outside.all()


# --- batches, order, repetition ------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [(96, 96), (61, 83), (17, 31)])
def test_a_pair_does_not_depend_on_its_batch(size):
    a, b = pairs(4, *size)
    together, alone = tvl1(a, b), torch.cat([tvl1(a[k:k + 1], b[k:k + 1]) for k in range(4)])
    order = torch.tensor([3, 0, 1, 2])
    assert together.shape == (4, 2, *size) and (together == alone).all() and (tvl1(a[order], b[order]) == together[order]).all()


def test_same_input_same_result_whatever_the_threads():
    a, b = pairs(2)
    first, before = tvl1(a, b), torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert (tvl1(a, b) == first).all()
    finally: torch.set_num_threads(before)


def test_inputs_are_left_alone_and_bytes_are_as_good_as_floats():
    a, b = pairs(2)
    kept, start = (a.clone(), b.clone()), torch.full((2, 2, SIZE, SIZE), .3)
    tvl1(a, b, initial=start)
    assert (a == kept[0]).all() and (b == kept[1]).all() and (start == .3).all()
    assert (tvl1(a.byte(), b.byte()) == tvl1(a, b)).all() and not tvl1(a.requires_grad_(), b).requires_grad


# --- zero, borders, light ------------------------------------------------------------------------------------------

def test_identical_frames_are_zero_even_beside_others():
    a, b = pairs(3)
    b[1] = a[1]
    uv = tvl1(a, b, initial=torch.ones(3, 2, SIZE, SIZE))
    assert (uv[1] == 0).all() and uv[0].abs().max() > .05
    assert uv[1].signbit().sum() == 0


@pytest.mark.parametrize("levels", [(0, 0), (255, 255), (90, 90), (90, 120), (0, 255)])
def test_frames_of_one_colour_do_not_move(levels):
    uv = tvl1(*[torch.full((1, 40, 56), float(x)) for x in levels])
    assert uv.isfinite().all() and uv.abs().max() < 1e-3


def test_saturated_parts_do_not_move():
    first = np.clip(random_texture(SIZE), 0, 255); first[:40] = 255.
    second = np.clip(shifted(random_texture(SIZE), .4, 0), 0, 255); second[:40] = 255.
    uv = tvl1(*tensors(first, second))[0]
    assert uv.isfinite().all() and uv[:, :20].abs().max() < .05 and uv[0, 55:-12, 12:-12].mean() == pytest.approx(.4, abs=.03)


def test_no_motion_of_its_own_at_the_border():
    texture = random_texture(128)
    uv = tvl1(*tensors(texture[:90, :90], shifted(texture, .5, -.5)[:90, :90]))[0]
    off = torch.hypot(uv[0] - .5, uv[1] + .5)
    assert off.max() < .3 and torch.stack([off[:3].mean(), off[-3:].mean(), off[:, :3].mean(), off[:, -3:].mean()]).max() < .06


@pytest.mark.parametrize("light", ["brighter", "darker", "from the left"])
def test_light_is_not_motion(light):
    first = random_texture(128)
    factor = {"brighter": 1.05, "darker": .9, "from the left": np.linspace(.9, 1.1, 128)}[light]
    still = tvl1(*tensors(first, first * factor))[0][:, 12:-12, 12:-12].abs()
    blind = tvl1(*tensors(first, first * factor), light=0)[0][:, 12:-12, 12:-12].abs()
    assert still.mean() < .02 and still.mean() < .1 * blind.mean()
    moving = tvl1(*tensors(first, shifted(first, .5, 0) * factor))[0][:, 16:-16, 16:-16].mean((1, 2))
    assert moving.tolist() == pytest.approx([.5, 0], abs=.03)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(u=st.floats(-1.5, 1.5), v=st.floats(-1.5, 1.5), seed=st.integers(0, 99))
def test_mirrored_and_turned_frames_give_mirrored_and_turned_flow(u, v, seed):
    first = random_texture(48, seed=seed)
    a, b = tensors(first, shifted(first, u, v))
    uv = tvl1(a, b)
    assert (tvl1(a.flip(-1), b.flip(-1)).flip(-1) * torch.tensor([-1., 1.])[:, None, None] - uv).abs().mean() < .02
    assert (tvl1(a.mT.contiguous(), b.mT.contiguous()).mT.flip(1) - uv).abs().mean() < .01


def test_noise_is_measured():
    noise = torch.randn(2, 128, 128, generator=torch.Generator().manual_seed(4)) * torch.tensor([1., 5.])[:, None, None]
    found = grain(noise, True).flatten()
    assert float(found[1] / found[0]) == pytest.approx(5, rel=.1)


# --- what it refuses -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, words", [
    (lambda a, b: ((a, b), dict(half=True)), "half precision on a GPU"),
    (lambda a, b: ((a, b * np.nan), {}), "finite pixels"),
    (lambda a, b: ((a / 0, b), {}), "finite pixels"),
    (lambda a, b: ((a[:, :15], b[:, :15]), {}), "16 pixels or more"),
    (lambda a, b: ((a[:0], b[:0]), {}), r"\(n h w\) of one shape"),
    (lambda a, b: ((a[0], b[0]), {}), "One pair is"),
    (lambda a, b: ((a, b[:, :-1]), {}), "of one shape"),
    (lambda a, b: ((a.numpy(), b.numpy()), {}), "torch tensors"),
    (lambda a, b: ((a, b), dict(initial=torch.zeros(1, 2, 5, 5))), "initial"),
    (lambda a, b: ((a, b), dict(initial="dis")), "initial"),
    (lambda a, b: ((a, b), dict(initial=torch.full((1, 2, 32, 32), torch.nan))), "initial"),
    (lambda a, b: ((a, b), dict(levels=0)), "levels"), (lambda a, b: ((a, b), dict(warps=1.5)), "warps"),
    (lambda a, b: ((a, b), dict(weight=-1)), "weight"), (lambda a, b: ((a, b), dict(tau=0)), "tau"),
    (lambda a, b: ((a, b), dict(huber=float("nan"))), "huber"), (lambda a, b: ((a, b), dict(compiled="yes")), "compiled")])
def test_refuses(change, words):
    arguments, options = change(*tensors(*[random_texture(32, seed=k) for k in range(2)]))
    with pytest.raises(MekitError, match=words): tvl1(*arguments, **options)


@pytest.mark.parametrize("options", [dict(huber=0, outlier=0), dict(weight=0), dict(tau=100.), dict(tau=.01), dict(smooth=10.), dict(levels=12), dict(medians=9), dict(weight=1e6), dict(light=255)])
def test_extreme_options_stay_finite(options):
    a, b = pairs(1, 20, 33)
    assert tvl1(a, b, **options).isfinite().all()


# --- through the verb, and on a real face --------------------------------------------------------------------------

def test_the_verb_knows_it():
    first = random_texture(SIZE)
    frames = np.stack([as_bytes(shifted(first, s, 0)) for s in (0, .25, .5)])
    found = flow(frames, method="tvl1", params=dict(warps=3))
    assert "tvl1" in METHODS and found.params["warps"] == 3 and (found.uv[0] == 0).all()
    assert found.uv[1:, 0, 12:-12, 12:-12].mean((1, 2)).tolist() == pytest.approx([.25, .5], abs=.02)


def test_a_real_face_is_explained_better_than_by_no_motion(video):
    frames = read_clip(video, start=100, stop=103).frames
    grey = [cv2.resize(grey_frame(frames[t], 1.), (320, 180), interpolation=cv2.INTER_AREA) for t in (0, 2)]
    uv = tvl1(*tensors(*grey))[0].numpy()
    y, x = np.mgrid[:180, :320].astype(np.float32)
    left = np.abs(cv2.remap(grey[1], x + uv[0], y + uv[1], cv2.INTER_CUBIC) - grey[0])[8:-8, 8:-8].mean()
    assert np.isfinite(uv).all() and left < .8 * np.abs(grey[1] - grey[0])[8:-8, 8:-8].mean()


# --- where nothing changed -----------------------------------------------------------------------------------------

def part_moves(noise: float = 0.) -> tuple:
    "Two frames of 160 x 224 that differ in 40 x 50 pixels, which have moved by half a pixel to the right"
    first = np.rint(random_texture(256)[:160, :224])
    second = first.copy()
    second[60:100, 90:140] = np.rint(shifted(random_texture(256), .5, 0))[60:100, 90:140]
    return tensors(first, second + np.random.default_rng(0).normal(0, noise, first.shape))


def test_only_the_rectangle_of_change_is_solved():
    a, b = part_moves()
    top, bottom, left, right = box((a != b)[0])
    assert (top % 32, left % 32) == (0, 0) and top <= 44 and bottom >= 116 and left <= 74 and right >= 156
    uv, whole = tvl1(a, b)[0], tvl1(a, b, initial=torch.zeros(1, 2, 160, 224))[0]
    inside = uv[:, top:bottom, left:right]
    assert inside.abs().sum() == uv.abs().sum() and (inside - whole[:, top:bottom, left:right]).abs().mean() < .01
    assert uv[0, 70:90, 100:130].mean() == pytest.approx(.5, abs=.05) and whole[:, :40].abs().max() < .02


def test_pairs_of_other_rectangles_and_plans_share_a_batch():
    a, b = part_moves()
    frames = torch.cat([a] * 4), torch.cat([b, a.roll(1, 2), a, part_moves(2.)[1]])
    together, alone = tvl1(*frames), torch.cat([tvl1(frames[0][k:k + 1], frames[1][k:k + 1]) for k in range(4)])
    assert (together == alone).all() and (together[2] == 0).all() and together[3].abs().min() >= 0
