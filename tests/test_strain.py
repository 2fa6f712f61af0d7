"Strain: fields whose strain is known everywhere, borders included; numpy and torch alike"
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from mekit.core import MekitError
from mekit.motion.flow import Flow
from mekit.motion.strain import area_resize, network_input, strain

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
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=4, size=0), "one pixel"),
    (lambda: network_input(np.zeros((1, 2, 8, 8)), iod=4, scaling="minmax"), "unknown scaling"),
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


def test_motion_does_not_import_torch():
    code = "import sys, numpy as np; from mekit.motion.strain import strain; strain(np.zeros((1, 2, 8, 8))); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
