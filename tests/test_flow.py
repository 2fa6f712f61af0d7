"Flow: sign, pairs, sub-pixel accuracy, threads, and what it refuses"
import subprocess
import sys
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mekit.core import MekitError, MekitWarning
from mekit.data.clip import Clip
from mekit.labels import Label
from mekit.core import Lazy
from mekit.motion.fields import BATCHED, Deferred, random_texture, shifted
from mekit.motion.flow import METHODS, Flow, check_options, flow, halving, purge, register, unexplained


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


# ---------------------------------------------------------------- batches and devices

@pytest.fixture
def batched():
    "A batched method that counts its batches and moves a pair by its mean difference"
    sizes = []
    def mean_push(a, b, *, gain=1.):
        sizes.append(len(a))
        return (gain * (a - b).mean((1, 2)))[:, None, None, None].expand(len(a), 2, *a.shape[1:])
    register("mean_push", mean_push, batched=True)
    yield sizes
    del METHODS["mean_push"]
    BATCHED.discard("mean_push")


def test_names_stay_where_they_were():
    from mekit.motion.flow import MOST_BYTES, RESIDUAL, believed, check_numbers, dis, farneback
    assert METHODS["dis"] is dis and METHODS["farneback"] is farneback and all((MOST_BYTES, RESIDUAL, believed, check_numbers))
    assert set(METHODS) >= {"dis", "farneback", "tvl1", "phase", "raft", "truth"} and BATCHED == {"tvl1", "phase", "raft"}


def test_dis_does_not_wait_for_torch():
    code = "import sys, numpy as np; from mekit.motion.flow import flow; flow(np.zeros((2, 64, 64), np.uint8)); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["False"]


def test_deferred_is_asked_for_its_options_and_then_called():
    later = Deferred("mekit.motion.patches", "dis")
    assert check_options(later, {}, where="x")["patch"] == 12 and later.function is METHODS["dis"]


def test_registering_again_changes_the_kind():
    register("kind", lambda a, b: a, batched=True)
    register("kind", lambda a, b: np.zeros((2, *a.shape), np.float32))
    assert "kind" not in BATCHED
    del METHODS["kind"]


@pytest.mark.parametrize("batch, threads", [(1, 1), (2, 1), (3, 2), (100, 4), (None, None)])
def test_batches_and_threads_change_nothing(frames, batched, batch, threads):
    pairs = [(0, 1), (0, 2), (2, 2), (3, 0), (1, 3)]
    found = flow(frames, method="mean_push", pairs=pairs, batch=batch, threads=threads)
    assert sum(batched) == 4 and max(batched) <= (batch or 4)
    assert [float(u[0, 0, 0]) for u in found.uv] == [pytest.approx(float(frames[i].mean() - frames[j].mean()), abs=1e-3) for i, j in pairs]
    assert found.params == {"gain": 1.}


@pytest.mark.parametrize("method", ["phase", "tvl1"])
def test_a_pair_does_not_depend_on_its_batch(frames, method):
    pairs = [(0, 1), (0, 2), (0, 3), (3, 1), (2, 0)]
    one = flow(frames, method=method, pairs=pairs, batch=1, threads=1).uv
    for batch, threads in ((5, 1), (2, 2), (3, 1)):
        assert np.array_equal(flow(frames, method=method, pairs=pairs[::-1], batch=batch, threads=threads).uv[::-1], one)


def test_torchs_threads_are_put_back(frames):
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        flow(frames[:2], method="phase")
        assert torch.get_num_threads() == 2
    finally: torch.set_num_threads(before)


def short_of_memory(most: int):
    import torch
    def method(a, b):
        if len(a) > most: raise torch.cuda.OutOfMemoryError("out of memory")
        return torch.stack([(a - b).mean((1, 2))] * 2, 1)[:, :, None, None].expand(len(a), 2, *a.shape[1:])
    return method


def test_out_of_gpu_memory_halves_the_batch(frames):
    register("greedy", short_of_memory(2), batched=True)
    try:
        with pytest.warns(MekitWarning, match="no GPU memory for 8 pairs at once; going on with 4") as said:
            found = flow(frames, method="greedy", pairs=[(i, j) for i in range(4) for j in range(4) if i != j], batch=8, threads=1)
        assert any("going on with 2" in str(w.message) for w in said) and said[0].filename == __file__
        assert [float(u[0, 0, 0]) for u in found.uv] == [pytest.approx(float(frames[i].mean() - frames[j].mean()), abs=1e-3) for i, j in found.pairs]
    finally: del METHODS["greedy"]; BATCHED.discard("greedy")


def test_without_memory_for_one_pair_the_run_ends(frames):
    with pytest.warns(MekitWarning, match="going on with 1"), pytest.raises(MekitError, match="GPU memory for one pair"): halving(short_of_memory_for_all, range(3), 2, "x")


def short_of_memory_for_all(part):
    import torch
    raise torch.cuda.OutOfMemoryError("out of memory")


def test_halving_keeps_every_item_once():
    import torch
    for n in range(1, 12):
        for most in range(1, 5):
            done = []
            def run(part):
                if len(part) > most: raise torch.cuda.OutOfMemoryError("out of memory")
                done.extend(part)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                halving(run, range(n), 8, "x")
            assert done == [*range(n)]


def test_another_error_is_not_swallowed(frames):
    def broken(a, b): raise RuntimeError("another one")
    register("broken", broken, batched=True)
    try:
        with pytest.raises(RuntimeError, match="another one"): flow(frames, method="broken")
    finally: del METHODS["broken"]; BATCHED.discard("broken")


@pytest.mark.parametrize("options, message", [
    (dict(device="cuda"), "flow 'dis': expected device 'cpu' or 'auto'"), (dict(method="phase", device="gpu"), "unknown device 'gpu'"),
    (dict(batch=0), "batch as a whole number"), (dict(batch=2.5), "batch as a whole number"), (dict(threads=True), "threads as a whole number"),
    (dict(method="tvl1", params=dict(half=True)), "half precision on a GPU"), (dict(method="truth"), "a synthetic clip")])
def test_devices_and_batches_are_checked(frames, options, message):
    with pytest.raises(MekitError, match=message): flow(frames[:2], **options)


def test_no_gpu_is_said(frames):
    import torch
    if torch.cuda.is_available(): pytest.skip("this machine has a GPU")
    with pytest.raises(MekitError, match="a machine with cuda"): flow(frames[:2], method="phase", device="cuda")


@pytest.mark.parametrize("method", ["phase", "tvl1"])
def test_cpu_and_gpu_agree(frames, method):
    import torch
    if not torch.cuda.is_available(): pytest.skip("no CUDA device")
    cpu, gpu = (flow(frames, method=method, device=d).uv for d in ("cpu", "cuda"))
    assert np.median(np.abs(cpu - gpu)) < 1e-3
    assert np.array_equal(gpu, flow(frames, method=method, device="cuda", batch=2).uv) or np.abs(gpu - flow(frames, method=method, device="cuda", batch=2).uv).max() < 1e-4


def test_torch_frames(frames):
    import torch
    assert np.array_equal(flow(torch.from_numpy(frames)).uv, flow(frames).uv)


# ---------------------------------------------------------------- the truth

@pytest.fixture(scope="module")
def drawn():
    from mekit.data.synthetic import synthesize
    return synthesize({"AU12": 2.}, fps=60, duration_ms=100, size=128, nuisance=dict(translation=2., yaw=3.))


def test_truth_is_the_clips_own_from_its_reference(drawn):
    found, at = flow(drawn, method="truth", pairs=[(drawn.truth.reference, k) for k in range(len(drawn))]), drawn.truth.reference
    assert np.array_equal(found.uv, np.asarray(drawn.truth.flow)) and np.array_equal(found.valid, np.asarray(drawn.truth.valid)) and (found.uv[at] == 0).all()


def test_truth_there_and_back_is_home(drawn):
    a, r = drawn.label.apex, drawn.truth.reference
    there, back = (flow(drawn, method="truth", pairs=[p]) for p in ((r, a), (a, r)))
    from mekit.motion.flow import read_at
    off = np.hypot(*(there.uv[0] + read_at(back.uv[0], there.uv[0])))
    assert np.percentile(off[there.valid[0]], 99) < .02 and back.valid.mean() > .8


def test_truth_of_any_pair_explains_the_frames(drawn):
    from mekit.motion.flow import read_at
    i, j = drawn.label.apex, 0
    found = flow(drawn, method="truth", pairs=[(i, j)])
    first, second = (np.asarray(drawn.frames[k], np.float32).mean(-1) for k in (i, j))
    known = found.valid[0]
    assert np.abs(read_at(second[None], found.uv[0])[0] - first)[known].mean() < .2 * np.abs(second - first)[known].mean()
    same = flow(drawn, method="truth", pairs=[(i, i)])
    assert np.abs(same.uv[0][:, same.valid[0]]).max() < .02


def test_truth_is_refused_without_one(drawn):
    with pytest.raises(MekitError, match="a synthetic clip"): flow(drawn.replace(truth=None), method="truth")


# ---------------------------------------------------------------- the cache

@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MEKIT_CACHE", str(tmp_path))
    return tmp_path / "flow"


def kept(store): return sorted(store.rglob("*.field"))


def counted(monkeypatch):
    import mekit.motion.flow as m
    asked, real = [], m._compute
    monkeypatch.setattr(m, "_compute", lambda method, options, grey, index, uv, todo, **more: asked.extend(todo) or real(method, options, grey, index, uv, todo, **more))
    return asked


def test_kept_fields_are_used_again(frames, store, monkeypatch):
    asked = counted(monkeypatch)
    first = flow(frames, cache=True)
    assert len(kept(store)) == 3 and len(asked) == 3
    again = flow(np.stack([frames[0], frames[2]]), cache=True)          # the same content in another array
    assert len(asked) == 3 and np.array_equal(again.uv[1], first.uv[2])
    assert np.array_equal(flow(frames).uv, first.uv)


@pytest.mark.parametrize("change", ["frame", "order", "option", "method", "code"])
def test_whatever_decides_a_field_is_in_its_key(frames, store, monkeypatch, change):
    flow((frames[0], frames[1]), cache=True)
    options, pair = {}, [frames[0].copy(), frames[1]]
    if change == "frame": pair[0][5, 5] += 1
    if change == "order": pair = pair[::-1]
    if change == "option": options = dict(params=dict(patch=10))
    if change == "method": options = dict(method="farneback")
    if change == "code": monkeypatch.setattr("mekit.motion.flow._code", lambda function: "another text")
    flow(tuple(pair), cache=True, **options)
    assert len(kept(store)) == 2


def test_a_damaged_field_is_computed_again(frames, store):
    whole = flow(frames[:2], cache=True).uv
    (path,) = kept(store)
    for spoil in (lambda raw: raw[:-4], lambda raw: b"", lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:]):
        path.write_bytes(spoil(path.read_bytes()))
        with pytest.warns(MekitWarning, match="damaged"): assert np.array_equal(flow(frames[:2], cache=True).uv, whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(flow(frames[:2], cache=True).uv, whole)


def test_purge_takes_one_database(frames, store):
    for database in ("casme2", "smic", "CASME II/3", None):
        flow(Clip(np.repeat(frames[:2, ..., None], 3, -1), label=Label(onset=0, database=database)), cache=True)
    assert len(kept(store)) == 4 and len({p.parent for p in kept(store)}) == 4
    assert purge("casme2") > 0 and purge("casme2") == 0 and len(kept(store)) == 3
    assert purge("CASME II/3") > 0 and len(kept(store)) == 2
    assert purge() > 0 and not kept(store)
    with pytest.raises(MekitError, match="a database's name"): purge("")


def test_the_cache_is_bounded(frames, store, monkeypatch):
    size = 16 + 8 * frames[0].size
    monkeypatch.setattr("mekit.motion.flow.CACHE_BYTES", 2.5 * size)
    flow(frames, cache=True)
    assert len(kept(store)) == 2


def test_a_method_without_text_is_not_kept(store, frames):
    register("typed", eval("lambda a, b: __import__('numpy').zeros((2, *a.shape))", {"__name__": "nowhere"}))
    try:
        with pytest.raises(MekitError, match="whose code can be read"): flow(frames, method="typed", cache=True)
    finally: del METHODS["typed"]


# ---------------------------------------------------------------- frames that show nothing, or something else

@pytest.mark.parametrize("method", ["dis", "farneback", "phase", "tvl1"])
def test_flat_and_saturated_frames_are_at_rest(method):
    flat, white, black = (np.full((64, 64), v, np.uint8) for v in (90, 255, 0))
    half = np.where(np.arange(64) < 32, 0, 255)[None].repeat(64, 0).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        uv = flow(np.stack([flat, white, black, half]), method=method, pairs=[(0, 1), (1, 2), (0, 0), (3, 3)]).uv
    assert np.isfinite(uv).all() and np.abs(uv).max() < .05
    with pytest.warns(MekitWarning, match="hardly show the same"): assert np.isfinite(flow((half, half[:, ::-1]), method=method).uv).all()


def test_a_cut_is_named(frames):
    other = as_bytes(texture(seed=9))
    with pytest.warns(MekitWarning, match="frames 0 and 2 hardly show the same thing"): flow(np.stack([frames[0], frames[1], other]))
    with pytest.warns(MekitWarning, match="frames 1 and 2"): flow(np.stack([frames[0], frames[1], np.zeros_like(other)]), pairs="next")
    with pytest.warns(MekitWarning, match=r"0 and 1, 0 and 2, 0 and 3, 0 and 4 and 2 more"): flow(np.stack([frames[0]] + [as_bytes(texture(seed=k)) for k in range(10, 16)]))


def test_light_and_motion_are_no_cut(frames):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flow(np.stack([frames[0], as_bytes(moved(texture(), 4, -3)), as_bytes(.5 * texture() + 80), as_bytes(texture() + np.random.default_rng(0).normal(0, 6, (96, 96)))]))
    still = np.zeros((2, 96, 96), np.float32)
    assert unexplained(texture(), .3 * texture() + 50, still) < .05 and unexplained(texture(), texture(seed=4), still) > .9 and unexplained(still[0], still[0] + 7, still) == 0


@pytest.mark.parametrize("spoil, words", [
    (lambda a: a / a.max() * 1.004, "all pixels from 0 to 1, or all from 0 to 255"), (lambda a: np.stack([a[0] / 255, a[1]]), "all pixels from 0 to 1"),
    (lambda a: a > 120, "True and False"), (lambda a: (a > 120).astype(int), "all pixels from 0 to 1"),
    (lambda a: np.repeat(a[:, None], 3, 1), "channels come last"), (lambda a: np.repeat(a[..., None], 2, -1), r"\(h w 3\)")])
def test_frames_of_doubtful_range_or_layout_are_refused(spoil, words):
    frames = np.stack([random_texture(48), shifted(random_texture(48), .5, 0)])
    with pytest.raises(MekitError, match=words): flow(spoil(frames), method="farneback", pairs=[(0, 1)])
