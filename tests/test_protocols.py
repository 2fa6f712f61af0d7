"Every protocol: the published counts by their rules, people kept apart, and no number that depends on the order of rows"
import inspect
import pickle
import random
import re
from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError
from mekit.data import databases as D
from mekit.data import protocols as P
from mekit.data.duplicates import near_duplicates
from mekit.data.folds import checked_again, fold_map
from mekit.data.index import Entry, Index, combine
from mekit.data.pretend import pretend
from mekit.data.protocols import (
    CD6ME_CLIPS, CD6ME_PEOPLE, CD6ME_POSITIVES, CDMER_CLIPS, DFEW_CLASSES, MEGC2019_CLIPS, MEGC2019_PEOPLE, Check, Protocol, Split, by_group, cd6me,
    cdmer, dfew5, kfold, leaky_random_split, leave_database_out, loso, megc2018_cde, megc2018_hde, megc2019, megc_spotting)
from mekit.data.quality import quality
from mekit.data.targets import Target, as_target, truth_of, unit_target
from mekit.labels import AU, CD6ME_AUS, LEFT_OUT, Label, parse_aus

AUS = ("1+2", "4", "12", "R12A+14", "4+7", "9+10", "15+17", "5", "6+12", "", "12 or 15", "26")
WORDS = {"smic": ("positive", "negative", "surprise"), "casme": ("disgust", "tense", "happiness"), "casme2": ("happiness", "Disgust", "surprise", "repression", "others", "fear"),
         "samm": ("Happiness", "Anger", "Surprise", "Other"), "4dme": ("positive", "negative"), "mmew": ("happiness", "fear", "surprise"), "casme3a": ("happy", "sad", "surprise"),
         "dfew": DFEW_CLASSES, "cas_me2": (None,), "samm_long": (None,)}
WORDS |= {d: WORDS["smic"] for d in ("smic_vis", "smic_nir")}
few = settings(max_examples=25, deadline=None)


def entry(sample, emotion=None, aus="", subject=None, **more):
    database, written, *_ = sample.split("/")
    units, unread = parse_aus(aus)
    return Entry(Label(sample=sample, database=database, subject=subject or written, emotion=emotion, aus=units), unread=unread, written={"aus": aus}, **more)


def table(databases, rng, people=4, clips=4) -> Index:
    "Random clips of a few people in each database, coded in every way a protocol may ask for"
    rows = []
    for d in databases:
        for s in range(1, people + 1):
            for k in range(rng.randint(2, clips)):
                more = dict(onset=10 * k, offset=10 * k + 5, shared=True) if d in ("cas_me2", "samm_long") else {}
                facts = dict(objective_class=rng.randint(1, 7), fold=rng.randint(1, 5), kind=rng.choice(["micro-expression", "Macro"]), group="ab"[s % 2])
                rows.append(entry(f"{d}/{s:02d}/v/{k}", WORDS[d][(k + s) % len(WORDS[d])], rng.choice(AUS), facts=facts, **more))
            rows.append(entry(f"{d}/{s:02d}/v/9", WORDS[d][0], "4", facts=dict(objective_class=1, fold=1 + s % 5, kind="micro", group="ab"[s % 2])))
    return Index(rows)


SIX, MEGC = tuple(CD6ME_CLIPS), ("smic", "casme2", "samm")
PROTOCOLS = {
    "loso": (MEGC, lambda i, **o: loso(i, **o)), "loso units": (("casme", "casme2"), lambda i, **o: loso(i, target="aus", **o)),
    "leave database out": (SIX, lambda i, **o: leave_database_out(i, **o)), "kfold": (MEGC, lambda i, **o: kfold(i, k=3, **o)), "kfold units": (SIX, lambda i, **o: kfold(i, k=4, target="aus", **o)),
    "cd6me": (SIX, lambda i, **o: cd6me(i, **o)), "megc2019": (MEGC, lambda i, **o: megc2019(i, **o)),
    "cde": (("samm", "casme2"), lambda i, **o: megc2018_cde(i, **o)), "hde": (("samm", "casme2"), lambda i, **o: megc2018_hde(i, **o)),
    "cdmer": (("smic", "smic_vis"), lambda i, **o: cdmer(i, source="smic", target="smic_vis", **o)), "cdmer published": (("smic", "smic_vis"), lambda i, **o: cdmer(i, source="smic", target="smic_vis", drop_shared_subjects=False, **o)),
    "dfew": (("dfew",), lambda i, **o: dfew5(i, **o)), "spotting": (("cas_me2", "samm_long"), lambda i, **o: megc_spotting(i, **o)),
    "mono": (MEGC, lambda i, **o: by_group(i, group="group", seeds=(1, 2), **o)), "mixed": (MEGC, lambda i, **o: by_group(i, group="group", mode="mixed", seeds=(1, 2), **o)),
    "transfer": (MEGC, lambda i, **o: by_group(i, group="group", mode="transfer", seeds=(1, 2), **o)), "leaky": (MEGC, lambda i, **o: leaky_random_split(i, k=3, **o))}
LEAKY = ("leaky", "cdmer published", "dfew")        # people on both sides by design, or by those who published it
every = pytest.mark.parametrize("name", PROTOCOLS)


def made(name, seed=0, **options):
    databases, make = PROTOCOLS[name]
    return make(table(databases, random.Random(seed)), **options)


def whole_cd6me() -> Index:
    "The published table: a unit is in the first of its database's clips"
    def one(d, i):
        units = tuple(AU(n) for n, p in zip(CD6ME_AUS, CD6ME_POSITIVES[d]) if i < p)
        return Entry(Label(sample=f"{d}/{i % CD6ME_PEOPLE[d]}/{i}", database=d, subject=str(i % CD6ME_PEOPLE[d]), aus=units or (AU(26),)))
    return Index([one(d, i) for d, n in CD6ME_CLIPS.items() for i in range(n)])


# ---- the order of rows

@every
@given(seed=st.integers(0, 10**6), shuffle=st.randoms(use_true_random=False), valid=st.sampled_from([0, 1, .3]))
@settings(max_examples=4, deadline=None)
def test_shuffling_the_rows_changes_nothing(name, seed, shuffle, valid):
    "Folds, truth, what was left out, checks and digest are the same for any order of the rows"
    databases, make = PROTOCOLS[name]
    index = table(databases, random.Random(seed))
    rows = list(index)
    shuffle.shuffle(rows)

    def tried(index):
        try:
            return make(index, valid=valid)
        except MekitError as error:
            return str(error)
    a, b = tried(index), tried(Index(rows))
    if isinstance(a, str):
        assert a == b
        return
    assert a.splits == b.splits and a.truth == b.truth and list(a.truth) == list(b.truth) and a.left_out == b.left_out
    assert a.checks == b.checks and a.digest() == b.digest() and a.index.samples == b.index.samples and a._repr_html_() == b._repr_html_()


@every
def test_predictions_by_key_score_the_same_whatever_the_order(name):
    "The reference library glues predictions fold by fold and compares them with the table's order: 0.41 for perfect ones"
    databases, make = PROTOCOLS[name]
    rows = list(table(databases, random.Random(3)))
    random.Random(5).shuffle(rows)
    protocol, truth = make(Index(rows)), {}
    for split in protocol:
        predicted = dict(zip(split.test, protocol.truth_array(split.test)))
        truth |= {s: (predicted[s], protocol.truth[s]) for s in split.test}
    assert all(np.array_equal(p, t) for p, t in truth.values())


@every
def test_a_filtered_index_works_and_keeps_the_class_list(name):
    "Filtering leaves no gap to fall into, and a class that vanished stays in the list"
    databases, make = PROTOCOLS[name]
    index = table(databases, random.Random(0))
    whole = make(index)
    truth = truth_of(index, as_target("ethnicmer", index))[0] if "group" in whole.settings else whole.truth
    rare = min(range(len(whole.classes)), key=lambda c: sum(t[c] if whole.multilabel else t == c for t in truth.values()) or 99)
    gone = {s for s, t in truth.items() if (t[rare] if whole.multilabel else t == rare)}
    fewer = make(index.where(by=lambda e: e.sample not in gone))
    assert gone and fewer.classes == whole.classes and whole.classes[rare] in fewer.check("classes without a clip").examples
    assert all(fewer.truth[s] == whole.truth[s] for s in set(fewer.truth) & set(whole.truth))


# ---- what every protocol keeps

@every
@pytest.mark.parametrize("valid", [0, 1, .3])
def test_people_stand_on_one_side(name, valid):
    "Counted from the keys alone: nobody tested was trained on or chose anything"
    try:
        protocol = made(name, seed=7, valid=valid)
    except MekitError as error:
        assert valid and ("people to choose from" in str(error) or "fewer people" in str(error))
        return

    def who(samples):
        return {(s.split("/")[0].split("_")[0], s.split("/")[1]) for s in samples}
    for split in protocol:
        assert not set(split.train) & set(split.test) and not set(split.valid) & set(split.learned[:len(split.train)] + split.test)
        assert split.train and split.test and bool(split.valid) == bool(valid)
        assert name in LEAKY or not who(split.learned) & who(split.test)
        assert name == "leaky" or not who(split.train) & who(split.valid)
    verdict = protocol.check("same person").verdict
    assert verdict == ("found" if name in LEAKY else "clear") and ("leaks counted" in protocol.name) == (name in LEAKY[1:])


@every
def test_every_clip_is_in_use_or_listed(name):
    databases, make = PROTOCOLS[name]
    index = table(databases, random.Random(11))
    protocol = make(index)
    assert set(protocol.index.samples) | {s for s, _ in protocol.left_out} == set(index.samples)
    assert not set(protocol.index.samples) & {s for s, _ in protocol.left_out}
    tested = Counter((s.part, k) for s in protocol for k in s.test)
    assert max(tested.values()) == 1, "a clip is tested once in a part"
    assert protocol.metric in P.METRICS and protocol.reference is not None and set(protocol.truth) == set(protocol.index.samples)
    assert [s for s, _ in protocol.left_out] == [s for s, _ in sorted(protocol.left_out, key=lambda pair: P.natural(pair[0]))]


@every
def test_pages_are_drawn_and_an_unknown_option_is_named(name):
    protocol = made(name)
    page = protocol._repr_html_()
    assert protocol.name in page and "<svg" in page and all(c.name in page for c in protocol.checks) and len(page) < 300_000
    with pytest.raises(TypeError, match="valid"):
        made(name, vaild=1)


def test_signatures_show_the_options():
    for function in (loso, leave_database_out, kfold, cd6me, megc2019, megc2018_cde, megc2018_hde, cdmer, dfew5, by_group, megc_spotting, leaky_random_split):
        names = list(inspect.signature(function).parameters)
        assert names[0] == "index" and names[-5:] == ["valid", "seed", "people", "duplicates", "leaks"] and "how" not in names


@given(st.integers(0, 10**6), st.integers(0, 50))
@few
def test_validation_does_not_depend_on_the_other_folds(seed, draw):
    "Taking one person away changes the folds in which he trains, and leaves nobody else's validation to chance in order"
    index = table(MEGC, random.Random(seed))
    a, b = (loso(i, valid=2, seed=draw) for i in (index, Index(list(index)[::-1])))
    assert [s.valid for s in a] == [s.valid for s in b]
    assert len({s.valid for s in a}) > 1


def test_draws_are_the_same_on_every_day_and_machine():
    "Seeded draws start from sorted lists: pinned here, because a set's order would pass every test made in one process"
    index = Index([entry(f"{d}/{s}/{k}", w, facts=dict(group="ab"[s % 2])) for d in ("casme2", "samm") for s in range(1, 7) for k, w in enumerate(("disgust", "happiness", "surprise")[: 2 + s % 2])])

    def who(samples):
        return " ".join(dict.fromkeys(s.rsplit("/", 1)[0] for s in samples))
    assert [who(s.valid) for s in loso(index, valid=2)[:3]] == ["casme2/4 samm/6", "casme2/5 samm/2", "samm/4 samm/5"]
    assert [who(s.test) for s in kfold(index, k=3, seed=1)] == ["casme2/2 casme2/3 samm/3 samm/6", "casme2/5 samm/2 samm/4 samm/5", "casme2/1 casme2/4 casme2/6 samm/1"]
    assert [" ".join(s.test) for s in leaky_random_split(index, k=6, seed=2)][0] == "casme2/3/0 casme2/6/0 samm/1/0 samm/2/0 samm/3/0"
    odd = index.where(by=lambda e: e.sample != "casme2/2/0")
    assert who(by_group(odd, group="group", mode="mixed", seeds=[3]).index.samples) == "casme2/1 casme2/6 samm/1 samm/4 samm/5 samm/6"


# ---- published counts

def test_cd6me_of_the_published_size():
    protocol = cd6me(whole_cd6me())
    assert (protocol.name, len(protocol), len(protocol.index), protocol.metric, protocol.multilabel) == ("CD6ME", 6, 2031, "au_f1", True)
    assert {s.fold: len(s.test) for s in protocol} == CD6ME_CLIPS and all(len(s.train) == 2031 - len(s.test) and not s.valid for s in protocol)
    assert {s.fold: tuple(protocol.truth_array(s.test).sum(0)) for s in protocol} == CD6ME_POSITIVES
    truth = protocol.truth_array(protocol.index.samples)
    assert truth.sum(0).tolist() == [304, 280, 708, 134, 60, 252, 117, 75, 176, 277, 52, 86] and truth.sum() == 2521 and len({e.person for e in protocol.index}) == 240
    assert protocol.check("clips as published").verdict == protocol.check("positives as published").verdict == "clear"
    assert protocol.check("units without a positive in a test fold").examples == ("casme: AU5",)
    assert protocol.check("people shared between databases").verdict == protocol.check("near-duplicates").verdict == "not checked"


def test_always_yes_on_the_published_counts():
    "Binary 17.8 and macro 8.9: pooled over folds, from the truth of the protocol"
    protocol = cd6me(whole_cd6me())
    truth = np.concatenate([protocol.truth_array(s.test) for s in protocol])
    f1 = 2 * truth.sum(0) / (len(truth) + truth.sum(0))
    assert [round(100 * f, 1) for f in f1] == [26.0, 24.2, 51.7, 12.4, 5.7, 22.1, 10.9, 7.1, 15.9, 24.0, 5.0, 8.1]
    assert round(100 * f1.mean(), 1) == 17.8 and round(50 * f1.mean(), 1) == 8.9


def test_cd6me_says_where_counts_differ():
    index = whole_cd6me()
    fewer = cd6me(index.where(by=lambda e: e.sample != "samm/0/0"))
    assert fewer.check("clips as published").examples == ("samm: 158 here, 159 published",)
    assert fewer.check("positives as published").count == 12 and "samm AU1: 5 here, 6 published" in fewer.check("positives as published").examples


def test_cd6me_without_a_database_has_another_name():
    index = whole_cd6me().where(database=["casme", "samm", "mmew"])
    with pytest.raises(MekitError, match="none of casme2, 4dme, casme3a"):
        cd6me(index)
    assert cd6me(index, partial=True).name == "CD6ME without casme2, 4dme, casme3a"
    extra = Index([*whole_cd6me(), entry("smic/1/a", "positive")])
    assert cd6me(extra).left_out == (("smic/1/a", "smic is not part of CD6ME"),) and cd6me(extra).name == "CD6ME"


def test_uncertain_units_are_a_stated_choice():
    rows = [e for e in whole_cd6me() if not e.sample.startswith("samm/0/")] + [entry("samm/0/x", aus="(R6 or R12)+R15"), entry("samm/0/y", aus="puzzle"), entry("samm/0/z", aus="4+puzzle")]
    with_, without = (cd6me(Index(rows), uncertain=u) for u in (True, False))
    columns = [CD6ME_AUS.index(n) for n in (6, 12, 15)]
    assert with_.truth_array(["samm/0/x"])[0, columns].tolist() == [1, 1, 1] and without.truth_array(["samm/0/x"])[0, columns].tolist() == [0, 0, 1]
    assert (with_.check("units that are not certain").count, with_.settings["uncertain"], without.settings["uncertain"]) == (1, True, False)
    assert with_.digest() != without.digest()
    assert dict(with_.left_out)["samm/0/y"].startswith("its action units could not be read") and with_.check("units that could not be read").count == 1


def whole_megc2019() -> list:
    words = {"smic": ("negative", "positive", "surprise"), "casme2": ("Disgust", "happiness", "surprise"), "samm": ("Anger", "Happiness", "Surprise")}
    kept = [entry(f"{d}/{i % MEGC2019_PEOPLE[d] + 1:02d}/{i}", words[d][c]) for d, counts in MEGC2019_CLIPS.items() for i, c in enumerate(np.repeat(range(3), counts))]
    dropped = [entry(s, "happiness") for s in LEFT_OUT["megc2019"]] + [entry(f"casme2/{s}/{w}", w) for s in (25, 26) for w in ("others", "fear", "sadness")] + [entry("samm/29/x", "Other"), entry("samm/3/none")]
    return kept + dropped


def test_megc2019_of_the_published_size():
    rows = whole_megc2019()
    random.Random(0).shuffle(rows)
    protocol = megc2019(Index(rows))
    assert (len(protocol.index), len(protocol), len({e.person for e in protocol.index})) == (442, 68, 68)
    assert Counter(e.database for e in protocol.index) == {"smic": 164, "casme2": 145, "samm": 133}
    assert {d: len({e.person for e in protocol.index if e.database == d}) for d in MEGC2019_PEOPLE} == {"smic": 16, "casme2": 24, "samm": 28}
    assert Counter(protocol.truth.values()) == {0: 250, 1: 109, 2: 83} and protocol.classes == ("negative", "positive", "surprise")
    assert len(protocol.left_out) == 11 and sum("by name" in why for _, why in protocol.left_out) == 3
    assert protocol.check("clips as published").verdict == protocol.check("people as published").verdict == "clear" and protocol.metric == "uf1"
    with pytest.raises(MekitError, match="none of samm"):
        megc2019(Index([r for r in rows if r.database != "samm"]))
    assert megc2019(Index([r for r in rows if r.database != "samm"]), partial=True).name == "MEGC2019 without samm"


def test_megc2018_counts_and_whose_classes_they_are():
    "253 clips of 47 people; CASME II's classes are the user's, and VI and VII of SAMM are left out"
    samm = [entry(f"samm/{k % 21}/{k}", facts=dict(objective_class=(k % 7 + 1 if k >= 60 else k % 5 + 1))) for k in range(70)]
    casme2 = [entry(f"casme2/{k % 26}/{k}") for k in range(185)]
    mine = {e.sample: k % 5 + 1 for k, e in enumerate(casme2)}
    index = Index(samm + casme2)
    with pytest.raises(MekitError, match="clips of casme2 coded for it, received none"):
        megc2018_cde(index)
    cde, hde = (f(index, objective=mine) for f in (megc2018_cde, megc2018_hde))
    asked = [e.sample for e in samm if e.facts["objective_class"] <= 5]
    assert len(cde.index) == 185 + len(asked) and len(cde) == 47 and len(cde.left_out) == 70 - len(asked) > 0 and all("MEGC2018 does not use" in why for _, why in cde.left_out)
    assert cde.check("objective classes given by the user").count == 185 and cde.check("objective classes given by the user").verdict == "declared"
    assert [(s.part, len(s.train), len(s.test)) for s in hde] == [("samm to casme2", len(asked), 185), ("casme2 to samm", 185, len(asked))] and hde.metric == "uar"
    assert "within parts" in hde.settings["pooled"] and "all folds" in cde.settings["pooled"]
    assert megc2018_cde(index, objective=lambda e: "III").truth[casme2[0].sample] == 2
    assert megc2018_cde(index, objective=lambda e: "III").truth[samm[0].sample] == 0, "the label file's class stands before the user's"


def whole_cdmer() -> Index:
    "130 selected clips of CASME II among those that are not; SMIC's people, eight of them before all three cameras"
    rows = [entry(f"{d}/{people[i % len(people)]}/{i}", c) for d, people in (("smic", range(1, 17)), ("smic_vis", range(9, 17)), ("smic_nir", range(9, 17)))
            for i, c in enumerate(np.repeat(("negative", "positive", "surprise"), CDMER_CLIPS[d]))]
    counts = dict(happiness=32, surprise=25, disgust=64, sadness=7, fear=2, repression=27, others=99)
    return Index(rows + [entry(f"casme2/{i % 26 + 1}/{i}", w) for i, w in enumerate(np.repeat(list(counts), list(counts.values())))])


@pytest.mark.parametrize("source, target", [(s, t) for s in CDMER_CLIPS for t in CDMER_CLIPS if s != t])
def test_all_twelve_cdmer_tasks(source, target):
    index = whole_cdmer()
    published, apart = (cdmer(index, source=source, target=target, drop_shared_subjects=drop) for drop in (False, True))
    assert published.check("clips as published").verdict == "clear" and len(published) == 1 and len(published.index) == sum(CDMER_CLIPS[source]) + sum(CDMER_CLIPS[target])
    assert len(published[0].train) == sum(CDMER_CLIPS[source]) and len(published[0].test) == sum(CDMER_CLIPS[target])
    shared = 8 if "casme2" not in (source, target) else 0
    assert published.check("same person").count == shared and apart.check("same person").verdict == "clear"
    assert sorted(k for s in apart for k in s.test) == sorted(published[0].test), "the same clips are tested, with or without"
    assert len(apart) == {0: 1, 8: 8 + (target == "smic")}[shared]
    assert ("leaks counted" in published.name, "8 shared people apart" in apart.name) == (shared > 0, shared > 0)


def test_cdmer_counts_people_and_still_refuses_other_leaks():
    index = whole_cdmer()
    twins = [("smic/9/8", "smic_vis/9/0")]
    with pytest.raises(MekitError, match="near-duplicates: found"):
        cdmer(index, source="smic", target="smic_vis", drop_shared_subjects=False, duplicates=twins)


def test_dfew_folds_are_its_own():
    rows = [Entry(Label(sample=f"dfew/{k}", database="dfew", emotion=("happy", "Sadness", "angry")[k % 3]), facts=dict(fold=(1.0, "2", 3, 4, 5)[k % 5])) for k in range(50)]
    protocol = dfew5(Index([*rows, Entry(Label(sample="dfew/50", database="dfew", emotion="happy"), facts=dict(fold=6)), Entry(Label(sample="dfew/51", database="dfew"), facts=dict(fold=2))]))
    assert [s.fold for s in protocol] == [f"fold {k}" for k in range(1, 6)] and all(len(s.test) == 10 for s in protocol) and protocol.classes == DFEW_CLASSES
    assert dict(protocol.left_out) == {"dfew/50": "no fold from 1 to 5 (6)", "dfew/51": "no single label"}
    assert protocol.check("classes without a clip").count == 4 and protocol.check("same person").verdict == "not checked" and protocol.metric == "uar"


def test_spotting_stays_within_a_database_and_keeps_a_persons_videos_together():
    rows = [entry(f"{d}/{s}/v{v}/{k}", onset=k, offset=k + 5, shared=True, facts=dict(kind=kind)) for d in ("cas_me2", "samm_long") for s in (1, 2, 3) for v in (1, 2) for k, kind in ((3, "micro-expression"), (50, "Macro"))]
    protocol = megc_spotting(Index([*rows, entry("samm_long/1/v1/90", onset=90, offset=95, shared=True, facts=dict(kind="blink"))]))
    assert len(protocol) == 6 and protocol.classes == ("micro", "macro") and protocol.left_out[0][0] == "samm_long/1/v1/90"
    for s in protocol:
        assert {k.split("/")[0] for k in s.learned + s.test} == {s.part} and len({k.split("/")[1] for k in s.test}) == 1 and len(s.test) == 4


# ---- groups

def ethnicmer() -> tuple[Index, dict]:
    "The published table: 199 Asian clips (157 of CASME II, 42 of SAMM) and 91 others, all of SAMM"
    cells = {("casme2", "asian", 26): (100, 32, 25), ("samm", "asian", 12): (36, 1, 5), ("samm", "other", 17): (56, 25, 10)}
    rows, groups = [], {}
    for (d, g, people), counts in cells.items():
        for i, word in enumerate(np.repeat(("disgust", "happiness", "surprise"), counts)):
            subject = f"{i % people + (20 if g == 'other' else 0)}"
            rows.append(entry(f"{d}/{subject}/{i}", word))
            groups[f"{d}/{subject}"] = g
    return Index(rows), groups


@pytest.mark.parametrize("mode", ["mono", "mixed", "transfer"])
def test_pools_of_a_seed_are_alike_in_size_and_class(mode):
    index, groups = ethnicmer()
    protocol = by_group(index, group=groups, mode=mode, seeds=range(6))
    for part in protocol.parts:
        splits = [s for s in protocol if s.part == part]
        seed = part.rsplit("seed ", 1)[1]
        sizes = tuple(sorted(Counter(protocol.truth[k] for s in splits for k in s.test).items()))
        mono = by_group(index, group=groups, mode="mono", seeds=[int(seed)])
        pools = {tuple(sorted(Counter(mono.truth[k] for s in mono if s.part == p for k in s.test).items())) for p in mono.parts}
        assert {sizes} == pools
        if mode == "transfer":
            assert Counter(protocol.truth[k] for k in splits[0].train) == Counter(protocol.truth[k] for k in splits[0].test)
        if mode == "mixed":
            assert {groups["/".join(k.split("/")[:2])] for s in splits for k in s.test} == {"asian", "other"}
        if mode == "mono":
            assert {groups["/".join(k.split("/")[:2])] for s in splits for k in s.test} == {part.split(",")[0]}
    assert len({s.test for s in protocol}) > len(protocol.parts) // 6


def test_the_confound_of_the_published_table_is_found():
    index, groups = ethnicmer()
    found = by_group(index, group=groups, seeds=[0]).check("group confounded with database")
    assert found.verdict == "found" and "86 % of the clips" in found.detail and "69 % are guessed right" in found.detail
    assert found.examples == ("asian: casme2 157, samm 42", "other: samm 91")
    whole = by_group(index, group=lambda e: e.database, seeds=[0]).check("group confounded with database")
    assert "no result can tell the two apart" in whole.detail
    samm = by_group(index.where(database="samm"), group=groups, seeds=[0]).check("group confounded with database")
    assert samm.verdict == "clear"


def test_groups_that_are_missing_or_double_are_listed():
    index, groups = ethnicmer()
    first = next(iter(groups))
    with pytest.raises(MekitError, match="received none for 1: casme2/0"):
        by_group(index, group={k: v for k, v in groups.items() if k != first})
    with pytest.raises(MekitError, match=r"received several for 49: casme2/0 \(disgust, happiness"):
        by_group(index, group=lambda e: e.emotion)
    with pytest.raises(MekitError, match=r"received several for 1: casme2/0 \(asian, other\)"):
        by_group(index, group=groups, people={"samm/20": "casme2/0"})
    with pytest.raises(MekitError, match="unknown group 'ethnicity'"):
        by_group(index, group="ethnicity")
    with pytest.raises(MekitError, match="one class a clip"):
        by_group(Index([entry("samm/1/a", aus="4"), entry("samm/2/a", aus="4")]), group={"samm/1": "a", "samm/2": "b"}, target="aus")


# ---- k folds, validation, options

@given(st.integers(0, 10**6), st.integers(2, 6))
@few
def test_kfold_deals_whole_people_evenly(seed, k):
    index = table(MEGC, random.Random(seed), people=6)
    protocol = kfold(index, k=k, target="megc2019", seed=seed)
    tested = Counter(e.person for s in protocol for e in (protocol.index.entry(x) for x in s.test))
    fold = {p: {s.fold for s in protocol for x in s.test if protocol.index.entry(x).person == p} for p in tested}
    assert len(protocol) == k and all(len(f) == 1 for f in fold.values()) and sum(tested.values()) == len(protocol.index)
    sizes = [len(s.test) for s in protocol]
    assert max(sizes) - min(sizes) <= 2 * max(tested.values())


@pytest.mark.parametrize("options, said", [
    (dict(k=99), "at most as many folds as people"), (dict(k=1), "k of at least 2"), (dict(valid=-1), "a number of people"), (dict(valid=True), "a number of people"), (dict(valid=2.5), "a number of people"),
    (dict(valid=50), "fewer people to validate"), (dict(seed=.5), "a whole number"), (dict(leaks="ignore"), "unknown way with leaks"), (dict(target="emotoin"), "Did you mean 'emotion'"), (dict(target="aus"), "expected clips of smic coded for it"),
    (dict(duplicates=[("a",)]), "pairs of two samples"), (dict(duplicates=[("a", "a")]), "pairs of two samples")])
def test_bad_options_say_what_was_expected(options, said):
    index = Index([replace(e, label=replace(e.label, aus=()), written={}) if e.database == "smic" else e for e in table(MEGC, random.Random(0))])
    with pytest.raises(MekitError, match=said):
        kfold(index, **{"k": 3} | options)


def test_an_empty_index_and_a_single_person_are_refused():
    with pytest.raises(MekitError, match="an index with entries"):
        loso(Index([]))
    with pytest.raises(MekitError, match="at least two to tell apart, received casme2/1"):
        loso(Index([entry("casme2/1/a", "disgust"), entry("casme2/1/b", "disgust")]))
    with pytest.raises(MekitError, match="clips of casme2 coded for it"):
        loso(Index([entry("casme2/1/a")]))


def test_near_duplicates_are_refused_dropped_or_counted_and_no_fold_escapes():
    index = table(MEGC, random.Random(1))
    a, b = "casme2/01/v/0", "samm/02/v/0"
    for make in (loso, lambda i, **o: leave_database_out(i, target="emotion", **o), lambda i, **o: kfold(i, k=12, seed=3, **o)):
        with pytest.raises(MekitError, match=r"near-duplicates: found \(1\)"):
            make(index, duplicates=[(b, a)])
        dropped = make(index, duplicates=[(a, b)], leaks="drop", valid=1)
        assert all(not (a in s.test and b in s.learned) and not (b in s.test and a in s.learned) for s in dropped) and "leaks dropped" in dropped.name
        assert {k for s in dropped for k in s.test} == set(dropped.index.samples)
        counted = make(index, duplicates=[(a, b)], leaks="count")
        assert counted.check("near-duplicates").count == 1 and "leaks counted" in counted.name
        assert make(index, duplicates=[(a, "casme2/01/v/1"), ("no/1/a", "no/2/b")]).check("near-duplicates").verdict == "clear"


def test_the_leaky_split_says_so_and_nothing_else_does():
    leak = made("leaky")
    assert leak.leaky and leak.name.startswith("LEAKY") and leak.check("same person").verdict == "found" and leak.check("same person").count > 8
    assert not any(made(n).leaky for n in PROTOCOLS if n != "leaky")


def test_nobody_named_is_left_out_of_loso_and_stays_in_leave_database_out():
    rows = [*table(("casme2", "samm"), random.Random(0)), Entry(Label(sample="casme2/?/x", database="casme2", emotion="disgust"))]
    one, other = loso(Index(rows)), leave_database_out(Index(rows), target="emotion")
    assert ("casme2/?/x", "names no person") in one.left_out and "casme2/?/x" in other.index
    assert "1 of" in other.check("same person").detail


def test_a_bad_cell_is_set_aside_and_the_run_goes_on():
    protocol = loso(Index([*table(MEGC, random.Random(0)), entry("samm/01/v/bad", "angr"), entry("samm/01/v/none")]))
    assert "Did you mean 'anger'" in dict(protocol.left_out)["samm/01/v/bad"] and dict(protocol.left_out)["samm/01/v/none"] == "no emotion word"


def test_folds_with_one_class_and_classes_nobody_can_learn_are_noticed():
    index = Index([entry("casme2/1/a", "disgust"), entry("casme2/1/b", "disgust"), entry("casme2/2/a", "happiness"), entry("casme2/2/b", "disgust")])
    protocol = loso(index)
    assert protocol.check("test folds with one class only").examples == ("casme2/1",)
    assert protocol.check("classes absent from a training side").examples == ("casme2/2: happiness",)
    assert protocol.check("classes without a clip").count == 5 and all(c.kind == "notice" for c in protocol.checks if "class" in c.name)


# ---- from label files to protocols

@pytest.mark.filterwarnings("ignore::mekit.core.MekitWarning")
def test_from_the_label_files_of_pretend_databases(tmp_path):
    "Sheets as the databases have them, with the rows that the rules must drop among them"
    read = dict(smic=D.smic, casme=D.casme, casme2=D.casme2, samm=D.samm, **{"4dme": D.fourdme}, mmew=D.mmew, casme3a=D.casme3, samm_long=D.samm_long, cas_me2=D.cas_me2)
    index = {n: f(pretend(n, tmp_path, frames=n == "smic")) for n, f in read.items()}
    six = cd6me(combine(*(index[n] for n in CD6ME_CLIPS)))
    assert len(six) == 6 and six.check("clips as published").verdict == "found" and six.check("units that are not certain").count > 0
    assert len(six.index) + len(six.left_out) == sum(len(index[n]) for n in CD6ME_CLIPS) and all("could not be read" in why for _, why in six.left_out)
    composite = megc2019(combine(*(index[n] for n in MEGC2019_CLIPS)))
    assert set(LEFT_OUT["megc2019"]) <= {s for s, _ in composite.left_out} and len(composite) == len({e.person for e in composite.index})
    assert not {e.emotion.lower() for e in composite.index} & {"others", "other"} and {e.emotion.lower() for e in composite.index if e.database == "casme2"} <= {"happiness", "surprise", "disgust", "repression"}
    spotting = megc_spotting(combine(index["samm_long"], index["cas_me2"]))
    assert spotting.parts == ("cas_me2", "samm_long") and set(spotting.truth.values()) == {0, 1}


@pytest.mark.filterwarnings("ignore::mekit.core.MekitWarning")
def test_films_with_their_own_folds(tmp_path):
    assert len(dfew5(D.dfew(pretend("dfew", tmp_path, frames=False)))) > 1


@pytest.mark.filterwarnings("ignore::mekit.core.MekitWarning")
def test_a_quality_report_hands_over_its_copies_and_cleaned_labels_are_in_the_name(tmp_path):
    index = D.samm(pretend("samm", tmp_path))
    looked = quality(index, progress=False)
    with pytest.raises(MekitError, match="near-duplicates: found"):
        loso(index, duplicates=looked)
    assert loso(index, duplicates=near_duplicates(index, progress=False), leaks="drop").settings["dropped from training"] >= 2
    with pytest.raises(MekitError, match="a quality report that looked for copies"):
        loso(index, duplicates=quality(index, pictures=False, progress=False))
    cleaned = looked.fix("near-duplicate").index
    assert loso(cleaned, duplicates=looked).name == "LOSO, cleaned labels" and loso(index).name == "LOSO"


# ---- the types

def test_a_protocol_cannot_be_made_around_the_checks():
    index = Index([entry(f"casme2/{s}/{k}", "disgust") for s in (1, 2) for k in (0, 1)])
    good = loso(index)
    split = Split(("casme2/1/0",), ("casme2/1/1",), fold="x")
    for make in (lambda: replace(good, splits=(split,)), lambda: Protocol("mine", index, [split], ("a",), dict.fromkeys(index.samples, 0))):
        with pytest.raises(MekitError, match="same person: found"):
            make()
    for wrong in (dict.fromkeys(index.samples, 9), dict.fromkeys(index.samples, -1), dict.fromkeys(index.samples, (1, 0)), {}):
        with pytest.raises(MekitError, match="class numbers|a truth for each"):
            replace(good, truth=wrong)
    with pytest.raises(MekitError, match="unknown metric"):
        replace(good, metric="accuracy")
    with pytest.raises(MekitError, match="expected splits"):
        replace(good, splits=())


def test_split_and_protocol_by_name_part_and_text():
    hde = made("hde")
    assert hde["samm to casme2 | casme2"] is hde[0] and hde.part("casme2 to samm").splits == hde.splits[1:]
    assert hde.part("casme2 to samm").name == "MEGC2018 HDE, casme2 to samm"
    assert repr(hde).startswith("Protocol(MEGC2018 HDE: 2 folds") and "train" in repr(hde[0])
    with pytest.raises(MekitError, match="unknown fold"):
        hde["samm"]
    with pytest.raises(MekitError, match="unknown part"):
        hde.part("samm")
    with pytest.raises(MekitError, match="Did you mean"):
        hde.truth_array(["samm/01/v/00"])


def test_names_are_escaped_on_the_page():
    index = Index([entry(f"own/<b>{s}</b>/{k}", "<i>x</i>") for s in (1, 2) for k in (0, 1)])
    page = loso(index)._repr_html_()
    assert "<b>1" not in page and "<i>" not in page


def test_truth_is_what_the_target_says_and_classes_are_fixed():
    index = Index([entry("casme2/1/a", aus="4+12"), entry("casme2/2/b", aus="12")])
    truth, _ = truth_of(index, unit_target((4, 5, 12)))
    assert truth == {"casme2/1/a": (1, 0, 1), "casme2/2/b": (0, 0, 1)}
    protocol = loso(index, target=unit_target((4, 5, 12)))
    assert protocol.classes == ("AU4", "AU5", "AU12") and protocol.truth_array(["casme2/2/b", "casme2/1/a"]).tolist() == [[False, False, True], [True, False, True]]
    only = Target("side", ("left", "right", "both"), lambda e: "left")
    assert loso(index, target=only).classes == ("left", "right", "both")
    assert as_target("emotion", Index([entry("mmew/1/a", "Others"), entry("casme2/1/a", "others")])).classes.count("others") == 0


def test_everything_is_exported_from_protocols():
    for name in ("Split Protocol Check loso kfold leave_database_out by_group cd6me megc2019 megc2018_cde megc2018_hde cdmer dfew5 megc_spotting leaky_random_split CD6ME_POSITIVES CD6ME_CLIPS METRICS").split():
        assert hasattr(P, name)
    assert P.Check is Check


# ---- nothing gets past the constructor

def test_a_protocol_stays_as_it_was_checked():
    "Its truth, settings and declared people cannot be changed; a copy is the same and as fixed; answers given as lists are kept as tuples"
    protocol = made("kfold units", people={"casme/1": "casme2/1"}, leaks="drop")
    sample, before = protocol.index.samples[0], protocol.digest()
    for change in (lambda: protocol.truth.update({sample: (1,) * 12}), lambda: protocol.settings.__setitem__("k", 9), lambda: protocol.truth.pop(sample), lambda: protocol.people.clear(), lambda: setattr(protocol, "splits", ())):
        with pytest.raises((TypeError, AttributeError)):
            change()
    for copy in (pickle.loads(pickle.dumps(protocol)), deepcopy(protocol), checked_again(protocol)):
        assert copy.digest() == before and copy.checks == protocol.checks and copy.name == protocol.name
        with pytest.raises(TypeError):
            copy.truth[sample] = 0
    listed = replace(protocol, truth={s: list(t) for s, t in protocol.truth.items()})
    assert listed.truth == protocol.truth and listed.digest() == before


@pytest.mark.parametrize("sides", [dict(train="casme2/1/a", test=("b",)), dict(train=("a",), test="b"), dict(train=("a", None), test=("b",)), dict(train=("a",), test=("b",), valid=(1,))])
def test_a_split_holds_keys(sides):
    with pytest.raises(MekitError, match="sample keys to"):
        Split(**sides)


def test_what_changed_behind_the_back_is_found():
    protocol = made("leave database out")
    clips = protocol.index.samples
    object.__setattr__(protocol, "splits", (Split(clips[:-1], clips[-1:], fold="mine"),))
    assert protocol.check("same person").verdict == "clear", "checked when it was made"
    with pytest.raises(MekitError, match="same person: found"):
        checked_again(protocol)


def test_pairs_that_are_of_other_clips_are_told():
    protocol = made("leave database out", duplicates=[("casme2/99/x", "mmew/98/y"), ("casme/01/v/9", "casme/02/v/9")])
    assert protocol.check("near-duplicates").detail == "1 of 2 pairs given are among the clips in use"


def test_names_on_the_map_have_room():
    "Databases of one or two clips among large ones: names are cut, never drawn over each other"
    index = Index([entry(f"{d}/{s}/{k}", "disgust") for d, n in (("mmew", 1), ("a_long_database_name", 1), ("casme2", 60)) for s in (1, 2) for k in range(n)])
    shown = re.findall(r'<text x="(\d+)" y="14">([^<]*)</text>', fold_map(loso(index)))
    ends = [int(x) + 6.5 * len(name) for x, name in shown]
    assert len(shown) == 3 and all(end <= int(x) + 3 for end, (x, _) in zip(ends, shown[1:])) and "casme2" in dict(map(reversed, shown))
