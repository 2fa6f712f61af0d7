"""What each flow method reads of known bumps on a photographed face, and how much strain its noise makes.

Error and share are taken where a bump moves the skin more than half as far as its peak.
'dis, OpenCV's medium' has the patches of that preset and believes motion everywhere.
"""
import os
from itertools import product
from pathlib import Path

import cv2
import numpy as np

import mekit as me
from mekit.motion.flow import METHODS
from mekit.motion.strain import strain

SHARED = Path(os.environ.get("MEKIT_SHARED", Path(__file__).resolve().parents[2] / "shared"))
VIDEO = SHARED / "data/faces/pexels_3063838_expressions.mp4"
NOISE, PLACES = 2.0, ((.35, .3), (.65, .3), (.38, .72), (.62, .72), (.5, .55))


WAYS = {"dis": ("dis", {}), "dis, OpenCV's medium": ("dis", dict(patch=8, stride=4, steps=25, texture=0)), "farneback": ("farneback", {})}


def bumps(shape: tuple, peak: float, width: float) -> np.ndarray:
    "Gaussian bumps on brows, lip corners and nose, each in another direction: 2 h w, pixels"
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    uv = np.zeros((2, *shape), np.float32)
    for k, (across, down) in enumerate(PLACES):
        size = peak * np.exp(-((x - across * shape[1]) ** 2 + (y - down * shape[0]) ** 2) / (2 * width**2))
        uv += np.stack([size * np.cos(1.3 * k), size * np.sin(1.3 * k)])
    return uv


def moved(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    "The image b with b(x + uv(x)) = image(x): the field is inverted by fixed point, the image read by Lanczos"
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    back = np.zeros_like(uv)
    for _ in range(30):
        back = -np.stack([cv2.remap(c, x + back[0], y + back[1], cv2.INTER_LINEAR) for c in uv])
    return cv2.remap(image, x + back[0], y + back[1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def noisy(image: np.ndarray, seed: int) -> np.ndarray:
    "With camera noise, as bytes"
    return np.clip(np.rint(image + np.random.default_rng(seed).normal(0, NOISE, image.shape)), 0, 255).astype(np.float32)


def main() -> dict:
    if not VIDEO.is_file():
        print(f"skipped: no video at {VIDEO}; set MEKIT_SHARED")
        return {"skipped": True}
    face = cv2.cvtColor(me.crop(me.read(VIDEO, start=0, stop=2)).frames[0], cv2.COLOR_RGB2GRAY).astype(np.float32)
    found = {}
    print("| width (px) | true peak (px) | method | median error (px) | share read | mean strain (%) | true strain (%) |\n|---|---|---|---|---|---|---|")
    for width, peak in product((12.0, 24.0), (0.25, 1.0, 3.0)):
        truth = bumps(face.shape, peak, width)
        length = np.hypot(*truth)
        on, a, b = length > peak / 2, noisy(face, 1), noisy(moved(face, truth), 2)
        true = 100 * float(strain(truth[None]).mean())
        for name, (method, options) in WAYS.items():
            uv = METHODS[method](a, b, **options)
            error = float(np.median(np.hypot(*(uv - truth))[on]))
            share = float(np.median((uv * truth).sum(0)[on] / length[on] ** 2))
            stretch = 100 * float(strain(uv[None]).mean())
            found[f"{name}, {peak:g} px, {width:g} px wide"] = {"median_error_px": error, "share": share, "mean_strain_percent": stretch}
            print(f"| {width:g} | {peak:g} | {name} | {error:.3f} | {share:.0%} | {stretch:.2f} | {true:.2f} |")
    return found
