"Core: content hashes that do not collide, options that name the close match, files whole or not at all, a bounded cache"
import gc
import os
import pickle
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pytest

from mekit import core
from mekit.core import Lazy, MekitError, MekitWarning, atomic_path, digest, verb, warn, write_atomic

LONG = np.zeros(5000)
OTHER = LONG.copy()
OTHER[2500] = 1


@pytest.mark.parametrize("one, two", [
    ((b"a", b"b"), (b"ab",)), (("a", "b"), ("ab",)), ((b"ab",), ("ab",)), ((1,), ("1",)), ((1,), (1.0,)), ((1,), (True,)), ((None,), ("None",)), (("",), ()),
    (([LONG],), ([OTHER],)), (({"x": LONG},), ({"x": OTHER},)), (([1, 2], 3), ([1], 2, 3)), (([1, 2],), ((1, 2),)), (([[1], 2],), ([[1, 2]],)),
    ((LONG,), (LONG.astype(np.float32),)), ((LONG,), (LONG.reshape(50, 100),)), ((LONG, LONG), (np.concatenate([LONG, LONG]),)), (({"a": 1},), ({"b": 1},)), ((np.arange(3),), (np.arange(3).tobytes(),))])
def test_different_content_has_another_digest(one, two):
    assert digest(*one) != digest(*two) and digest(*one) == digest(*one) and len(digest(*one)) == 16


def test_equal_content_has_one_digest():
    assert digest(LONG[::2]) == digest(LONG[::2].copy()) and digest(np.float64(2.5)) == digest(2.5) and digest({"a": [1, LONG]}) == digest({"a": [1, LONG.copy()]})


@pytest.mark.parametrize("part", [{1, 2}, object(), [lambda: 0], np.array([object()])])
def test_what_has_no_fixed_content_is_refused(part):
    with pytest.raises(MekitError, match="digest: expected arrays"): digest(part)


def test_the_umask_is_left_alone(tmp_path, monkeypatch):
    "os.umask changes the whole process for a moment, so writing must not call it"
    def touched(mask): raise AssertionError("umask touched")
    write_atomic(tmp_path / "before", "x")
    monkeypatch.setattr(os, "umask", touched)
    path = write_atomic(tmp_path / "page.html", "x")
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert path.stat().st_mode == plain.stat().st_mode


def test_nothing_is_left_of_a_failed_write(tmp_path):
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "x.txt"): raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_a_warning_names_the_line_of_the_caller():
    "Through a function of the library, the file is that of the user"
    from mekit.data.clip import read_clip
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warn("direct")
        read_clip(np.zeros((1, 8, 8, 3), np.uint8))
    assert [Path(s.filename).name for s in said] == [Path(__file__).name] * 2 and {s.category for s in said} == {MekitWarning}


def lazy(n=20, keep=4):
    loads = []
    def load(i): loads.append(i); return np.full(1024, i % 256, np.uint8)
    return Lazy(load, n, (1024,), keep_mb=keep / 1024), loads


def test_the_cache_is_bounded():
    items, _ = lazy()
    for item in items: assert item.nbytes == 1024
    assert items.cache.size == 4 * 1024 and len(items.cache.held) == 4


def test_what_was_used_last_stays():
    items, loads = lazy()
    for i in (0, 1, 2, 3, 0, 4): items[i]         # 0 is used again, so 1 is the oldest when 4 comes
    items[0]
    assert loads == [0, 1, 2, 3, 4]
    items[1]
    assert loads[-1] == 1 and list(items.cache.held) == [3, 4, 0, 1]


def test_one_item_larger_than_the_cache_is_given_all_the_same():
    items, loads = lazy(keep=.5)
    assert items[3][0] == 3 and items[3][0] == 3 and loads == [3]


def test_a_cache_travels_without_its_content():
    items = Lazy(np.zeros, 3, (2,))
    items[2]
    copy = pickle.loads(pickle.dumps(items.cache))
    assert not copy.held and copy.size == 0 and copy.limit == items.cache.limit and type(copy.lock) is type(threading.RLock())


def test_verb_on_a_method():
    class Box:
        @verb
        def paint(self, *, colour="red"): return colour
    assert Box().paint(colour="blue") == "blue"
    with pytest.raises(TypeError, match="paint: unknown option 'color'.*Did you mean 'colour'") as error: Box().paint(color=1)
    assert "self" not in str(error.value) and sys.exc_info() == (None, None, None)


def test_many_sequences_share_one_bound(monkeypatch):
    "What was not looked at for longest goes first, in whichever sequence; the picture in hand stays"
    monkeypatch.setattr(core, "_CACHES", WeakSet())
    monkeypatch.setattr(core, "KEEP_MB", 8 / 1024)
    made = [lazy(10, keep=64)[0] for _ in range(4)]
    for items in made:
        for i in range(3):
            items[i]
    assert [list(m.cache.held) for m in made] == [[], [1, 2], [0, 1, 2], [0, 1, 2]]
    assert all(m.cache.size == 1024 * len(m.cache.held) for m in made)
    monkeypatch.setattr(core, "KEEP_MB", 0)
    assert made[0][5].shape == (1024,) and [list(m.cache.held) for m in made] == [[5], [], [], []]


def test_caches_of_clips_that_are_gone_are_forgotten(monkeypatch):
    monkeypatch.setattr(core, "_CACHES", WeakSet())
    items, _ = lazy(10, keep=4)
    items[0]
    assert len(core._CACHES) == 1
    del items
    gc.collect()
    assert len(core._CACHES) == 0


def test_threads_on_many_sequences(monkeypatch):
    monkeypatch.setattr(core, "_CACHES", WeakSet())
    monkeypatch.setattr(core, "KEEP_MB", 8 / 1024)
    many = [lazy(30, keep=8)[0] for _ in range(6)]
    rng = np.random.default_rng(0)
    asked = [(int(a), int(b)) for a, b in zip(rng.integers(0, 6, 3000), rng.integers(0, 30, 3000))]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda q: int(many[q[0]][q[1]][0]) == q[1], asked, timeout=30))
    assert all(m.cache.size == 1024 * len(m.cache.held) for m in many)
