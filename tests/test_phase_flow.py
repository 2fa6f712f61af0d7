"Flow from phase: exact on shifts, blind to light, the same in every batch, quiet where there is nothing"
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError, MekitWarning
from mekit.motion.fields import as_bytes, random_texture, shifted
from mekit.motion.flow import flow
from mekit.motion.patches import dis
from mekit.motion.phase_flow import GRAIN, gaussian, halved, noise_level, phase, smooth, stripes

PICTURE = random_texture(128, finest=.2)
INNER = np.s_[:, 24:-24, 24:-24]


def tensor(image, **noise): return torch.from_numpy(as_bytes(image, **noise).astype(np.float32))[None]


def between(a, b, **options): return phase(tensor(a), tensor(b), **options)[0].numpy()


@settings(max_examples=12, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_any_small_shift_is_read(u, v):
    found = between(PICTURE, shifted(PICTURE, u, v))[INNER].mean((1, 2))
    assert found == pytest.approx((u, v), abs=.02)


@pytest.mark.parametrize("shift", [(6, 0), (0, -6), (4.3, 3.1)])
def test_larger_shifts_through_the_pyramid(shift):
    assert between(PICTURE, shifted(PICTURE, *shift))[INNER].mean((1, 2)) == pytest.approx(shift, abs=.05)


def test_one_level_reads_no_further_than_half_a_wave():
    read = [between(PICTURE, shifted(PICTURE, 3, 0), levels=n)[0][INNER[1:]].mean() for n in (1, 3)]
    assert abs(read[0] - 3) > 1 and abs(read[1] - 3) < .05


def test_there_and_back_are_opposite():
    b = shifted(PICTURE, .4, -.2)
    assert np.abs(between(PICTURE, b) + between(b, PICTURE))[INNER].mean() < .01


def test_mirrored_and_turned_frames_give_mirrored_and_turned_flow():
    a, b = PICTURE, shifted(PICTURE, .4, -.2)
    u, v = between(a, b)
    mu, mv = between(a[:, ::-1], b[:, ::-1])
    tu, tv = between(a.T, b.T)
    assert np.abs(mu[:, ::-1] + u).max() < .02 and np.abs(mv[:, ::-1] - v).max() < .02
    assert np.abs(tu.T - v).max() < .02 and np.abs(tv.T - u).max() < .02


@pytest.mark.parametrize("light", [lambda x: .6 * x, lambda x: x + 30, lambda x: 1.3 * x - 20, lambda x: x * np.linspace(.85, 1.1, 128)], ids=["darker", "offset", "contrast", "gradient"])
def test_light_moves_nothing(light):
    a, b = PICTURE, light(shifted(PICTURE, .3, 0))
    assert between(a, b)[INNER].mean((1, 2)) == pytest.approx((.3, 0), abs=.03)


def test_light_moves_dis():
    "What the previous test compares with: the light is a real difficulty"
    a, b = (as_bytes(x).astype(np.float32) for x in (PICTURE, PICTURE * np.linspace(.85, 1.1, 128)))
    assert np.hypot(*dis(a, b)).mean() > 2 * np.hypot(*between(PICTURE, PICTURE * np.linspace(.85, 1.1, 128))).mean()


def test_noise_is_known_and_softens_the_answer():
    level = [float(noise_level(tensor(PICTURE, noise=s, seed=1), tensor(PICTURE, noise=s, seed=2))) for s in (1., 3., 6.)]
    assert level == pytest.approx((1., 3., 6.), rel=.3, abs=.9) and level == sorted(level)
    rest = [np.hypot(*phase(tensor(PICTURE, noise=3., seed=1), tensor(PICTURE, noise=3., seed=2), noise=n)[0].numpy()).mean() for n in (.5, 3.)]
    assert rest[1] < rest[0]


def test_a_batch_is_its_pairs():
    pairs, before = [(tensor(PICTURE), tensor(shifted(PICTURE, s, -s))) for s in (0., .1, .7)], torch.get_num_threads()
    torch.set_num_threads(1)
    try: together, alone = phase(*(torch.cat(side) for side in zip(*pairs))), torch.cat([phase(*pair) for pair in pairs])
    finally: torch.set_num_threads(before)
    assert torch.equal(together, alone) and (together[0] == 0).all()


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (47, 65), (100, 31)])
def test_odd_sizes(size):
    a = tensor(PICTURE)[:, :size[0], :size[1]]
    b = tensor(shifted(PICTURE, .25, 0))[:, :size[0], :size[1]]
    found = phase(a, b)
    assert found.shape == (1, 2, *size) and bool(found.isfinite().all())
    assert float(found[0, 0].median()) == pytest.approx(.25, abs=.08)


def test_nothing_to_see():
    flat, white, black = (torch.full((1, 48, 48), v) for v in (90., 255., 0.))
    for a, b in ((flat, flat), (flat, white), (white, black)): assert float(phase(a, b).abs().max()) < .01
    noise = [torch.from_numpy(np.random.default_rng(k).normal(128, 1, (1, 96, 96)).astype(np.float32)) for k in (0, 1)]
    assert float(phase(*noise).norm(dim=1).mean()) < .2


def test_filters():
    assert sum(gaussian(2.)) == pytest.approx(1) and gaussian(2.) == gaussian(2.)[::-1]
    flat = torch.full((1, 1, 20, 30), 7.)
    assert torch.allclose(smooth(flat, 3.), flat, atol=1e-4)
    response, waves = stripes(torch.full((1, 32, 32), 99.), 4., 6)
    white = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 256, 256)).astype(np.float32))
    assert float(halved(white).std()) == pytest.approx(GRAIN, abs=.01)
    assert response.shape == (1, 6, 32, 32) and waves.shape == (6, 2) and float(response.abs().max()) < 1e-3


def test_on_a_drawn_face_it_is_nearer_than_dis():
    from mekit.data.synthetic import synthesize
    iod = synthesize(duration_ms=100, fps=60., size=160).iod
    for peak in (.25, .5):
        clip = synthesize({"AU12": 100 * peak / iod}, duration_ms=100, fps=60., size=160)
        truth, moving = np.asarray(clip.truth.flow[clip.label.apex]), np.hypot(*clip.truth.motion[clip.label.apex]) > peak / 2
        off = {m: np.hypot(*(flow(clip, pairs="apex", method=m).uv[0] - truth))[moving].mean() for m in ("dis", "phase")}
        assert off["phase"] < .7 * off["dis"]


@pytest.mark.parametrize("name, value", [("wavelength", 2.), ("wavelength", np.nan), ("orientations", 1), ("orientations", 4.), ("levels", 0), ("window", 0), ("carry", -1.), ("carry", 2.), ("noise", 0.), ("noise", "x"), ("phase_error", 0), ("prior", 0.)])
def test_options_are_checked(name, value):
    with pytest.raises(MekitError, match=f"flow 'phase': expected {name} "): between(PICTURE, PICTURE, **{name: value})


def test_small_frames_are_refused():
    with pytest.raises(MekitError, match="16 pixels or more"): between(PICTURE[:15], PICTURE[:15])


def test_raft_without_torchvision_or_weights(tmp_path, monkeypatch):
    import sys
    from mekit.motion.raft import raft
    a = torch.zeros(1, 128, 128)
    with pytest.raises(MekitError, match="nothing is downloaded"): raft(a, a)
    path = tmp_path / "w.pth"
    torch.save({"push": torch.zeros(2)}, path)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models.optical_flow", None)
    with pytest.raises(MekitError, match="expected torchvision"): raft(a, a, weights=path)
    with pytest.raises(MekitError, match="128 pixels or more"): raft(a[:, :64], a[:, :64], weights=path)


class StandIn(torch.nn.Module):
    "torchvision's interface, as documented"
    def __init__(self):
        super().__init__()
        self.push = torch.nn.Parameter(torch.zeros(2))
    def forward(self, image1, image2, num_flow_updates=12):
        assert image1.shape == image2.shape and image1.shape[1] == 3 and not (image1.shape[2] % 8 or image1.shape[3] % 8)
        assert -1 <= float(image1.min()) and float(image1.max()) <= 1 and not self.training and not torch.is_grad_enabled()
        return [k * self.push[None, :, None, None].expand(len(image1), 2, *image1.shape[2:]) for k in range(1, num_flow_updates + 1)]


def test_raft_through_a_stand_in(tmp_path, monkeypatch):
    import sys
    from types import ModuleType
    fake = ModuleType("torchvision.models.optical_flow")
    fake.raft_small = lambda *, weights, progress: StandIn() if weights is None else pytest.fail("weights were asked for")
    for name, module in (("torchvision", ModuleType("torchvision")), ("torchvision.models", ModuleType("models")), ("torchvision.models.optical_flow", fake)): monkeypatch.setitem(sys.modules, name, module)
    path = tmp_path / "w.pth"
    torch.save({"push": torch.tensor([.25, -.5])}, path)
    frames = np.random.default_rng(0).integers(0, 256, (2, 130, 141), dtype=np.uint8)
    with pytest.warns(MekitWarning, match="hardly"): found = flow((frames[0], frames[1]), method="raft", params=dict(weights=path, size="small", updates=2))
    assert found.uv.shape == (1, 2, 130, 141) and found.uv[0, :, 0, 0].tolist() == [.5, -1.]
    torch.save({"pull": torch.zeros(2)}, path)
    with pytest.raises(MekitError, match="numbers of this architecture"): flow((frames[0], frames[0].copy()), method="raft", params=dict(weights=path, size="small"))
