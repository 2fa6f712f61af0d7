"Fixtures shared by every test: where the real video and the landmark model are"
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items):
    "Under xdist a file stays with one worker, and all browser tests with one: they share a JupyterLab and a Chromium"
    for item in items:
        path = Path(item.path)
        item.add_marker(pytest.mark.xdist_group("browser" if path.parent.name == "browser" else path.stem))


@pytest.fixture(scope="session")
def shared() -> Path:
    "The folder of shared test material; its absence is a visible skip"
    path = Path(os.environ.get("MEKIT_SHARED", ROOT.parent / "shared"))
    if not path.is_dir():
        pytest.skip(f"no shared test material at {path}; set MEKIT_SHARED")
    return path


@pytest.fixture(scope="session")
def video(shared) -> Path:
    "A real face: 472 frames, 640 x 360, 24000/1001 fps (Wolfgang Langer, Pexels video 3063838)"
    path = shared / "data/faces/pexels_3063838_expressions.mp4"
    if not path.is_file():
        pytest.skip(f"no video at {path}")
    return path


@pytest.fixture(scope="session")
def landmarker(shared) -> Path:
    "MediaPipe's Face Landmarker model file"
    path = shared / "models/face_landmarker.task"
    if not path.is_file():
        pytest.skip(f"no landmark model at {path}")
    return path
