"Pretend databases: headings and layouts as publicly known, traps where the list says, nothing overwritten, sheets that read back"
import hashlib
import json
import tempfile
from collections import Counter
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import xlrd
from hypothesis import given, settings
from hypothesis import strategies as st

from mekit.core import MekitError
from mekit.data.clip import Clip
from mekit.data.pretend import CD6ME_CLIPS, CD6ME_POSITIVES, LAYOUTS, PLAYS, many_rows, planted, pretend, pretend_all
from mekit.data.staging import KINDS, read_rows, traps
from mekit.data.workbooks import SHEETS, write_sheet
from mekit.face.detect import detect
from mekit.labels import CD6ME_AUS, LEFT_OUT, parse_aus

HEADINGS = {  # as public readers name them; None: a blank column
    "casme": ["Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU", "Emotion"],
    "casme2": ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units", "Estimated Emotion"],
    "samm": ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"],
    "4dme": ["sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Positive", "Negative", "Surprise", "Repression", "Others"],
    "mmew": ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion", "remarks"],
    "casme3a": ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"],
    "casme3c": ["sub", "count", "onset", "offset", "au"],
    "cas_me2": ["subject", "video", "onset", "apex", "offset", "type"],
    "samm_long": ["subject", "video", "onset", "apex", "offset", "type"],
}
FILES = {"casme": "casme.xlsx", "casme2": "CASME2-coding-20140508.xlsx", "samm": "SAMM_Micro_FACS_Codes_v2.xlsx", "4dme": "4DME_Labelling_Micro_release v1.xlsx",
         "mmew": "MMEW_Micro_Exp.xlsx", "casme3a": "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "casme3c": "CAS(ME)3_part_C_ME.xlsx"}
CLIPS = {"casme": "sub01/EP01_5", "casme2": "sub09/EP18_03", "samm": "006/006_1_2", "4dme": "01/s01_02", "mmew": "happiness/S01-02-001", "casme3a": "spNO.1/a/color",
         "casme3c": "01/2/color", "smic": "s3/micro/negative/s3_ne_04", "smic_vis": "s11/micro/negative/s11_vis_ne_02", "cas_me2": "15_0101disgustingteeth", "samm_long": "006_1"}
WANTED = {  # what must be met in each play
    "casme": {"marks outside": 5, "row repeated": 1},
    "casme2": {"apex missing": 2, "order violated": 1, "left out of MEGC2019": 3, "near-duplicate": 1, "frame missing": 1, "no face": 1, "emotion unknown": 1, "AU unread": 1, "AU uncertain": 1, "not on disk": 1},
    "samm": {"apex missing": 3, "order violated": 1, "AU uncertain": 4, "near-duplicate": 1},
    "4dme": {"AU uncertain": 3, "rows swapped": 2},
    "mmew": {"offset missing": 2, "apex missing": 3, "subject collides": 1, "near-duplicate": 1},
    "casme3a": {"apex at onset": 2, "longer than 500 ms": 1, "frame missing": 1},
    "casme3c": {"near-duplicate": 1, "no face": 1},
    "smic": {"subject collides": 1, "frame missing": 1, "no face": 1},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return pretend_all(tmp_path_factory.mktemp("pretend"))


def cells(path, before=0):
    if path.suffix == ".xls":
        page = xlrd.open_workbook(path).sheet_by_index(0)
        return pd.DataFrame([[None if v == "" else v for v in page.row_values(k)] for k in range(before, page.nrows)])
    return pd.read_excel(path, header=None, skiprows=before) if path.suffix != ".csv" else pd.read_csv(path, header=None, skiprows=before)


def pictures(folder):
    return sorted(folder.rglob("*.jpg"))


def image(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def clip_folder(folders, name, row):
    return folders[name] / LAYOUTS[name].place(row)


@pytest.mark.parametrize("name", HEADINGS)
def test_headings(folders, name):
    layout = LAYOUTS[name]
    head = [None if pd.isna(h) else h for h in cells(folders[name] / layout.file, layout.before).iloc[0]]
    assert head[:len(HEADINGS[name])] == HEADINGS[name]
    assert [h for h in head[len(HEADINGS[name]):] if not str(h).startswith("AU")] == []


def test_samm_has_thirteen_lines_above(folders):
    table = cells(folders["samm"] / FILES["samm"])
    assert table.iloc[:13, 1:].isna().all().all() and table.iloc[13, 0] == "Subject"


@pytest.mark.parametrize("name", FILES)
def test_label_file_names(folders, name):
    assert (folders[name] / FILES[name]).is_file()


@pytest.mark.parametrize("name", CLIPS)
def test_folders(folders, name):
    assert len(list((folders[name] / CLIPS[name]).glob("*.jpg"))) > 3


@pytest.mark.parametrize("name", LAYOUTS)
def test_files_on_disk(folders, name):
    "Each frame that the play has, under its number, once"
    wanted = {LAYOUTS[name].place(r) + "/" + LAYOUTS[name].picture(r, n) for r in PLAYS[name] for n in r.written}
    assert {str(p.relative_to(folders[name])) for p in pictures(folders[name])} == wanted
    assert "Nothing in this folder is real" in (folders[name] / "README.txt").read_text()


@pytest.mark.parametrize("name", WANTED)
def test_traps(folders, name):
    found = Counter(p.kind for p in planted(folders[name]))
    assert set(found) <= set(KINDS)
    assert {k: found[k] for k in WANTED[name]} == WANTED[name]


def test_the_three_clips_of_megc2019(folders):
    assert {p.sample for p in planted(folders["casme2"]) if p.kind == "left out of MEGC2019"} == set(LEFT_OUT["megc2019"])


def test_keys_are_unique_but_for_the_repeated_row():
    for name, rows in PLAYS.items():
        twice = [k for k, n in Counter(LAYOUTS[name].sample(name, r) for r in rows).items() if n > 1]
        assert twice == (["casme/sub02/EP04_8"] if name == "casme" else [])


def test_several_events_of_one_recording(folders):
    rows = [r for r in PLAYS["casme3a"] if (r.subject, r.clip) == ("spNO.1", "a")]
    assert len(rows) == 2 and len({LAYOUTS["casme3a"].place(r) for r in rows}) == 1
    assert "，" in "".join(str(v) for v in cells(folders["casme3c"] / FILES["casme3c"]).iloc[:, 4])


def test_dfew_folds(folders):
    sets = {part: [pd.read_csv(folders["dfew"] / f"EmoLabel_DataSplit/{part}(single-labeled)/set_{k}.csv") for k in range(1, 6)] for part in ("train", "test")}
    assert sorted(pd.concat(sets["test"]).video_name) == list(range(1, 21))
    for train, test in zip(sets["train"], sets["test"]):
        assert sorted([*train.video_name, *test.video_name]) == list(range(1, 21)) and len(test) == 4 and train.label.between(1, 7).all()
    votes = pd.read_excel(folders["dfew"] / "Annotation/annotation.xlsx")
    assert (votes.filter(regex=r"^\d").sum(axis=1) == 10).all()


@pytest.mark.parametrize("name", ["casme2", "samm", "smic", "mmew"])
def test_faces_where_they_should_be(folders, name):
    "OpenCV's detector finds a face in the first frame of every clip that has one, and none in the noise"
    for row in PLAYS[name]:
        if len(row.disk):
            frame = image(clip_folder(folders, name, row) / LAYOUTS[name].picture(row, row.marks[0] if row.marks[0] in row.written else row.written[0]))
            assert detect(Clip(frame[None])).found[0] == (row.note != "no face"), row


@pytest.mark.parametrize("name, grey", [("samm", True), ("casme2", False), ("smic_nir", True), ("smic_vis", False)])
def test_grey(folders, name, grey):
    frame = image(pictures(folders[name])[0]).astype(int)
    assert (np.ptp(frame, axis=-1).max() < 3) == grey


@pytest.mark.parametrize("name", ["casme2", "samm", "mmew", "casme3c"])
def test_copies_are_nearer_than_any_other_two_clips(folders, name):
    rows = [r for r in PLAYS[name] if len(r.disk) and r.note != "no face"]
    first = {LAYOUTS[name].sample(name, r): image(clip_folder(folders, name, r) / LAYOUTS[name].picture(r, r.written[0])).astype(float) for r in rows}
    distance = {pair: np.abs(first[pair[0]] - first[pair[1]]).mean() for pair in combinations(first, 2)}
    copy = next(p for p in planted(folders[name]) if p.kind == "near-duplicate")
    pair = tuple(s for s in first if s in (copy.sample, f"{name}/{copy.detail.removeprefix('copy of ')}"))
    assert 0 < distance[pair] and 3 * distance[pair] < min(d for p, d in distance.items() if p != pair)


def test_people_are_shared_between_cameras_and_look_alike():
    people = {name: {LAYOUTS[name].person(r) for r in PLAYS[name]} for name in LAYOUTS}
    assert people["smic_nir"] == people["smic_vis"] < people["smic"]
    assert people["samm_long"] < people["samm"]
    assert not people["casme"] & people["casme2"]


def test_same_again(tmp_path):
    def digest(folder):
        return {str(p.relative_to(folder)): hashlib.md5(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.suffix in (".jpg", ".json")}
    assert digest(pretend("casme3a", tmp_path / "a")) == digest(pretend("casme3a", tmp_path / "b"))


@pytest.mark.parametrize("name", ["casme", "casme2", "4dme", "casme3c"])
def test_the_three_kinds_of_sheet_say_the_same(tmp_path, name):
    stem = FILES[name].removesuffix(".xlsx")
    tables = [cells(pretend(name, tmp_path / kind, frames=False, sheet=kind) / f"{stem}{kind}").astype(str).replace({r"\.0$": "", "^None$": "nan"}, regex=True) for kind in SHEETS]
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other, check_names=False)


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-10**9, 10**9), st.floats(allow_nan=False, allow_infinity=False, width=32),
                                   st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=40)), min_size=3, max_size=3), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_xls_reads_back(rows):
    with tempfile.TemporaryDirectory() as folder:
        sheet = xlrd.open_workbook(str(write_sheet(Path(folder) / "a.xls", [["head", 1, None], *rows]))).sheet_by_index(0)
        got = [[None if c.ctype == xlrd.XL_CELL_EMPTY else c.value for c in sheet.row(k)] + [None] * (3 - sheet.ncols) for k in range(1, sheet.nrows)]
    want = [[float(v) if isinstance(v, (int, float)) else v for v in row] for row in rows]
    while want and want[-1] == [None] * 3:
        want.pop()  # empty rows at the end leave no trace
    assert got == want


@pytest.mark.parametrize("name", CD6ME_CLIPS)
def test_published_counts(name):
    "With the published number of clips, the published number of positives of each unit"
    rows = many_rows(name, CD6ME_CLIPS[name], 19, None, 5)
    counts = Counter(n for r in rows for n in {au.number for au in parse_aus(r.aus).aus})
    assert {n: counts[n] for n in CD6ME_AUS} == CD6ME_POSITIVES[name]


def test_constant_predictor_on_the_counts():
    "protocols.md: 17.8 binary, 8.9 macro, from the counts alone"
    n = sum(CD6ME_CLIPS.values())
    f1 = [2 * p / (n + p) for p in (sum(c[au] for c in CD6ME_POSITIVES.values()) for au in CD6ME_AUS)]
    assert round(100 * np.mean(f1), 1) == 17.8 and round(50 * np.mean(f1), 1) == 8.9


@pytest.mark.parametrize("name", [n for n in LAYOUTS if n != "dfew"])
@pytest.mark.parametrize("seed", [0, 1])
def test_generated_rows_have_no_traps(name, seed):
    assert traps(name, LAYOUTS[name], many_rows(name, 60, 7, None, seed)) == []


def test_generated_clips(tmp_path):
    folder = pretend("casme2", tmp_path, clips=6, subjects=2, prevalence={12: .5}, inside="Cropped")
    assert planted(folder) == () and len({p.parent for p in pictures(folder / "Cropped")}) == 6
    table = pd.read_excel(folder / FILES["casme2"])
    assert table["Action Units"].notna().sum() == 3 and table["Subject"].nunique() == 2


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "casme2").mkdir()
    (tmp_path / "casme2/real.txt").write_text("licensed")
    with pytest.raises(MekitError, match="an empty folder"):
        pretend("casme2", tmp_path)
    assert [p.name for p in (tmp_path / "casme2").iterdir()] == ["real.txt"]


@pytest.mark.parametrize("options, message", [(dict(subjects=3), "clips= with"), (dict(clips=0), "one clip or more"), (dict(sheet=".ods"), "unknown kind")])
def test_refused(tmp_path, options, message):
    with pytest.raises(MekitError, match=message):
        pretend("casme2", tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_unknown_names(tmp_path):
    with pytest.raises(MekitError, match="Did you mean 'casme3a'"):
        pretend("casme3aa", tmp_path)
    with pytest.raises(MekitError, match="unknown database 'sam'"):
        pretend_all(tmp_path, names=["smic", "sam"])
    assert not list(tmp_path.iterdir())


def test_planted_is_plain_json(folders):
    rows = json.loads((folders["samm"] / "planted.json").read_text(encoding="utf-8"))
    assert {frozenset(r) for r in rows} == {frozenset(("sample", "kind", "detail"))}


def test_rows_of_text():
    row, = read_rows("1 | a | 5 - 9 | 3-12 | 4+7 | | without 6 | objective=2")
    assert row.marks == (5, None, 9) and len(row.written) == 9 and row.more == {"objective": "2"}
