"Strain: fields whose strain is known everywhere, borders included; numpy and torch alike"
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from mekit.core import MekitError
from mekit.data.clip import Clip
from mekit.motion.flow import Flow
from mekit.motion.strain import area_resize, displacement_gradient, magnitude, network_input, strain, strain_tensor
from mekit.motion.tensor import area_ratio, curl, divergence, folded, green_lagrange, principal

Y, X = np.mgrid[:40, :56].astype(float)
small = st.floats(-.2, .2, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(a=small, b=small, c=small, d=small, u=st.floats(-9, 9), v=st.floats(-9, 9))
def test_every_linear_field(a, b, c, d, u, v):
    field = np.stack([a * X + b * Y + u, c * X + d * Y + v])[None]
    assert np.abs(strain(field) - np.sqrt(a * a + d * d + .5 * (b + c)**2)).max() < 1e-9


@settings(max_examples=20, deadline=None)
@given(angle=small)
def test_infinitesimal_rotation_has_none(angle): assert strain(np.stack([-angle * Y, angle * X])[None]).max() < 1e-9


def test_quadratic_fields_are_exact_at_the_border():
    field = np.stack([.01 * X**2, 0 * X])[None]
    assert np.abs(strain(field)[0] - .02 * X).max() < 1e-9


def test_spacing(): assert strain(np.stack([.02 * X, .02 * Y])[None], 2.) == pytest.approx(.01 * 2**.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_is_numpy(dtype):
    uv = np.random.default_rng(0).normal(size=(3, 2, 17, 23))
    ours = strain(torch.tensor(uv, dtype=dtype))
    assert ours.dtype == dtype and np.abs(ours.numpy() - strain(uv)).max() < 1e-5
    both = network_input(torch.tensor(uv, dtype=dtype), iod=20, size=8), network_input(uv, iod=20, size=8)
    assert np.abs(both[0].numpy() - both[1]).max() < 1e-3 and both[1].dtype == np.float32


def test_gradient_at_rest_is_zero():
    uv = torch.zeros(1, 2, 5, 5, requires_grad=True)
    strain(uv).sum().backward()
    assert (uv.grad == 0).all()


def test_whole_numbers_and_flow():
    uv = np.stack([X, Y])[None]
    assert strain(uv.astype(int)) == pytest.approx(2**.5)
    assert strain(Flow(uv.astype(np.float32), np.array([[0, 1]]))) == pytest.approx(2**.5)


@pytest.mark.parametrize("size", [(28, 28), (10, 7), (40, 56)])
def test_area_resize_is_opencv(size):
    image = np.random.default_rng(1).normal(size=(40, 56)).astype(np.float32)
    assert np.abs(area_resize(image[None], size)[0] - cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)).max() < 1e-5


def test_same_expression_in_any_resolution():
    def pull(n):
        y, x = (np.mgrid[:n, :n] + .5) / n
        g = .01 * n * np.exp(-((x - .4)**2 + (y - .6)**2) / .02)
        return np.stack([g, -g])[None]
    a, b = (network_input(pull(n), iod=.4 * n) for n in (128, 256))
    assert np.abs(a - b).max() < .05 and np.abs(a).max() > 1


@pytest.mark.parametrize("call, message", [
    (lambda: strain(np.zeros((2, 8, 8))), "uv\\[None\\]"),
    (lambda: strain(np.zeros((1, 3, 8, 8))), "n 2 h w"),
    (lambda: strain(np.zeros((1, 2, 8, 8)), "a"), "positive spacing"), (lambda: strain(np.zeros((1, 2, 8, 8)), np.inf), "positive spacing"),
    (lambda: strain(np.zeros((1, 2, 8, 8)), np.nan), "positive spacing"), (lambda: strain(np.zeros((1, 2, 8, 8)), True), "positive spacing"),
    (lambda: strain(np.zeros((1, 2, 2, 8))), "3 pixels"),
    (lambda: strain(np.full((1, 2, 8, 8), np.inf)), "finite"),
    (lambda: strain(torch.full((1, 2, 8, 8), torch.nan)), "finite"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=0), "iod=0"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=float("nan")), "iod=nan"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod="4"), "iod='4'"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=True), "iod=True"),
    (lambda: strain(Clip(np.zeros((3, 8, 8, 3), np.uint8))), "received Clip.*flow"),
    (lambda: strain("film.mp4"), "received str"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=4, size=0), "one pixel"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=4, scaling="minmx"), "Did you mean 'minmax'"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=4, size=(3, 4, 5)), "whole number or"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=4, size=2.5), "whole number or"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=4, size=True), "whole number or"),
    (lambda: strain(np.zeros((1, 2, 8, 8)), 2., meb_compat=True), "spacing=1"),
    (lambda: principal(np.zeros((1, 2, 8, 8))), "n 3 h w"), (lambda: curl(np.zeros((2, 8, 8))), "n 2 h w"),
    (lambda: green_lagrange(torch.full((1, 2, 8, 8), torch.inf)), "finite"),
])
def test_bad_input(call, message):
    with pytest.raises(MekitError, match=message): call()


def test_drift_is_no_strain_in_truth_but_is_in_the_estimate():
    "What the notebook says of a drifting head: the formula is blind to it, the estimated field is not"
    from mekit.data.synthetic import synthesize
    from mekit.motion.flow import flow
    drift = synthesize((), fps=20, nuisance={"translation": 2.})
    far = int(np.linalg.norm(drift.truth.nuisance["translation"], axis=1).argmax())
    assert strain(np.asarray(drift.truth.flow[far])[None]).max() < 1e-6
    assert strain(flow(drift, pairs=[(drift.label.onset, far)])).mean() > .002


def test_strain_does_not_import_torch():
    code = "import sys, numpy as np; from mekit.motion.tensor import curl; curl(np.zeros((1, 2, 8, 8))); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def turned(degrees, at=(20., 28.), field=None):
    "The displacement of a rigid turn about a point, applied after `field`"
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    x, y = (X, Y) if field is None else (X + field[0], Y + field[1])
    return np.stack([c * (x - at[1]) - s * (y - at[0]) + at[1] - X, s * (x - at[1]) + c * (y - at[0]) + at[0] - Y])[None]


@settings(max_examples=40, deadline=None)
@given(a=small, b=small, c=small, d=small, u=st.floats(-9, 9), v=st.floats(-9, 9))
def test_tensor_of_every_linear_field(a, b, c, d, u, v):
    field = np.stack([a * X + b * Y + u, c * X + d * Y + v])[None]
    rows, columns = [0, -1, 20], [0, -1, 31]
    def same(got, truth): return np.abs(got[0][..., rows, columns] - np.asarray(truth)[..., None]).max() < 1e-9
    assert same(displacement_gradient(field), [[a, b], [c, d]]) and same(strain_tensor(field), [a, d, (b + c) / 2])
    assert same(divergence(field), a + d) and same(curl(field), c - b) and same(area_ratio(field), (1 + a) * (1 + d) - b * c)
    G = np.array([[a, b], [c, d]])
    E = (G + G.T + G.T @ G) / 2
    assert same(green_lagrange(field), [E[0, 0], E[1, 1], E[0, 1]])
    values, vectors = np.linalg.eigh(E)
    found = principal(green_lagrange(field))
    assert same(found.first, values[1]) and same(found.second, values[0])
    if values[1] - values[0] > 1e-6: assert abs(found.direction[0, :, 3, 3] @ vectors[:, 1]) > 1 - 1e-6
    assert np.abs(magnitude(strain_tensor(field)) - strain(field)).max() < 1e-12


@settings(max_examples=15, deadline=None)
@given(degrees=st.floats(-90, 90))
def test_green_lagrange_of_a_rigid_turn_is_zero(degrees):
    assert np.abs(green_lagrange(turned(degrees))).max() < 1e-9 and np.abs(area_ratio(turned(degrees)) - 1).max() < 1e-9


def test_green_lagrange_five_degrees_in_single_precision(): assert magnitude(green_lagrange(turned(5).astype(np.float32))).max() < 1e-5


def test_green_lagrange_does_not_see_a_turn_after_a_pull():
    pull = np.stack([.8 * np.exp(-((X - 28)**2 + (Y - 20)**2) / 60), 0 * X])
    assert np.abs(green_lagrange(turned(20, field=pull)) - green_lagrange(pull[None])).max() < 1e-9


def test_folds():
    assert not folded(turned(80)).any() and not folded(np.zeros((1, 2, 8, 8))).any()
    mirrored = np.stack([-2 * X, 0 * X])[None]
    assert folded(mirrored).all() and folded(np.stack([-X, -Y])[None]).all()


@pytest.mark.parametrize("function", [displacement_gradient, strain_tensor, divergence, curl, green_lagrange, area_ratio, folded, lambda uv: strain(uv, meb_compat=True)])
def test_every_reading_in_torch_and_batches(function):
    uv = np.random.default_rng(3).normal(size=(4, 2, 9, 12))
    ours = function(torch.tensor(uv))
    assert isinstance(ours, torch.Tensor) and isinstance(function(uv), np.ndarray)
    assert np.abs(ours.numpy().astype(float) - function(uv)).max() < 1e-9
    assert np.array_equal(function(uv[2:3])[0], function(uv)[2])


def test_principal_is_safe_where_nothing_is_stretched():
    leaf = torch.zeros(1, 2, 6, 6, requires_grad=True)
    found = principal(strain_tensor(leaf))
    assert (found.first == 0).all() and (found.direction[:, 0] == 1).all() and (found.direction[:, 1] == 0).all()
    (found.first.sum() + found.direction.sum()).backward()
    assert leaf.grad.isfinite().all()


def test_half_precision_is_worked_in_single():
    uv = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    assert strain(uv.half()).dtype == torch.float32 and strain(np.float16(uv.numpy())).dtype == np.float32
    assert (strain(uv.half()) - strain(uv)).abs().max() < 5e-3


def test_reference_formula():
    "What protocols.md measured of the reference library: a turn counts 1.13, a shift frames the picture with 4, shear beats stretch"
    turn = np.stack([-.1 * Y, .1 * X])[None]
    assert strain(turn, meb_compat=True)[0, 2:-2, 2:-2] == pytest.approx(1.1314, abs=1e-4) and strain(turn).max() < 1e-9
    shift = strain(np.stack([1 + 0 * X, 0 * X])[None], meb_compat=True)[0]
    assert shift[0, 5] == shift[-1, 5] == 4 and shift[5, 0] == pytest.approx(8**.5) and (shift[2:-2, 2:-2] == 0).all()
    shear, stretch = (strain(np.stack(f)[None], meb_compat=True)[0, 5, 5] for f in ((.02 * Y, 0 * X), (.02 * X, 0 * X)))
    assert shear > stretch


def test_reference_formula_is_sobel():
    "Against OpenCV's Sobel, axes exchanged as there"
    uv = np.random.default_rng(4).normal(size=(1, 2, 12, 15)).astype(np.float32)
    def sobel(c, dx, dy): return cv2.Sobel(np.pad(c, 2), cv2.CV_32F, dx, dy)[2:-2, 2:-2]
    u, v = uv[0]
    truth = np.sqrt(sobel(u, 0, 1)**2 + sobel(v, 1, 0)**2 + .5 * (sobel(u, 1, 0)**2 + sobel(v, 0, 1)**2))
    assert np.abs(strain(uv, meb_compat=True)[0] - truth).max() < 1e-4


@pytest.mark.parametrize("size", [(12, 20), (28, 28), (56, 80), 7])
def test_minmax_spans_the_unit_range(size):
    uv = np.random.default_rng(5).normal(size=(3, 2, 40, 56)).astype(np.float32)
    for field in (uv, torch.tensor(uv)):
        x = np.asarray(network_input(field, size=size, scaling="minmax"))
        assert x.shape == (3, 3, *(size if isinstance(size, tuple) else (size, size)))
        assert (x.min((2, 3)) == 0).all() and (x.max((2, 3)) == 1).all()


def test_minmax_knows_no_size_of_face_or_motion():
    uv = np.random.default_rng(6).normal(size=(1, 2, 40, 40))
    assert np.abs(network_input(uv, scaling="minmax") - network_input(3 * uv, iod=77, scaling="minmax")).max() < 1e-5
    assert network_input(3 * uv, iod=40) == pytest.approx(3 * network_input(uv, iod=40), abs=1e-3)


@pytest.mark.parametrize("field", [np.zeros((2, 2, 32, 32)), np.full((2, 2, 32, 32), 1.7, np.float32), np.float32(np.random.default_rng(0).normal(3, 1e-7, (2, 2, 32, 32)))])
def test_minmax_of_what_does_not_vary(field):
    for x in (field, torch.tensor(field)): assert (np.asarray(network_input(x, scaling="minmax")) == 0).all()


def test_minmax_is_one_sample_at_a_time():
    uv = np.random.default_rng(7).normal(size=(4, 2, 20, 20)) * np.array([1, 5, 0, .01])[:, None, None, None]
    together = network_input(uv, scaling="minmax")
    for k in range(4): assert np.array_equal(network_input(uv[k:k + 1], scaling="minmax")[0], together[k])


def test_zero_stays_zero_when_signed():
    uv = np.zeros((1, 2, 64, 64), np.float32)
    uv[:, 1, 40:50, 20:30] = -1
    x = network_input(uv, iod=25, size=16)
    assert (x[:, 0] == 0).all() and (x[:, :, :4] == 0).all() and x[:, 1].min() == pytest.approx(-4, abs=1e-5)
