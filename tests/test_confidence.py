"Consistency and confidence: exact where the truth is known, low where nothing can be known, falling errors on drawn faces"
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError
from mekit.motion.confidence import confidence, consistency, left_over, unseen
from mekit.motion.fields import Flow, as_bytes, random_texture, shifted
from mekit.motion.flow import flow

DOTS = random_texture(96, finest=.2)


def constant(u, v, size=48): return np.broadcast_to(np.array([u, v], np.float32)[:, None, None], (2, size, size))[None].copy()


@settings(max_examples=25, deadline=None)
@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-2, 2), st.floats(-2, 2))
def test_a_shift_and_its_way_back(u, v, du, dv):
    found = consistency(constant(u, v), constant(-u + du, -v + dv))
    assert np.allclose(found.error, np.hypot(du, dv), atol=1e-4)


def test_out_of_the_picture_is_occluded():
    found = consistency(constant(5, 0), constant(-5, 0)).occluded[0]
    assert found[:, -5:].all() and not found[:, :-5].any()


def test_what_is_forgiven():
    off = constant(1, 0), constant(-.6, 0)
    assert consistency(*off).occluded[0, :, :-1].mean() == 0 and consistency(*off, slack=.1, share=0.).occluded.all()
    assert consistency(constant(0, 0), constant(.3, 0)).occluded.all() and not consistency(constant(0, 0), constant(.2, 0)).occluded.any()


def test_a_flow_or_its_array():
    f = Flow(constant(1, 0), np.array([[0, 1]]))
    assert np.array_equal(consistency(f, constant(-1, 0)).error, consistency(constant(1, 0), constant(-1, 0)).error)
    assert "1 pairs" in repr(consistency(f, constant(-1, 0)))


def test_structure_sees_across_and_not_along():
    bars = np.tile(DOTS[:1], (96, 1)).astype(np.float32)
    assert unseen(bars, 1.)[16:-16, 16:-16].min() > 10 > .3 > unseen(DOTS.astype(np.float32), 1.).max()
    assert np.allclose(unseen(DOTS.astype(np.float32), 2.), 2 * unseen(DOTS.astype(np.float32), 1.))


@pytest.mark.parametrize("light", [lambda x: x, lambda x: .7 * x + 20], ids=["same", "darker"])
def test_the_remainder_grows_with_the_error(light):
    a, b = DOTS.astype(np.float32), light(shifted(DOTS, .5, 0)).astype(np.float32)
    rest = [left_over(a, b, constant(.5 + off, 0, 96)[0])[16:-16, 16:-16].mean() for off in (0, .25, .5, 1.)]
    assert rest[0] < .1 and rest == sorted(rest)


@pytest.mark.parametrize("method", ["dis", "farneback", "phase"])
def test_confident_on_texture_and_not_on_a_wall(method):
    half = DOTS.copy()
    half[:, 48:] = 120
    noisy = [as_bytes(x, noise=1., seed=k) for k, x in enumerate((half, half))]
    found = confidence(tuple(noisy), pairs=[(0, 1)], method=method)[0]
    assert found.shape == (96, 96) and found.dtype == np.float32 and 0 <= found.min() and found.max() <= 1
    assert np.median(found[8:-8, 8:36]) > .7 and found[8:-8, 64:-8].max() < .3


def test_one_colour_a_cut_and_saturation():
    flat, white, dots, other = np.full((96, 96), 90, np.uint8), np.full((96, 96), 255, np.uint8), as_bytes(DOTS), as_bytes(random_texture(96, seed=5, finest=.2))
    assert confidence((flat, flat), pairs=[(0, 1)]).max() < 1e-4 and confidence((white, white), pairs=[(0, 1)]).max() < 1e-4
    with pytest.warns(UserWarning, match="hardly show the same"): assert np.median(confidence((dots, other), pairs=[(0, 1)])) < .3


def test_error_falls_as_confidence_rises():
    "Spearman's rank correlation and a staircase, on a drawn face over which the camera drifts"
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU12": 2.}, duration_ms=100, fps=60., size=128, nuisance=dict(noise=1., gradient=.05, translation=1.))
    at = clip.label.apex
    seen, truth = np.asarray(clip.truth.valid[at]), np.asarray(clip.truth.flow[at])
    for method, least in (("dis", .6), ("farneback", .6), ("phase", .25)):
        found = flow(clip, pairs="apex", method=method)
        belief, error = confidence(clip, flow=found)[0][seen], np.hypot(*(found.uv[0] - truth))[seen]
        ranks = [np.argsort(np.argsort(x, kind="stable"), kind="stable") for x in (belief, -error)]
        assert np.corrcoef(*ranks)[0, 1] > least, method
        steps = [part.mean() for part in np.array_split(error[np.argsort(belief, kind="stable")], 5)]
        assert steps[0] > 2 * steps[-1], method


def test_the_flow_that_is_given_decides(monkeypatch):
    frames = np.stack([as_bytes(shifted(DOTS, s, 0)) for s in (0, .3, .6)])
    given_ = flow(frames, method="farneback", pairs=[(0, 2), (1, 2)], params=dict(window=15))
    import mekit.motion.confidence as m
    asked, real = [], m.compute_flow
    monkeypatch.setattr(m, "compute_flow", lambda source, **options: asked.append(options) or real(source, **options))
    first = confidence(frames, flow=given_)
    assert len(asked) == 1 and asked[0]["method"] == "farneback" and asked[0]["params"]["window"] == 15 and asked[0]["pairs"].tolist() == [[2, 0], [2, 1]]
    back = real(frames, method="farneback", pairs=given_.pairs[:, ::-1], params=given_.params)
    assert np.array_equal(confidence(frames, flow=given_, backward=back), first) and len(asked) == 1
    assert np.array_equal(confidence(frames, method="farneback", pairs=[(0, 2), (1, 2)], params=dict(window=15)), first)


def test_truth_is_believed_where_it_exists():
    from mekit.data.synthetic import synthesize
    clip = synthesize({"AU12": 2.}, duration_ms=100, fps=60., size=128)
    assert np.array_equal(confidence(clip, method="truth", pairs="apex")[0] > 0, np.asarray(clip.truth.valid[clip.label.apex]))


@pytest.mark.parametrize("call, message", [
    (lambda f: consistency(f.uv[0], f.uv[0]), "flows"), (lambda f: consistency(f.uv * np.nan, f.uv), "finite displacements"),
    (lambda f: consistency(f, f.uv[..., :9]), "two flows of one shape"), (lambda f: consistency(f, f, slack=-1.), "slack as a number"),
    (lambda f: confidence(np.stack([DOTS, DOTS])[:, :48, :48], flow=f), "backward="), (lambda f: confidence(np.stack([DOTS, DOTS]), half=0), "half as a number"),
    (lambda f: confidence(np.stack([DOTS, DOTS]), flow=f.uv), "flow= as a Flow"), (lambda f: confidence(np.stack([DOTS, DOTS]), flow=f, backward=f), "a flow of these 2 frames")])
def test_bad_input(call, message):
    with pytest.raises(MekitError, match=message): call(Flow(constant(0, 0), np.array([[0, 1]])))


def test_unknown_options():
    with pytest.raises(TypeError, match="Did you mean 'slack'"): consistency(constant(0, 0), constant(0, 0), slak=1.)
    with pytest.raises(TypeError, match="Did you mean 'method'"): confidence((DOTS, DOTS), methd="dis")
