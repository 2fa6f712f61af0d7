"""Motion magnification: what a frame costs, what another factor costs, and gain and artefact of every method on faces whose motion is known.

'first' draws a frame that was not looked at before, 'another factor' the same frame again; medians of interleaved rounds at 256 px, and the share that another
factor has of the first drawing, as a median of ratios within one round. Gain and artefact: clips whose action unit peaks at 0.25 px, mean over the units.
"""
import statistics
import time

import numpy as np
import pandas as pd
import torch

from mekit.data.synthetic import synthesize
from mekit.motion.artefact import compare
from mekit.motion.magnify import session

METHODS, FACTORS, UNITS, ROUNDS = ("linear", "phase", "lagrangian", "latent"), (2, 4, 8, 16), (1, 4, 12), 7
NUISANCES = {"none": None, "noise 2": {"noise": 2.0}, "light 10 %": {"illumination": 0.1}}


def clip_of(unit: int, nuisance: dict | None, peak: float = 0.25):
    "A short clip of 256 px whose unit peaks at so many pixels"
    iod = synthesize(fps=60.0, duration_ms=100).iod
    return synthesize({unit: 100 * peak / iod}, fps=60.0, duration_ms=200, nuisance=nuisance)


def timed(function) -> float:
    "Milliseconds of one call"
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start)


def speed() -> dict:
    "First drawing and another factor, by method"
    clip = clip_of(4, None)
    np.asarray(clip.frames)
    ready = {method: session(clip, method=method) for method in METHODS}
    for method in METHODS: ready[method].frame(0, 2.0), ready[method].frame(11, 2.0)
    rounds = [{m: (timed(lambda: ready[m].frame(i + 1, 8.0)), timed(lambda: ready[m].frame(i + 1, 4.0))) for m in METHODS} for i in range(ROUNDS)]
    found = {}
    for method in METHODS:
        first, again = (statistics.median(r[method][k] for r in rounds) for k in (0, 1))
        found[method] = dict(first_ms=round(first, 1), another_factor_ms=round(again, 1), share=round(statistics.median(r[method][1] / r[method][0] for r in rounds), 2))
    return found


def quality() -> pd.DataFrame:
    "Gain and artefact, mean over the units"
    tables = [compare(clip_of(unit, nuisance), methods=METHODS, factors=FACTORS).assign(nuisance=name) for name, nuisance in NUISANCES.items() for unit in UNITS]
    return pd.concat(tables).groupby(["nuisance", "method", "factor"], sort=False)[["gain", "artefact"]].mean().reset_index()


def main() -> dict:
    print(f"{torch.get_num_threads()} threads, {ROUNDS} interleaved rounds, torch {torch.__version__}\n")
    times = speed()
    print("| method | first (ms a frame) | another factor (ms) | share |\n|---|---|---|---|")
    for method, t in times.items(): print(f"| {method} | {t['first_ms']} | {t['another_factor_ms']} | {t['share']:.2f} |")
    table = quality()
    print("\n| nuisance | method | " + " | ".join(f"{f}x: gain | {f}x: artefact" for f in FACTORS) + " |\n|---|---" + "|---" * 2 * len(FACTORS) + "|")
    for (nuisance, method), part in table.groupby(["nuisance", "method"], sort=False):
        print(f"| {nuisance} | {method} | " + " | ".join(f"{row.gain:.2f} | {row.artefact:.2f}" for row in part.itertuples()) + " |")
    return {"speed": times, "quality": table.round(3).to_dict("records")}
