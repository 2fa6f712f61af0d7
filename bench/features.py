"""Classical features: LBP-TOP against a plain loop over pixels, and the milliseconds of the others.

No package that a user would install has LBP-TOP, so the peer is what published code does: a loop that follows
the definition pixel by pixel (`plain_lbptop`, which the tests use as the truth). Times are medians of
interleaved repeats; the loop runs once or twice.
"""
import math
import os
import statistics
import time

import numpy as np

from mekit.anatomy import place
from mekit.motion.features import hog3d, hoof, lbptop, mdmo, tim

REPEATS = 41


def block_edges(size: int, blocks: int, overlap: float) -> list:
    "First pixel and end of each block of one axis, as the reference protocol lays them"
    step = math.ceil(size / blocks) - 1
    common = max(math.ceil(round(overlap * step, 9)) - 1, 0)
    width = math.floor((size + (blocks - 1) * common) / blocks)
    return [(k * (width - common), k * (width - common) + width) for k in range(blocks)]


def bins_of(points: int, uniform: bool) -> dict:
    "The bin of each pattern, found by walking around its circle"
    bins, next_bin = {}, 0
    for pattern in range(2**points):
        ring = [pattern >> p & 1 for p in range(points)]
        changes = sum(ring[p] != ring[p - 1] for p in range(points))
        bins[pattern] = next_bin if changes <= 2 or not uniform else points * (points - 1) + 2
        next_bin += changes <= 2 or not uniform
    return bins


def nearest(x: float) -> int:
    "Half away from zero; 1e-9 forgives the last digits of a cosine"
    return int(math.copysign(math.floor(abs(x) + 0.5 + 1e-9), x))


def plain_lbptop(frames, radius=3, radius_t=3, points=8, blocks=(8, 8), overlap=0.7, uniform=True) -> np.ndarray:
    "LBP-TOP as it is defined, one pixel, one neighbour and one block at a time"
    (t, h, w), film = frames.shape, frames.tolist()
    rows, columns = block_edges(h - 2 * radius, blocks[0], overlap), block_edges(w - 2 * radius, blocks[1], overlap)
    bins = bins_of(points, uniform)
    counts = np.zeros((*blocks, 3, max(bins.values()) + 1), int)
    angles = [2 * math.pi * p / points for p in range(points)]
    for k in range(radius_t, t - radius_t):
        for y in range(radius, h - radius):
            for x in range(radius, w - radius):
                centre, codes = film[k][y][x], [0, 0, 0]
                for p, angle in enumerate(angles):
                    across, up = nearest(radius * math.cos(angle)), nearest(radius * math.sin(angle))
                    codes[0] += (film[k][y - up][x + across] >= centre) << p
                    codes[1] += (film[k + nearest(radius_t * math.sin(angle))][y][x + across] >= centre) << p
                    codes[2] += (film[k + nearest(radius_t * math.cos(angle))][y - up][x] >= centre) << p
                for j, (top, bottom) in enumerate(rows):
                    for i, (left, right) in enumerate(columns):
                        if top <= y - radius < bottom and left <= x - radius < right:
                            for plane in range(3):
                                counts[j, i, plane, bins[codes[plane]]] += 1
    return counts.ravel()


def timed(ways: dict, repeats: int) -> dict:
    "Median and smallest milliseconds of each way, in turns"
    spent = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            spent[name].append(1000 * (time.perf_counter() - start))
    return {name: {"median_ms": statistics.median(s), "least_ms": min(s)} for name, s in spent.items()}


def main() -> dict:
    rng = np.random.default_rng(0)
    film = {size: rng.integers(0, 256, (10, size, size), dtype=np.uint8) for size in (112, 256)}
    field = {size: rng.normal(0, 1, (9, 2, size, size)).astype(np.float32) for size in film}
    long = rng.integers(0, 256, (30, 112, 112), dtype=np.uint8)
    ways = {"tim, 30 frames of 112 to 10": lambda: tim(long, 10)}
    for size in film:
        shape = f"{size} x {size}"
        ways |= {
            f"lbptop, {shape} x 10": lambda s=size: lbptop(film[s]),
            f"hog3d, {shape} x 10": lambda s=size: hog3d(film[s]),
            f"hoof, 9 fields {shape}, 8 x 8 blocks": lambda s=size: hoof(field[s], blocks=(8, 8)),
            f"mdmo, 9 fields {shape}": lambda s=size: mdmo(field[s], place((s, s))),
        }
    found = timed(ways, REPEATS)
    found["plain loop, 112 x 112 x 10"] = timed({"loop": lambda: plain_lbptop(film[112])}, 2)["loop"]
    equal = bool((plain_lbptop(film[112]) == lbptop(film[112])).all())
    print(f"{len(os.sched_getaffinity(0))} cores; load {os.getloadavg()[0]:.1f}; medians of {REPEATS} interleaved repeats\n")
    print("| what | median (ms) | least (ms) |\n|---|---|---|")
    for name, ms in found.items():
        print(f"| {name} | {ms['median_ms']:.2f} | {ms['least_ms']:.2f} |")
    ratio = found["plain loop, 112 x 112 x 10"]["least_ms"] / found["lbptop, 112 x 112 x 10"]["least_ms"]
    print(f"\nlbptop is {ratio:.0f} times as fast as the loop, and its counts are {'equal' if equal else 'NOT equal'}.")
    return found | {"equal": equal, "times_faster": ratio}
