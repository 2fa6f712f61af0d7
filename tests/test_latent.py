"The magnifier of latents: its form, what its form guarantees, checkpoints of others, and frames of a clip"
import itertools
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mekit import weights
from mekit.core import MekitError, MekitWarning
from mekit.data.clip import Clip
from mekit.motion import latent_magnify
from mekit.motion.latent import PARTS, Magnifier, fit_names, load_magnifier, remake_error
from mekit.motion.latent_magnify import Painter, latent_difference, latent_frames

QUIET = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def fresh(seed: int = 0) -> Magnifier:
    torch.manual_seed(seed)
    return Magnifier().eval()


def pictures(seed: int, h: int = 20, w: int = 24, n: int = 1) -> torch.Tensor:
    return torch.rand(n, 3, h, w, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def pixels(seed: int, t: int = 4, h: int = 22, w: int = 27) -> Clip:
    return Clip(frames=np.random.default_rng(seed).integers(0, 256, (t, h, w, 3), dtype=np.uint8))


# the form

def test_parameters_and_parts():
    net = fresh()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()}
    assert parts == {"encoder": 108_336, "manipulator": 77_824, "decoder": 179_808} and sum(parts.values()) == 365_968
    shapes = [tuple(v.shape) for v in net.state_dict().values()]
    assert len(shapes) == 37 and all(len(s) == 4 for s in shapes)
    assert shapes[0] == (16, 3, 7, 7) and shapes[1] == (32, 16, 3, 3) and shapes[13] == (32, 32, 7, 7) and shapes[-1] == (3, 32, 7, 7)
    assert all(m.padding_mode == "reflect" and m.bias is None for m in net.modules() if isinstance(m, torch.nn.Conv2d))


def test_forward_is_the_formula_written_out():
    "Against the network of the paper written with nothing but functions"
    from torch.nn.functional import conv2d, interpolate, pad
    net, a, b = fresh(3), pictures(1), pictures(2)
    w = list(net.state_dict().values())
    def c(x, k, stride=1): return conv2d(pad(x, (k.shape[-1] // 2,) * 4, mode="reflect"), k, stride=stride)
    def block(x, one, two): return x + c(c(x, one).relu(), two)
    def enc(x):
        x = c(c(x, w[0]).relu(), w[1], 2).relu()
        for k in (2, 4, 6): x = block(x, w[k], w[k + 1])
        x = c(x, w[8]).relu()
        for k in (9, 11): x = block(x, w[k], w[k + 1])
        return x
    za, zb = enc(a), enc(b)
    diff = block(c(c(zb - za, w[13]).relu() * (7 - 1), w[14]), w[15], w[16])
    z = zb + diff
    for k in range(17, 35, 2): z = block(z, w[k], w[k + 1])
    out = c(c(interpolate(z, scale_factor=2), w[35]).relu(), w[36])
    with torch.inference_mode():
        assert torch.allclose(net.difference(a, b, factor=7.), diff, atol=1e-5) and torch.allclose(net(a, b, 7.), out, atol=1e-4)


@QUIET
@given(seed=st.integers(0, 50), factor=st.floats(1, 60), h=st.integers(7, 26), w=st.integers(7, 26))
def test_proportional_to_the_factor_and_zero_at_rest(seed, factor, h, w):
    net, a, b = fresh(seed), pictures(seed + 1, h, w), pictures(seed + 2, h, w)
    with torch.inference_mode():
        two, some, low, zero = (net.difference(a, b, factor=f) for f in (2., factor, .25, 0.))
        assert torch.allclose(some, (factor - 1) * two, rtol=1e-4, atol=float(1e-5 * some.abs().max()))
        assert torch.allclose(low, .75 * zero, rtol=1e-4, atol=float(1e-5 * zero.abs().max()))
        assert (net.difference(a, b, factor=1.) == 0).all() and (net.difference(b, b, factor=factor) == 0).all()
        assert two.shape == (1, 32, -(-h // 2), -(-w // 2)) and net(a, b, factor).shape == a.shape


def test_difference_of_ten_is_nine_times_that_of_two():
    net, a, b = load_magnifier(), pictures(1), pictures(2)
    with torch.inference_mode(): ten, two = net.difference(a, b), net.difference(a, b, factor=2.)
    assert ten.abs().max() > 0 and torch.allclose(ten, 9 * two, rtol=1e-4, atol=float(1e-6 * ten.abs().max()))


def test_a_factor_for_each_pair_and_double_precision():
    net, a, b = fresh().double(), pictures(1, n=3).double(), pictures(2, n=3).double()
    with torch.inference_mode():
        many = net.difference(a, b, factor=torch.tensor([2., 5., 1.], dtype=torch.float64))
        alone = torch.cat([net.difference(a[k:k + 1], b[k:k + 1], factor=f) for k, f in enumerate((2., 5., 1.))])
    assert many.dtype == torch.float64 and torch.allclose(many, alone, atol=1e-12) and (many[2] == 0).all()


def test_gradients_reach_encoder_and_manipulator_and_not_the_decoder():
    net = fresh()
    net.difference(pictures(1), pictures(2)).square().sum().backward()
    assert all((p.grad is not None and p.grad.abs().sum() > 0) == (not name.startswith("decoder")) for name, p in net.named_parameters())


@pytest.mark.parametrize("x, words", [(torch.zeros(3, 20, 20), "n 3 h w"), (torch.zeros(1, 1, 20, 20), "n 3 h w"), (torch.zeros(1, 3, 6, 20), "7 pixels or more")])
def test_wrong_pictures(x, words):
    with pytest.raises(MekitError, match=words): fresh().encode(x)


def test_codes_of_two_sizes():
    net = fresh()
    with pytest.raises(MekitError, match="one shape"): net.difference(pictures(1, 20, 20), pictures(2, 22, 20))


# checkpoints of others

def renamed(net: Magnifier, order=PARTS, prefix: str = "") -> dict:
    "The numbers under names that say nothing"
    return {f"{prefix}{chr(110 + PARTS.index(part))}et.{k}.kernel": v for part in order for k, v in enumerate(getattr(net, part).state_dict().values())}


def saved(tmp_path, content, name="theirs.pth"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


def quietly(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MekitWarning)
        return load_magnifier(*args, **options)


def same(a: Magnifier, b: Magnifier, parts=PARTS) -> bool:
    return all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items() if k.split(".")[0] in parts)


@pytest.mark.parametrize("order, prefix", zip(itertools.permutations(PARTS), ("", "module.", "module.generator.") * 2))
def test_foreign_names_in_any_order_of_parts(tmp_path, order, prefix):
    net = fresh(5)
    got = quietly(saved(tmp_path, renamed(net, order, prefix)))
    assert same(net, got) and got.fit.how == "by order and shape" and len(got.fit.taken) == 37 and not got.fit.unused


@pytest.mark.parametrize("order", list(itertools.permutations(PARTS))[1:])
def test_numbered_tensors_without_any_structure(tmp_path, order):
    net = fresh(5)
    got = quietly(saved(tmp_path, {f"t{k}": v for k, v in enumerate(renamed(net, order).values())}))
    assert same(net, got)


def test_our_names_in_any_order(tmp_path):
    net, rng = fresh(5), np.random.default_rng(0)
    items = list(net.state_dict().items())
    shuffled = {f"module.{items[k][0]}": items[k][1] for k in rng.permutation(len(items))}
    got = quietly(saved(tmp_path, {"state_dict": shuffled, "epoch": 7}))
    assert same(net, got) and got.fit.how == "by name"


def test_other_networks_in_the_file_are_left_out_and_named(tmp_path):
    net = fresh(5)
    extra = {"texture.0.w": torch.zeros(32, 32, 3, 3), "texture.1.w": torch.zeros(32, 32, 3, 3), "steps": torch.tensor(3)}
    with pytest.warns(MekitWarning, match="3 tensors fit nowhere.*texture.0.w"): got = load_magnifier(saved(tmp_path, extra | renamed(net)))
    assert same(net, got) and set(got.fit.unused) == set(extra)


def test_a_file_without_decoder_reads_differences_only(tmp_path):
    net = fresh(5)
    with pytest.warns(MekitWarning, match="no whole decoder"): got = load_magnifier(saved(tmp_path, renamed(net, PARTS[:2])))
    assert same(net, got, PARTS[:2]) and len(got.fit.missing) == 20
    for torn in (renamed(net), net.state_dict()):
        with pytest.warns(MekitWarning, match="no whole decoder"): half = load_magnifier(saved(tmp_path, dict(list(torn.items())[:-3])))
        assert same(net, half, PARTS[:2]) and half.decoder is None and len(half.fit.unused) == 17
    with torch.inference_mode(): assert torch.equal(got.difference(pictures(1), pictures(2)), net.difference(pictures(1), pictures(2)))
    with pytest.raises(MekitError, match="without one"): got(pictures(1), pictures(2), 3.)
    with pytest.raises(MekitError, match="with a decoder"): latent_frames(pixels(0), 2, magnifier=got)


@pytest.mark.parametrize("lost", [0, 5, 14])
@pytest.mark.parametrize("foreign", [True, False])
def test_one_tensor_less_is_an_error_that_says_so(tmp_path, lost, foreign):
    items = list((renamed(fresh()) if foreign else fresh().state_dict()).items())
    with pytest.raises(MekitError, match="without: "): quietly(saved(tmp_path, dict(items[:lost] + items[lost + 1:])))


def test_names_told_by_the_user(tmp_path):
    net = fresh(5)
    theirs = renamed(net)
    mixed = {k: theirs[k] for k in sorted(theirs)}      # no order of layers any more
    path = saved(tmp_path, mixed)
    keys = dict(zip(theirs, net.state_dict()))
    assert same(net, quietly(path, keys=keys)) and quietly(path, keys=keys).fit.how == "as told"
    with pytest.raises(TypeError, match="unknown option"): load_magnifier(path, keys={"net.0": "encoder.0.weight"})
    with pytest.raises(TypeError, match="encoder.0.weight"): load_magnifier(path, keys={next(iter(theirs)): "encoder.0.weigth"})
    swapped = dict(keys) | {next(iter(theirs)): keys[list(theirs)[1]], list(theirs)[1]: keys[next(iter(theirs))]}
    with pytest.raises(MekitError, match="shapes"): load_magnifier(path, keys=swapped)


def test_safetensors_are_sorted_by_number_and_a_wrong_order_is_noticed(tmp_path):
    net = load_magnifier()
    path = weights.save(tmp_path / "theirs.safetensors", renamed(net), {})
    assert same(net, quietly(path)) and remake_error(net) < 10
    names = list(renamed(net, ("decoder",)))
    wrong = renamed(net) | dict(zip(names[:19], [renamed(net)[k] for k in names[18::-1]]))
    with pytest.warns(MekitWarning, match="exchanged"): load_magnifier(weights.save(tmp_path / "wrong.safetensors", wrong, {}))


class Trap:
    def __reduce__(self): return print, ("run",)


@pytest.mark.parametrize("content", [b"", b"PK and nothing more", b"\x80\x02garbage", pickle.dumps({"a": Trap()}), b"\x00" * 500])
def test_files_that_are_no_checkpoint(tmp_path, content, capsys):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(MekitError, match="x.pth"): quietly(tmp_path / "x.pth")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("content, words", [({"net": torch.nn.Linear(2, 2)}, "not opened"), ([1, 2], "dictionary of tensors"), ({}, "nothing"), ({"a": 1}, "among a"),
                                            ({"a": {"x": torch.zeros(2)}, "b": {"x": torch.zeros(2)}}, "2 among a, b"), ({"a": torch.zeros(2)}, "1 tensors of which 0 fit")])
def test_checkpoints_of_something_else(tmp_path, content, words):
    with pytest.raises(MekitError, match=words): quietly(saved(tmp_path, content))


def test_numbers_that_are_not_finite_and_half_precision_files(tmp_path):
    net = fresh(5)
    spoiled = {k: v.clone() for k, v in net.state_dict().items()}
    spoiled["encoder.0.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(MekitError, match="finite numbers"): quietly(saved(tmp_path, spoiled))
    got = quietly(saved(tmp_path, {k: v.half() for k, v in net.state_dict().items()}))
    assert next(got.parameters()).dtype == torch.float32 and torch.allclose(got.encoder[0].weight, net.encoder[0].weight, atol=1e-3)
    with pytest.raises(MekitError, match="existing file"): load_magnifier(tmp_path / "none.pth")


def test_fit_names_needs_no_numbers():
    shapes = {f"x{k}": v.shape for k, v in enumerate(fresh().state_dict().values())}
    fit = fit_names(shapes)
    assert list(fit.taken) == list(fresh().state_dict()) and list(fit.taken.values()) == list(shapes) and "37 tensors" in repr(fit)


# our own weights

def test_facts_of_our_weights():
    "Where they come from; gains only where they were measured, on faces that were not trained on"
    meta = load_magnifier().meta
    assert meta["parameters"] == 365_968 and meta["model"] == "magnifier" and "synthetic" in meta["protocol"] and "real faces" in meta["limits"]
    assert min(meta["training"]["identities"]) >= 8 and (weights.STORE / "magnifier.safetensors").stat().st_size < 1.6e6
    assert ("gains" in meta) != ("not measured" in meta["protocol"])
    if "gains" in meta:
        assert not set(meta["training"]["identities"]) & set(meta["gains"]["identities"])
        rows = {(r["peak_px"], r["factor"]): r for r in meta["gains"]["rows"]}
        assert {f for _, f in rows} == {2, 5, 8, 10, 20} and {p for p, _ in rows} == {.25, .5, 1.} and all(r["pairs"] >= 8 for r in rows.values())


def bump(size: int = 48, length: float = .6) -> tuple[Clip, list, np.ndarray]:
    "A texture that a bump moves to the right; the same moved 1, 3 and 8 times as far; length of the motion in pixels"
    y, x = np.mgrid[:size, :size].astype(float)
    motion = length * np.exp(-((x - size / 2) ** 2 + (y - size / 2) ** 2) / 72)
    def seen(factor):
        waves = [np.sin(.35 * (x - factor * motion) + .5 * y + c) + np.cos(.6 * (x - factor * motion) - .2 * y - c) for c in range(3)]
        return np.rint(127 + 45 * np.stack(waves, -1)).astype(np.uint8)
    return Clip(frames=np.stack([seen(0), seen(1)])), [seen(f) for f in (1, 3, 8)], motion


def test_our_weights_move_a_pattern_the_right_way():
    "Not calibrated, but most of the wanted change is made, more with a larger factor, and only where something moves"
    clip, wanted, motion = bump()
    apex, on, off = clip.frames[1].astype(float), motion > .3, motion < .01
    shares, sizes = [], []
    for factor, goal in ((3, wanted[1]), (8, wanted[2])):
        change, right = latent_frames(clip, factor)(1) - apex, goal - apex
        shares.append((change * right)[on].sum() / (right**2)[on].sum())
        sizes.append((np.abs(change)[on].mean(), np.abs(change)[off].mean()))
    assert .25 < shares[0] < 1.3 and .1 < shares[1] < 1.3 and sizes[1][0] > 1.3 * sizes[0][0] and all(a > 8 * b for a, b in sizes)
    assert np.array_equal(latent_frames(clip, 12)(0), clip.frames[0])


# frames of a clip

@QUIET
@given(seed=st.integers(0, 30), h=st.integers(4, 11), w=st.integers(4, 11), n=st.integers(1, 2))
def test_painter_paints_what_the_decoder_paints(seed, h, w, n):
    net = fresh(seed)
    z = torch.randn(n, 32, h, w, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode(): plain = net.decode(z)
    assert torch.allclose(Painter(net.decoder)(z), plain, atol=float(2e-6 * plain.abs().max()), rtol=1e-4)


def test_factor_one_is_the_clip_itself():
    clip = pixels(0)
    same_frames = latent_frames(clip, 1, magnifier=fresh())
    assert all(np.array_equal(same_frames(i), clip.frames[i]) for i in range(len(clip)))


@pytest.mark.parametrize("factor", [0, .5, 3., 10])
def test_a_frame_is_the_formula(factor):
    clip, net = pixels(1), fresh(2)
    a, b = (torch.from_numpy(clip.frames[i].copy()).permute(2, 0, 1)[None].float() / 127.5 - 1 for i in (1, 3))
    with torch.inference_mode():
        za, zb = net.encode(a), net.encode(b)
        further = net.difference(a, b, factor=factor) if factor > 1 else (factor - 1) * (zb - za)
        change = (net.decode(zb + further) - net.decode(zb))[0, :, :22, :27]
    wanted = np.clip(clip.frames[3] + 127.5 * change.permute(1, 2, 0).numpy(), 0, 255)
    got = latent_frames(clip, factor, magnifier=net, reference=1)(3)
    assert got.dtype == np.uint8 and np.abs(got - wanted).max() < .51


def test_another_factor_costs_no_pass_of_encoder_or_manipulator(monkeypatch):
    clip, net, calls = pixels(3), fresh(), []
    monkeypatch.setattr(Magnifier, "encode", lambda self, x, f=Magnifier.encode: calls.append("encode") or f(self, x))
    monkeypatch.setattr(Magnifier, "manipulate", lambda self, *a, f=Magnifier.manipulate: calls.append("manipulate") or f(self, *a))
    monkeypatch.setattr(Painter, "__call__", lambda self, z, f=Painter.__call__: calls.append("paint") or f(self, z))
    latent_frames(clip, 3, magnifier=net)(2)
    assert sorted(calls) == ["encode", "encode", "manipulate", "paint", "paint"]
    calls.clear()
    latent_frames(clip, 9, magnifier=net)(2)
    assert calls == ["paint"]
    calls.clear()
    latent_frames(clip, 9, magnifier=net)(1)
    assert sorted(calls) == ["encode", "manipulate", "paint", "paint"]


def test_trained_further_means_other_pictures():
    clip, net = pixels(4), fresh()
    before = latent_frames(clip, 5, magnifier=net)
    first, wanted = before(2), latent_frames(pixels(4), 5, magnifier=fresh())(3)
    with torch.no_grad(): net.manipulator.after[0].weight.mul_(3)
    assert not np.array_equal(latent_frames(clip, 5, magnifier=net)(2), first) and np.array_equal(before(2), first)
    assert np.array_equal(before(3), wanted)      # not looked at before the training: still the numbers that were asked for


def test_same_input_same_result_in_any_order():
    net = fresh()
    forth, back = ([latent_frames(pixels(5), 4, magnifier=net)(i) for i in order] for order in ((0, 1, 2, 3), (3, 2, 1, 0)))
    assert all(np.array_equal(a, b) for a, b in zip(forth, back[::-1]))


def test_codes_are_forgotten_with_the_clip():
    import gc
    import weakref
    clip, net = pixels(6), fresh()
    latent_frames(clip, 3, magnifier=net)(1)
    assert clip in latent_magnify._KEPT
    kept = weakref.ref(clip)
    del clip
    gc.collect()
    assert kept() is None and all(key is not None for key in latent_magnify._KEPT)


def test_difference_of_a_clip():
    clip, net = pixels(7), fresh()
    ten, two = (latent_difference(clip, 3, factor=f, magnifier=net) for f in (10, 2))
    assert ten.shape == (32, 11, 14) and np.allclose(ten, 9 * two, rtol=1e-5) and (latent_difference(clip, 0, magnifier=net) == 0).all()


@pytest.mark.parametrize("factor", [-1, 101, float("nan"), "10", True, None])
def test_absurd_factors(factor):
    with pytest.raises(MekitError, match="factor from 0 to 100"): latent_frames(pixels(0), factor)


def test_wrong_arguments():
    clip = pixels(0)
    with pytest.raises(MekitError, match="a Clip"): latent_frames(clip.frames, 2)
    with pytest.raises(MekitError, match="from 0 to 3"): latent_frames(clip, 2, reference=4)
    with pytest.raises(MekitError, match="Magnifier"): latent_frames(clip, 2, magnifier="theirs.pth")
    with pytest.raises(MekitError, match="single precision"): latent_frames(clip, 2, magnifier=fresh().half())
    with pytest.raises(MekitError, match="7 pixels"): latent_frames(Clip(frames=clip.frames[:, :6]), 2)(1)
    with pytest.raises(TypeError, match="magnifier"): latent_frames(clip, 2, magnifer=None)
    if not torch.cuda.is_available():
        with pytest.raises(MekitError, match="cuda"): latent_frames(clip, 2, device="cuda")


@pytest.mark.parametrize("value", [0, 255])
def test_frames_of_one_colour(value):
    clip = Clip(frames=np.full((2, 16, 16, 3), value, np.uint8))
    assert (latent_frames(clip, 20)(1) == value).all()


def test_one_frame():
    clip = Clip(frames=pixels(0).frames[:1])
    assert np.array_equal(latent_frames(clip, 20)(0), clip.frames[0])
