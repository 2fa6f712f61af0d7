"What stands on both sides of a split, against counting it the slow way"
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError
from mekit.data.folds import Protocol, Split
from mekit.data.index import Entry, Index
from mekit.data.leaks import Check, aliases, check_families, check_pairs, check_people, endless, natural, not_to_learn, overlap_pairs, persons, separated
from mekit.data.splits import leave_database_out, loso
from mekit.labels import Label

few = settings(max_examples=60, deadline=None)


def entry(sample, emotion="disgust", subject=None, **more):
    database, written, *_ = sample.split("/")
    return Entry(Label(sample=sample, database=database, subject=subject or written, emotion=emotion), **more)


@given(st.lists(st.text("ab019/", max_size=6), max_size=8))
@few
def test_natural_orders_all_different_names(names):
    "Two names tie only if they are the same name, so no order of rows is left to break a tie"
    assert sorted(set(names), key=natural) == sorted(sorted(set(names), reverse=True), key=natural)
    assert len({natural(n) for n in names}) == len(set(names))


@pytest.mark.parametrize("names", [("s1", "s01", "1", "S001"), ("sub05", "Sub5", "5", "sub05 ")])
@pytest.mark.parametrize("database", ["smic", "casme2"])
def test_every_spelling_of_a_subject_is_one_person(names, database):
    index = Index([entry(f"{database}/x{k}/c", subject=n) for k, n in enumerate(names)])
    assert len(set(persons(index).values())) == 1


@pytest.mark.parametrize("pair", [("smic", "smic_vis"), ("smic_vis", "smic_nir"), ("samm", "samm_long")])
def test_cameras_and_long_videos_share_people_and_databases_do_not(pair):
    index = Index([entry(f"{d}/006/c") for d in (*pair, "mmew")])
    known = persons(index)
    assert known[f"{pair[0]}/006/c"] == known[f"{pair[1]}/006/c"] != known["mmew/006/c"]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=8))
@few
def test_declared_identities_are_an_equivalence(links):
    "Chains and circles of declarations: the same people as joined components, whatever the order of the dict"
    index = Index([entry(f"{'casme' if k % 2 else 'casme2'}/{k}/c") for k in range(8)])
    name = [f"{'casme' if k % 2 else 'casme2'}/{k}" for k in range(8)]
    people = {name[a]: name[b] for a, b in links}
    known = persons(index, people)
    assert known == persons(index, dict(reversed(people.items()))) == persons(Index(list(index)[::-1]), people)
    group = list(range(8))
    for a, b in [(name.index(x), name.index(y)) for x, y in people.items()] * 8:
        low = min(group[a], group[b])
        group = [low if g in (group[a], group[b]) else g for g in group]
    for i, j in combinations(range(8), 2):
        assert (known[f"{name[i]}/c"] == known[f"{name[j]}/c"]) == (group[i] == group[j])


@given(st.lists(st.tuples(st.sampled_from("vw"), st.integers(0, 40), st.integers(0, 12)), max_size=14), st.booleans())
@few
def test_overlaps_are_those_of_comparing_every_pair(events, on_disk):
    rows = [entry(f"cas_me2/1/{v}/{k}", onset=a, offset=a + n, shared=True, path=Path(v) if on_disk else None) for k, (v, a, n) in enumerate(events)]
    slow = {tuple(sorted((a.sample, b.sample), key=natural)) for a, b in combinations(rows, 2)
            if a.sample.split("/")[2] == b.sample.split("/")[2] and max(a.onset, b.onset) <= min(a.offset, b.offset)}
    assert set(overlap_pairs(Index(rows))) == slow and overlap_pairs(Index(rows)) == overlap_pairs(Index(rows[::-1]))


def test_an_event_without_an_end_is_told():
    a, b = entry("own/a/v/1", onset=5, shared=True), entry("own/b/v/2", onset=900, offset=910, shared=True)
    index = Index([replace(e, path=Path("v.mp4")) for e in (a, b)])
    assert endless(index) == ["own/a/v/1"] and "1 have no onset or no offset" in loso(index).check("overlapping events").detail


def index_of(n=4, d="casme2"):
    return Index([entry(f"{d}/{s}/{k}") for s in range(1, n + 1) for k in range(2)])


def test_check_people_counts_people_not_clips():
    known = persons(index_of())
    sides = [("a", {"casme2/1/0", "casme2/2/0"}, {"casme2/1/1", "casme2/2/1"}), ("b", {"casme2/3/0"}, {"casme2/4/0"})]
    found = check_people(known, sides)
    assert (found.verdict, found.count, found.examples) == ("found", 2, ("casme2/1 (a)", "casme2/2 (a)"))
    assert check_people(known, sides[1:]).verdict == "clear"
    nobody = check_people({**known, "casme2/3/0": None}, sides[1:])
    assert nobody.verdict == "clear" and "1 of 8 clips name nobody" in nobody.detail


def test_pairs_are_counted_when_separated_and_only_then():
    sides = [("a", {"x", "y"}, {"z"})]
    assert separated([("x", "y"), ("z", "w"), ("z", "x")], sides) == {("z", "x"): "a"}
    assert check_pairs("near-duplicates", [("x", "y")], sides).verdict == "clear"
    assert check_pairs("near-duplicates", None, sides).verdict == "not checked"
    assert check_pairs("near-duplicates", [("y", "z")], sides).count == 1


def test_validation_counts_as_learned_from():
    "A person who validates and is tested is on both sides: an epoch chosen on a clip is learned from it"
    index = index_of()
    split = Split(("casme2/1/0", "casme2/1/1"), ("casme2/3/0",), ("casme2/3/1",), fold="a")
    with pytest.raises(MekitError, match="same person: found"):
        Protocol("mine", index, (split,), ("x",), dict.fromkeys(index.samples, 0))


def test_families_say_not_checked_until_declared():
    index = Index([*index_of(), *index_of(d="casme")])
    assert check_families(index, None).verdict == "not checked"
    assert (check_families(index, {}).verdict, check_families(index, {}).count) == ("declared", 0)
    declared = check_families(index, {"casme2/1": "casme/01", "casme2/99": "casme/2"})
    assert (declared.verdict, declared.count) == ("declared", 1) and "casme2/99" in declared.detail
    assert check_families(index_of(), None).verdict == "clear"


def test_a_declared_person_of_another_database_is_refused_dropped_or_counted():
    index, same = Index([*index_of(), *index_of(d="casme")]), {"casme2/sub01": "casme/1"}
    with pytest.raises(MekitError, match=r"same person: found \(1\)"):
        leave_database_out(index, target="emotion", people=same)
    dropped = leave_database_out(index, target="emotion", people=same, leaks="drop")
    assert [len(s.train) for s in dropped] == [6, 6] and [len(s.test) for s in dropped] == [8, 8]
    assert dropped.name.endswith("leaks dropped") and dropped.settings["dropped from training"] == 4
    counted = leave_database_out(index, target="emotion", people=same, leaks="count")
    assert counted.name.endswith("leaks counted") and counted.check("same person").count == 1
    assert len(loso(index, people=same)) == 7
    assert "leaks" not in leave_database_out(index, target="emotion", leaks="drop").name


@pytest.mark.filterwarnings("error")
def test_a_declared_name_nobody_has_is_warned_of():
    with pytest.raises(UserWarning, match="declared in people=, but not in this index: casme2/99"):
        loso(index_of(), people={"casme2/99": "casme/1"})


def test_overlapping_events_of_nameless_people_are_refused():
    "Nobody is named, so the person check cannot see it; the frames can"
    rows = [Entry(Label(sample=f"own/v/{k}", database=("a", "b")[k % 2], emotion="x"), onset=10 * k, offset=10 * k + 12, path=Path("v.mp4"), shared=True) for k in range(4)]
    with pytest.raises(MekitError, match=r"overlapping events: found \(3\)"):
        leave_database_out(Index(rows), target="emotion")
    with pytest.raises(MekitError, match="training clips that resemble no test clip"):
        leave_database_out(Index(rows), target="emotion", leaks="drop")
    apart = [replace(e, onset=20 * k, offset=20 * k + 12) for k, e in enumerate(rows)]
    assert leave_database_out(Index(apart), target="emotion").check("overlapping events").verdict == "clear"


def test_not_to_learn_is_everything_that_gives_the_test_away():
    known = persons(index_of())
    assert not_to_learn({"casme2/1/0"}, known, [("casme2/4/1", "casme2/1/0"), ("casme2/2/0", "casme2/3/0")]) == {"casme2/1/1", "casme2/4/1"}


@pytest.mark.parametrize("people, said", [(["casme2/1"], "a dict"), ({"casme2/1": 3}, "database/subject"), ({"1": "casme/1"}, "database/subject")])
def test_people_of_another_shape_are_refused(people, said):
    with pytest.raises(MekitError, match=said):
        aliases(index_of(), people)


def test_a_check_has_one_of_four_verdicts_and_its_words_are_escaped():
    with pytest.raises(MekitError, match="unknown verdict"):
        Check("x", "ok")
    with pytest.raises(MekitError, match="unknown kind"):
        Check("x", "clear", kind="warning")
    assert "<b>" not in Check("<b>", "clear")._repr_html_()
