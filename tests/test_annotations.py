"Annotations: CSV and ELAN round trips, bad rows, crashes, agreement against published numbers and other implementations"
import itertools
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError, MekitWarning
from mekit.data.agreement import agreement, cohen_kappa, compare, icc, iou, match
from mekit.data.annotations import COLUMNS, Annotations, Event, Store, Verdict, place, read_csv, verdict_swap
from mekit.data.clip import read_clip
from mekit.data.elan import read_eaf, to_eaf
from mekit.labels import AU, AU_TABLE, Label, Terms


def event(onset=3, apex=9, offset=20, *, sample="s/1", coder="ann", au="12", ms=5.0, **more):
    marks = (onset, apex, offset)
    number, side, intensity, certain = re.fullmatch(r"([LR]?)(\d+)([A-E]?)(\??)", au).group(2, 1, 3, 4)
    times = None if ms is None else tuple(None if m is None else m * ms for m in marks)
    return Event(sample, coder, AU(int(number), side or None, intensity or None, not certain), *marks, times, **more)


# ---- any table, as hypothesis imagines it

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=8)
notes = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
marks = st.lists(st.integers(0, 500), min_size=3, max_size=3).map(sorted).flatmap(
    lambda m: st.sets(st.sampled_from([0, 1, 2]), max_size=2).map(lambda gone: tuple(None if k in gone else v for k, v in enumerate(m))))
units = st.builds(AU, st.sampled_from(sorted(AU_TABLE)), st.sampled_from([None, "L", "R"]), st.sampled_from([None, *"ABCDE"]), st.booleans())


@st.composite
def events(draw, note=notes, coder=names, sample=names, timed=st.booleans()):
    m = draw(marks)
    step = draw(st.floats(0.5, 60)) if draw(timed) else None
    return Event(draw(sample), draw(coder), draw(units), *m, None if step is None else tuple(None if v is None else v * step for v in m), draw(note))


rows = st.one_of(events(), st.builds(Verdict, names, names, st.sampled_from(["open", "coded", "none", "skipped"]), st.booleans(), notes))


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=6))
def test_csv_gives_back_what_was_written(tmp_path_factory, many):
    path = tmp_path_factory.mktemp("csv") / "ann.csv"
    table = Annotations(tuple(many))
    assert read_csv(table.to_csv(path)) == table


clean = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=12)


@settings(max_examples=40, deadline=None)
@given(st.lists(events(note=clean, coder=st.sampled_from(["ann", "bob"]), sample=st.just("s/1"), timed=st.just(True)), min_size=1, max_size=8), clean)
def test_eaf_gives_back_what_was_written_and_keeps_the_rules(tmp_path_factory, many, note):
    path = tmp_path_factory.mktemp("eaf") / "x.eaf"
    table = Annotations((*many, Verdict("s/1", "ann", "coded", False, note)))
    back = read_eaf(to_eaf(table, path))
    assert set(back.rows) == set(table.rows)
    check_eaf(path)


# ---- the rules of the format: element order, ids and what they point at, slots, tiers

ORDER = ["LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY"]
MAY = {"ANNOTATION_DOCUMENT": {"AUTHOR", "DATE", "FORMAT", "VERSION", "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"},
       "HEADER": {"MEDIA_FILE", "TIME_UNITS"}, "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE", "RELATIVE_MEDIA_URL"}, "PROPERTY": {"NAME"}, "TIME_ORDER": set(),
       "TIME_SLOT": {"TIME_SLOT_ID", "TIME_VALUE"}, "TIER": {"TIER_ID", "ANNOTATOR", "LINGUISTIC_TYPE_REF", "PARENT_REF"}, "ANNOTATION": set(), "ANNOTATION_VALUE": set(),
       "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"}, "REF_ANNOTATION": {"ANNOTATION_ID", "ANNOTATION_REF"},
       "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID", "TIME_ALIGNABLE", "GRAPHIC_REFERENCES", "CONSTRAINTS"}, "CONSTRAINT": {"STEREOTYPE", "DESCRIPTION"}}


def check_eaf(path) -> None:
    root = ET.parse(path).getroot()
    order = [ORDER.index(child.tag) for child in root]
    assert order == sorted(order) and root.find("HEADER") is not None and root.find("TIME_ORDER") is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)", root.get("DATE"))
    for node in root.iter():
        assert set(node.keys()) <= MAY[node.tag], node.tag
    header = [n.tag for n in root.find("HEADER")]
    assert header == sorted(header, key=["MEDIA_DESCRIPTOR", "PROPERTY"].index)
    ids = [n.get("TIME_SLOT_ID") or n.get("ANNOTATION_ID") for n in root.iter() if n.get("TIME_SLOT_ID") or n.get("ANNOTATION_ID")]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[A-Za-z_][\w.-]*", i) for i in ids)
    slots = [(s.get("TIME_SLOT_ID"), int(s.get("TIME_VALUE"))) for s in root.iter("TIME_SLOT")]
    assert [t for _, t in slots] == sorted(t for _, t in slots) and all(0 <= t < 2**32 for _, t in slots)
    ms, tiers = dict(slots), {t.get("TIER_ID"): t for t in root.iter("TIER")}
    assert len(tiers) == len(root.findall("TIER"))
    kinds = {k.get("LINGUISTIC_TYPE_ID"): k for k in root.iter("LINGUISTIC_TYPE")}
    stereotypes = {c.get("STEREOTYPE") for c in root.iter("CONSTRAINT")}
    used = []
    for tier in tiers.values():
        kind = kinds[tier.get("LINGUISTIC_TYPE_REF")]
        constraint = kind.get("CONSTRAINTS")
        assert (constraint is None) == (tier.get("PARENT_REF") is None) and (constraint is None or constraint in stereotypes)
        parent = tiers[tier.get("PARENT_REF")] if tier.get("PARENT_REF") else None
        spans = sorted((ms[a.get("TIME_SLOT_REF1")], ms[a.get("TIME_SLOT_REF2")]) for a in tier.iter("ALIGNABLE_ANNOTATION"))
        used += [a.get(f"TIME_SLOT_REF{k}") for a in tier.iter("ALIGNABLE_ANNOTATION") for k in (1, 2)]
        assert all(a < b for a, b in spans) and all(x[1] <= y[0] for x, y in zip(spans, spans[1:])), "empty or overlapping"
        if constraint == "Included_In":
            outer = [(ms[a.get("TIME_SLOT_REF1")], ms[a.get("TIME_SLOT_REF2")]) for a in parent.iter("ALIGNABLE_ANNOTATION")]
            assert all(any(o[0] <= a and b <= o[1] for o in outer) for a, b in spans)
        if constraint == "Symbolic_Association":
            of = [a.get("ANNOTATION_REF") for a in tier.iter("REF_ANNOTATION")]
            assert set(of) <= {a.get("ANNOTATION_ID") for a in parent.iter("ALIGNABLE_ANNOTATION")} and len(set(of)) == len(of) and not spans
    assert sorted(used) == sorted(ms), "each slot belongs to one annotation"


def test_events_of_one_unit_at_the_same_time_stand_on_tiers_of_their_own(tmp_path):
    table = Annotations((event(3, 9, 20), event(10, 12, 30), event(20, 22, 25), event(21, None, None), event(30, 31, 32)))
    path = to_eaf(table, tmp_path / "x.eaf")
    check_eaf(path)
    assert [t.get("TIER_ID") for t in ET.parse(path).getroot().iter("TIER") if not t.get("PARENT_REF")] == ["AU12 ann", "AU12 ann 2", "AU12 ann 3"]
    assert set(read_eaf(path).rows) == set(table.rows)


def test_the_checker_of_the_format_notices(tmp_path):
    path = to_eaf(Annotations((event(), event(30, 35, 40, note="x"))), tmp_path / "x.eaf")
    check_eaf(path)
    text = path.read_text()
    for wrong in (text.replace('TIME_VALUE="200"', 'TIME_VALUE="100"'), text.replace('PARENT_REF="AU12 ann"', ""), text.replace('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a9"').replace('ANNOTATION_REF="a2"', 'ANNOTATION_REF="a9"'),
                  text.replace("<TIME_ORDER>", '<TIME_ORDER SORTED="yes">'), text.replace('ANNOTATION_ID="a2"', 'ANNOTATION_ID="a1"')):
        assert wrong != text
        path.write_text(wrong)
        with pytest.raises((AssertionError, KeyError)):
            check_eaf(path)


def test_pympi_reads_what_is_written(tmp_path):
    pympi = pytest.importorskip("pympi")
    path = to_eaf(Annotations((event(au="L12B"), event(30, None, 41, au="4", note="late"))), tmp_path / "x.eaf", video="clip.mp4")
    eaf = pympi.Elan.Eaf(str(path))
    assert eaf.get_annotation_data_for_tier("AU12L ann") == [(15, 100, "L12B")]
    assert eaf.get_ref_annotation_data_for_tier("AU4 ann note")[0][:3] == (150, 205, "late")


def test_a_file_made_by_hand_in_elan_is_read_with_the_clip(tmp_path):
    clip = read_clip(np.zeros((60, 8, 8, 3), np.uint8), fps=200)
    (tmp_path / "talk.eaf").write_text("""<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"><HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="16"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="101"/><TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="120"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="160"/></TIME_ORDER>
<TIER TIER_ID="faces" ANNOTATOR="eva" LINGUISTIC_TYPE_REF="default-lt"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>R12C</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4"><ANNOTATION_VALUE>laughs</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="AU4 x" LINGUISTIC_TYPE_REF="default-lt"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4"><ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true" GRAPHIC_REFERENCES="false"/></ANNOTATION_DOCUMENT>""")
    with pytest.raises(MekitError, match="coder='ann'"):
        read_eaf(tmp_path / "talk.eaf", clip=clip)
    with pytest.warns(MekitWarning, match="1 annotations name no action unit.*laughs"):
        back = read_eaf(tmp_path / "talk.eaf", clip=clip, coder="ann")
    assert [(e.sample, e.coder, e.au.code, e.onset, e.offset, e.times) for e in back] == [
        ("talk", "eva", "R12C", 3, 20, (15.0, None, 100.0)), ("talk", "ann", "4", 24, 32, (120.0, None, 160.0))]
    with pytest.raises(MekitError, match="as in the clip"):
        read_eaf(tmp_path / "talk.eaf", clip=clip[:20], coder="ann")


def test_a_note_that_xml_cannot_hold_is_refused(tmp_path):
    with pytest.raises(MekitError, match="control characters"):
        to_eaf(Annotations((event(note="a\x08b"),)), tmp_path / "x.eaf")
    assert list(tmp_path.iterdir()) == []


# ---- bad input, and nothing lost

def test_bad_rows_are_named_kept_and_written_back(tmp_path):
    path = Annotations((event(), Verdict("s/1", "ann", "coded"))).to_csv(tmp_path / "ann.csv")
    bad = {"s/2,ann,event,1215,,,,3,,9,,,,x": "row 4, column 'au'", "s/2,ann,event,12,,,,9,,3,,,,x": "row 5, column 'onset'", "s/2,ann,event,12,Q,,,3,,9,,,,x": "row 6, column 'side'",
           "s/2,ann,event,12,,,,3.5,,9,,,,x": "row 7, column 'onset'", ",ann,event,12,,,,3,,9,,,,x": "row 8, column 'sample'", "s/2,ann,seen,12,,,,3,,9,,,,x": "row 9, column 'kind'",
           "s/2,ann,event,12,,,,3,,9,five,,,x": "row 10, column 'onset_ms'", "s/2,ann,event,12,,,,3,,9,,,,a, comma": "row 11, column 'note'", "s/2,ann,event,L12,R,,,3,,9,,,,x": "row 12, column 'side'",
           "s/2,ann,event,12,,,,,,,,,,x": "row 13, column 'onset'", "s/2,ann,event,12,,,maybe,3,,9,,,,x": "row 14, column 'certain'"}
    path.write_text(path.read_text() + "\n".join(bad) + "\n")
    with pytest.warns(MekitWarning, match="11 of 13 rows.*row 4, column 'au'"):
        table = read_csv(path)
    assert len(table) == 1 and [repr(b).startswith(where) for b, where in zip(table.unread, bad.values())] == [True] * 11, table.unread
    with pytest.warns(MekitWarning):
        store = Store(path, "ann")
    store.do((None, event(30, 31, 32)))
    written = path.read_text()
    assert all(line.rsplit(",", 1)[0] in written for line in bad) and written.count("\n") == 15


@pytest.mark.parametrize("text, message", [("", "missing: sample"), ("sample,coder\n", "missing: au, onset"), ("sample,coder,au,onset,mood\n", "'mood' as well"), ("sample,coder,au,onset,onset\n", "each column once")])
def test_a_file_that_is_no_table_is_refused_and_left_alone(tmp_path, text, message):
    path = tmp_path / "ann.csv"
    path.write_text(text)
    for read in (read_csv, lambda p: Store(p, "ann")):
        with pytest.raises(MekitError, match=message):
            read(path)
    assert path.read_text() == text


def test_columns_to_be_left_out_and_other_bytes(tmp_path):
    path = tmp_path / "ann.csv"
    path.write_text("mood,onset,au,coder,sample\ncalm,3,L4B,ann,x\n")
    assert [e.au.code for e in read_csv(path, ignore=["mood"])] == ["L4B"]
    path.write_bytes("sample,coder,au,onset,note\nx,ann,4,3,sch\xf6n\n".encode("latin-1"))
    with pytest.raises(MekitError, match="CSV UTF-8"):
        read_csv(path)


def test_what_a_spreadsheet_makes_of_it_is_read(tmp_path):
    table = Annotations((event(au="L12B?"), Verdict("s/1", "ann", "none", note="a; b")))
    text = table.to_csv(tmp_path / "a.csv").read_text()
    lines = [[c.strip('"') for c in line.split(",")] for line in text.splitlines()]
    german = "\n".join(";".join(f'"{c}"' if ";" in c else c.replace(".0", ",0") if c.endswith(".0") else f"{c},0" if c.isdigit() and k in (7, 8, 9) else c for k, c in enumerate(line)) for line in lines)
    (tmp_path / "b.csv").write_text("\ufeff" + german + "\n;;;;;;;;;;;;;\n", encoding="utf-8")
    assert read_csv(tmp_path / "b.csv") == table
    (tmp_path / "c.csv").write_text(text.replace(",", "\t"))
    assert read_csv(tmp_path / "c.csv") == table


@pytest.mark.parametrize("make, message", [
    (lambda: event(9, 3), "onset not after apex"), (lambda: event(None, None, None), "an onset, an apex or an offset"), (lambda: event(True, None, None, ms=None), "whole frame index"),
    (lambda: Event("s", "ann", 12, 3), "expected an AU"), (lambda: event(sample=" s"), "without blanks"), (lambda: Event("s", "ann", AU(4), 3, times=(1., 2., 3.)), "None for the others"),
    (lambda: Event("s", "ann", AU(4), 3, 4, 5, times=(3., 2., 1.)), "onset before apex"), (lambda: Verdict("s", "ann", "coding"), "Did you mean 'coded'"), (lambda: Annotations((1,)), "rows that are Event")])
def test_rows_that_cannot_be(make, message):
    with pytest.raises(MekitError, match=message):
        make()


def test_a_table_does_not_change_and_holds_rows_once():
    table = Annotations((event(),))
    more = table.add(event(), event(30, 31, 32), Verdict("s/1", "ann"), Verdict("s/1", "ann", "coded"))
    assert len(table) == 1 and len(more) == 2 and [v.kind for v in more.verdicts] == ["coded"]
    assert more.replace(event(), event(4)).events[0].onset == 4 and len(more.remove(event())) == 1
    assert list(more.frame().columns) == list(COLUMNS) and "2 events of AU12 (2)" in repr(more) and "<table" in more._repr_html_()


def test_a_label_from_events():
    table = Annotations((event(3, 9, 20, au="L12B"), event(5, 14, 31, au="6C"), event(1, None, 4, au="4?")))
    label = table.label("s/1", "ann", like=Label(emotion="joy", subject="s", terms=Terms("publishable", "x")))
    assert (label.onset, label.apex, label.offset, label.emotion, label.coder) == (1, 14, 31, "joy", "ann") and [a.code for a in label.aus] == ["L12B", "6C", "4?"]
    assert table.label("s/1", "ann").terms.access == "private"
    assert Annotations((Verdict("s/1", "ann", "none"),)).label("s/1", "ann").aus == ()
    with pytest.raises(MekitError, match="events or a verdict of bob"):
        table.label("s/1", "bob")


# ---- the store: crashes, two writers, full disks

WRITER = """
import sys
from mekit.data.annotations import Event, Store
from mekit.labels import AU
store = Store(sys.argv[1], "ann")
for k in range(len(store.table), 100000):
    store.do((None, Event(f"s/{k}", "ann", AU(12), k, k + 1, k + 2, note="x" * 200)))
    print(k, flush=True)
"""


def kill_while_writing(path, wait: float) -> tuple[int, int]:
    "Acknowledged changes, and those in the file after kill -9"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        last = int(process.stdout.readline())
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        last = max([last, *map(int, process.stdout.read().split())])
    return last + 1, len(read_csv(path))


def check_kills(path, rounds, rng) -> None:
    for _ in range(rounds):
        told, held = kill_while_writing(path, rng.uniform(0, 0.15))
        assert told <= held <= told + 1, (told, held)
    assert [e.onset for e in Store(path, "ann").table] == list(range(held))
    assert sorted(p.name for p in path.parent.iterdir()) == [".ann.csv.lock", "ann.csv"]


def test_kill_minus_nine_loses_at_most_the_change_being_made(tmp_path):
    check_kills(tmp_path / "ann.csv", 2, np.random.default_rng(0))


@pytest.mark.slow
def test_kill_minus_nine_many_times(tmp_path):
    check_kills(tmp_path / "ann.csv", 60, np.random.default_rng(1))


def test_killed_between_writing_and_renaming(tmp_path, monkeypatch):
    store = Store(tmp_path, "ann")
    store.do((None, event()))
    before = store.path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        store.do((None, event(30, 31, 32)))
    assert store.path.read_bytes() == before
    monkeypatch.undo()
    (tmp_path / ".ann-abcdefgh.csv").write_text("torso")
    (tmp_path / ".ann-of-green-gables.csv").write_text("not ours")
    assert len(Store(tmp_path, "ann").table) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [".ann-of-green-gables.csv", ".ann.csv.lock", "ann.csv"]


def test_what_another_writer_or_a_hand_did_meanwhile_counts(tmp_path):
    one, two = Store(tmp_path, "ann"), Store(tmp_path, "ann")
    one.do((None, event()))
    two.do((None, event(30, 31, 32)))
    one.do((event(30, 31, 32), event(30, 31, 33)))
    assert [e.offset for e in two.change()] == [20, 33]
    one.path.write_text(one.path.read_text().replace(",33,", ",34,"))
    with pytest.raises(MekitError, match="a row that is in the table"):
        two.do((event(30, 31, 33), None))
    one.path.unlink()                           # a file that has gone is written again, from memory
    one.do((None, event(40, 41, 42)))
    assert len(read_csv(one.path)) == 3


def test_undo_step_by_step(tmp_path):
    store = Store(tmp_path, "ann")
    assert store.undo() is None
    store.do((None, event()))
    store.do((None, event()))                   # sent twice: nothing happened, nothing to undo
    store.do(verdict_swap(store.table, Verdict("s/1", "ann", "coded")))
    store.do(verdict_swap(store.table, Verdict("s/1", "ann", "skipped")))
    store.do((event(), event(4)), verdict_swap(store.table, Verdict("s/1", "ann")))
    kinds = []
    while store.undo():
        kinds.append((store.table.verdict("s/1", "ann").kind, [e.onset for e in store.table]))
    assert kinds == [("skipped", [3]), ("coded", [3]), ("open", [3]), ("open", [])]
    assert read_csv(store.path).rows == ()


def test_undoing_takes_back_only_what_was_done(tmp_path):
    store = Store(tmp_path, "ann")
    store.do((None, event()))
    store.do((None, event()), (None, event(30, 31, 32)))        # the first of the two was there already
    store.undo()
    assert [e.onset for e in store.table] == [3]


def test_a_disk_that_refuses_is_said_and_the_change_is_kept_for_the_next_try(tmp_path, monkeypatch):
    store = Store(tmp_path, "ann")
    monkeypatch.setattr("os.fsync", lambda f: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(MekitError, match="not saved, No space left"):
        store.do((None, event()))
    assert not store.path.exists() and len(store.table) == 1
    monkeypatch.undo()
    store.change()
    assert len(read_csv(store.path)) == 1


def test_a_folder_that_goes_is_made_again_and_where_it_cannot_be_the_change_is_kept(tmp_path):
    store = Store(tmp_path / "usb" / "codes", "ann")
    store.do((None, event()))
    shutil.rmtree(tmp_path / "usb")
    store.do((None, event(30, 31, 32)))
    assert len(read_csv(store.path)) == 2
    shutil.rmtree(tmp_path / "usb")
    (tmp_path / "usb").write_text("no folder")
    with pytest.raises(MekitError, match="not saved"):
        store.do((None, event(40, 41, 42)))
    assert len(store.table) == 3 and store.unsaved
    (tmp_path / "usb").unlink()
    store.change()
    assert len(read_csv(store.path)) == 3 and not store.unsaved


def test_undo_that_could_not_be_saved_or_made_does_not_block_the_one_before(tmp_path, monkeypatch):
    store = Store(tmp_path, "ann")
    for k in (0, 30, 60):
        store.do((None, event(k, k + 1, k + 2)))
    with monkeypatch.context() as m:
        m.setattr("os.fsync", lambda f: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(MekitError, match="not saved"):
            store.undo()
    assert store.undo() and [e.onset for e in read_csv(store.path)] == [0]
    store.path.write_text(store.path.read_text().replace(",2,", ",3,"))     # by hand, meanwhile
    with pytest.raises(MekitError, match="a row that is in the table"):
        store.undo()
    assert store.undo() is None and [e.offset for e in store.table] == [3]


def test_files_belong_to_one_coder(tmp_path):
    Store(tmp_path / "all.csv", "ann").do((None, event()))
    with pytest.raises(MekitError, match="rows of ann"):
        Store(tmp_path / "all.csv", "bob")
    shared = Store(tmp_path / "all.csv", "bob", shared=True)
    shared.do((None, event(coder="bob")))
    assert read_csv(tmp_path / "all.csv").coders == ("ann", "bob")
    assert Store(tmp_path, "ann").path.name == "ann.csv" and Store(tmp_path, "bob").path.name == "bob.csv"
    for name in ("", "../x", "a/b", " a"):
        with pytest.raises(MekitError, match="a short name"):
            Store(tmp_path, name)


def test_the_place_is_found_again():
    samples = ["a", "b", "c", "d"]
    table = Annotations((Verdict("a", "ann", "coded"), Verdict("c", "ann", "none")))
    assert place(Annotations(), "ann", samples) == 0 and place(table, "ann", samples) == 3 and place(table, "bob", samples) == 0
    assert place(table.add(event(sample="b")), "ann", samples) == 1
    done = table.add(Verdict("d", "ann", "skipped"))
    assert place(done, "ann", samples) == 1
    assert place(done.add(Verdict("b", "ann", "coded")), "ann", samples) == 3


# ---- agreement

@settings(max_examples=40, deadline=None)
@given(*[st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6)), max_size=4)] * 2)
def test_matching_is_the_best_there_is(a, b):
    "Events of one coder and unit, one after the other: no pairing has a larger sum of overlaps"
    def line(steps, coder):
        out, t = [], 0
        for gap, length in steps:
            out.append(event(t + gap, None, t + gap + length, coder=coder))
            t += gap + length + 1
        return out
    a, b = line(a, "ann"), line(b, "bob")
    pairs = match(a, b)
    assert all(iou(x, y) > 0 for x, y in pairs) and len({id(x) for x, _ in pairs}) == len({id(y) for _, y in pairs}) == len(pairs)
    k = max(len(a), len(b))
    best = max((sum(iou(a[i], b[j]) for i, j in enumerate(p) if i < len(a) and j < len(b)) for p in itertools.permutations(range(k))), default=0)
    assert sum(iou(x, y) for x, y in pairs) == pytest.approx(best)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_kappa_is_scikit_learns(answers):
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = zip(*answers)
    if len(set(a + b)) > 1:
        assert cohen_kappa(a, b) == pytest.approx(metrics.cohen_kappa_score(a, b), nan_ok=True)


def test_kappa_of_nothing_and_of_one_answer():
    assert np.isnan(cohen_kappa([], [])) and np.isnan(cohen_kappa([1, 1, 1], [1, 1, 1]))
    assert cohen_kappa([1, 0, 1, 0], [0, 1, 0, 1]) == -1
    with pytest.raises(MekitError, match="3 and 2"):
        cohen_kappa([1, 2, 3], [1, 2])


SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


@pytest.mark.parametrize("form, value", [("ICC(1,1)", .17), ("ICC(2,1)", .29), ("ICC(3,1)", .71), ("ICC(1,k)", .44), ("ICC(2,k)", .62), ("ICC(3,k)", .91)])
def test_icc_of_shrout_and_fleiss(form, value):
    assert round(icc(SHROUT_FLEISS, form), 2) == value


def test_icc_knows_a_shift_from_consistency():
    x = np.arange(10.)[:, None] + [[0, 5]]
    assert icc(x, "ICC(3,1)") == pytest.approx(1) and icc(x, "ICC(2,1)") < 0.5
    assert np.isnan(icc([[1, 2]])) and np.isnan(icc([[3, 3], [3, 3]]))


def worked_example() -> tuple:
    "Four clips, worked by hand: A {12, 4} and {12}; B {1} and {1, 2}; C nothing; D one has not looked at"
    ann = Annotations((event(sample="A", au="L12"), event(30, 33, 40, sample="A", au="4"), event(0, 2, 9, sample="B", au="1"), Verdict("A", "ann", "coded"), Verdict("B", "ann", "coded"),
                       Verdict("C", "ann", "none"), Verdict("D", "ann", "none"), Verdict("E", "ann", "skipped")))
    bob = Annotations((event(5, 9, 24, sample="A", au="R12", coder="bob"), event(1, 2, 9, sample="B", au="1", coder="bob"), event(50, 51, 52, sample="B", au="2", coder="bob"),
                       Verdict("A", "bob", "coded"), Verdict("B", "bob", "coded"), Verdict("C", "bob", "none"), Verdict("E", "bob", "coded")))
    return ann, bob


def test_agreement_worked_by_hand():
    found = agreement(*worked_example(), clips={"A": 60, "B": 60, "C": 40})
    assert found.samples == ["A", "B", "C"] and found.left_out == [("D", "not judged by bob"), ("E", "skipped by ann")]
    assert found.clips["FACS agreement"].tolist()[:2] == [2 / 3, 2 / 3] and np.isnan(found.clips["FACS agreement"].iloc[2])
    assert found.facs == 2 * 2 / 6
    assert (found.marks.loc["onset", "n"], found.marks.loc["onset", "frames: median"], found.marks.loc["onset", "ms: mean absolute"]) == (2, 1.5, 7.5)
    assert found.marks.loc["onset", "ms: median"] == 7.5 and found.marks.loc["apex", "frames: mean absolute"] == 0
    assert [len(x) for x in found.alone] == [1, 1]
    units = found.units
    assert list(units.index) == ["AU1", "AU2", "AU4", "AU12"] and units.loc["AU12", ["both", "first only", "second only", "neither"]].tolist() == [1, 0, 0, 2]
    assert units.loc["AU1", "kappa over clips"] == 1 and units.loc["AU2", "kappa over clips"] == 0
    inside = np.zeros((2, 160), bool)
    inside[0, 60:70], inside[1, 61:70] = True, True         # clip B stands after clip A
    assert units.loc["AU1", "kappa over frames"] == pytest.approx(cohen_kappa(*inside)) and units.loc["AU1", "frames"] == 160
    assert "2 x 2 agreed / 6 scored" in repr(found) and "1 clips empty for both" in repr(found) and "<table" in found._repr_html_() and "skipped by ann" in found._repr_html_()


def coded(*rows) -> tuple[Annotations, Annotations]:
    "The same rows by both coders"
    return tuple(Annotations(tuple(replace(r, coder=c) for r in rows)) for c in ("ann", "bob"))


def test_nothing_scored_is_no_agreement_and_no_nan_in_the_words():
    found = agreement(*coded(Verdict("A", "ann", "none")), clips={"A": 40})
    assert np.isnan(found.facs) and "FACS agreement undefined: nothing scored by either; 1 clips empty for both" in repr(found)
    assert "nan" not in repr(found).lower() and "nan" not in found._repr_html_().lower() and len(found.units) == 0
    assert "0 clips compared" in repr(agreement(*coded(Verdict("A", "ann", "skipped"))))


def test_one_clip_in_which_both_agree_in_all_is_not_called_reliable():
    found = agreement(*coded(event(), Verdict("s/1", "ann", "coded")), clips={"s/1": np.int64(40)})
    assert found.facs == 1 and np.isnan(found.units.loc["AU12", "kappa over clips"]) and found.units.loc["AU12", "kappa over frames"] == 1
    assert "no kappa over clips for AU12: both gave one and the same answer" in repr(found)
    assert found.reliability["ICC(2,1)"].isna().all() and (found.reliability["remark"] == "fewer than 3 events").all()


def late_by_two(onsets) -> tuple[Annotations, Annotations]:
    return tuple(Annotations(tuple(event(o + late, None, o + late + 20, sample=f"c/{k}", coder=c) for k, o in enumerate(onsets))) for c, late in (("ann", 0), ("bob", 2)))


@pytest.mark.parametrize("onsets, value, remark", [([10, 50], None, "fewer than 3 events"), ([10] * 40, None, "the events do not differ in it"), ([10, 20, 30], icc([[10, 12], [20, 22], [30, 32]]), "rough: fewer than 30 events"),
                                                   (range(10, 39), icc([[o, o + 2] for o in range(10, 39)]), "rough: fewer than 30 events"), (range(10, 40), icc([[o, o + 2] for o in range(10, 40)]), "")])
def test_an_icc_is_shown_where_it_means_something_and_else_why_not(onsets, value, remark):
    row = agreement(*late_by_two(onsets)).reliability.loc["onset"]
    assert row["remark"] == remark and row["n"] == len(onsets) and (np.isnan(row["ICC(2,1)"]) if value is None else row["ICC(2,1)"] == value)


def test_tails_of_differences_need_twenty_pairs():
    few, enough = (agreement(*late_by_two(range(n))) for n in (19, 20))
    assert few.marks[["frames: 5 %", "ms: 95 %"]].isna().all(axis=None) and "5 % and 95 % of differences from 20 matched events on" in repr(few)
    assert enough.marks.loc["onset", ["frames: 5 %", "frames: 95 %", "ms: 95 %"]].tolist() == [2, 2, 10] and "of differences from" not in repr(enough)


def test_units_agreed_at_different_times_are_counted_and_said():
    ann, bob = Annotations((event(0, 3, 9), event(20, 23, 29), event(au="4"))), Annotations((event(50, 53, 59, coder="bob"), event(coder="bob", au="4")))
    found = agreement(ann, bob, clips={"s/1": 30})          # and one event lies beyond the clip: it must not reach into the next
    assert found.facs == 1 and "1 of the agreed units were seen by both in a clip, but at different times" in repr(found) and len(found.pairs) == 1
    assert found.units.loc["AU12", "frames"] == 30
    two = agreement(ann.add(event(sample="s/2")), bob.add(event(sample="s/2", coder="bob")), clips={"s/1": 30, "s/2": 30}).units.loc["AU12"]
    inside = np.zeros((2, 60), bool)
    inside[0, [*range(10), *range(20, 30)]] = inside[:, 33:51] = True
    assert two["kappa over frames"] == pytest.approx(cohen_kappa(*inside))


def test_counts_are_whole_numbers_in_every_table():
    found = agreement(*late_by_two(range(10, 60)), clips={f"c/{k}": 1000 for k in range(50)})
    assert "<td>50000</td>" in found._repr_html_() and "50000.0" not in repr(found)


def test_sides_doubt_and_overlap_are_choices():
    ann, bob = worked_example()
    assert agreement(ann, bob, sides=True).facs == 2 * 1 / 6
    doubtful = Annotations(tuple(replace(r, au=replace(r.au, certain=False)) if isinstance(r, Event) and r.au.number == 2 else r for r in bob.rows))
    assert agreement(ann, doubtful).facs == 2 * 2 / 6 and agreement(ann, doubtful, doubtful=False).facs == 2 * 2 / 5
    assert len(agreement(ann, bob, overlap=0.8).pairs) == 1
    assert "no kappa over frames" in repr(agreement(ann, bob))


def test_agreement_does_not_depend_on_the_order_of_rows():
    ann, bob = worked_example()
    shuffled = Annotations(tuple(reversed(bob.rows)))
    a, b = agreement(ann, bob), agreement(ann, shuffled)
    assert a.facs == b.facs and a.marks.equals(b.marks) and set(a.pairs) == set(b.pairs)


def test_the_two_see_each_other_only_when_both_are_done(tmp_path):
    ann, bob = worked_example()
    ann.to_csv(tmp_path / "ann.csv")
    bob.to_csv(tmp_path / "bob.csv")
    with pytest.raises(MekitError, match=r"bob has 1 clips without a verdict \(D\)"):
        compare(tmp_path, "ann", "bob")
    assert compare(tmp_path, "ann", "bob", blind=False).facs == 2 * 2 / 6
    bob.add(Verdict("D", "bob", "none")).to_csv(tmp_path / "bob.csv")
    assert compare(tmp_path, "ann", "bob").samples == ["A", "B", "C", "D"]
    with pytest.raises(MekitError, match="ann has 1 clips without a verdict \\(F\\)"):
        compare(tmp_path, "ann", "bob", samples=[*"ABCDEF"])
