"The readers of the licensed databases, on label tables and folders that these tests write themselves, good and spoiled"
import json
import random
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import spoiled
from openpyxl import Workbook
from spoiled import KINDS, damaged, good, write

from mekit.core import MekitError, MekitWarning
from mekit.data.databases import DATABASES, cas_me2, casme, casme2, casme3, dfew, folder, fourdme, mmew, samm, samm_long, smic
from mekit.data.index import combine, read_index
from mekit.data.reading import in_form
from mekit.data.sheets import plain
from mekit.labels import EMOTIONS, Terms, emotion_class

QUIET = pytest.mark.filterwarnings("ignore::mekit.core.MekitWarning")


def read(table, root: Path, suffix: str):
    path = write(table, root, suffix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MekitWarning)
        return table.kind.reader(root, **({"labels": path} if table.kind.labels else {}))


def said(entry) -> dict:
    return dict(sample=entry.sample, onset=entry.onset, apex=entry.apex, offset=entry.offset, emotion=entry.emotion, aus=" ".join(a.code for a in entry.aus), kind=entry.facts.get("kind"))


def check(table, root: Path, suffix: str) -> str:
    "The right index, or an error that names file and column; returns which"
    numbers = table.numbers()
    try: index = read(table, root, suffix)
    except MekitError as error:
        wanted = [tuple(part.format(*[numbers.get(k, "?") for k in range(max(table.cells) + 1)]) for part in parts) for parts in table.errors]
        assert any(all(part in str(error) for part in parts) for parts in wanted), f"{error} names none of {wanted}"
        return "error"
    assert not table.errors, f"read without a word, expected an error naming {table.errors}"
    named = {}
    for p in index.aside:
        assert p.file.startswith(table.kind.file) and p.row and p.column and p.why, p
        named.setdefault(p.row, set()).add(plain(p.column))
    for row, truth in table.truth.items():
        found, blamed = truth["sample"] in index and said(index.entry(truth["sample"])), {plain(h) for h, n in table.heads if n and n in table.touched.get(row, ())}
        if found == truth: continue
        assert blamed, f"row {numbers[row]}, untouched: {found} instead of {truth}"
        assert blamed & named.get(numbers[row], set()), f"row {numbers[row]}: {found}, {blamed} not named in {named}"
        if found:
            odd = {k for k in truth if found[k] != truth[k]}
            assert all(found[k] in (None, "") for k in odd), f"row {numbers[row]}: {found} instead of {truth}"
    assert set(index.samples) <= {t["sample"] for t in table.truth.values()}
    return "index"


@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".csv", ".tsv"])
@pytest.mark.parametrize("name", KINDS)
def test_a_good_table_is_read_whole(name, suffix, tmp_path):
    table = good(name, random.Random(name))
    index = read(table, tmp_path, suffix)
    assert [said(e) for e in index] == list(table.truth.values())
    assert not index.aside and not index.corrections
    assert {e.fps for e in index} == {None if name == "mine" else DATABASES[name].fps} and {e.label.terms.access for e in index} == {"private"}
    assert [e.origin for e in index] == [", ".join(filter(None, (f"{table.kind.file}{suffix}", "Coding" if suffix in (".xlsx", ".xls") else "", f"row {k}"))) for k in table.numbers().values()]


@pytest.mark.parametrize("name", KINDS)
def test_a_spoiled_table_is_right_or_refused(name, tmp_path):
    for seed in range(9):
        spoil(name, seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_thousand_spoiled_tables(name, tmp_path):
    outcomes = [spoil(name, seed, tmp_path) for seed in range(100, 190)]
    assert set(outcomes) == {"index", "error"}


def spoil(name: str, seed: int, tmp_path: Path) -> str:
    table, suffix = damaged(name, seed)
    root = tmp_path / f"{seed}"
    root.mkdir()
    try: return check(table, root, suffix)
    except AssertionError as wrong: raise AssertionError(f"{name}, seed {seed}, {suffix}, {table.done}: {wrong}") from None


def test_every_kind_of_damage_was_done():
    done = {d for name in KINDS for seed in range(9) for d in damaged(name, seed)[0].done}
    assert done == {d.__name__ for d in spoiled.DAMAGE}


# ---- one by one

STANDARD = ["Subject", "Filename", None, None, "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"]


def sheet(path: Path, *rows, title: str = "Sheet1") -> Path:
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def pictures(folder: Path, numbers, name: str = "img{}.jpg") -> Path:
    folder.mkdir(parents=True)
    for n in numbers:
        cv2.imwrite(str(folder / name.format(n)), np.full((8, 8, 3), n % 256, np.uint8))
    return folder


def coded(subject="01", clip="EP02_01f", onset=46, apex=59, offset=86, aus="4", word="disgust"): return [subject, clip, None, None, onset, apex, offset, aus, word]


def test_a_clip_opens_at_the_numbers_of_its_label(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded())
    pictures(tmp_path / "CASME2_RAW_selected/sub01/EP02_01f", range(40, 93))
    clip = casme2(tmp_path)["casme2/sub01/EP02_01f"]
    assert [int(clip.numbers[m]) for m in (clip.label.onset, clip.label.apex, clip.label.offset)] == [46, 59, 86]
    assert clip.fps == 200 and clip.label.terms.access == "private" and clip.label.database == "casme2"


@pytest.mark.parametrize("where", ["sub01/EP02_01f", "Sub1/ep2_1F", "Cropped/SUB001/EP02_01F", "a/b/sub01/EP02_01f", "sub01/EP02_01f.avi"])
def test_folders_are_found_whatever_their_case_padding_and_depth(where, tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded())
    (tmp_path / where).parent.mkdir(parents=True)
    (tmp_path / where).touch() if where.endswith("avi") else (tmp_path / where).mkdir()
    assert casme2(tmp_path).entry("casme2/sub01/EP02_01f").path == tmp_path / where


def test_the_folder_written_alike_wins_and_a_guess_is_not_made(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded(), coded(clip="EP2_1F"), coded(clip="EP002_01f", onset=7))
    for name in ("EP02_01f", "EP2_1F"):
        (tmp_path / "sub01" / name).mkdir(parents=True)
    assert [e.path and e.path.name for e in casme2(tmp_path)] == ["EP02_01f", "EP2_1F", None]


def test_a_missing_folder_is_no_path_and_no_error(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded(), coded("02"))
    (tmp_path / "sub01/EP02_01f").mkdir(parents=True)
    assert [e.path is None for e in casme2(tmp_path)] == [False, True]
    (tmp_path / "sub01/EP02_01f").rmdir()
    (tmp_path / "sub01").rmdir()
    with pytest.warns(MekitWarning, match="casme2: no pictures found"):
        assert [e.path for e in casme2(tmp_path)] == [None, None]


def test_two_trees_of_pictures_are_named(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded())
    for name in ("Cropped", "RAW"):
        (tmp_path / name / "sub01/EP02_01f").mkdir(parents=True)
    with pytest.warns(MekitWarning, match="found in .*Cropped and also in .*RAW"):
        assert "Cropped" in str(casme2(tmp_path).entry("casme2/sub01/EP02_01f").path)
    assert "RAW" in str(casme2(tmp_path / "RAW", labels=tmp_path / "CASME2-coding-20140508.xlsx").entry("casme2/sub01/EP02_01f").path)


@QUIET
def test_the_label_file(tmp_path):
    with pytest.raises(MekitError, match="samm: expected a label file called SAMM_Micro_FACS_Codes_v2"): samm(tmp_path)
    with pytest.raises(MekitError, match="which is not there"): samm(tmp_path / "nowhere")
    with pytest.raises(MekitError, match="labels= as a file"): casme2(tmp_path, labels="nowhere.xlsx")
    sheet(tmp_path / "notes" / "list of subjects.xlsx", ["Subject", "Age"], [1, 22])
    deep = sheet(tmp_path / "a/b/casme2-CODING-20140508.xlsx", STANDARD, coded())
    assert len(casme2(tmp_path)) == 1
    sheet(tmp_path / "CASME2-coding-20140508-updated.xlsx", STANDARD, coded(), coded("02"))
    assert len(casme2(tmp_path)) == 2, "the update comes first"
    assert len(casme2(tmp_path, labels=deep)) == len(casme2(tmp_path, labels="a/b/casme2-CODING-20140508.xlsx")) == 1
    sheet(tmp_path / "c/CASME2-coding-updated.xlsx", STANDARD, coded())
    with pytest.raises(MekitError, match="CASME2-coding-20140508-updated.xlsx, c/CASME2-coding-updated.xlsx. Say which"): casme2(tmp_path)


@QUIET
def test_any_single_table_will_do_and_a_sheet_can_be_chosen(tmp_path):
    book = Workbook()
    for title, n in (("old", 1), ("new", 2)):
        page = book.create_sheet(title)
        for row in (STANDARD, *(coded(clip=f"EP{k}") for k in range(n))): page.append(row)
    book.save(tmp_path / "anything.xlsx")
    with pytest.raises(MekitError, match="'old' .1 rows., 'new' .2 rows., which differ"): casme2(tmp_path)
    assert len(casme2(tmp_path, labels=("anything.xlsx", "new"))) == 2


@pytest.mark.parametrize("form, written, key", [("sub{:02d}", "1", "sub01"), ("sub{:02d}", "01", "sub01"), ("sub{:02d}", "SUB 1", "sub01"), ("sub{:02d}", "sub123", "sub123"), ("{:03d}", "6", "006"),
                                                ("{:03d}", "006", "006"), ("spNO.{}", "spno.7", "spNO.7"), ("spNO.{}", "7", "spNO.7"), ("{}", "s7", "s7"), ("sub{:02d}", "s1", "s1"), ("sub{:02d}", "sub1a", "sub1a"), ("s{}", "s15", "s15")])
def test_subjects_in_the_form_of_the_folders(form, written, key): assert in_form(form, written) == key


@QUIET
def test_what_cannot_be_read_is_kept_as_written(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded(apex="/", aus="4+smile", word="Confusion"), coded(clip="b", aus="?"), coded(clip="c", aus=None, word=None))
    first, second, third = casme2(tmp_path)
    assert (first.apex, first.unread, first.emotion) == (None, ("smile",), "Confusion") and first.written["apex"] == "/" and first.written["aus"] == "4+smile"
    assert (second.aus, second.unread, third.aus, third.unread, third.emotion) == ((), ("?",), (), (), None)
    assert first.origin == "CASME2-coding-20140508.xlsx, Sheet1, row 2"


@QUIET
def test_one_warning_counts_what_was_set_aside(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded(), coded("02", apex="5 9", offset="x"), coded("03"), coded("03"), coded("04"), coded("04", onset=47))
    with pytest.warns(MekitWarning) as said: index = casme2(tmp_path)
    assert [str(w.message) for w in said if "set aside" in str(w.message)][0].startswith("casme2: 4 rows set aside")
    assert index.samples == ("casme2/sub01/EP02_01f", "casme2/sub03/EP02_01f")
    assert [(p.what, p.row, p.column, p.sample and p.sample.split("/")[1]) for p in index.aside] == [
        ("row", 3, "ApexFrame", "sub02"), ("row", 3, "OffsetFrame", "sub02"), ("row", 5, "Filename", "sub03"), ("row", 6, "Filename", "sub04"), ("row", 7, "Filename", "sub04")]


# ---- corrections and terms

@QUIET
def test_a_correction_needs_the_row_and_its_wrong_value(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded(offset=8), coded("02", offset=86), coded("03", offset="8b"), coded("04", aus="4+x", word="hapy"))
    fixes = {("casme2/sub01/EP02_01f", "offset", 8): 86, ("casme2/sub02/EP02_01f", "OffsetFrame", 8): 1, ("casme2/sub03/EP02_01f", "Offset Frame", "8b"): 88,
             ("casme2/sub04/EP02_01f", "aus", "4+x"): "4+7", ("casme2/sub04/EP02_01f", "emotion", "hapy"): "happiness"}
    with pytest.warns(MekitWarning, match="1 correction fit no row and did nothing: .*sub02"): index = casme2(tmp_path, corrections=fixes)
    assert [e.offset for e in index] == [86, 86, 88, 86] and not index.aside
    assert [a.number for a in index.entry("casme2/sub04/EP02_01f").aus] == [4, 7] and index.entry("casme2/sub04/EP02_01f").emotion == "happiness"
    assert [(p.what, p.row, p.column, p.value, p.why) for p in index.corrections] == [
        ("correction", 2, "OffsetFrame", "8", "corrected to 86"), ("correction", 4, "OffsetFrame", "8b", "corrected to 88"),
        ("correction", 5, "Action Units", "4+x", "corrected to '4+7'"), ("correction", 5, "Estimated Emotion", "hapy", "corrected to 'happiness'")]
    assert index.entry("casme2/sub01/EP02_01f").written["offset"] == 8, "what was written stays known"


@pytest.mark.parametrize("fix, message", [({("casme2/sub01/EP02_01f", "ofset", 8): 9}, "unknown column 'ofset'.*Did you mean 'offset'"), ({"casme2/sub01": 3}, "sample, column, wrong value"),
                                          ({("casme2/sub01/EP02_01f", "offset", 86): "late"}, "'late' for casme2/sub01/EP02_01f, offset: not a number")])
@QUIET
def test_a_correction_that_makes_no_sense_is_refused(fix, message, tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded())
    with pytest.raises(MekitError, match=message): casme2(tmp_path, corrections=fix)


@QUIET
def test_faces_are_private_until_said_otherwise(tmp_path):
    sheet(tmp_path / "CASME2-coding-20140508.xlsx", STANDARD, coded(), coded("02"))
    assert {e.label.terms for e in casme2(tmp_path)} == {Terms("private")}
    some = casme2(tmp_path, terms={"sub02": "agreed in 2024"})
    assert [(e.label.terms.access, e.label.terms.note) for e in some] == [("private", ""), ("publishable", "agreed in 2024")]
    assert {e.label.terms.note for e in casme2(tmp_path, terms=Terms("publishable", "pretend"))} == {"pretend"}
    with pytest.raises(MekitError, match="unknown subject 'sub2'.*Did you mean"): casme2(tmp_path, terms={"sub2": "agreed"})
    with pytest.raises(MekitError, match="why the face of sub01 may be shown"): casme2(tmp_path, terms={"sub01": ""})
    with pytest.raises(MekitError, match="terms= as"): casme2(tmp_path, terms="all agreed")


def test_unknown_options_are_named():
    for reader in (casme, casme2, samm, fourdme, mmew, casme3, cas_me2, samm_long, smic, dfew):
        with pytest.raises(TypeError, match="Did you mean 'labels'"): reader("x", label="y")


# ---- what is peculiar to one database

@QUIET
def test_4dme_text_and_columns(tmp_path):
    head = ["sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", *spoiled.FLAGS, "AU4", "AU7", "AU 12"]
    sheet(tmp_path / "4DME_Labelling_Micro_release v1.xlsx", head, ["01", "a", 1, 2, 3, "AU4+AU7(k)", 0, 1, 0, 1, 0, 1, 1, 0], ["01", "b", 1, 2, 3, "AU4", 0, 1, 0, 0, 0, 0, 1, 0],
          ["02", "c", 1, 2, 3, "AU45", 0, 0, 0, 0, 0, 0, 0, 0], ["02", "d", 1, 2, 3, "AU12", 1, 0, 0, 0, 0, 0, 0, "yes, a bit"])
    index = fourdme(tmp_path)
    assert [e.emotion for e in index] == ["Negative+Repression", "Negative", None, "Positive"] and [a.code for a in index.entry("4dme/01/a").aus] == ["4", "7?"]
    assert [(p.what, p.sample, p.column) for p in index.aside] == [("note", "4dme/01/b", "AUs"), ("note", "4dme/02/d", "AUs")]
    assert "the text has AU4 and the columns AU7" in index.aside[0].why


@QUIET
def test_samm_facts_and_lines_above(tmp_path):
    head = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"]
    rows = [[6, "006_1_2", 1, 5562, 5588, 5632, 71, "Micro - 1/2", "R12A+B25", "Happiness", 1, "see 12-4"], ["011", "011_1_1", 2, 5750, 5785, 5739, None, None, "12 or 15", "Other", 7, None]]
    sheet(tmp_path / "SAMM_Micro_FACS_Codes_v2.xlsx", *([["text"]] * 13), head, *rows, title="MICRO ONLY")
    (tmp_path / "006/006_1_2").mkdir(parents=True)
    index = samm(tmp_path)
    assert index.samples == ("samm/006/006_1_2", "samm/011/011_1_1") and index.entry("samm/006/006_1_2").path == tmp_path / "006/006_1_2"
    assert index.entry("samm/006/006_1_2").facts == dict(objective_class="1", inducement="1", duration=71, micro="Micro - 1/2", notes="see 12-4")
    assert index.entry("samm/011/011_1_1").marks == (5750, 5785, 5739), "an order that is violated is for the quality report"
    assert index.entry("samm/006/006_1_2").origin.endswith("row 15")


@QUIET
def test_mmew_lies_by_emotion(tmp_path):
    sheet(tmp_path / "MMEW_Micro_Exp.xlsx", [h for h in STANDARD if h], ["S01", "S01-02-001", 1, 2, 3, "4", "Happiness"], ["S01", "S01-02-002", 1, 2, 3, "4", "happy"])
    for clip in ("S01-02-001", "S01-02-002"): (tmp_path / "Micro_Expression/happiness" / clip).mkdir(parents=True)
    assert [e.path.name for e in mmew(tmp_path)] == ["S01-02-001", "S01-02-002"]


@QUIET
def test_casme_keeps_both_apexes(tmp_path):
    sheet(tmp_path / "CASME.xlsx", ["Subject", "Filename", None, None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", "AU", "Emotion"], [1, "EP01_5", None, None, 12, 20, 22, 30, "4", "tense"])
    entry = casme(tmp_path).entry("casme/sub01/EP01_5")
    assert (entry.marks, entry.facts, entry.fps) == ((12, 20, 30), {"apex2": 22}, 60)


@QUIET
def test_casme3_tells_events_of_one_file_apart_by_onset(tmp_path):
    sheet(tmp_path / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"], ["spNO.1", "a", 101, 104, 112, "4", 4, "disgust"], ["spNO.1", "a", 140, 146, 153, "12", 1, "happy"])
    pictures(tmp_path / "data/spNO.1/a/color", range(95, 176), "{}.jpg")
    index = casme3(tmp_path)
    assert index.samples == ("casme3a/spNO.1/a/101", "casme3a/spNO.1/a/140") and all(e.shared and e.path.name == "color" for e in index)
    clip = index.clip("casme3a/spNO.1/a/140", margin_ms=100)
    assert (int(clip.numbers[clip.label.onset]), int(clip.numbers[0])) == (140, 137)
    sheet(tmp_path / "CAS(ME)3_part_C_ME.xlsx", ["sub", "count", "onset", "offset", "au"], [1, 1, 34, 46, "4，12"], [2, 1, "35", 46, "4,7"])
    part = casme3(tmp_path, part="C")
    assert [(e.sample, [a.number for a in e.aus], e.apex) for e in part] == [("casme3c/01/1/34", [4, 12], None), ("casme3c/02/1/35", [4, 7], None)]
    with pytest.raises(MekitError, match="unknown part 'B'"): casme3(tmp_path, part="B")


@pytest.mark.parametrize("reader, file, subject, video, key", [(cas_me2, "CAS(ME)^2code_final.xlsx", 15, "15_0101disgustingteeth", "cas_me2/s15/15_0101disgustingteeth"), (samm_long, "SAMM_LongVideos_V2_Release.xlsx", "006", "006_1", "samm_long/006/006_1")])
@pytest.mark.parametrize("nested", [False, True])
def test_long_videos(reader, file, subject, video, key, nested, tmp_path):
    sheet(tmp_path / file, ["subject", "video", "onset", "apex", "offset", "type"], [subject, video, 21, 27, 34, "Micro - 1/2"], [subject, video, 61, "/", 99, "macro-expression"], [subject, video, 99, 100, 120, "blink"])
    place = tmp_path / "rawpic" / (key.split("/")[1] if nested else "") / video
    place.mkdir(parents=True)
    with pytest.warns(MekitWarning, match="1 row set aside"): index = reader(tmp_path)
    assert [(e.sample, e.facts["kind"], e.facts["video"], e.path, e.shared) for e in index] == [(f"{key}/21", "micro", video, place, True), (f"{key}/61", "macro", video, place, True)]
    assert [(p.row, p.column, p.value) for p in index.aside] == [(4, "type", "blink")]


@pytest.mark.parametrize("camera, key, fps", [("HS", "smic", 100), ("VIS", "smic_vis", 25), ("NIR", "smic_nir", 25)])
def test_smic_labels_are_folders(camera, key, fps, tmp_path):
    for place in ("HS", "SMIC_VIS", "cropped/NIR"): pictures(tmp_path / place / "s01/micro/Negative/s1_ne_01", range(235, 263), "image{:06d}.jpg")
    (tmp_path / "HS/s01/non_micro/s1_non_01").mkdir(parents=True)
    (tmp_path / "HS/s02/micro/surprise/s2_sur_01").mkdir(parents=True)
    index = smic(tmp_path, camera=camera)
    entry = index.entry(f"{key}/s01/s1_ne_01")
    assert (entry.marks, entry.emotion, entry.fps, entry.aus, entry.subject) == ((235, None, 262), "Negative", fps, (), "s01")
    assert index[entry.sample].label.offset == 27 and emotion_class(entry.emotion, database=key) == "negative"
    if camera == "HS": assert index.entry("smic/s02/s2_sur_01").marks == (None, None, None), "an empty folder has no frames"


def test_smic_without_its_folders(tmp_path):
    (tmp_path / "s1/negative").mkdir(parents=True)
    with pytest.raises(MekitError, match="subject}/micro/{emotion}/{clip}.*received s1"): smic(tmp_path)
    with pytest.raises(MekitError, match="Did you mean 'VIS'"): smic(tmp_path, camera="VIZ")


def test_smic_with_a_table(tmp_path):
    pictures(tmp_path / "HS/s1/micro/negative/s1_ne_01", range(235, 263))
    labels = sheet(tmp_path / "mine.xlsx", ["Subject", "Filename", "Onset", "Offset", "Emotion"], ["s1", "s1_ne_01", 240, 250, "negative"])
    entry = smic(tmp_path, labels=labels).entry("smic/s1/s1_ne_01")
    assert entry.marks == (240, None, 250) and entry.path.name == "s1_ne_01"


@QUIET
def test_dfew_from_annotation_or_from_its_lists(tmp_path):
    words = ["1happy", "2sad", "3neutral", "4angry", "5surprise", "6disgust", "7fear", "order", "label"]
    for fold in (1, 2):
        for part in ("train", "test"):
            clips = [fold] if part == "test" else [3 - fold]
            sheet(tmp_path / f"EmoLabel_DataSplit/{part}(single-labeled)/set_{fold}.xlsx", ["video_name", "label"], *[[c, c] for c in clips])
    (tmp_path / "Clip/clip_224x224/00001").mkdir(parents=True)
    index = dfew(tmp_path)
    assert [(e.sample, e.emotion, e.facts, e.subject, e.fps) for e in index] == [("dfew/00001", "happy", {"fold": 1}, None, None), ("dfew/00002", "sad", {"fold": 2}, None, None)]
    sheet(tmp_path / "Annotation/annotation.xlsx", words, [8, 2, 0, 0, 0, 0, 0, 1, 1], [5, 5, 0, 0, 0, 0, 0, 3, 0], [5, 5, 0, 0, 0, 0, 0, 4, 9])
    index = dfew(tmp_path)
    assert [(e.sample, e.emotion, e.facts.get("fold"), e.path and e.path.name) for e in index] == [("dfew/00001", "happy", 1, "00001"), ("dfew/00003", None, None, None)]
    assert index.entry("dfew/00001").facts["votes"]["happy"] == 8 and [(p.row, p.column) for p in index.aside] == [(4, "label")]


def test_folder_of_your_own(tmp_path):
    pictures(tmp_path / "anna/smile", range(3))
    pictures(tmp_path / "alone", range(3))
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben/frown.mp4").touch()
    index = folder(tmp_path, name="mine", fps=50)
    assert {(e.sample, e.subject, e.path.name, e.fps) for e in index} == {("mine/alone", None, "alone", 50), ("mine/anna/smile", "anna", "smile", 50), ("mine/ben/frown", "ben", "frown.mp4", 50)}
    (tmp_path / "labels.tsv").write_text("clip\tperson\tfps\tOnset\nanna/smile\tp1\t25\t1\nben/frown.mp4\tp2\t\t\n", encoding="utf-8")
    index = folder(tmp_path, name="mine", fps=50)
    assert [(e.sample, e.onset, e.fps, e.person, e.path.name) for e in index] == [("mine/anna/smile", 1, 25, "p1", "smile"), ("mine/ben/frown", None, 50, "p2", "frown.mp4")]
    for bad in ("casme2", "my own", "a/b", ""):
        with pytest.raises(MekitError, match="one word that no database here has"): folder(tmp_path, name=bad)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MekitError, match="folders of images, videos, or a table"): folder(tmp_path / "empty", name="mine")


# ---- what the rest relies on

@QUIET
def test_indices_combine_and_round_trip(tmp_path):
    indices = []
    for name in KINDS:
        (tmp_path / name).mkdir()
        indices.append(read(good(name, random.Random(name)), tmp_path / name, ".xlsx"))
    index = combine(*indices)
    again = read_index(index.to_csv(tmp_path / "all.csv"))
    assert again.digest() == index.digest() and again.samples == index.samples
    json.dumps([e.facts for e in index], allow_nan=False)


@QUIET
def test_the_order_of_rows_and_columns_changes_nothing(tmp_path):
    for name in KINDS:
        table, rng = good(name, random.Random(name)), random.Random(1)
        (tmp_path / name / "b").mkdir(parents=True)
        one = read(table, tmp_path / name, ".xlsx")
        rng.shuffle(table.order)
        spoiled.reorder(table, rng, ".xlsx")
        assert read(table, tmp_path / name / "b", ".csv").digest() == one.digest()


def test_every_database_has_its_words():
    assert set(DATABASES) <= set(EMOTIONS)
    assert EMOTIONS["smic_vis"] == EMOTIONS["smic"] and EMOTIONS["casme3c"] == EMOTIONS["casme3"]
