"Label tables: what a cell may hold, where the header is, what is merged, computed, hidden, mistyped, and in which file"
import csv
import datetime
import random
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import xlwt
from hypothesis import given, strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.table import Table as ExcelTable

from mekit.core import MekitError, MekitWarning
from mekit.data.folders import Folders, find, loose, matching, table_files
from mekit.data.grids import decode, open_grids
from mekit.data.sheets import Column, Problem, cell_value, plain, read_table
from mekit.labels import parse_aus

HEAD = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "Action Units"]
COLUMNS = (Column("subject", ("Subject",), blank=False), Column("clip", ("Filename",), blank=False), Column("onset", ("OnsetFrame", "Onset"), "frame"), Column("apex", ("ApexFrame",), "frame"),
           Column("aus", ("Action Units",), "aus"), Column("notes", ("Notes",), "note", required=False, spoils=False), Column("duration", (), "number", required=False, spoils=False))


def xlsx(path: Path, sheets, merge=()) -> Path:
    book = Workbook()
    book.remove(book.active)
    for title, rows in (sheets if isinstance(sheets, dict) else {"S": sheets}).items():
        page = book.create_sheet(title)
        for row in rows: page.append(row)
        for span in merge: page.merge_cells(span)
    book.save(path)
    return path


def xls(path: Path, rows, merge=()) -> Path:
    book, date = xlwt.Workbook(), xlwt.easyxf(num_format_str="YYYY-MM-DD")
    page = book.add_sheet("S")
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if cell is None: continue
            if isinstance(cell, datetime.datetime): page.write(r, c, cell, date)
            else: page.write(r, c, xlwt.Formula(cell[1:]) if isinstance(cell, str) and cell[:1] == "=" else cell)
    for span in merge: page.merge(*span)
    book.save(str(path))
    return path


def edited(path: Path, change) -> Path:
    "An .xlsx whose first sheet's XML was changed by hand"
    other = path.with_name(f"edited {path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for item in old.namelist():
            data = old.read(item)
            new.writestr(item, change(data.decode()).encode() if item.endswith("sheet1.xml") else data)
    return other


def row(subject="1", clip="a", onset=5, apex=9, aus="4"): return [subject, clip, onset, apex, aus]
def values(table, *names): return [tuple(r.values[n] for n in names) for r in table]


# ---- cells

FRAMES = [(41, 41), (41.0, 41), ("41", 41), (" 41 ", 41), ("41.0", 41), ("041", 41), ("４１", 41), (0, 0), ("/", None), ("-", None), ("", None), ("  ", None), ("nan", None), ("NaN", None), (float("nan"), None), ("／", None), ("—", None), ("N/A", None), (None, None)]
NO_FRAMES = [41.5, "41.5", "41b", "4 1", -3, "-3", "1e3", "1_000", float("inf"), "inf", 10**12, True, False, "TRUE", "?", "12-4", "٤١", "²", "4²", "0x29", datetime.datetime(2014, 4, 12), datetime.date(2014, 4, 12), datetime.time(4, 12), datetime.timedelta(1), "#REF!", "#N/A"]


@pytest.mark.parametrize("cell, frame", FRAMES)
def test_frames(cell, frame): assert cell_value(cell, "frame") == frame and type(cell_value(cell, "frame")) in (int, type(None))


@pytest.mark.parametrize("cell", NO_FRAMES)
def test_no_frames(cell):
    with pytest.raises(ValueError, match="."): cell_value(cell, "frame")


@given(st.one_of(st.text(max_size=12), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.dates(), st.times()), st.sampled_from(["text", "frame", "aus", "number", "flag", "note"]))
def test_any_cell_is_read_or_refused_with_a_reason(cell, kind):
    try: value = cell_value(cell, kind)
    except ValueError as why: assert str(why)
    else: assert kind != "frame" or value is None or type(value) is int and 0 <= value < 1e9


@pytest.mark.parametrize("cell, text", [("EP02_01f", "EP02_01f"), (" a  b ", "a b"), (6, "6"), (6.0, "6"), ("6.0", "6"), ("006", "006"), ("ＥＰ０２", "EP02"), ("\u00a0x", "x"), ("/", None), ("", None), ("6.5", "6.5"), ("10.10", "10.10")])
def test_words_and_names(cell, text): assert cell_value(cell, "text") == text


@pytest.mark.parametrize("cell", [6.5, True, float("inf"), datetime.datetime(2014, 4, 12), "#VALUE!"])
def test_no_words_and_names(cell):
    with pytest.raises(ValueError): cell_value(cell, "text")


@pytest.mark.parametrize("cell", [datetime.datetime(2014, 4, 12), datetime.date(2012, 4, 1), datetime.time(12, 4), "12/4/2014", "4/12/2014 00:00", "2014-04-12", "2014-04-12 00:00:00", "2014/4/12", "12.4.2014", "12-Apr", "12 April", "Apr-12", "Apr 12", "4月12日", "12:04", "１２／４／２０１４", "#NAME?", True])
def test_a_date_is_never_an_action_unit(cell):
    with pytest.raises(ValueError): cell_value(cell, "aus")


@pytest.mark.parametrize("cell", ["4+L10", "12 or 15", "1+2/4", "1/2", "12/4", "AU7(k)", 4, 4.0, "?", "0", "4.5", 4.5, "12-4", 41977, "R12A+B25", "4，7"])
def test_what_is_no_date_is_left_to_the_grammar(cell):
    assert cell_value(cell, "aus") == cell
    assert {a.number for a in parse_aus(cell).aus} <= set(map(int, re.findall("[0-9]+", str(cell).replace(".0", ""))))


@pytest.mark.parametrize("cell, flag", [(1, True), (0, False), (1.0, True), ("1", True), ("0.0", False), (True, True), ("yes", True), ("N", False), (None, None), ("", None)])
def test_flags(cell, flag): assert cell_value(cell, "flag") is flag


@pytest.mark.parametrize("cell", [2, "maybe", "x", 0.5, datetime.date(2014, 4, 12)])
def test_no_flags(cell):
    with pytest.raises(ValueError): cell_value(cell, "flag")


# ---- headers

@pytest.mark.parametrize("a, b", [("Onset Frame", "OnsetFrame"), ("ONSET_frame", "onset-frame"), ("ＯｎｓｅｔＦｒａｍｅ", "onsetframe"), ("Action  Units:", "actionunits"), ("\u00a0Subject ", "subject")])
def test_headers_that_are_the_same(a, b): assert plain(a) == plain(b)


@pytest.mark.parametrize("above", [0, 1, 13, 300])
def test_the_header_is_wherever_it_is(above, tmp_path):
    table = read_table(xlsx(tmp_path / "a.xlsx", [*([["Subject of this table"]] * above), HEAD, row(), [], row(clip="b"), [], []]), COLUMNS)
    assert values(table, "clip") == [("a",), ("b",)] and [r.number for r in table] == [above + 2, above + 4] and not table.problems


def test_a_header_repeated_in_the_body_is_no_row(tmp_path):
    table = read_table(xlsx(tmp_path / "a.xlsx", [HEAD, row(), HEAD, row(clip="b")]), COLUMNS)
    assert values(table, "clip") == [("a",), ("b",)] and not table.problems


def test_a_header_of_two_rows_with_merged_cells(tmp_path):
    rows = [["Subject", "Filename", "Frames", None, "Action Units"], [None, None, "OnsetFrame", "ApexFrame", None], row()]
    assert values(read_table(xlsx(tmp_path / "a.xlsx", rows, ["A1:A2", "B1:B2", "C1:D1", "E1:E2"]), COLUMNS), "subject", "onset", "apex", "aus") == [("1", 5, 9, "4")]


def test_text_in_the_body_is_set_aside_and_named(tmp_path):
    table = read_table(xlsx(tmp_path / "a.xlsx", [HEAD, row(), ["session 2"], row(clip="b"), [None, None, None, None, None, "a remark"]]), COLUMNS)
    assert [(p.row, p.column, p.why) for p in table.problems] == [(3, "Filename", "nothing there; the row has only 'session 2'")] and len(table) == 2


def test_missing_columns_are_named_with_what_is_there(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", {"Legend": [["AU", "Name"]], "Coding": [["text"], ["Subject", "File name", "OnsetFrme", "Apex Frame", "AUs"], row()]})
    with pytest.raises(MekitError) as error: read_table(path, COLUMNS, name="casme2")
    assert str(error.value) == ("casme2: column 'OnsetFrame' not found in a.xlsx, sheet 'Coding' (nor in 'Legend'); found: Subject, File name, OnsetFrme, Apex Frame, AUs. Is it 'OnsetFrme' for 'OnsetFrame'?")


def test_a_file_without_any_header(tmp_path):
    with pytest.raises(MekitError, match="not found in a.xlsx, sheet 'S'; found: no headers"): read_table(xlsx(tmp_path / "a.xlsx", [[1, 2], [3, 4]]), COLUMNS)
    with pytest.raises(MekitError, match="expected a table, received empty sheets"): read_table(xlsx(tmp_path / "b.xlsx", []), COLUMNS)
    assert len(read_table(xlsx(tmp_path / "c.xlsx", [HEAD]), COLUMNS)) == 0


def test_two_columns_of_one_name(tmp_path):
    same = [[*HEAD, "onset frame"], [*row(), 5], [*row(clip="b"), 5]]
    assert len(read_table(xlsx(tmp_path / "a.xlsx", same), COLUMNS)) == 2
    same[2][5] = 6
    with pytest.raises(MekitError, match=r"a.xlsx, sheet 'S': .*'OnsetFrame' \(column 3\) and 'onset frame' \(column 6\); they differ first in row 3"): read_table(xlsx(tmp_path / "a.xlsx", same), COLUMNS)
    with pytest.raises(MekitError, match="'OnsetFrame' .column 3. and 'Onset' .column 6."): read_table(xlsx(tmp_path / "a.xlsx", [[*HEAD, "Onset"], [*row(), 7]]), COLUMNS)


def test_columns_nobody_asked_for(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", [[None, *HEAD, "Lamp", None, "Lamp"], ["x", *row(), "left", "y", "right"], ["x", *row(clip="b")]])
    assert [r.extra for r in read_table(path, COLUMNS, extra=True)] == [{"Lamp": "left"}, {}]
    assert read_table(path, COLUMNS).rows[0].extra == {}


def test_a_bad_cell_spoils_its_row_or_only_itself(tmp_path):
    table = read_table(xlsx(tmp_path / "a.xlsx", [[*HEAD, "Duration"], [*row(onset="x"), 3], [*row(clip="b"), "long"], [*row(clip="c"), 3]]), COLUMNS)
    assert values(table, "clip", "duration") == [("b", None), ("c", 3)]
    assert [(p.what, p.row, p.column, p.value) for p in table.problems] == [("row", 2, "OnsetFrame", "x"), ("cell", 3, "Duration", "long")]
    assert table.aside[2].values["clip"] == "a" and str(table.problems[0]).startswith("a.xlsx, S, row 2, column 'OnsetFrame': 'x', not a number")


def test_nothing_readable_is_an_error(tmp_path):
    with pytest.raises(MekitError, match="2 that cannot; a.xlsx, S, row 2, column 'OnsetFrame': 'x'"): read_table(xlsx(tmp_path / "a.xlsx", [HEAD, row(onset="x"), row(onset="y")]), COLUMNS)


# ---- sheets

def test_the_right_sheet_is_found(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", {"Empty": [], "Legend": [["Subject", "Age"], [1, 22]], "Coding": [HEAD, row()]})
    assert read_table(path, COLUMNS).sheet == "Coding" and read_table(path, COLUMNS, sheet="Coding").origin(read_table(path, COLUMNS).rows[0]) == "a.xlsx, Coding, row 2"
    with pytest.raises(MekitError, match="Did you mean 'Coding'"): read_table(path, COLUMNS, sheet="coding")
    with pytest.raises(MekitError, match="sheet 'Legend'; found: Subject, Age"): read_table(path, COLUMNS, sheet="Legend")


def test_two_sheets_that_would_do(tmp_path):
    same, other = [HEAD, row()], [HEAD, row(apex=10)]
    assert read_table(xlsx(tmp_path / "a.xlsx", {"A": same, "B": same, "C": [HEAD]}), COLUMNS).sheet == "A"
    path = xlsx(tmp_path / "b.xlsx", {"A": same, "B": other})
    with pytest.raises(MekitError, match="'A' .1 rows., 'B' .1 rows., which differ. Say which: sheet='A'"): read_table(path, COLUMNS)
    assert values(read_table(path, COLUMNS, sheet="B"), "apex") == [(10,)]


def test_a_sheet_that_lacks_one_column_is_mentioned(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", {"New": [HEAD[:-1], row()[:-1]], "Old": [HEAD, row()]})
    with pytest.warns(MekitWarning, match="read from sheet 'Old'; sheet 'New' would do too, but for column 'Action Units'"): read_table(path, COLUMNS)


# ---- merged cells and formulas

@pytest.mark.parametrize("kind", ["xlsx", "xls"])
def test_merged_cells(kind, tmp_path):
    rows = [HEAD, row("01", "a", 5), [None, "b", 6, 9, "4"], ["02", "c", 7, 9, "4"], ["02", "d", None, 9, "4"], ["03", "e", 8, None, "4"], ["03", "f", 8, 9, "4"]]
    path = xlsx(tmp_path / "a.xlsx", rows, ["A2:A3", "C4:C5", "C6:D6"]) if kind == "xlsx" else xls(tmp_path / "a.xls", rows, [(1, 2, 0, 0), (3, 4, 2, 2), (5, 5, 2, 3)])
    table = read_table(path, COLUMNS)
    assert values(table, "subject", "clip") == [("01", "a"), ("01", "b"), ("02", "c"), ("03", "f")]
    assert [(p.row, p.column, "merged" in p.why) for p in table.problems] == [(5, "OnsetFrame", True), (6, "ApexFrame", True)]


def test_merged_ranges_of_the_size_of_a_sheet_cost_nothing(tmp_path):
    path = edited(xlsx(tmp_path / "a.xlsx", [HEAD, row("01", "a"), row("01", "b")]), lambda xml: xml.replace("</sheetData>", '</sheetData><mergeCells count="1"><mergeCell ref="H1:XFD1048576"/></mergeCells>'))
    assert len(read_table(path, COLUMNS)) == 2


def test_a_formula_counts_as_its_computed_value(tmp_path):
    plain_one = xlsx(tmp_path / "a.xlsx", [HEAD, row(onset=41), row(clip="b", onset=42)])
    cached = edited(plain_one, lambda xml: xml.replace("<v>41</v>", "<f>40+1</f><v>41</v>"))
    assert values(read_table(cached, COLUMNS), "onset") == [(41,), (42,)]
    empty_text = edited(plain_one, lambda xml: re.sub(r'<c r="C2"[^>]*><v>41</v>', '<c r="C2" t="str"><f>IF(1,"","")</f><v></v>', xml))
    assert values(read_table(empty_text, COLUMNS), "onset") == [(None,), (42,)]
    failed = edited(plain_one, lambda xml: re.sub(r'<c r="C2"[^>]*><v>41</v>', '<c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v>', xml))
    assert [(p.row, p.column, p.value) for p in read_table(failed, COLUMNS).problems] == [(2, "OnsetFrame", "#DIV/0!")]


@pytest.mark.parametrize("write, name", [(xlsx, "a.xlsx"), (xls, "a.xls")])
@pytest.mark.parametrize("column, at", [("OnsetFrame", 2), ("Action Units", 4), ("Subject", 0)])
def test_a_formula_without_a_value_is_an_error(write, name, column, at, tmp_path):
    rows = [HEAD, row(), row(clip="b")]
    rows[2][at] = "=2+3"
    with pytest.raises(MekitError, match=rf"{name}, S, row 3, column '{column}': .*formula without a computed value"): read_table(write(tmp_path / name, rows), COLUMNS)


def test_a_formula_in_a_column_nobody_wants_is_no_matter(tmp_path):
    assert len(read_table(xlsx(tmp_path / "a.xlsx", [[*HEAD, "Length"], [*row(), "=D2-C2"]]), COLUMNS)) == 1
    assert len(read_table(xls(tmp_path / "a.xls", [[*HEAD, "Length"], [*row(), "=D2-C2"]]), COLUMNS)) == 1


# ---- files

@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "latin-1"])
def test_encodings(encoding, tmp_path):
    words = "très bien" if encoding == "latin-1" else "备注：嘴角，眉"
    path = tmp_path / "a.csv"
    with path.open("w", newline="", encoding=encoding) as file: csv.writer(file).writerows([[*HEAD, "Notes"], [*row(aus="4+7" if encoding == "latin-1" else "4＋7"), words]])
    table = read_table(path, COLUMNS)
    assert values(table, "notes", "onset") == [(words, 5)] and [a.number for a in parse_aus(table.rows[0].values["aus"]).aus] == [4, 7]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".xls", ".xlsx"])
def test_what_a_file_is_counts_and_not_its_name(delimiter, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_text("\n".join(delimiter.join(map(str, r)) for r in [["Notes, and; more"], HEAD, row(), row(clip="b")]), encoding="utf-8")
    assert values(read_table(path, COLUMNS), "clip") == [("a",), ("b",)]
    book = shutil.copy(xlsx(tmp_path / "book.xlsx", [HEAD, row()]), tmp_path / "book.xls")
    assert len(read_table(book, COLUMNS)) == 1


def test_quotation_marks(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('Subject,Filename,OnsetFrame,ApexFrame,Action Units,Notes\n1,a,5,9,"4,7","two\nlines"\n1,b,5,9,4,\n', encoding="utf-8")
    assert values(read_table(path, COLUMNS), "clip", "aus", "notes") == [("a", "4,7", "two\nlines"), ("b", "4", None)]
    path.write_text('Subject,Filename,OnsetFrame,ApexFrame,Action Units\n1,a,5,9,4\n1,"b,5,9,4\n1,c,5,9,4\n', encoding="utf-8")
    with pytest.raises(MekitError, match="a.csv, row 3, column 'Subject': .*quotation marks"): read_table(path, COLUMNS)


@pytest.mark.parametrize("content", [b"PK\x03\x04 no zip", b"\xd0\xcf\x11\xe0 no workbook", b"<html><table>", b"\x00\x01\x02", b""])
def test_what_is_no_table(content, tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(MekitError, match="a.xlsx"): read_table(path, COLUMNS)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(MekitError, match="none there"): read_table(tmp_path / "a.xlsx", COLUMNS)
    with pytest.raises(TypeError, match="Did you mean 'sheet'"): read_table(tmp_path / "a.xlsx", COLUMNS, sheets="S")
    with pytest.raises(MekitError, match="unknown kind 'frames'"): Column("onset", (), "frames")


def test_the_same_table_in_every_format_has_the_same_values(tmp_path):
    rows = [["text"], [], [None, *HEAD], [None, *row("01", "a", 5, "/", "4+L10")], [None, *row(2, "b", 6.0, 9, 12)], [None, *row("03", "c", "７", None, "4，7")]]
    tables = [read_table(xlsx(tmp_path / "a.xlsx", rows), COLUMNS), read_table(xls(tmp_path / "a.xls", rows), COLUMNS)]
    for name, delimiter in (("a.csv", ","), ("a.tsv", "\t")):
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file: csv.writer(file, delimiter=delimiter).writerows(rows)
        tables.append(read_table(tmp_path / name, COLUMNS))
    seen = {str([(r.number, {k: str(v) for k, v in r.values.items()}) for r in t]) for t in tables}
    assert len(seen) == 1 and values(tables[0], "onset") == [(5,), (6,), (7,)]


def test_excel_dates_in_both_formats(tmp_path):
    rows = [HEAD, row(aus=datetime.datetime(2014, 4, 12)), row(clip="b", apex=datetime.datetime(1900, 2, 10)), row(clip="c")]
    for path in (xlsx(tmp_path / "a.xlsx", rows), xls(tmp_path / "a.xls", rows)):
        assert [(p.row, p.column) for p in read_table(path, COLUMNS).problems] == [(2, "Action Units"), (3, "ApexFrame")]


def test_what_excel_itself_writes_beside_the_cells(tmp_path):
    "Tables, frozen panes, comments, styles, shared and rich texts, rows and cells without references"
    path = xlsx(tmp_path / "a.xlsx", [HEAD, row(), row(clip="b")])
    book = load_workbook(path)
    page = book.active
    page.add_table(ExcelTable(displayName="T", ref="A1:E3"))
    page.freeze_panes, page.column_dimensions["A"].hidden = "A2", True
    page["C2"].number_format = "0.00"
    book.create_chartsheet("Chart")
    book.save(path)
    assert values(read_table(path, COLUMNS), "clip", "onset") == [("a", 5), ("b", 5)]
    bare = edited(path, lambda xml: re.sub(r' r="[A-Z]*[0-9]+"', "", xml))
    assert values(read_table(bare, COLUMNS), "clip", "onset") == [("a", 5), ("b", 5)]


def test_the_old_epoch(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", [HEAD, row(aus=datetime.datetime(2014, 4, 12)), row(clip="b")])
    book = load_workbook(path)
    book.epoch = datetime.datetime(1904, 1, 1)
    book.save(path)
    assert [p.row for p in read_table(path, COLUMNS).problems] == [2]


# ---- folders

@pytest.mark.parametrize("a, b", [("sub01", "Sub1"), ("EP02_01f", "ep2_1F"), ("006", "6"), ("spNO.01", "spno.1"), ("ＥＰ１", "ep01")])
def test_names_that_are_loosely_the_same(a, b): assert loose(a) == loose(b)


@pytest.mark.parametrize("a, b", [("EP02_01", "EP02_10"), ("EP1_11", "EP11_1"), ("sub1", "sub10"), ("a1", "a"), ("1", "0")])
def test_names_that_are_not(a, b): assert loose(a) != loose(b)


def test_finding(tmp_path):
    for name in ("s1/micro/negative/c01", "s1/micro/positive/c02", "s2/micro/negative/c01"): (tmp_path / name).mkdir(parents=True)
    folders = Folders(tmp_path)
    assert find(folders, tmp_path, ["S01", "micro", "*", "c1"]) == tmp_path / "s1/micro/negative/c01"
    assert find(folders, tmp_path, ["*", "micro"]) is None and find(folders, tmp_path, ["s3", "micro"]) is None and find(folders, tmp_path, ["..", "x"]) is None


def test_label_files_are_looked_for_where_pictures_are_not(tmp_path):
    (tmp_path / "a/b/c").mkdir(parents=True)
    for name in ("x.xlsx", "a/y.CSV", "a/b/z.xls", "a/b/c/deep.xlsx", "~$x.xlsx", ".hidden.csv", "notes.txt"): (tmp_path / name).touch()
    assert [p.name for p in table_files(tmp_path)] == ["z.xls", "y.CSV", "x.xlsx"]
    assert [p.name for p in matching(table_files(tmp_path), ("w*", "?.XLS*"))] == ["z.xls", "x.xlsx"]


def test_a_folder_of_many_clips_is_listed_once(tmp_path, monkeypatch):
    for k in range(50): (tmp_path / f"c{k}").mkdir()
    from mekit.data import folders as module
    calls, real = [], module.os.scandir
    monkeypatch.setattr(module.os, "scandir", lambda p: calls.append(p) or real(p))
    folders = Folders(tmp_path)
    assert all(find(folders, tmp_path, [f"C{k:03d}"]) for k in range(50)) and len(calls) == 1


def test_decoding_never_fails():
    rng = random.Random(0)
    for _ in range(300): assert isinstance(decode(bytes(rng.randrange(256) for _ in range(rng.randrange(40))).replace(b"\xff\xfe", b"").replace(b"\xfe\xff", b"")), str)


def test_a_problem_reads_as_a_sentence():
    assert str(Problem("row", None, "a.xlsx", "", 3, None, "x", "why")) == "a.xlsx, row 3: 'x', why"
    assert [g.name for g in open_grids(Path(__file__))] == [""] * 3
