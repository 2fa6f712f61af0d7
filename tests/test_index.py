"The index: keyed by sample, never by position; marks by frame number; nothing lost on the way to a file and back"
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from mekit.core import MekitError, MekitWarning
from mekit.data.index import Entry, Index, combine, open_clip, person, read_index
from mekit.data.sheets import Problem
from mekit.labels import AU, Label, Terms, parse_aus


def entry(sample="casme2/sub01/a", *, aus="4+R12B?", **changes):
    database, subject, *_ = sample.split("/")
    label = Label(aus=parse_aus(aus).aus, emotion=changes.pop("emotion", "others"), subject=subject, database=database, sample=sample, terms=changes.pop("terms", Terms("private")))
    return Entry(label, **{**dict(onset=10, apex=14, offset=20, fps=100.), **changes})


def frames(folder: Path, numbers, name="img{}.png", size=(12, 16)) -> Path:
    "Images whose brightness is their frame number"
    folder.mkdir(parents=True)
    for n in numbers:
        cv2.imwrite(str(folder / name.format(n)), np.full((*size, 3), n % 256, np.uint8))
    return folder


# ---- opening

def test_marks_are_found_by_number_not_by_position(tmp_path):
    clip = open_clip(entry(path=frames(tmp_path / "a", [8, 9, 10, 12, 14, 17, 20])))
    assert (clip.label.onset, clip.label.apex, clip.label.offset) == (2, 4, 6)
    assert [int(np.asarray(clip.frames[getattr(clip.label, m)])[0, 0, 0]) for m in ("onset", "apex", "offset")] == [10, 14, 20]
    assert clip.times[4] == (14 - 8) * 10, "a gap in the numbers is a gap in time"
    assert clip.label.terms.access == "private" and clip.label.sample == "casme2/sub01/a"


@pytest.mark.parametrize("marks, kept, words", [
    ((10, 13, 20), (2, None, 6), "apex 13 is not among the frames on disk"),
    ((14, 10, 20), (4, None, 6), "lies before an earlier mark"),
    ((14, 17, 10), (4, 5, None), "lies before an earlier mark"),
    ((99, 14, 20), (None, 4, 6), "onset 99 is not among"),
])
def test_a_mark_that_cannot_stand_is_left_out_and_named(tmp_path, marks, kept, words):
    one = entry(path=frames(tmp_path / "a", [8, 9, 10, 12, 14, 17, 20]), **dict(zip(("onset", "apex", "offset"), marks)))
    with pytest.warns(MekitWarning, match=words):
        label = open_clip(one).label
    assert (label.onset, label.apex, label.offset) == kept


def test_an_event_of_a_recording_comes_with_its_surroundings(tmp_path):
    one = entry(path=frames(tmp_path / "r", range(1, 121), "{}.jpg"), shared=True, onset=60, apex=64, offset=70)
    clip = open_clip(one, margin_ms=200)
    assert (clip.numbers[0], clip.numbers[-1]) == (40, 90) and clip.numbers[clip.label.apex] == 64
    assert len(open_clip(replace(one, shared=False))) == 120
    assert open_clip(replace(one, onset=5, apex=6, offset=7), margin_ms=100).numbers[0] == 1, "margins end where the recording does"
    assert open_clip(replace(one, onset=59, apex=None, offset=None), margin_ms=0).numbers.tolist() == [59]
    with pytest.raises(MekitError, match="frames around 500 to 700"):
        open_clip(replace(one, onset=500, apex=600, offset=700), margin_ms=100)


def test_only_the_event_of_a_recording_is_read(tmp_path, monkeypatch):
    import mekit.media.images as images
    opened = []
    real = images._image_size
    monkeypatch.setattr(images, "_image_size", lambda path, *rest: opened.append(path.name) or real(path, *rest))
    open_clip(entry(path=frames(tmp_path / "r", range(1, 301), "{}.jpg"), shared=True, onset=60, apex=64, offset=70), margin_ms=100)
    assert len(set(opened)) <= 40


def test_pictures_that_are_not_there_are_said():
    with pytest.raises(MekitError, match="casme2/sub01/a: expected pictures on disk"):
        Index([entry()])["casme2/sub01/a"]


# ---- keys

def test_no_position_no_unknown_key_no_key_twice():
    index = Index([entry(), entry("casme2/sub02/b")])
    for wrong in (0, slice(0, 1), [0, 1], 1.5):
        with pytest.raises(MekitError, match="no positions"):
            index[wrong]
    with pytest.raises(MekitError, match="Did you mean 'casme2/sub02/b'"):
        index.entry("casme2/sub02/B")
    with pytest.raises(MekitError, match="received twice: casme2/sub01/a"):
        Index([entry(), entry()])
    with pytest.raises(MekitError, match="the index is empty"):
        Index([]).entry("x")
    with pytest.raises(MekitError, match="a sample key"):
        Entry(Label())


def test_masks_and_lists():
    index = Index([entry(f"casme2/sub0{k}/a", emotion=w) for k, w in enumerate(("fear", "others", "fear"))])
    assert index[index.table.emotion == "fear"].samples == index[[True, False, True]].samples == ("casme2/sub00/a", "casme2/sub02/a")
    mask = (index.table.emotion == "fear").sample(frac=1, random_state=1)
    assert index[mask].samples == ("casme2/sub00/a", "casme2/sub02/a"), "a mask goes by sample, not by row"
    assert len(index[[]]) == 0 and index[["casme2/sub02/a", "casme2/sub00/a"]].samples == ("casme2/sub02/a", "casme2/sub00/a")


@pytest.mark.parametrize("a, b, same", [
    (("smic", "s1"), ("smic_vis", "s01"), True), (("smic", "s1"), ("smic_nir", "S1"), True), (("samm", "006"), ("samm_long", "6"), True),
    (("casme3a", "spNO.1"), ("casme3a", "1"), True), (("casme3a", "spNO.1"), ("casme3c", "spNO.1"), False), (("casme", "sub01"), ("casme2", "sub01"), False),
    (("mine", "P1"), ("mine", "C1"), False), (("mine", "P01"), ("mine", "p1"), True), (("casme2", "sub1"), ("casme2", "sub11"), False), (("smic", "s1"), ("smic", "s10"), False)])
def test_who_is_who(a, b, same):
    x, y = (Entry(Label(subject=s, database=d, sample=f"{d}/{s}/{k}")) for k, (d, s) in enumerate((a, b)))
    assert (person(x) == person(y)) is same


def test_the_user_may_know_better():
    assert entry(facts={"person": "lab/anna"}).person == "lab/anna"
    assert Entry(Label(sample="x")).person is None


# ---- filters, matrices

def test_units_by_number_and_side():
    index = Index([entry("casme2/s/1", aus="L12+4"), entry("casme2/s/2", aus="R12"), entry("casme2/s/3", aus="12"), entry("casme2/s/4", aus="1+2"), entry("casme2/s/5", aus="12 or 15")])
    def found(au):
        return [s[-1] for s in index.where(au=au).samples]
    assert (found(12), found("L12"), found(AU(12, "R")), found(["1", 4])) == (["1", "2", "3", "5"], ["1"], ["2"], ["1", "4"])
    assert index.aus((12, 15, 1)).sum(0).tolist() == [4, 1, 1] and index.aus((12, 15, 1), uncertain=False).sum(0).tolist() == [3, 0, 1]
    assert index.aus((1, 12))[:, 0].tolist() == [False, False, False, True, False], "AU1 is not in AU12"
    assert index.where(by=lambda e: not e.aus).samples == ()
    with pytest.raises(MekitError, match="parse_au"):
        index.where(au="smile")
    with pytest.raises(TypeError, match="database"):
        index.where(databse="casme2")


def test_filters_keep_what_was_set_aside():
    problem = Problem("row set aside", None, "f.xlsx", "s", 3, "apex", "x", "no number")
    index = Index([entry()], aside=[problem], corrections=[problem], name="casme2")
    assert index.where(subject="nobody").aside == (problem,) and combine(index, Index([entry("samm/1/a")])).corrections == (problem,)
    with pytest.raises(MekitError, match="each sample once"):
        combine(index, index)
    with pytest.raises(MekitError, match="indices"):
        combine([index])


def test_table_of_nothing_and_of_unknown_times():
    assert len(Index([]).table) == 0
    t = Index([entry(apex=None, offset=None, fps=None)]).table
    assert pd.isna(t.apex.iloc[0]) and t.onset.iloc[0] == 10 and t.duration_ms.iloc[0] is None


def test_a_fact_cannot_hide_a_column():
    t = Index([entry(facts={"subject": "other", "onset": 3, "view": "left"})]).table
    assert t.subject.iloc[0] == "sub01" and t.onset.iloc[0] == 10 and t.view.iloc[0] == "left"


# ---- files

texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip).filter(bool)
numbers = st.one_of(st.none(), st.integers(0, 10**6))
made = st.builds(
    lambda sample, subject, emotion, aus, marks, fps, shared, unread, access, note, coder, facts, path: Entry(
        Label(aus=tuple(dict.fromkeys(aus)), emotion=emotion, subject=subject, database="mine", sample=sample, coder=coder, terms=Terms(access, note)),
        *marks, path=path and Path("/data") / path.replace("/", "_"), fps=fps, shared=shared, unread=tuple(unread), written={"aus": subject}, origin=note, facts=facts),
    texts, texts, st.none() | texts, st.lists(st.builds(AU, st.sampled_from([1, 4, 12, 25]), st.sampled_from([None, "L", "R"]), st.sampled_from([None, "A", "E"]), st.booleans()), max_size=4),
    st.tuples(numbers, numbers, numbers), st.none() | st.sampled_from([29.97, 60., 200.]), st.booleans(), st.lists(texts, max_size=2), st.sampled_from(["private", "publishable"]), texts | st.just(""),
    st.none() | texts, st.dictionaries(texts, st.none() | st.integers() | texts, max_size=2), st.none() | texts.filter(lambda t: t not in (".", "..")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(made, min_size=1, max_size=5, unique_by=lambda e: e.sample))
def test_csv_round_trip(tmp_path, entries):
    index = Index(entries, aside=[Problem("row set aside", None, "a,b.xlsx", 'she"et', 3, None, "1\t2", "why")])
    index.to_csv(tmp_path / "i.csv")
    again = read_index(tmp_path / "i.csv")
    assert list(again) == list(index) and again.aside == index.aside and again.digest() == index.digest()


def test_paths_move_with_the_file(tmp_path):
    index = Index([entry(path=frames(tmp_path / "db/sub01/a", range(8, 22)))])
    index.to_csv(tmp_path / "db/index.csv")
    (tmp_path / "db").rename(tmp_path / "moved")
    assert len(read_index(tmp_path / "moved/index.csv")["casme2/sub01/a"]) == 14


def test_old_problems_do_not_survive_a_clean_index(tmp_path):
    Index([entry()], aside=[Problem("x")]).to_csv(tmp_path / "i.csv")
    Index([entry()]).to_csv(tmp_path / "i.csv")
    assert read_index(tmp_path / "i.csv").aside == () and [p.name for p in tmp_path.iterdir()] == ["i.csv"]


@pytest.mark.parametrize("column, value, words", [("onset", "ten", "line 2"), ("aus", "smile", "FACS codes"), ("access", "everybody", "unknown access"), ("facts", "{", "line 2"), ("sample", "", "sample key")])
def test_a_spoilt_line_is_named(tmp_path, column, value, words):
    Index([entry()]).to_csv(tmp_path / "i.csv")
    cells = pd.read_csv(tmp_path / "i.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    cells.loc[0, column] = value
    cells.to_csv(tmp_path / "i.csv", index=False)
    with pytest.raises(MekitError, match=words):
        read_index(tmp_path / "i.csv")


# ---- order

@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)))
def test_order_changes_nothing(order):
    entries = [entry(f"casme2/sub0{k % 3}/{k}", aus=f"{(1, 2, 4, 12, 14, 15)[k]}") for k in range(6)]
    a, b = Index(entries), Index([entries[k] for k in order])
    assert a.digest() == b.digest()
    assert dict(zip(a.samples, map(tuple, a.aus()))) == dict(zip(b.samples, map(tuple, b.aus())))
    assert a.table.sort_index().equals(b.table.sort_index())


@pytest.mark.parametrize("changes", [dict(onset=11), dict(emotion="fear"), dict(fps=200.), dict(aus="4"), dict(facts={"k": 1})])
def test_the_digest_notices(changes):
    assert Index([entry()]).digest() != Index([entry(**changes)]).digest()


def test_picture_shows_counts_and_escapes_words():
    html = Index([entry(emotion="<b>"), entry("samm/006/a", terms=Terms())])._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" not in html and "publishable" in html and "private" in html
    assert Index([])._repr_html_()


def test_facts_survive_as_json(tmp_path):
    index = Index([entry(facts={"kind": "micro", "n": 3}, written={"apex": "/"})])
    index.to_csv(tmp_path / "i.csv")
    cells = pd.read_csv(tmp_path / "i.csv", encoding="utf-8-sig")
    assert json.loads(cells.facts[0]) == {"kind": "micro", "n": 3} and read_index(tmp_path / "i.csv").entry("casme2/sub01/a").written == {"apex": "/"}
