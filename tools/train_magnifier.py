"""Train the magnifier of latents on synthetic pairs only, and measure by how much it really magnifies.

    python tools/train_magnifier.py --cache FOLDER [--out mekit/weights/magnifier.safetensors]

A sample is a pair of pictures and the picture that a perfect magnifier would make of it. Most pairs are patches of drawn faces and of textures,
displaced by smooth fields that are known everywhere; the others are drawn faces whose action units are rendered at two strengths.
Noise and a change of light are on the inputs, never on the target (the light of the second picture stays). The gain is measured on identities that
were never trained on. Everything drawn is seeded; the rendered faces are kept in FOLDER, which must be outside the project.
"""
import argparse
import hashlib
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from mekit import __version__
from mekit.data.movement import MOST
from mekit.data.scene import scene
from mekit.motion.flow import flow
from mekit.motion.latent import Magnifier, conv
from mekit.weights import save

SEED, BATCH, LR = 2026, 4, 1e-3
CROP, STEPS, AVERAGED = 40, 1600, 6      # side of the patches, pixels; steps at one rate; the weights are the mean of that many states, 100 steps apart
TRAIN, HELD_OUT = tuple(range(8, 24)), tuple(range(8))      # identities
LEVELS = (0, .25, .35, .5, .75, 1, 1.5, 2.2, 3.2, 4.5, 6.5)      # %IOD of a unit: any two of them are a pair and its factor
COMBINATIONS, SIZE = 5, 256      # of units, for each identity; pixels
FARTHEST = 5.      # pixels: factor times motion


def draw_face(identity: int, folder: Path) -> dict:
    "A neutral face (768 768 3), the same with units at all levels (k levels 256 256 3), and where it moves (k 24 2)"
    path, rng, units, places = folder / f"face_{SEED}_{identity}.npz", np.random.default_rng([SEED, 1, identity]), [], []
    if path.is_file(): return dict(np.load(path))
    names = [n for n in MOST if n not in (26, 45) and MOST[n] >= LEVELS[-1]]
    for _ in range(COMBINATIONS):
        chosen = rng.choice(names, rng.integers(1, 3), replace=False)
        film = scene({f"AU{n}": np.array(LEVELS) * (1. if k == 0 else rng.uniform(.3, 1)) for k, n in enumerate(chosen)}, identity=identity, size=SIZE)
        units.append(np.stack([np.rint(film.picture(t)).astype(np.uint8) for t in range(film.n)]))
        moved = np.hypot(*film.motion(film.n - 1)).ravel() ** 2
        at = rng.choice(moved.size, 24, p=moved / moved.sum())
        places.append(np.stack([at % SIZE, at // SIZE], 1))
    face = np.rint(scene({}, identity=identity, size=768, n=1).picture(0)).astype(np.uint8)
    np.savez(path, face=face, units=np.stack(units), places=np.stack(places))
    print(f"identity {identity} drawn", flush=True)
    return dict(np.load(path))


def draw_faces(folder: Path) -> tuple[list, np.ndarray, np.ndarray]:
    "Pictures to displace, rendered units, and where they move"
    faces, rng = [draw_face(identity, folder) for identity in TRAIN], np.random.default_rng([SEED, 5])
    sources = [f["face"] for f in faces] + [texture(rng, 384) for _ in range(len(faces))]
    return sources, *(np.concatenate([f[k] for f in faces]) for k in ("units", "places"))


def texture(rng, size: int) -> np.ndarray:      # size size 3 uint8
    "Noise with a falling spectrum, and a few hard edges"
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) + 1 / size
    out = np.zeros((size, size, 3), np.float32)
    shared = rng.normal(size=(size, size))
    for c in range(3):
        noise = np.fft.irfft2(np.fft.rfft2(.8 * shared + .4 * rng.normal(size=(size, size))) / frequency ** rng.uniform(1., 2.), s=(size, size))
        out[..., c] = 128 + rng.uniform(15, 50) * noise / noise.std()
    for _ in range(rng.integers(0, 5)):
        corners = (rng.uniform(0, size, 2) + rng.normal(0, size / 6, (rng.integers(3, 6), 2))).astype(np.int32)
        cv2.fillPoly(out, [corners], rng.uniform(20, 235, 3).tolist(), cv2.LINE_AA)
    return np.clip(cv2.GaussianBlur(out, (0, 0), rng.uniform(.6, 1.6)), 0, 255).astype(np.uint8)


class Field:
    "A smooth displacement, known everywhere: bumps, a drift, a small turn"
    def __init__(self, rng, size: int):
        n = rng.integers(1, 4)
        self.middle, self.width = rng.uniform(0, size, (n, 2)), np.exp(rng.uniform(np.log(4), np.log(16), n))
        angle = rng.uniform(0, 2 * np.pi, n)
        self.move = np.stack([np.cos(angle), np.sin(angle)], 1) * rng.uniform(.4, 1, n)[:, None] * (self.width / self.width.max())[:, None]
        self.drift = rng.normal(0, .5, 2) * (rng.random() < .3)
        self.turn = rng.normal(0, .015) * (rng.random() < .2)
        y, x = np.mgrid[:size, :size].astype(np.float32)
        self.size, self.grid, self.scale = size, np.stack([x, y], -1), 1.
        self.scale = 1 / np.linalg.norm(self(self.grid), axis=-1).max()
        self.steep = max(np.abs(np.gradient(c, axis=a)).max() for c in np.moveaxis(self(self.grid), -1, 0) for a in (0, 1))

    def __call__(self, x: np.ndarray) -> np.ndarray:      # h w 2 -> h w 2
        out = np.broadcast_to(self.drift, x.shape) + self.turn * (x - self.size / 2)[..., ::-1] * (-1, 1)
        for middle, width, move in zip(self.middle, self.width, self.move):
            out = out + np.exp(-((x - middle) ** 2).sum(-1) / (2 * width**2))[..., None].astype(np.float32) * move
        return (self.scale * out).astype(np.float32)

    def back(self, length: float) -> np.ndarray:      # h w 2
        "v with v = -length * field(x + v): where what is seen at x came from"
        v = np.zeros_like(self.grid)
        for _ in range(12 if length else 0): v = -length * self(self.grid + v)
        return v


def seen(source: np.ndarray, corner, scale: float, back: np.ndarray) -> np.ndarray:      # h w 3 float32
    "A patch of a picture that is `scale` times as fine, each pixel the mean of the area it covers"
    fine, size = int(np.ceil(scale)), len(back)
    at = (np.arange(size * fine, dtype=np.float32) + .5) / fine - .5
    place = cv2.remap(back, *np.meshgrid(at, at), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) if back.any() else np.zeros((len(at), len(at), 2), np.float32)
    x = corner[0] + scale * (at[None] + place[..., 0])
    y = corner[1] + scale * (at[:, None] + place[..., 1])
    picture = cv2.remap(source, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(np.float32)
    return picture.reshape(size, fine, size, fine, 3).mean((1, 3)) if fine > 1 else picture


def warped(rng, sources, size: int) -> tuple:
    "Onset, apex, target of a displaced patch, and the factor"
    source = sources[rng.integers(len(sources))]
    most = (len(source) - 8) / size / 1.1
    scale = min(np.exp(rng.uniform(np.log(1.5), np.log(4))), most)
    corner = rng.uniform(.1 * size * scale, len(source) - 1.1 * size * scale, 2) if most > 1.3 * scale else np.full(2, len(source) / 2 - size * scale / 2)
    field, (length, factor) = Field(rng, size), lengths(rng)
    factor = max(1., min(factor, .75 / max(length * field.steep, 1e-6)))      # so that the field can be inverted
    return *(seen(source, corner, scale, field.back(k)) for k in (0., length, factor * length)), factor


def lengths(rng) -> tuple[float, float]:
    "Pixels of the largest motion, and the factor"
    length = 0. if rng.random() < .06 else np.exp(rng.uniform(np.log(.05), np.log(2)))
    factor = np.exp(rng.uniform(0, np.log(20)))
    return length, min(factor, max(FARTHEST / length, 1.)) if length else factor


def rendered(rng, units, places, size: int) -> tuple:
    "Onset, apex, target of a patch of a face whose units are drawn at two strengths, and the factor"
    k = rng.integers(len(units))
    low = rng.integers(1, len(LEVELS) - 1)
    high = rng.integers(low, len(LEVELS))
    corner = np.clip(places[k][rng.integers(len(places[k]))] - rng.integers(size // 4, 3 * size // 4, 2), 0, SIZE - size)
    part = slice(corner[1], corner[1] + size), slice(corner[0], corner[0] + size)
    return *(units[k, t][part].astype(np.float32) for t in (0, low, high)), LEVELS[high] / LEVELS[low]


def sample(seed: int, sources, units, places, size: int) -> tuple[np.ndarray, float]:
    "(onset, apex, clean apex, target) as 4 3 h w in [-1, 1], and the factor"
    rng = np.random.default_rng([SEED, 2, seed])
    made = rendered(rng, units, places, size) if rng.random() < .3 else warped(rng, sources, size)
    onset, apex, target, factor = made
    contrast, shade, light = np.exp(rng.normal(0, .25)), rng.normal(0, 15, 3), (1., *[1 + rng.normal(0, .012) * (rng.random() < .5)] * 2)
    onset, apex, target = (np.clip(((p - 128) * contrast + 128 + shade) * g, 0, 255) for p, g in zip((onset, apex, target), light))
    noise = 2.5 * rng.random() ** 2
    inputs = [np.clip(np.rint(p + rng.normal(0, noise, p.shape)), 0, 255) if noise else np.rint(p) for p in (onset, apex)]
    out = np.stack([*inputs, apex, target]).transpose(0, 3, 1, 2) / 127.5 - 1
    return np.ascontiguousarray(out[..., ::-1] if rng.random() < .5 else out, np.float32), factor


def steps_of(x):
    "Differences between neighbours, down and across"
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def loss_of(model: Magnifier, x: torch.Tensor, factor: torch.Tensor) -> tuple:      # n 4 3 h w, n
    "Picture of the apex, picture of the magnified apex, and the change between the two, each in grey levels and in its steps"
    onset, apex, clean, target = x.unbind(1)
    za, zb = model.encode(torch.cat([onset, apex])).chunk(2)
    still, moved = model.decode(torch.cat([zb, model.manipulate(za, zb, factor)[1]])).chunk(2)
    pairs = (still, clean), (moved, target), (moved - still, target - clean)
    plain = [(a - b).abs().mean() for a, b in pairs]
    edges = [sum((p - q).abs().mean() for p, q in zip(steps_of(a), steps_of(b))) for a, b in pairs]
    return sum(w * (p + e) for w, p, e in zip((.5, 1., 1.), plain, edges)), [float(p.detach()) for p in plain], float((target - clean).abs().mean())


class Linear(torch.nn.Module):
    "Analysis and synthesis filters: the part of the network that is left where no ReLU cuts anything"
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(conv(3, 8, 7), conv(8, 16, 3, 2), torch.nn.Upsample(scale_factor=2), conv(16, 16, 3), conv(16, 3, 7))
    def forward(self, x): return self.layers(x)


def linear(sources, *, steps: int = 1200, batch: int = 8, size: int = 40, log=print) -> Linear:
    "The filters that give pictures back best"
    torch.manual_seed(SEED)
    rng, model = np.random.default_rng([SEED, 6]), Linear()
    make = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(steps):
        for group in make.param_groups: group["lr"] = 4e-3 * (.01 + .99 * .5 * (1 + np.cos(np.pi * step / steps)))
        made = []
        for _ in range(batch):
            source, scale = sources[rng.integers(len(sources))], np.exp(rng.uniform(np.log(1.5), np.log(4)))
            made.append(seen(source, rng.uniform(0, len(source) - 1.1 * size * scale, 2), scale, np.zeros((size, size, 2), np.float32)))
        x = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2) / 127.5 - 1
        x = x + .02 * torch.from_numpy(rng.normal(size=x.shape).astype(np.float32))
        out = model(x)
        loss = (out - x).square().mean() + sum((p - q).square().mean() for p, q in zip(steps_of(out), steps_of(x)))
        make.zero_grad(set_to_none=True)
        loss.backward()
        make.step()
        if step % 200 == 199: log(f"filters, step {step + 1}: {127.5 * float((out - x).detach().abs().mean()):.2f} grey levels", flush=True)
    return model


def begun(filters: Linear) -> Magnifier:
    "The magnifier that is linear magnification (Wu et al. 2012) of those filters' answers; training goes on from there"
    torch.manual_seed(SEED)
    model, one = Magnifier(), torch.eye(16)[..., None, None]
    def both(w): return torch.cat([torch.cat([w, -w], 1), torch.cat([-w, w], 1)])      # every answer as its positive and its negative part
    def middle(w, size): return torch.nn.functional.pad(w, [size // 2] * 4)
    first, second, _, third, last = filters.layers
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("body.2.weight"): p.zero_()      # a block begins as nothing beside what it is added to
        model.encoder[0].weight.copy_(torch.cat([first.weight, -first.weight]))
        model.encoder[2].weight.copy_(both(second.weight))
        model.encoder[7].weight.copy_(middle(torch.eye(32)[..., None, None], 3))
        model.manipulator.before[0].weight.copy_(middle(both(one), 7))
        model.manipulator.after[0].weight.copy_(middle(both(one) / 2, 3))
        model.decoder[10].weight.copy_(both(third.weight))
        model.decoder[12].weight.copy_(torch.cat([last.weight, -last.weight], 1))
    return model


def train(model: Magnifier, data: tuple, folder: Path, log=print) -> Magnifier:
    "Steps at one rate, and the mean of the last states (which does what a falling rate would do); goes on from the last state in `folder`"
    make, start, sums = torch.optim.Adam(model.parameters(), lr=LR, betas=(.9, .99)), time.perf_counter(), []
    def state(step): return folder / f"state_{SEED}_{CROP}_{step}.pt"
    first = max((k for k in range(100, STEPS + 1, 100) if state(k).is_file()), default=0)
    if first:
        kept = torch.load(state(first), weights_only=True)
        model.load_state_dict(kept["model"]), make.load_state_dict(kept["make"])
        log(f"goes on from step {first}", flush=True)
    for step in range(first, STEPS):
        for group in make.param_groups: group["lr"] = LR * min(1, (step + 1) / 100)
        made = [sample(step * BATCH + k, *data, CROP) for k in range(BATCH)]
        loss, plain, zero = loss_of(model, torch.from_numpy(np.stack([m[0] for m in made])), torch.tensor([m[1] for m in made], dtype=torch.float32))
        make.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        make.step()
        sums.append([float(loss.detach()), *plain, zero])
        if step % 100 == 99:
            a = np.mean(sums[-100:], 0)
            log(f"step {step + 1}: loss {a[0]:.4f}; apex {a[1]:.4f}, magnified {a[2]:.4f}, change {a[3]:.4f} (of nothing {a[4]:.4f}); {time.perf_counter() - start:.0f} s", flush=True)
            torch.save(dict(model=model.state_dict(), make=make.state_dict()), state(step + 1))
    states = [torch.load(state(STEPS - 100 * k), weights_only=True)["model"] for k in reversed(range(AVERAGED))]
    model.load_state_dict({k: torch.stack([s[k] for s in states]).mean(0) for k in states[0]})
    return model.eval()


def moved_faces(identity: int, unit: int, peak: float) -> tuple:
    "Onset, apex and a maker of apexes so many times as far, as bytes; motion (2 h w) to the apex in pixels, largest `peak`; where it is known"
    most = float(np.hypot(*scene({f"AU{unit}": np.array([0., 1.])}, identity=identity, size=SIZE).motion(1)).max())
    def film(factor): return scene({f"AU{unit}": np.array([0., factor * peak / most])}, identity=identity, size=SIZE)
    first = film(1)
    onset, apex = (np.rint(first.picture(t)).astype(np.uint8) for t in (0, 1))
    def farther(factor): return np.rint(film(factor).picture(1)).astype(np.uint8) if factor * peak / most <= MOST[unit] else None
    return onset, apex, farther, first.motion(1), first.valid(1)


def read_gain(onset, picture, motion, known) -> float:
    "How many times `motion` a flow method reads between two pictures, where the motion is more than half its largest"
    length = np.hypot(*motion)
    on = (length > length.max() / 2) & known
    found = flow((onset, picture), method="dis", threads=1).uv[0]
    return float(np.median((found * motion).sum(0)[on] / length[on] ** 2))


def measure(model: Magnifier, identities=HELD_OUT, units=(4, 12), peaks=(.25, .5, 1.), factors=(2, 5, 8, 10, 20), log=print) -> list[dict]:
    "Asked and real gain on faces that were not trained on, beside what the same ruler reads of a perfect picture and of linear magnification"
    rows = []
    for peak in peaks:
        cells = {(f, k): [] for f in factors for k in ("latent", "linear", "perfect", "still")}
        for identity in identities:
            for unit in units:
                onset, apex, farther, motion, known = moved_faces(identity, unit, peak)
                x = torch.from_numpy(np.stack([onset, apex])).permute(0, 3, 1, 2).float() / 127.5 - 1
                with torch.inference_mode():
                    za, zb = model.encode(x).split(1)
                    still, double = model.decode(zb), model.manipulate(za, zb, 2.)[0]
                quiet = np.hypot(*motion) < .02 * peak
                for f in factors:
                    with torch.inference_mode(): change = 127.5 * (model.decode(zb + (f - 1) * double) - still)[0].permute(1, 2, 0).numpy()
                    pictures = dict(latent=apex + change, linear=apex + (f - 1) * (apex.astype(np.float32) - onset))
                    for name, picture in pictures.items(): cells[f, name].append(read_gain(onset, np.clip(np.rint(picture), 0, 255).astype(np.uint8), motion, known))
                    cells[f, "still"].append(float(np.abs(change[quiet]).mean()))
                    if (best := farther(f)) is not None: cells[f, "perfect"].append(read_gain(onset, best, motion, known))
        for f in factors:
            row = dict(peak_px=peak, factor=f, pairs=len(cells[f, "latent"]), **{k: round(float(np.mean(cells[f, k])), 2) if cells[f, k] else None for k in ("latent", "linear", "perfect")},
                       perfect_pairs=len(cells[f, "perfect"]), change_where_still_grey_levels=round(float(np.mean(cells[f, "still"])), 2))
            rows.append(row)
            log(row, flush=True)
    return rows


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--cache", type=Path, required=True, help="folder outside the project for drawn faces and states")
    options.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "mekit/weights/magnifier.safetensors")
    options = options.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1); torch.set_num_threads(1); torch.use_deterministic_algorithms(True)
    data = draw_faces(options.cache)
    model = train(begun(linear(data[0])), data, options.cache)
    save_magnifier(options.out, model, measure(model))


def save_magnifier(path: Path, model: Magnifier, gains: list) -> None:
    "Numbers and the facts about them"
    meta = dict(model="magnifier", parameters=sum(p.numel() for p in model.parameters()), seed=SEED, input="onset and apex, RGB from -1 to 1; codes of 32 channels at half the size",
                training=dict(crop_px=CROP, steps=STEPS, averaged=f"mean of {AVERAGED} states, 100 steps apart", batch=BATCH, lr=LR, optimiser="Adam", identities=list(TRAIN), begins="as linear magnification (Wu et al. 2012)",
                              loss="L1 of apex, magnified apex and their difference, in grey levels and in differences of neighbours"),
                protocol=f"trained on synthetic pairs only: drawn faces of {len(TRAIN)} identities and textures displaced by known smooth fields (70 %), and the same identities with action units rendered at two strengths "
                         f"(30 %); motion .05 to 2 px, factors 1 to 20, at most {FARTHEST:g} px after magnification, noise up to 2.5 grey levels on the inputs only. Gains: DIS flow between the onset and the shown picture, "
                         "projected on the true motion, median where it is more than half its largest, mean over held-out identities; frames of 256 px",
                gains=dict(identities=list(HELD_OUT), units=[4, 12], rows=gains),
                limits="says nothing about real faces: every picture it saw and was measured on is a drawing", licence="Apache-2.0, made by mekit from its own drawings",
                versions=dict(mekit=__version__, torch=torch.__version__.split("+")[0], opencv=cv2.__version__, numpy=np.__version__))
    save(path, model.state_dict(), meta)
    print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}")


if __name__ == "__main__":
    main()
