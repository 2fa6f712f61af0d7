"""What the flow methods read of faces whose true motion is known: error by action unit, size of the movement, and nuisance.

Error is averaged where the expression moves more than half as far as its peak; 'zero' is the error of saying nothing.
"""
import mekit as me
from mekit.labels import CD6ME_AUS
from mekit.motion.flow import METHODS as REGISTERED
from mekit.motion.flow_benchmark import NUISANCE_SET, flow_benchmark

METHODS, SIZE = tuple(m for m in ("dis", "farneback", "tvl1", "phase") if m in REGISTERED), 256
IDENTITIES = (0, 21, 42)


def printed(frame, first: str) -> None:
    "A table: one row a value of `first`, error and share of each method, zero baseline"
    print(f"| {first} | " + " | ".join(f"{m}: error (px) | {m}: share read | {m}: elsewhere (px)" for m in METHODS) + " | zero flow (px) |")
    print("|---" * (3 * len(METHODS) + 2) + "|")
    for value, part in frame.groupby(first, sort=False):
        cells = [f"{part[part.method == m][c].mean():.3f}" for m in METHODS for c in ("error_px", "share_read", "elsewhere_px")]
        print(f"| {value} | {' | '.join(cells)} | {part.zero_px.mean():.3f} |")
    print()


def main() -> dict:
    clean = flow_benchmark(METHODS, aus=CD6ME_AUS, identities=IDENTITIES, size=SIZE)
    rough = flow_benchmark(METHODS, aus=(1, 4, 12, 15), peaks=(1.0,), nuisances=NUISANCE_SET, identities=IDENTITIES, size=SIZE)
    print(f"mekit {me.__version__}, {SIZE} px, identities {', '.join(map(str, IDENTITIES))}; {len(clean) + len(rough)} rows\n")
    printed(clean, "peak_px")
    printed(clean[clean.peak_px == 1.0], "au")
    printed(rough, "nuisance")
    return {"by_size": clean.groupby(["method", "peak_px"])["error_px"].mean().unstack(0).round(4).to_dict(), "by_nuisance": rough.groupby(["method", "nuisance"])["error_px"].mean().unstack(0).round(4).to_dict()}
