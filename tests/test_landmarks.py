"Landmarks: known, by MediaPipe, placed by the eyes; and the one download of its model, against a small server of our own"
import hashlib
import http.server
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from mekit.anatomy import CANONICAL, iod_of
from mekit.core import MekitError, MekitWarning
from mekit.data.clip import Clip, read_clip
from mekit.data.synthetic import synthesize
from mekit.face import landmarks as module
from mekit.face.landmarks import fetch_landmarker, landmarker_path, landmarks, similarity
from mekit.labels import Label


@pytest.fixture
def cache(tmp_path, monkeypatch):
    "An empty cache, and no model named by the environment"
    monkeypatch.setenv("MEKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("MEKIT_LANDMARKER", raising=False)
    monkeypatch.delenv("MEKIT_OFFLINE", raising=False)
    return tmp_path


@contextmanager
def serving(data: bytes, status: int = 200):
    "A server that gives `data`, and the requests it got"
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_): pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(.02,), daemon=True)
    thread.start()
    try: yield f"http://127.0.0.1:{server.server_port}/model.task", asked
    finally:
        server.shutdown()
        server.server_close()


def official(monkeypatch, url, data):
    monkeypatch.setattr(module, "LANDMARKER", {"url": url, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})


# the model file

def test_the_model_is_fetched_once_and_kept(cache, monkeypatch):
    data = bytes(range(256)) * 40
    with serving(data) as (url, asked):
        official(monkeypatch, url, data)
        assert landmarker_path() is None
        path = fetch_landmarker()
        assert path.read_bytes() == data and fetch_landmarker() == path == landmarker_path() and asked == ["/model.task"]
        path.write_bytes(data[:-1])                      # somebody damaged it
        assert landmarker_path() is None and fetch_landmarker().read_bytes() == data and len(asked) == 2
    assert fetch_landmarker(offline=True) == path        # at hand: no network needed


@pytest.mark.parametrize("change", [lambda d: d[:-7], lambda d: d + b"more", lambda d: b"<html>sign in</html>"])
def test_another_content_is_refused_and_not_kept(cache, monkeypatch, change):
    data = bytes(range(256)) * 40
    with serving(change(data)) as (url, _):
        official(monkeypatch, url, data)
        with pytest.raises(MekitError, match="expected a file with sha256.*nothing was kept"): fetch_landmarker()
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_no_server_and_an_error_page_say_what_to_do(cache, monkeypatch):
    with serving(b"", 404) as (url, _):
        official(monkeypatch, url, b"x")
        with pytest.raises(MekitError, match="404.*MEKIT_LANDMARKER"): fetch_landmarker()
    with pytest.raises(MekitError, match="no answer from.*copy the file to"): fetch_landmarker()


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_offline_mode_asks_nobody(cache, monkeypatch, how):
    with serving(b"data") as (url, asked):
        official(monkeypatch, url, b"data")
        if how == "environment": monkeypatch.setenv("MEKIT_OFFLINE", "1")
        with pytest.raises(MekitError, match="offline mode.*copy it to"): fetch_landmarker(**({"offline": True} if how == "argument" else {}))
    assert not asked


def test_looking_for_landmarks_downloads_nothing(cache, monkeypatch):
    def forbidden(*_, **__): raise AssertionError("the network was used")
    monkeypatch.setattr(module.urllib.request, "urlopen", forbidden)
    clip = synthesize((), duration_ms=50).replace(truth=None)
    assert landmarks(clip).method == "eyes"
    with pytest.raises(MekitError, match="fetch_landmarker"): landmarks(clip, method="mediapipe")


def test_the_known_digest_is_that_of_the_real_file(landmarker):
    assert hashlib.sha256(landmarker.read_bytes()).hexdigest() == module.LANDMARKER["sha256"] and landmarker.stat().st_size == module.LANDMARKER["bytes"]


# the points

@pytest.fixture(scope="module")
def clip():
    return synthesize({"AU12": 2.}, fps=20)


def test_truth_first(clip):
    found = landmarks(clip, frames=[0, 9])
    assert found.method == "truth" and np.array_equal(found.points, clip.truth.landmarks[[0, 9]]) and found.numbers.tolist() == [0, 9]
    assert landmarks(clip).numbers.tolist() == [clip.label.onset]


def test_placed_by_the_eyes_is_near(clip):
    found = landmarks(clip, method="eyes")
    away = np.linalg.norm(found.points[0] - clip.truth.landmarks[clip.label.onset], axis=1) / clip.iod
    assert away[36:48].max() < .1 and np.median(away[17:]) < .08 and found.how == "estimated from the eyes"


def test_mediapipe_by_argument_and_environment(clip, cache, monkeypatch, landmarker):
    pytest.importorskip("mediapipe")
    found = landmarks(clip, model=landmarker, method="mediapipe")
    away = np.linalg.norm(found.points[0] - clip.truth.landmarks[clip.label.onset], axis=1) / clip.iod
    assert np.median(away[17:]) < .05 and found.how == "MediaPipe"
    filmed = clip.replace(truth=None)
    monkeypatch.setenv("MEKIT_LANDMARKER", str(landmarker))
    assert landmarks(filmed).method == "mediapipe" and np.allclose(landmarks(filmed).points, found.points)
    monkeypatch.setenv("MEKIT_LANDMARKER", str(landmarker) + "x")
    with pytest.raises(MekitError, match="which is no file"): landmarks(filmed)


def test_without_the_package_the_extra_is_named(clip, landmarker, monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MekitError, match=r"mekit\[landmarks\]"): landmarks(clip, method="mediapipe", model=landmarker)
    assert landmarks(clip.replace(truth=None), model=landmarker).method == "eyes"


def two_faces():
    face = synthesize((), duration_ms=50, size=256)
    small = synthesize((), duration_ms=50, size=160)
    film = np.full((2, 300, 520, 3), 125, np.uint8)
    film[:, 20:276, 10:266] = face.frames[0]
    film[:, 60:220, 330:490] = small.frames[0]
    return Clip(film, label=Label(onset=0)), face.truth.landmarks[0] + (10, 20)


@pytest.mark.parametrize("method", ["eyes", "mediapipe"])
def test_of_several_faces_the_largest_and_it_is_said(method, landmarker):
    if method == "mediapipe": pytest.importorskip("mediapipe")
    film, points = two_faces()
    with pytest.warns(MekitWarning, match="2 faces in frame 0; the largest is taken"):
        found = landmarks(film, method=method, model=landmarker)
    assert np.linalg.norm(found.points[0][36:48] - points[36:48], axis=1).max() < .12 * iod_of(points)


@pytest.mark.parametrize("method", ["eyes", "mediapipe"])
def test_nobody_is_nan(method, landmarker):
    if method == "mediapipe": pytest.importorskip("mediapipe")
    found = landmarks(read_clip(np.full((2, 90, 120, 3), 60, np.uint8), fps=25).mark(onset=0), method=method, model=landmarker)
    assert not found.found.any() and np.isnan(found.points).all() and "face in 0" in repr(found) and found._repr_html_()


def test_a_similarity_is_found_again():
    turn = np.array([[.8, -.3, 12], [.3, .8, -4], [0, 0, 1]])
    assert np.allclose(similarity(CANONICAL, CANONICAL @ turn[:2, :2].T + turn[:2, 2]), turn)


def test_its_picture_bears_the_terms(clip):
    assert 'data-terms="publishable"' in landmarks(clip)._repr_html_() and "<polyline" in landmarks(clip)._repr_html_()


@pytest.mark.parametrize("call, message", [
    (lambda c: landmarks(None), "a Clip, received NoneType"), (lambda c: landmarks(c, method="dlib"), "unknown method 'dlib'"), (lambda c: landmarks(c, frames=[20]), "frames from 0 to 19"),
    (lambda c: landmarks(c, frames=[.5]), "whole numbers"), (lambda c: landmarks(c.replace(truth=None), method="truth"), "a synthetic clip")])
def test_what_is_refused(clip, call, message):
    with pytest.raises(MekitError, match=message): call(clip)
