"Run notebooks and keep their outputs as evidence: python tools/execute.py [notebook ...]"
import sys
import time
from pathlib import Path

from notebooks import ROOT, clean, notebooks, run, save

if __name__ == "__main__":
    for path in [Path(a).resolve() for a in sys.argv[1:]] or notebooks():
        start = time.perf_counter()
        save(clean(run(path)), path)
        print(f"{path.relative_to(ROOT)}: {time.perf_counter() - start:.1f} s, {path.stat().st_size / 1024:.0f} KB")
