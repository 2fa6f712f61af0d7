"The annotator without a browser: what the page is told, what it may ask for, crashes, a second coder who is blind"
import json
import subprocess
import threading
from contextlib import closing

import numpy as np
import pytest
from barcode import barcode
from test_javascript import find_node

from mekit.core import MekitError
from mekit.data.annotations import Annotations, Event, Verdict, read_csv
from mekit.data.clip import read_clip
from mekit.labels import AU, Label, Terms
from mekit.widgets.annotator import KEPT, annotate, clips_of, hidden
from mekit.widgets.base import bundle

N = 20
EVENT = dict(number=12, side="L", intensity="B", certain=True, onset=3, apex=9, offset=15, note="")


def make(k: int, n: int = N):
    label = Label(2, 3, 4, (AU(4, "R", "C"),), "happiness", "sub01", "mmew", f"mmew/happiness/S{k}", terms=Terms("private"))
    return read_clip(np.stack([barcode(100 * k + i, (32, 40)) for i in range(n)]), fps=200).replace(label=label)


@pytest.fixture
def clips():
    return {f"mmew/happiness/S{k}": make(k) for k in range(3)}


@pytest.fixture
def open_(clips, tmp_path):
    made = []

    def start(coder="ann", **more):
        made.append(annotate(more.pop("index", clips), **{"coder": coder, "path": tmp_path} | more))
        return made[-1]
    yield start
    for w in made:
        w.close()


def ask(w, op, **more) -> str:
    "A message as the page sends it; gives what went wrong"
    ask.number = getattr(ask, "number", 0) + 1
    w._message(w, {"kind": "code", "id": f"page:{ask.number}", "clip": w.position, "op": op, **more}, [])
    assert w.saved["id"] == f"page:{ask.number}"
    return w.saved["problem"]


def everything_sent(w) -> str:
    "All that the page of a widget holds, as text"
    state = {k: v for k, v in w.get_state().items() if not isinstance(v, (bytes, memoryview)) and k not in ("_esm", "_css")}
    return json.dumps(state, default=str)


# ---- saved at once

def test_a_change_is_in_the_file_when_it_is_acknowledged(open_, tmp_path):
    w = open_()
    assert ask(w, "add", event=EVENT) == ""
    assert [(e.sample, e.au.code, *e.marks, e.times) for e in read_csv(tmp_path / "ann.csv")] == [("mmew/happiness/S0", "L12B", 3, 9, 15, (15.0, 45.0, 75.0))]
    assert w.events[0]["ms"] == "15 · 45 · 75 ms" and w.queue[0]["events"] == 1
    assert len(w.saved["time"]) == 8
    assert ask(w, "replace", old=EVENT, event=EVENT | {"apex": 10, "certain": False}) == ""
    assert [(e.apex, e.certain) for e in read_csv(tmp_path / "ann.csv")] == [(10, False)]
    assert ask(w, "undo") == "" and w.table.events[0].apex == 9
    assert ask(w, "remove", old=EVENT) == "" and len(read_csv(tmp_path / "ann.csv")) == 0
    assert ask(w, "undo") == "" and len(read_csv(tmp_path / "ann.csv")) == 1
    assert ask(w, "verdict", verdict={"kind": "coded", "note": "dark"}) == ""
    assert read_csv(tmp_path / "ann.csv").verdict("mmew/happiness/S0", "ann") == Verdict("mmew/happiness/S0", "ann", "coded", True, "dark")


def test_the_clips_alone_are_enough(clips, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", lambda: "LAB\\\\Anna M\u00fcller")
    with closing(annotate(clips)) as w:
        assert ask(w, "add", event=EVENT) == "" and w.home == {"coder": "LAB-Anna-M\u00fcller", "file": "~/annotations/LAB-Anna-M\u00fcller.csv"}
    assert read_csv(tmp_path / "annotations" / "LAB-Anna-M\u00fcller.csv").coders == ("LAB-Anna-M\u00fcller",)
    with closing(annotate(clips, coder="bob", path=tmp_path.parent / "elsewhere")) as w:
        assert w.home == {"coder": "bob", "file": str(tmp_path.parent / "elsewhere" / "bob.csv")}


@pytest.mark.parametrize("found", [OSError("no such user"), KeyError("uid 1234"), "..", ""])
def test_where_nobody_is_logged_in_a_name_is_asked_for(clips, tmp_path, monkeypatch, found):
    def who():
        if isinstance(found, str):
            return found
        raise found
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("getpass.getuser", who)
    with pytest.raises(MekitError, match="coder=, a short name"):
        annotate(clips)
    assert list(tmp_path.iterdir()) == []


def test_a_change_sent_twice_is_made_once(open_):
    w = open_()
    assert [ask(w, "add", event=EVENT) for _ in range(2)] == ["", ""]
    assert len(w.table) == 1 and ask(w, "undo") == "" and len(w.table) == 0 and w.saved["done"] == "undone: L12B, clip 1"
    assert "a change made in this session" in ask(w, "undo")


@pytest.mark.parametrize("op, more, message", [
    ("add", {"event": EVENT | {"apex": 1}}, "onset not after apex"), ("add", {"event": EVENT | {"offset": N}}, f"offset from 0 to {N - 1}"), ("add", {"event": EVENT | {"number": 1215}}, "AU_TABLE"),
    ("add", {"event": EVENT | {"side": "X"}}, "side 'L', 'R' or None"), ("add", {"event": None}, "an event with a number"), ("add", {}, "event"), ("remove", {"old": EVENT}, "an event of this clip"),
    ("go", {"to": 99}, "a clip from 0 to 2"), ("go", {}, "to"), ("verdict", {"verdict": {"kind": "coding"}}, "Did you mean 'coded'"), ("dance", {"event": EVENT, "clip": 77}, "a clip from 0 to 2")])
def test_what_cannot_be_done_is_answered_and_changes_nothing(open_, tmp_path, op, more, message):
    w = open_()
    assert message in ask(w, op, **more)
    assert not w.saved["kept"] and len(w.table) == 0 and w.position == 0 and w.table.verdicts == ()


def test_events_and_no_au_exclude_each_other(open_):
    w = open_()
    ask(w, "verdict", verdict={"kind": "none"})
    ask(w, "add", event=EVENT)
    assert w.clip_verdict["kind"] == "open" and w.queue[0]["kind"] == "open"
    assert "no events in a clip without action units" in ask(w, "verdict", verdict={"kind": "none"})
    ask(w, "verdict", verdict={"kind": "coded"})
    ask(w, "remove", old=EVENT)
    assert w.clip_verdict["kind"] == "open"         # a coded clip without events would say what nobody said


def test_undo_says_what_it_took_back_in_which_clip(open_):
    w = open_()
    ask(w, "add", event=EVENT)
    ask(w, "verdict", verdict={"kind": "coded"})
    ask(w, "go", to=1)
    said = []
    while not ask(w, "undo"):
        said.append(w.saved["done"])
    assert said == ["undone: what was said of the whole, clip 1", "undone: L12B, clip 1"] and w.position == 1 and w.saved["done"] == ""


def test_a_full_disk_is_shown_and_tried_again(open_, tmp_path, monkeypatch):
    w = open_()
    monkeypatch.setattr("os.fsync", lambda f: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert "not saved, No space left" in ask(w, "add", event=EVENT) and w.saved["kept"]
    assert len(w.events) == 1 and not (tmp_path / "ann.csv").exists()
    assert "No space left" in ask(w, "retry")
    monkeypatch.undo()
    assert ask(w, "retry") == "" and not w.saved["kept"] and len(read_csv(tmp_path / "ann.csv")) == 1


def test_a_change_belongs_to_the_clip_it_was_made_on(open_):
    "The page may have gone on before its message is read"
    w = open_()
    ask(w, "go", to=1)
    assert ask(w, "add", event=EVENT, clip=0) == "" and [e.sample for e in w.table] == ["mmew/happiness/S0"] and w.events == []


# ---- resuming

def test_running_the_cell_again_goes_on_where_it_stopped(open_):
    w = open_()
    for _ in range(2):
        ask(w, "add", event=EVENT)
        ask(w, "verdict", verdict={"kind": "coded"})
        ask(w, "go", to=w.position + 1)
    ask(w, "add", event=EVENT)
    again = open_()
    assert (again.position, len(again.events), [q["kind"] for q in again.queue]) == (2, 1, ["coded", "coded", "open"])
    ask(w, "add", event=EVENT | {"onset": 1})       # the old widget still works, on the same file
    ask(again, "add", event=EVENT | {"onset": 2})
    assert sorted(e.onset for e in again.table.where(sample="mmew/happiness/S2")) == [1, 2, 3]


def test_recover_makes_the_changes_a_page_kept(open_):
    w = open_()
    lines = [{"kind": "code", "id": "x:1", "clip": 0, "op": "add", "event": EVENT}, {"clip": 0, "op": "verdict", "verdict": {"kind": "coded"}}, {"clip": 1, "op": "draft", "event": {"number": 4, "onset": 2, "certain": True}}]
    table = w.recover("\n".join(map(json.dumps, lines)) + "\n")
    assert [(e.sample, e.au.code) for e in table] == [("mmew/happiness/S0", "L12B"), ("mmew/happiness/S1", "4")] and w.queue[0]["kind"] == "coded"
    with pytest.raises(MekitError, match="onset not after apex"):
        w.recover(json.dumps(lines[0] | {"event": EVENT | {"apex": 0}}))


def test_what_a_page_kept_belongs_to_its_clip_whatever_the_queue_has_become(open_, clips):
    key = open_().queue[2]["key"]
    kept = json.dumps({"clip": 2, "key": key, "op": "add", "event": EVENT})
    turned = open_("bob", index=dict(reversed(clips.items())))
    assert [e.sample for e in turned.recover(kept)] == ["mmew/happiness/S2"] and turned.queue[0]["events"] == 1
    with pytest.raises(MekitError, match="a change of a clip in this queue"):
        open_("eva", index={"other": make(7), "more": make(8), "third": make(9)}).recover(kept)


# ---- what the page may know

SECRETS = ("happiness", "sub01", "mmew", "R4C", "S0", "S1", "S2")


def test_the_page_knows_nothing_that_was_said_of_a_clip(open_):
    w = open_()
    for k in range(3):
        ask(w, "go", to=k)
        assert w.marks == {} and w.content.clip.label.aus == () and w.content.clip.truth is None
        assert not [s for s in SECRETS if s in everything_sent(w)]
    assert any("private" in b for b in w.meta["banners"])       # but whose it is not is still said
    with pytest.raises(MekitError, match="private"):
        w.to_html("face.html")


def test_the_second_coder_is_blind_to_the_first(open_, tmp_path):
    first = open_("zenobia")
    ask(first, "add", event=EVENT | {"note": "seen by her alone", "number": 17})
    ask(first, "verdict", verdict={"kind": "coded"})
    bob = open_("bob")
    assert (bob.position, bob.events, bob.others, len(bob.table)) == (0, [], [], 0)
    assert [q["kind"] for q in bob.queue] == ["open"] * 3 and [q["events"] for q in bob.queue] == [0] * 3
    assert "her alone" not in everything_sent(bob) and "zenobia" not in everything_sent(bob)
    assert "her alone" in everything_sent(first)
    ask(bob, "add", event=EVENT)
    assert read_csv(tmp_path / "bob.csv").coders == ("bob",) and read_csv(tmp_path / "zenobia.csv").coders == ("zenobia",)
    seeing = open_("bob", blind=False)
    assert [(e["by"], e["number"], e["note"]) for e in seeing.others] == [("zenobia", 17, "seen by her alone")] and seeing.queue[0]["name"] == "mmew/happiness/S0"


def test_a_shared_file_must_be_asked_for(open_, tmp_path):
    ask(open_(path=tmp_path / "all.csv"), "add", event=EVENT)
    with pytest.raises(MekitError, match="rows of ann"):
        open_("bob", path=tmp_path / "all.csv")
    bob = open_("bob", path=tmp_path / "all.csv", shared=True)
    assert bob.events == bob.others == [] and [q["events"] for q in bob.queue] == [0, 0, 0]
    ask(bob, "add", event=EVENT)
    assert read_csv(tmp_path / "all.csv").coders == ("ann", "bob")


def test_hidden_keeps_terms_frames_and_times():
    clip = make(1)
    shown = hidden(clip, 4, "mmew/happiness/S1", True)
    assert shown.label.terms == clip.label.terms and shown.frames is clip.frames and (shown.times == clip.times).all() and shown.title == "clip 5"
    assert hidden(clip, 4, "mmew/happiness/S1", False).title == "mmew/happiness/S1"


# ---- the queue

def test_the_next_clip_is_ready_before_it_is_asked_for(clips, open_):
    read, threads = [], set()

    class Index(dict):
        def __getitem__(self, key):
            read.append(key)
            threads.add(threading.current_thread().name)
            return super().__getitem__(key)
    w = open_(index=Index(clips))
    w.jobs[1].result(10)
    before = len(read)
    ask(w, "go", to=1)
    assert set(read[:before]) == {"mmew/happiness/S0", "mmew/happiness/S1"} and "mmew/happiness/S1" not in read[before:]
    assert all("mekit-annotator" in name for name in threads) and len(w.jobs) <= KEPT


def test_a_clip_that_cannot_be_read_is_named_and_the_others_go_on(clips, open_, tmp_path):
    w = open_(index={"a": str(tmp_path / "gone.mp4"), **clips})
    assert "gone.mp4" in w.queue[0]["problem"] and w.meta["n"] == 1
    assert "a clip that can be read" in ask(w, "add", event=EVENT)
    assert ask(w, "verdict", verdict={"kind": "skipped"}) == "" and ask(w, "go", to=1) == ""
    assert w.meta["n"] == N and w.queue[1]["problem"] is None


def test_clips_of_different_sizes_and_going_back(open_):
    w = open_(index={"long": make(0, 30), "short": make(1, 5)})
    w.frame = 25
    ask(w, "go", to=1)
    assert (w.frame, w.meta["n"]) == (0, 5)
    ask(w, "go", to=0)
    assert w.meta["n"] == 30 and w.marks == {}


@pytest.mark.parametrize("index, message", [([make(0), make(0)], "clips with different names"), ([np.zeros(3)], "expected clips"), ({}, "at least one clip"), (7, "a Clip, a list of Clips, or a dict")])
def test_bad_queues(tmp_path, index, message):
    with pytest.raises(MekitError, match=message):
        annotate(index, coder="ann", path=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_clip_and_lists_have_their_sample_as_key():
    assert list(clips_of(make(0))) == ["mmew/happiness/S0"] and list(clips_of([make(0), make(1)])) == ["mmew/happiness/S0", "mmew/happiness/S1"]


def test_only_the_units_asked_for(open_):
    w = open_(aus=(4, "AU12"))
    assert w.aus == {"4": "Brow lowerer", "12": "Lip corner puller"} and w.shown == [4, 12]
    assert "4, 12" in ask(w, "add", event=EVENT | {"number": 1})
    with pytest.raises(MekitError, match="one action unit"):
        open_(aus=[1215])


def test_events_that_no_longer_fit_the_clip_are_named(open_, tmp_path, clips):
    Annotations((Event("mmew/happiness/S0", "ann", AU(4), 3, 9, 40),)).to_csv(tmp_path / "ann.csv")
    w = open_()
    assert f"1 event lies outside the {N} frames" in w.queue[0]["problem"]
    Annotations((Event("mmew/happiness/S0", "ann", AU(4), 3, 9, 12, (115., 145., 160.)),)).to_csv(tmp_path / "ann.csv")
    assert "cut differently" in open_().queue[0]["problem"]


def test_it_says_what_it_is(open_, tmp_path):
    w = open_()
    ask(w, "verdict", verdict={"kind": "none"})
    assert repr(w) == f"Annotator(ann: 1 of 3 clips judged, 0 events, in {tmp_path / 'ann.csv'})" and w.path == tmp_path / "ann.csv"


def test_the_bundle_is_a_module(tmp_path):
    node = find_node()
    if node is None:
        pytest.skip("no node")
    (tmp_path / "bundle.mjs").write_text(bundle("annotator.js"))
    run = subprocess.run([node, "--check", tmp_path / "bundle.mjs"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
