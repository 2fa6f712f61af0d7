"""What a label file costs: reading 50,000 rows of it, the action units of 860 cells, the F1 of 2,031 x 12 predictions.

Beside them what a user would write instead: pandas for the sheet, splitting codes at "+" and keeping the digits, scikit-learn's F1.
"""
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from openpyxl import Workbook
from sklearn.metrics import f1_score

from mekit.eval.metrics import au_f1
from mekit.labels import parse_aus

ROWS = 50_000
CODES = ("4", "AU4", "L14", "R12A", "R12A+B25", "4+L10", "12 or 15", "(R6 or R12)+R15", "1+2/4", "ref(6)", "AU7(k)", "26", "14A or 17A or 24A", "4，7", "4＋7", "?", "", "0")
PROMISED = {"read_s": 10, "memory_mb": 1024, "parse_ms": 20, "f1_ms": 2}
READ = """
import json, resource, sys, time
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
{imports}
before, start = peak(), time.perf_counter()
n = len({call})
print(json.dumps(dict(rows=n, seconds=time.perf_counter() - start, memory_mb=peak() - before, peak_mb=peak())))
"""
WAYS = {"mekit": ("from mekit.data.databases import casme2", "casme2({root!r})"), "pandas, cells only": ("import pandas as pd", "pd.read_excel({file!r})")}


def sheet(root: Path) -> Path:
    "A label file with the headings of CASME II, and an empty folder for each of its 100 subjects"
    book, file = Workbook(write_only=True), root / "CASME2-coding-20140508.xlsx"
    page, draw = book.create_sheet("Sheet1"), random.Random(1)
    page.append(["Subject", "Filename", None, None, "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"])
    for k in range(ROWS):
        at = draw.randrange(1, 5000)
        page.append([f"{k % 100 + 1:02d}", f"EP{k // 100:04d}", None, None, at, at + 20, at + 60, draw.choice(CODES), draw.choice(("happiness", "disgust", "others"))])
    book.save(file)
    for k in range(100):
        (root / f"sub{k + 1:02d}").mkdir()
    return file


def alone(imports: str, call: str) -> dict:
    "Time and memory of one call in a process of its own (Linux: peak of resident memory in KB)"
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", READ.format(imports=imports, call=call)], capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


def best(function, repeat: int = 20) -> float:
    "Milliseconds: the median of several runs"
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def split(code: str) -> list[int]:
    "What a short reader does, and gets wrong"
    digits = ["".join(filter(str.isdigit, part)) for part in code.split("+")]
    return [int(d) for d in digits if d]


def main() -> dict:
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        file = sheet(Path(folder))
        for name, (imports, call) in WAYS.items():
            results[name] = alone(imports, call.format(root=folder, file=str(file)))
    print(f"| {ROWS:,} rows of .xlsx | s | memory |\n|---|---|---|")
    for name in WAYS:
        print(f"| {name} | {results[name]['seconds']:.1f} | {results[name]['memory_mb']:.0f} MB |")
    draw, rng = random.Random(2), np.random.default_rng(3)
    codes = [draw.choice(CODES) + draw.choice(("", "+1", "+L2", "+17B")) for _ in range(860)]
    truth, said = rng.random((2031, 12)) < .1, rng.random((2031, 12)) < .1
    results["parse_ms"], results["split_ms"] = best(lambda: [parse_aus(c) for c in codes]), best(lambda: [split(c) for c in codes])
    results["f1_ms"], results["sklearn_ms"] = best(lambda: au_f1(truth, said)), best(lambda: f1_score(truth, said, average=None), 5)
    assert np.allclose(au_f1(truth, said), f1_score(truth, said, average=None))
    wrong = sum(sorted(a.number for a in parse_aus(c).aus) != sorted(split(c)) for c in codes)
    print(f"\n860 cells of action units: {results['parse_ms']:.1f} ms, by splitting at '+' {results['split_ms']:.1f} ms and {wrong} of them read otherwise; "
          f"F1 of 2,031 x 12: {results['f1_ms']:.2f} ms, scikit-learn {results['sklearn_ms']:.1f} ms")
    found = {"read_s": results["mekit"]["seconds"], "memory_mb": results["mekit"]["peak_mb"], "parse_ms": results["parse_ms"], "f1_ms": results["f1_ms"]}
    missed = [f"{k} {found[k]:.1f}, promised under {PROMISED[k]}" for k in PROMISED if found[k] >= PROMISED[k]]
    if missed:
        sys.exit("missed: " + "; ".join(missed))
    return results
