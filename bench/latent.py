"""What a moved factor slider costs with the magnifier of latents, beside a plain call of the network.

'network' encodes both frames, manipulates and decodes, as a plain call does; 'decoder, module' decodes as the module is written, from codes that are kept;
'decoder, arranged' is what `latent_frames` runs. The shares are medians of ratios within one round.
"""
import statistics
import time

import numpy as np
import torch

from mekit.data.clip import Clip
from mekit.motion.latent import Magnifier
from mekit.motion.latent_magnify import Painter, latent_frames

SIZES, ROUNDS = (128, 256), 9


def timed(function) -> float:
    "Milliseconds of one call"
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start)


def ways(size: int) -> dict:
    "Name -> function without arguments"
    torch.manual_seed(0)
    net, factors = Magnifier().eval(), iter(np.linspace(2, 20, 10_000))
    clip = Clip(frames=np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8))
    a, b = (torch.from_numpy(f.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1 for f in clip.frames)
    z, painter = net.encode(b).detach(), Painter(net.decoder)
    latent_frames(clip, 3, magnifier=net)(1)
    return {"network": lambda: net(a, b, 5.), "decoder, module": lambda: net.decode(z), "decoder, arranged": lambda: painter(z), "slider, frame shown": lambda: latent_frames(clip, float(next(factors)), magnifier=net)(1)}


def main() -> dict:
    found = {}
    print(f"{torch.get_num_threads()} threads, {ROUNDS} interleaved rounds, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}\n")
    print("| side (px) | way | median (ms) | least (ms) | share of the plain network |\n|---|---|---|---|---|")
    for size in SIZES:
        functions = ways(size)
        with torch.inference_mode():
            for function in functions.values(): function()
            rounds = [{name: timed(function) for name, function in functions.items()} for _ in range(ROUNDS)]
        for name in functions:
            times, share = [r[name] for r in rounds], statistics.median(r[name] / r["network"] for r in rounds)
            found[f"{name}, {size} px"] = {"ms": round(statistics.median(times), 1), "least_ms": round(min(times), 1), "share_of_network": round(share, 3)}
            print(f"| {size} | {name} | {statistics.median(times):.1f} | {min(times):.1f} | {share:.2f} |")
    return found
