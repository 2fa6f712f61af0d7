"""How long it takes to make synthetic clips: 2,000 of one second at 60 frames and 128 pixels on two cores, from a sample.

Every frame is rendered with head motion, light and noise; setting an identity up is measured apart, because it happens once per person and process.
Both are processor time, so that what else the machine does is not counted; wall time is printed beside it.
"""
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

SAMPLE, CLIPS, PEOPLE, CORES = 20, 2000, 64, 2
UNITS = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU17")


def made(k: int) -> tuple[float, float, float]:
    "Seconds to set a person up and to make a clip of one already set up, and wall seconds of the clip"
    import cv2

    from mekit.data.synthetic import synthesize
    cv2.setNumThreads(1)
    nuisance = dict(translation=2.0, rotation=1.0, yaw=2.0, illumination=0.05, noise=2.0)
    options = dict(identity=(k * 13) % PEOPLE, size=128, fps=60.0, duration_ms=1000.0, nuisance=nuisance, seed=k)
    start = time.process_time()
    synthesize(UNITS[(k + 5) % 12], **options).frames[20]
    ready, wall = time.process_time(), time.perf_counter()
    np.asarray(synthesize({UNITS[k % 12]: 1.5, UNITS[(k + 5) % 12]: "B"} if k % 3 else UNITS[k % 12], **options).frames)
    return ready - start, time.process_time() - ready, time.perf_counter() - wall


def main() -> dict:
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        list(pool.map(made, range(CORES)))              # imports
        found = np.array(list(pool.map(made, range(CORES, SAMPLE + CORES))))
    setup, clip, wall = np.median(found, axis=0)
    minutes = (PEOPLE * setup + CLIPS * np.mean(found[:, 1])) / CORES / 60
    print(f"| | |\n|---|---|\n| setting a person up (median of {SAMPLE}) | {setup:.2f} s |\n| one clip of 60 frames, 128 px (median; slowest; wall, median) | {clip:.2f} s; {found[:, 1].max():.2f} s; {wall:.2f} s |")
    print(f"| {CLIPS:,} clips of {PEOPLE} people on {CORES} processes, extrapolated | {minutes:.1f} min |")
    return {"setup_s": float(setup), "clip_s": float(clip), "minutes_2000": float(minutes), "sample": SAMPLE}
