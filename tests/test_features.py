"Classical features: LBP-TOP against a loop, TIM against the decomposition, histograms of fields whose motion is known, scikit-learn's conventions"
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from bench.features import plain_lbptop
from mekit.anatomy import MIRROR, displacement, place
from mekit.core import Lazy, MekitError, MekitWarning
from mekit.data.clip import Clip
from mekit.data.synthetic import synthesize
from mekit.motion.features import HOG3D, HOOF, LBPTOP, MDMO, TIM, Uniform, features
from mekit.motion.fields import Flow
from mekit.motion.gradients import hog3d, quantise, solid_axes
from mekit.motion.histograms import MDMO_ROIS, directions, hoof, mdmo, mdmo_map
from mekit.motion.lbp import block_spans, lbptop, neighbours, uniform_bins
from mekit.motion.time import tim, tim_weights, uniform, uniform_index

FACE = place((96, 96))
NAMES = list(MDMO_ROIS)


def film(shape, seed=0, levels=12): return np.random.default_rng(seed).integers(0, levels, shape, dtype=np.uint8)     # few levels: many ties


def field(n=2, h=30, w=40, seed=0): return np.random.default_rng(seed).normal(size=(n, 2, h, w))


@pytest.fixture(scope="module")
def smile():
    clip = synthesize({"AU12": 2.0, "AU4": 1.5}, size=128, fps=40, duration_ms=300, onset_ms=25, offset_ms=275)
    return clip, np.asarray(clip.truth.motion[clip.label.apex])[None]


# ---- LBP-TOP

@settings(max_examples=40, deadline=None)
@given(st.data())
def test_lbptop_is_the_plain_loop(data):
    radius, radius_t, points = (data.draw(st.integers(low, high)) for low, high in ((1, 3), (1, 3), (4, 10)))
    blocks = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    h, w = (data.draw(st.integers(2 * radius + b, 2 * radius + b + 9)) for b in blocks)
    options = dict(radius=radius, radius_t=radius_t, points=points, blocks=blocks, overlap=data.draw(st.floats(0, 0.95)), uniform=data.draw(st.booleans()))
    frames = film((2 * radius_t + data.draw(st.integers(1, 3)), h, w), data.draw(st.integers(0, 99)), data.draw(st.sampled_from((2, 5, 256))))
    ours, loop = lbptop(frames, **options), plain_lbptop(frames, **options)
    assert ours.dtype == np.int32 and np.array_equal(ours, loop)


@pytest.mark.parametrize("shape", [(8, 30, 37), (7, 14, 14)])
def test_lbptop_is_the_plain_loop_by_default(shape): assert np.array_equal(lbptop(film(shape)), plain_lbptop(film(shape)))


@pytest.mark.slow
def test_lbptop_is_the_plain_loop_at_full_size(): assert np.array_equal(lbptop(film((10, 112, 112), levels=256)), plain_lbptop(film((10, 112, 112), levels=256)))


def test_the_numbers_of_the_reference():
    counts = lbptop(film((10, 112, 112)))
    assert counts.shape == (64 * 3 * 59,) and (counts.reshape(64, 3, 59).sum(-1) == 4 * 21 * 21).all()
    assert block_spans(106).tolist() == [[12 * k, 12 * k + 21] for k in range(8)]


@pytest.mark.parametrize("where, bits", [((3, 0, 3), {"XY": 2, "YT": 2}), ((3, 3, 6), {"XY": 0, "XT": 0}), ((6, 3, 3), {"XT": 2, "YT": 0}), ((0, 3, 3), {"XT": 6, "YT": 4}),
                                         ((3, 1, 1), {"XY": 3}), ((5, 3, 1), {"XT": 3}), ((1, 5, 3), {"YT": 5})])
def test_one_bright_neighbour_sets_its_bit(where, bits):
    "t, y, x of the only neighbour as bright as the centre of a 7 x 7 x 7 film; the three histograms hold one pattern each"
    frames = np.zeros((7, 7, 7), np.uint8)
    frames[3, 3, 3] = frames[where] = 9
    found = lbptop(frames, blocks=(1, 1)).reshape(3, 59)
    assert (found.sum(1) == 1).all()
    assert dict(zip(("XY", "XT", "YT"), found.argmax(1))) == {plane: uniform_bins()[1 << bits[plane] if plane in bits else 0] for plane in ("XY", "XT", "YT")}


@pytest.mark.parametrize("verb, most", [(tim, 50e6), (uniform, 2e6)])
def test_a_long_clip_is_read_in_the_memory_of_what_comes_out(verb, most):
    import tracemalloc
    def long(t, **keep): return Clip(Lazy(lambda i: np.full((24, 24, 3), i % 251, np.uint8), t, (24, 24, 3), **keep))
    assert np.array_equal(verb(long(500), 9), verb(np.asarray(long(500).frames), 9)) and verb(long(9), 9).flags.writeable
    tracemalloc.start()
    out = verb(long(6000, keep_mb=.1), 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.shape == (10, 24, 24, 3) and out.dtype == np.uint8 and out[0, 0, 0, 0] == 0 and out[-1, 0, 0, 0] == 5999 % 251 and peak < most


def test_weights_of_many_frames_are_those_of_the_sum():
    t, j = 3000, np.arange(1, 3001)
    for row, x in zip(tim_weights(t, 3), (1., 1500.5, 3000.)):
        k = np.arange(1, t)[:, None]
        assert np.abs(row - (1 / t + 2 / t * (np.cos(np.pi * k / t * (x - .5)) * np.cos(np.pi * k / t * (j - .5))).sum(0))).max() < 1e-9


def test_uniform_patterns_are_those_of_scikit_image():
    "The same patterns share a bin there and here"
    from skimage.feature.texture import local_binary_pattern
    codes, labels = (local_binary_pattern(film((90, 90), levels=256), 8, 1, method=m).astype(int).ravel() for m in ("default", "nri_uniform"))
    pairs = set(zip(uniform_bins()[codes].tolist(), labels.tolist()))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 59
    assert (uniform_bins()[[0, 1, 2, 3, 5, 255]] == [0, 1, 2, 3, 58, 57]).all()       # in the order of their numbers, the rest last


def test_lbptop_of_mirrored_and_reversed_films():
    frames = film((9, 20, 24))
    codes = np.arange(256)
    def moved(bit): return sum(((codes >> p) & 1) << bit(p) for p in range(8))
    raw = {name: lbptop(f, blocks=(1, 1), uniform=False).reshape(3, 256) for name, f in (("as filmed", frames), ("mirrored", frames[:, :, ::-1]), ("backwards", frames[::-1]))}
    across, later = moved(lambda p: (4 - p) % 8), moved(lambda p: -p % 8)
    for name, plane, order in (("mirrored", 0, across), ("mirrored", 1, across), ("mirrored", 2, codes), ("backwards", 0, codes), ("backwards", 1, later), ("backwards", 2, across)):
        assert np.array_equal(raw[name][plane][order], raw["as filmed"][plane]), (name, plane)


def test_lbptop_does_not_see_the_lamp():
    frames = film((8, 20, 20), levels=100)
    assert np.array_equal(lbptop(frames), lbptop(frames * 2 + 7)) and not np.array_equal(lbptop(frames), lbptop(frames // 2))


def test_lbptop_in_pieces_of_time_is_the_same():
    "More frames than are worked on at a time"
    frames = film((70, 112, 112))
    assert np.array_equal(lbptop(frames), sum(lbptop(frames[a:b]) for a, b in ((0, 20), (14, 50), (44, 70))))


def test_grey_clips_and_lists_are_one_film():
    colour = film((8, 20, 20, 3), levels=256)
    clip = Clip(colour)
    same = [lbptop(x) for x in (clip, colour, list(colour))]
    assert np.array_equal(same[0], same[1]) and np.array_equal(same[0], same[2])
    grey = film((8, 20, 20))
    assert np.array_equal(lbptop(grey), lbptop(np.repeat(grey[..., None], 3, -1))) and np.array_equal(lbptop(grey), lbptop(grey[..., None]))


def test_shares_do_not_depend_on_length():
    still = np.repeat(film((1, 20, 20)), 30, 0)
    assert np.allclose(lbptop(still[:9], normalise=True), lbptop(still, normalise=True)) and np.allclose(lbptop(still, normalise=True).reshape(-1, 59).sum(1), 1)


def test_any_number_of_points_lies_symmetrically():
    for points in range(4, 13):
        t, y, x = neighbours("XY", points=points, radius=2).T
        assert not t.any() and sorted(zip(y, x)) == sorted(zip(-y, x)) and (points % 2 or sorted(zip(y, x)) == sorted(zip(y, -x)))


# ---- time

def decomposed(x: np.ndarray, n: int) -> np.ndarray:
    "TIM as it is published: eigenvectors of the path graph's Laplacian, singular values, a linear map; x is t d with t - 1 < d independent frames"
    t = len(x)
    path = np.diag(np.r_[1, np.full(t - 2, 2), 1]) - np.diag(np.ones(t - 1), 1) - np.diag(np.ones(t - 1), -1)
    nodes = np.linalg.eigh(path)[1][:, 1:].T                                       # t-1 t, in the order of the frequencies
    def curve(i): return np.array([np.sin(np.pi * k * i / t + np.pi * (t - k) / (2 * t)) for k in range(1, t)])
    at_nodes = np.stack([curve(i) for i in range(1, t + 1)], 1)
    size = (nodes * at_nodes).sum(1) / (at_nodes**2).sum(1)                        # signs and lengths of the eigenvectors
    assert np.allclose(nodes, size[:, None] * at_nodes)
    mean = x.mean(0)
    left, singular, right = np.linalg.svd((x - mean).T, full_matrices=False)
    left, low = left[:, :t - 1], (singular[:, None] * right)[:t - 1]
    back = np.linalg.inv(nodes @ np.linalg.pinv(low))                              # nodes = W low
    return np.stack([left @ back @ (size * curve(i)) + mean for i in np.linspace(1, t, n)])


@pytest.mark.parametrize("t, n", [(4, 9), (10, 7), (12, 30), (9, 9)])
def test_tim_is_the_published_decomposition(t, n):
    x = np.random.default_rng(t).normal(size=(t, 40))
    assert np.abs(tim(x, n) - decomposed(x, n)).max() < 1e-8


@settings(max_examples=40, deadline=None)
@given(t=st.integers(2, 60), n=st.integers(2, 90), seed=st.integers(0, 99))
def test_tim_properties(t, n, seed):
    x = np.random.default_rng(seed).normal(size=(t, 3))
    out = tim(x, n)
    assert np.allclose(tim_weights(t, n).sum(1), 1) and np.allclose(tim_weights(t, t), np.eye(t))
    assert np.allclose(out[[0, -1]], x[[0, -1]]) and np.allclose(tim(x[::-1], n), out[::-1])
    assert np.allclose(tim(x + 5, n), out + 5) and np.allclose(tim(np.ones((t, 2)), n), 1)
    k = seed % t
    wave = np.cos(np.pi * k / t * (np.arange(t) + 0.5))[:, None]
    assert np.allclose(tim(wave, n)[:, 0], np.cos(np.pi * k / t * (np.linspace(0, t - 1, n) + 0.5)))


@pytest.mark.parametrize("t, n", [(8, 30), (20, 55), (30, 10)])
def test_tim_follows_a_ramp(t, n):
    ramp, wanted = np.arange(t, dtype=float)[:, None], np.linspace(0, t - 1, n)
    off = np.abs(tim(ramp, n)[:, 0] - wanted)
    assert off.max() < 0.06 and off[n // 4:-n // 4].max() < 0.01 and (np.diff(tim(ramp, n)[:, 0]) > 0).all()


def test_tim_keeps_the_kind():
    frames = film((9, 6, 5, 3), levels=256)
    assert tim(frames, 14).dtype == np.uint8 and tim(frames, 14).shape == (14, 6, 5, 3)
    assert np.array_equal(tim(frames, 14), np.clip(np.rint(tim(frames.astype(float), 14)), 0, 255))
    assert tim(frames.astype(np.float32), 4).dtype == np.float32 and tim(frames.astype(np.int16) - 200, 20).dtype == np.int16
    jump = np.repeat(np.array([0, 255], np.uint8), 5)[:, None]
    assert tim(jump, 40).max() == 255 and tim(jump, 40).min() == 0                 # rings beyond both ends, and does not wrap around
    before = frames.copy()
    tim(frames, 9)[:] = 0
    assert np.array_equal(frames, before)


@settings(max_examples=60, deadline=None)
@given(t=st.integers(1, 80), n=st.integers(1, 80), jitter=st.floats(0, 1), seed=st.integers(0, 9))
def test_uniform_indices(t, n, jitter, seed):
    index = uniform_index(t, n, jitter=jitter, seed=seed)
    even = np.linspace(0, t - 1, n) if n > 1 else np.array([(t - 1) / 2])
    assert len(index) == n and (np.diff(index) >= 0).all() and index.min() >= 0 and index.max() < t
    assert np.abs(index - even).max() <= 0.5 + 1e-9 + (jitter * (t - 1) / (n - 1) / 2 if n > 1 else 0)
    assert n == 1 or (index[0] == 0 and index[-1] == t - 1)
    assert np.array_equal(index, uniform_index(t, n, jitter=jitter, seed=seed)) and np.array_equal(uniform_index(t, n, seed=seed), uniform_index(t, n))
    if n <= t: assert len(np.unique(uniform_index(t, n))) == n


def test_jitter_and_even_sampling_are_not_mixed_up():
    "Without jitter every draw is the even one; with it most draws are not"
    assert all(np.array_equal(uniform_index(60, 10, seed=s), uniform_index(60, 10)) for s in range(20))
    assert np.mean([np.array_equal(uniform_index(60, 10, jitter=1.0, seed=s), uniform_index(60, 10)) for s in range(50)]) == 0


def test_repeats_are_said():
    frames = film((5, 4, 4))
    with pytest.warns(MekitWarning, match="3 of them are repeats"): assert len(uniform(frames, 8)) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(uniform(frames, 3), frames[[0, 2, 4]])


# ---- HOOF

@settings(max_examples=30, deadline=None)
@given(bins=st.integers(2, 24), rows=st.integers(1, 7), columns=st.integers(1, 7), symmetric=st.booleans(), seed=st.integers(0, 99))
def test_hoof_keeps_the_mass(bins, rows, columns, symmetric, seed):
    uv = field(seed=seed)
    mass = hoof(uv, bins=bins, blocks=(rows, columns), symmetric=symmetric, normalise=False)
    assert mass.shape == (2, rows * columns, bins) and np.allclose(mass.sum((1, 2)), np.hypot(uv[:, 0], uv[:, 1]).sum((1, 2)))
    assert np.allclose(hoof(uv, bins=bins, symmetric=symmetric).sum(-1), 1)
    assert np.array_equal(hoof(uv, bins=bins, weighting="count", normalise=False).sum((1, 2)), [1200, 1200])


@pytest.mark.parametrize("bins", [4, 8, 12])
def test_hoof_turns_and_mirrors_with_the_field(bins):
    uv = field()
    turned = np.stack([uv[:, 1], -uv[:, 0]], 1)            # a quarter turn counter-clockwise on the screen: right becomes up
    mirrored = uv * np.array([-1, 1])[:, None, None]
    plain = hoof(uv, bins=bins)
    assert np.allclose(hoof(turned, bins=bins), np.roll(plain, bins // 4, -1))
    assert np.allclose(hoof(mirrored, bins=bins), plain[..., (bins // 2 - np.arange(bins)) % bins])
    assert np.allclose(hoof(mirrored, bins=bins, symmetric=True), hoof(uv, bins=bins, symmetric=True))


@pytest.mark.parametrize("symmetric", [False, True])
def test_hoof_of_one_direction(symmetric):
    for k, angle in enumerate(directions(8, symmetric=symmetric)):
        uv = np.stack([np.full((9, 9), np.cos(angle)), np.full((9, 9), -np.sin(angle))])[None] * 0.2
        assert np.allclose(hoof(uv, symmetric=symmetric, normalise=False)[0, 0], 0.2 * 81 * (np.arange(8) == k))


def test_hoof_at_rest_and_below_the_least():
    assert (hoof(np.zeros((1, 2, 9, 9))) == 0).all() and (hoof(field() * 0.01, least=0.1) == 0).all()
    assert (hoof(np.zeros((1, 2, 9, 9)), weighting="count") == 0).all()


def test_hoof_of_masks():
    uv, left = field(), np.zeros((30, 40), bool)
    left[:, :20] = True
    assert np.allclose(hoof(uv, regions={"left": left, "right": ~left}), hoof(uv, blocks=(1, 2)))


# ---- MDMO

def test_mdmo_regions_do_not_overlap_and_mirror():
    face = mdmo_map(FACE, (96, 96))
    assert len(NAMES) == 36 and set(np.unique(face)) == set(range(-1, 36))
    swap = np.array([NAMES.index(n[:-2] + {"L": "_R", "R": "_L"}[n[-1]]) if n[-2:] in ("_L", "_R") else k for k, n in enumerate(NAMES)])
    mirrored = np.where(face >= 0, swap[face], -1)[:, ::-1]
    assert (mirrored != face).mean() < 0.02          # pixels on a border between two regions


@pytest.mark.parametrize("angle", [0, 37, 90, 180, 200, 315])
def test_mdmo_of_one_movement(angle):
    uv = 0.4 * np.array([np.cos(np.radians(angle)), -np.sin(np.radians(angle))])[None, :, None, None] * np.ones((3, 2, 96, 96))
    rho, theta = mdmo(uv, FACE, scale="px").T
    assert np.allclose(rho, 0.4) and np.allclose(np.exp(1j * theta), np.exp(1j * np.radians(angle)))
    assert np.allclose(mdmo(uv, FACE)[:, 0], 1) and np.allclose(mdmo(uv, FACE, scale="iod", iod=40)[:, 0], 1)
    assert np.allclose(mdmo(uv, FACE, scale="px", polar=False), rho[:, None] * np.stack([np.cos(theta), np.sin(theta)], 1))


def test_mdmo_keeps_the_majority():
    "Two thirds of each region move right, a third moves left and four times as far"
    uv = np.zeros((1, 2, 96, 96))
    uv[:, 0] = np.where(np.indices((96, 96)).sum(0) % 3 == 0, -4.0, 1.0)
    rho, theta = mdmo(uv, FACE, scale="px").T
    big = np.bincount(mdmo_map(FACE, (96, 96))[mdmo_map(FACE, (96, 96)) >= 0]) > 12
    assert np.allclose(rho[big], 1) and np.allclose(theta[big], 0) and big.sum() > 25


def test_mdmo_recovers_the_pull_of_action_units(smile):
    clip, truth = smile
    found = mdmo(truth, clip.truth.landmarks[0], scale="iod", iod=clip.iod)
    for name, unit, landmark, size in (("mouth_corner_L", 12, 54, 2.0), ("mouth_corner_R", 12, 48, 2.0), ("brow_inner_L", 4, 22, 1.5), ("brow_inner_R", 4, 21, 1.5)):
        x, y = displacement(unit)[landmark]
        rho, theta = found[NAMES.index(name)]
        assert abs(np.angle(np.exp(1j * (theta - np.arctan2(-y, x))))) < np.radians(20) and 0.75 * size < rho < 1.02 * size, name
    assert mdmo(clip, scale="iod").shape == (36, 2)


def test_mdmo_of_a_mirrored_face():
    y, x = np.mgrid[:96, :96]
    uv = np.stack([np.sin(x / 17) + 0.2, np.cos(y / 23 + x / 40)])[None]
    mirrored = uv[..., ::-1] * np.array([-1, 1])[:, None, None]
    other = (FACE * (-1, 1) + (95, 0))[MIRROR]
    here, there = mdmo(uv, FACE, scale="px", polar=False), mdmo(mirrored, other, scale="px", polar=False)
    swap = [NAMES.index(n[:-2] + {"L": "_R", "R": "_L"}[n[-1]]) if n[-2:] in ("_L", "_R") else k for k, n in enumerate(NAMES)]
    assert np.median(np.abs(there[swap] * (-1, 1) - here)) < 0.02


def test_mdmo_leaves_out_a_frame_with_itself():
    uv = np.concatenate([np.zeros((1, 2, 96, 96)), np.ones((2, 2, 96, 96))]).astype(np.float32)
    assert np.allclose(mdmo(Flow(uv, np.array([[0, 0], [0, 1], [0, 2]])), FACE, scale="px")[:, 0], 2**0.5)
    assert (mdmo(np.zeros((2, 2, 96, 96)), FACE) == 0).all()


def test_mdmo_says_what_is_out_of_the_picture():
    with pytest.warns(MekitWarning, match="forehead"): found = mdmo(np.ones((1, 2, 96, 96)), FACE - (0, 35), scale="px")
    assert found[NAMES.index("forehead_inner_L"), 0] == 0 and found[NAMES.index("chin"), 0] > 1


# ---- 3D gradients

@pytest.mark.parametrize("solid, faces, between", [("icosahedron", 20, 5**0.5 / 3), ("dodecahedron", 12, 1 / 5**0.5)])
def test_solids_and_quantisation(solid, faces, between):
    axes = solid_axes(solid)
    assert axes.shape == (faces, 3) and np.allclose(np.linalg.norm(axes, axis=1), 1) and np.isclose(np.sort(axes @ axes[3])[-2], between)
    assert np.allclose(quantise(2.5 * axes, axes), 2.5 * np.eye(faces), atol=1e-6)
    g = np.random.default_rng(0).normal(size=(500, 3))
    assert np.allclose(np.linalg.norm(quantise(g, axes), axis=1), np.linalg.norm(g, axis=1)) and (quantise(g, axes) >= 0).all()


def test_hog3d_against_one_gradient_of_the_whole_film():
    frames = np.random.default_rng(0).normal(100, 9, (11, 25, 31))
    later, down, right = np.gradient(frames)
    edges = [np.arange(3 * c + 1) * s // (3 * c) for c, s in zip((2, 3, 4), frames.shape)]
    votes = np.zeros((2, 3, 4, 20))
    for k, j, i in np.ndindex(6, 9, 12):
        box = tuple(slice(e[p], e[p + 1]) for e, p in zip(edges, (k, j, i)))
        votes[k // 3, j // 3, i // 3] += quantise(np.array([right[box].mean(), -down[box].mean(), later[box].mean()]), solid_axes())
    assert np.allclose(hog3d(frames, cells=(2, 3, 4), normalise=False), votes.ravel())
    assert np.allclose(hog3d(frames, cells=(2, 3, 4)), votes.ravel() / np.linalg.norm(votes))


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(0.05, 50), offset=st.floats(-100, 100), seed=st.integers(0, 9))
def test_hog3d_does_not_see_gain_and_offset(gain, offset, seed):
    frames = np.random.default_rng(seed).normal(0, 5, (6, 12, 12))
    assert np.allclose(hog3d(gain * frames + offset), hog3d(frames), atol=1e-7)


def test_hog3d_mirrors_and_rests():
    axes, frames = solid_axes(), np.random.default_rng(0).normal(0, 5, (6, 24, 24))
    plain = hog3d(frames, cells=(1, 1, 2)).reshape(2, 20)
    for flip, reverse, cells in (((1, 1, -1), np.s_[::-1], 1), ((-1, 1, 1), None, -1)):
        moved = frames[::-1] if reverse is not None else frames[..., ::-1]
        order = [int((axes @ (a * flip)).argmax()) for a in axes]
        assert np.allclose(hog3d(moved, cells=(1, 1, 2)).reshape(2, 20)[::cells, order], plain)
    assert (hog3d(np.full((6, 12, 12), 200, np.uint8)) == 0).all() and hog3d(frames).shape == (640,)
    assert np.allclose(hog3d(frames, signed=False), hog3d(-frames, signed=False)) and hog3d(frames, signed=False).shape == (320,)


# ---- transformers

def test_transformers_follow_scikit_learn(smile):
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC
    clips = [film((n, 24, 24), seed=n, levels=256) for n in (5, 8, 11, 14)]
    way = make_pipeline(TIM(n=9), LBPTOP(blocks=(2, 2)), SVC(kernel="linear"))
    same = clone(way.set_params(lbptop__radius=2))
    assert same.named_steps["lbptop"].get_params() == {**LBPTOP(blocks=(2, 2)).get_params(), "radius": 2} and same.named_steps["lbptop"] is not way.named_steps["lbptop"]
    assert same.fit(clips, [0, 1, 0, 1]).predict(clips).tolist() == [0, 1, 0, 1] and len(same[1].get_feature_names_out()) == 4 * 3 * 59
    assert repr(same[1]) == "LBPTOP(radius=2, blocks=(2, 2))" and np.array_equal(same[:-1].transform(clips), way[:-1].fit_transform(clips))


@pytest.mark.parametrize("maker", [LBPTOP(blocks=(2, 3)), LBPTOP(points=6, uniform=False, blocks=(1, 1)), HOG3D(cells=(1, 2, 2)), HOG3D(signed=False, solid="dodecahedron"),
                                   HOOF(blocks=(2, 2), bins=5), HOOF(regions=True, pairs="apex"), MDMO(), MDMO(polar=False, pairs="apex")], ids=repr)
def test_names_and_rows(maker, smile):
    clip, truth = smile
    rows = maker.fit_transform([clip, clip[:10]])
    assert rows.shape == (2, len(maker.get_feature_names_out())) and len(set(maker.get_feature_names_out())) == rows.shape[1] and np.isfinite(rows).all()
    assert np.array_equal(rows, maker.transform([clip, clip[:10]]))
    assert type(maker)(**maker.get_params()).get_params() == maker.get_params()


def test_transformers_take_flows(smile):
    clip, truth = smile
    assert np.allclose(HOOF().transform([truth, Flow(truth, np.array([[0, 1]]))]), hoof(truth)[:, 0])
    several = hoof(UV, normalise=False)[:, 0].sum(0)               # of all fields together, so that long ones count more
    assert np.allclose(HOOF().transform([UV])[0], several / several.sum()) and np.allclose(HOOF(normalise=False).transform([UV])[0], several)
    assert np.allclose(MDMO().transform([(truth, clip.truth.landmarks[0])]), mdmo(truth, clip.truth.landmarks[0]).ravel())


def test_resamplers_take_clips_of_any_length():
    clips = [film((n, 6, 6)) for n in (4, 9)]
    assert [c.shape for c in TIM(n=7).transform(clips)] == [(7, 6, 6)] * 2
    assert [c.shape for c in Uniform(n=4).fit_transform(clips)] == [(4, 6, 6)] * 2


def test_a_bad_sample_is_named(smile):
    clip, _ = smile
    with pytest.raises(MekitError, match=r"LBPTOP, sample 1 \(synthetic.*7 frames or more"): LBPTOP().transform([clip, clip[:4]])


def test_the_table_is_true(smile):
    clip, truth = smile
    length = {"lbptop": lbptop(film((10, 112, 112))).size, "hoof": hoof(truth).size, "mdmo": mdmo(truth, clip.truth.landmarks[0]).size, "hog3d": hog3d(clip).size}
    table = features()
    assert {name: int(table.loc[name, "length"].split("= ")[1]) for name in length} == length and list(table.index) == ["lbptop", "hoof", "mdmo", "hog3d", "tim", "uniform"]


def test_scikit_learn_is_not_imported():
    code = "import sys; from mekit.motion.features import LBPTOP; import numpy as np; LBPTOP(blocks=(1, 1)).fit_transform([np.zeros((7, 9, 9), np.uint8)]); sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# ---- bad input

GREY, UV = film((8, 20, 20)), field()


@pytest.mark.parametrize("call, message", [
    (lambda: lbptop(GREY.astype(float)), "uint8, received float64"), (lambda: lbptop(np.full((8, 20, 20), np.nan)), "Round them"),
    (lambda: lbptop(GREY[:6]), "7 frames or more"), (lambda: lbptop(GREY[:1]), "7 frames or more"), (lambda: lbptop(GREY[:0]), "at least one frame"),
    (lambda: lbptop(GREY[:, :13]), "14 x 14 pixels or more"), (lambda: lbptop(GREY[0]), "no time"), (lambda: lbptop(GREY[..., None, None]), "t h w"),
    (lambda: lbptop([GREY[0], GREY[1, :9]]), "one size"), (lambda: lbptop("film.mp4"), "read_clip"), (lambda: lbptop(None), "NoneType"),
    (lambda: lbptop(GREY, radius=0), "radius as a whole number"), (lambda: lbptop(GREY, radius=1.5), "whole"), (lambda: lbptop(GREY, overlap=1.0), "overlap as a number"),
    (lambda: lbptop(GREY, overlap=np.nan), "overlap"), (lambda: lbptop(GREY, blocks=8), "down, across"), (lambda: lbptop(GREY, blocks=(0, 1)), "whole number"),
    (lambda: lbptop(GREY, points=3), "points"), (lambda: lbptop(GREY, uniform=1), "True or False"), (lambda: lbptop(GREY, radius_t=True), "radius_t"),
    (lambda: tim(GREY[:1], 5), "two frames or more"), (lambda: tim(GREY, 1), "n as a whole"), (lambda: tim(GREY, 2.5), "n as a whole"), (lambda: tim(np.zeros(5), 3), "None"),
    (lambda: tim(np.full((4, 2), np.inf), 3), "finite"), (lambda: tim(np.array([["a"]] * 3), 3), "whole numbers"), (lambda: tim(GREY.astype(np.float16), 3), "float32"),
    (lambda: tim([GREY[0], GREY[0, :4]], 3), "one size"), (lambda: uniform(GREY, 0), "n as a whole"), (lambda: uniform_index(5, 3, jitter=-1), "jitter"), (lambda: uniform(GREY[:0], 3), "shape"),
    (lambda: hoof(UV[0]), "uv\\[None\\]"), (lambda: hoof(UV[:, :1]), "n 2 h w"), (lambda: hoof(UV * np.nan), "finite"), (lambda: hoof(UV[:0]), "at least one field"),
    (lambda: hoof(UV, bins=1), "bins"), (lambda: hoof(UV, weighting="energy"), "unknown weighting"), (lambda: hoof(UV, blocks=(31, 1)), "1 to 30"), (lambda: hoof(UV, blocks=2), "down, across"),
    (lambda: hoof(UV, regions=[]), "at least one region"), (lambda: hoof(UV, regions=[np.ones((30, 40))]), "masks of bool"), (lambda: hoof(UV, blocks=(2, 2), regions=[np.ones((30, 40), bool)]), "received both"),
    (lambda: hoof(UV, least=-1), "least"), (lambda: mdmo(UV), "landmarks of the frame"), (lambda: mdmo(UV, FACE[:20]), "68"), (lambda: mdmo(UV, FACE + 500), "at least half"),
    (lambda: mdmo(UV, FACE * np.nan), "finite landmarks"), (lambda: mdmo(UV, FACE, scale="pixel"), "unknown scale"), (lambda: mdmo(UV, FACE, iod=0), "iod"),
    (lambda: mdmo(Flow(UV[:1], np.array([[2, 2]])), FACE), "different frames"),
    (lambda: hog3d(GREY[:5]), "6 frames of 12 x 12"), (lambda: hog3d(GREY * np.nan), "finite grey"), (lambda: hog3d(GREY, solid="cube"), "unknown solid"),
    (lambda: hog3d(GREY, cells=(1, 2)), "in time"), (lambda: hog3d(GREY[:1], cells=(1, 1, 1), parts=1), "2 frames"), (lambda: hog3d(GREY, parts=0), "parts"),
    (lambda: LBPTOP().fit([]), "at least one sample"), (lambda: LBPTOP().transform(Clip(film((8, 20, 20, 3)))), "a list of clips"), (lambda: TIM().transform([GREY, GREY[:1]]), "TIM, sample 1"),
    (lambda: MDMO().transform([UV]), "pairs \\(flow, landmarks\\)"), (lambda: HOOF(regions=True).transform([UV]), "clips for regions"), (lambda: TIM().get_feature_names_out(), "no columns"),
])
def test_bad_input(call, message):
    with pytest.raises(MekitError, match=message): call()


@pytest.mark.parametrize("call", [lambda: lbptop(GREY, radus=2), lambda: hoof(UV, bin=3), lambda: LBPTOP(block=(1, 1)), lambda: MDMO().set_params(scales="px"), lambda: tim(GREY, m=3)])
def test_unknown_options(call):
    with pytest.raises(TypeError, match="unknown option"): call()


def test_nothing_given_is_changed():
    grey, uv = GREY.copy(), UV.copy()
    lbptop(grey), hog3d(grey), tim(grey, 12), uniform(grey, 3), hoof(uv), mdmo(np.ones((1, 2, 96, 96)), FACE)
    assert np.array_equal(grey, GREY) and np.array_equal(uv, UV)


@pytest.mark.slow
def test_on_a_real_face(video):
    import mekit as me
    clip = me.crop(me.read(video, start=100, stop=112))
    rows = [maker.fit_transform([clip])[0] for maker in (LBPTOP(), HOOF(blocks=(4, 4)), MDMO(), HOG3D())]
    assert [len(r) for r in rows] == [11_328, 128, 72, 640] and all(np.isfinite(r).all() and r.any() for r in rows)
