"""How much of a micro-expression a landmark model sees: MediaPipe's landmarks of synthetic faces against where the landmarks truly went.

Onset and apex are looked at, averaged over the landmarks that move at least three quarters as far as the one that moves most. 'Measured' is
the displacement along its true direction, after what the model says of the whole face (a similarity over the landmarks that move under a tenth
as far) is taken out. 'Noise' is what the model reports, the same way and along the same directions, where nothing but the sensor's noise
changed; it is given as a standard deviation over draws. A share read of 1 with noise of half the movement is no detection.
"""
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

import mekit as me
from mekit.anatomy import to_ibug
from mekit.data.movement import SUPPORTED
from mekit.data.scene import scene
from mekit.face.landmarks import apply, similarity

AMPLITUDES, IDENTITIES, SIZE, NOISE, DRAWS = (0.5, 1.0, 1.5), (0, 9, 21, 38), 256, 1.0, 4
MODEL = Path(os.environ.get("MEKIT_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "models" / "face_landmarker.task"


def reader():
    "A function from a picture and a seed of its noise to 68 landmarks, or None; and what has to be closed"
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision
    model = vision.FaceLandmarker.create_from_options(vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(MODEL)), num_faces=1))

    def read(picture, seed: int):
        noisy = picture + np.random.default_rng(seed).normal(0, NOISE, picture.shape)
        data = np.ascontiguousarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        faces = model.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=data)).face_landmarks
        return to_ibug(np.array([(p.x, p.y) for p in faces[0]])) * SIZE - 0.5 if faces else None
    return read, model


def along(before, after, true) -> float:
    "Displacement along the true one, where it is large, the head's taken out; pixels"
    size = np.linalg.norm(true, axis=1)
    most, still = size >= 0.75 * size.max(), (size < 0.1 * size.max()) & (np.arange(68) > 16)
    moved = apply(similarity(after[still], before[still]), after) - before
    return float(((moved * true).sum(1)[most] / size[most]).mean())


def rows_of(read, identity: int) -> list[dict]:
    "One row a unit and amplitude of a person; seeds differ from frame to frame"
    first = scene({}, identity=identity, size=SIZE, n=1)
    rest, found = [read(first.picture(0), seed) for seed in range(2 * DRAWS)], []
    if any(r is None for r in rest):
        return []
    for number in SUPPORTED:
        for amplitude in AMPLITUDES:
            s = scene({number: np.array([0, amplitude])}, identity=identity, size=SIZE)
            seen, true = [read(s.picture(1), 100 + seed) for seed in range(DRAWS)], s.landmarks_at(1) - s.landmarks
            if any(r is None for r in seen):
                continue
            size = np.linalg.norm(true, axis=1)
            found.append(dict(au=number, identity=identity, amplitude=amplitude, true_px=float(size[size >= 0.75 * size.max()].mean()), percent_px=s.iod / 100,
                              measured_px=float(np.mean([along(a, b, true) for a, b in zip(rest, seen)])),
                              noise_px=float(np.std([along(a, b, true) for a, b in zip(rest[:DRAWS], rest[DRAWS:])], ddof=1))))
    return found


def main() -> dict:
    if find_spec("mediapipe") is None or not MODEL.is_file():
        print("skipped: mediapipe is not installed" if find_spec("mediapipe") is None else f"skipped: no landmark model at {MODEL}; set MEKIT_SHARED")
        return {}
    read, model = reader()
    with model:
        table = pd.DataFrame([row for identity in IDENTITIES for row in rows_of(read, identity)])
    print(f"mekit {me.__version__}, {SIZE} px, 1 %IOD = {table.percent_px.mean():.2f} px, sensor noise {NOISE:g} grey levels, identities {', '.join(map(str, IDENTITIES))}; {len(table)} rows\n")
    print("| AU | amplitude (%IOD) | true (px) | true (%IOD) | measured (px) | measured (%IOD) | share read | share read, from to | noise at rest (px) | noise (%IOD) |\n" + "|---" * 10 + "|")
    for (number, amplitude), part in table.groupby(["au", "amplitude"]):
        mean, share = part.mean(), part.measured_px / part.true_px
        print(f"| {number} | {amplitude:g} | {mean.true_px:.2f} | {mean.true_px / mean.percent_px:.2f} | {mean.measured_px:.2f} | {mean.measured_px / mean.percent_px:.2f} | {share.mean():.2f} | {share.min():.2f} to {share.max():.2f} | {mean.noise_px:.2f} | {mean.noise_px / mean.percent_px:.2f} |")
    shares = (table.measured_px / table.true_px).groupby([table.au, table.amplitude]).mean().unstack()
    print(f"\nmedian share read over units, by amplitude: {', '.join(f'{a:g} %IOD {v:.2f}' for a, v in shares.median().items())}; noise at rest, median {(table.noise_px / table.percent_px).median():.2f} %IOD")
    return {"share_read": {f"AU{n}": {f"{a:g}": round(float(v), 3) for a, v in row.items()} for n, row in shares.iterrows()}, "noise_iod_percent": round(float((table.noise_px / table.percent_px).median()), 3)}
