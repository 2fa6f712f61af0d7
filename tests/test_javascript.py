"Pure helpers of the widgets, run by node (the system's, or the one inside Playwright's wheel)"
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from notebook_reading import ROOT


def find_node() -> str | None:
    if shutil.which("node"):
        return shutil.which("node")
    spec = importlib.util.find_spec("playwright")
    inside = Path(spec.origin).parent / "driver/node" if spec else None
    return str(inside) if inside and inside.is_file() else None


def test_javascript():
    node = find_node()
    if node is None:
        assert not os.environ.get("CI"), "no node on this machine and none inside Playwright"
        pytest.skip("no node on this machine and none inside Playwright")
    files = sorted(str(p) for p in (ROOT / "tests/js").glob("*.test.mjs"))
    assert files
    run = subprocess.run([node, "--test", *files], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "# pass 0" not in run.stdout
