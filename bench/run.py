"What a user waits for on the way round the loop: drawing a clip, its flow, opening the workbench, running it again"
import time

import mekit as me
import numpy as np


def timed(function, repeat: int = 3):
    "The result, and the shortest of a few times in seconds"
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return result, min(times)


def drawn():
    "The built-in clip with every frame drawn"
    clip = me.demo()
    np.asarray(clip.frames)
    return clip


def main() -> dict:
    model, found = me.load("ststnet", "demo"), {}
    clip, found["draw 200 frames of 256 x 256"] = timed(drawn)
    _, found["dis flow of 200 pairs"] = timed(lambda: me.flow(clip, method="dis"))
    _, found["farneback flow of 200 pairs"] = timed(lambda: me.flow(clip, method="farneback"))
    long = me.synthesize({"AU4": 2.0}, duration_ms=1000, fps=300.0)
    bench, found["open the workbench, 300 frames"] = timed(lambda: me.workbench(model, long), repeat=1)
    bench.apex += 1
    _, found["run it again"] = timed(bench.run)
    print("| | s |\n|---|---|")
    for what, seconds in found.items():
        print(f"| {what} | {seconds:.2f} |")
    return found
