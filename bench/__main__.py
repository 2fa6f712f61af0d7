"python -m bench [name ...]: each measurement against what a user would pick instead, side by side in one run"
import importlib
import json
import platform
import sys
from pathlib import Path

import mekit

HERE = Path(__file__).parent
names = sys.argv[1:] or sorted(p.stem for p in HERE.glob("[a-z]*.py"))
machine = f"{platform.machine()}, {len(__import__('os').sched_getaffinity(0))} cores, Python {platform.python_version()}, mekit {mekit.__version__}"
print(f"{machine}\n")
results = {"machine": machine}
for name in names:
    print(f"## {name}\n")
    results[name] = importlib.import_module(f"bench.{name}").main()
    print()
target = HERE.parent / "_build" / "bench.json"
target.parent.mkdir(exist_ok=True)
target.write_text(json.dumps(results, indent=1) + "\n")
