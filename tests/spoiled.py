"Label tables as people leave them: good tables of every database, random damage to them, and what must come of it"
import csv
import datetime
import random
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import xlwt

from mekit.data import databases
from mekit.labels import parse_aus

CODES = {"4": "4", "4+L10": "4 L10", "R12A+B25": "R12A 25", "12 or 15": "12? 15?", "AU7(k)": "7?", "1+2/4": "1 2? 4?", 12: "12", "4，7": "4 7", "(R6 or R12)+R15": "R6? R12? R15", "": "", "14A or 17A or 24A": "14A? 17A? 24A?"}
WORDS = ("happiness", "Disgust", "surprise", "others", "puzzled")


@dataclass(frozen=True)
class Kind:
    "A database: its reader, its file, its headers in order, its forms"
    reader: object
    file: str
    headers: tuple          # (header, our name or ""), header None: a blank column
    subject: object         # number -> (as written, in the key)
    key: str
    above: int = 0
    word: str = "emotion"
    labels: bool = False    # the file has to be named


def heads(text: str) -> tuple: return tuple((h.strip() or None, n.strip()) for h, _, n in (part.partition("=") for part in text.split(",")))


STANDARD = "Subject=subject, Filename=clip, , OnsetFrame=onset, ApexFrame=apex, OffsetFrame=offset, , Action Units=aus, Estimated Emotion=emotion"
INTERVALS = heads("subject=subject, video=clip, onset=onset, apex=apex, offset=offset, type=kind")
FLAGS = ("Positive", "Negative", "Surprise", "Repression", "Others")
KINDS = {
    "smic": Kind(databases.smic, "mine", heads("Subject=subject, Filename=clip, Onset=onset, Offset=offset, Emotion=emotion"), lambda k: (f"s{k}", f"s{k}"), "{subject}/{clip}", labels=True),
    "casme": Kind(databases.casme, "casme", heads("Subject=subject, Filename=clip, , , OnsetF=onset, ApexF1=apex, ApexF2=apex2, OffsetF=offset, AU=aus, Emotion=emotion"), lambda k: (k, f"sub{k:02d}"), "{subject}/{clip}"),
    "casme2": Kind(databases.casme2, "CASME2-coding-20140508", heads(STANDARD), lambda k: (f"{k:02d}", f"sub{k:02d}"), "{subject}/{clip}"),
    "samm": Kind(databases.samm, "SAMM_Micro_FACS_Codes_v2", heads("Subject=subject, Filename=clip, Inducement Code=inducement, Onset Frame=onset, Apex Frame=apex, Offset Frame=offset, Duration=duration, Micro=micro, "
                 "Action Units=aus, Estimated Emotion=emotion, Objective Classes=objective_class, Notes=notes"), lambda k: (f"{k:03d}", f"{k:03d}"), "{subject}/{clip}", above=13),
    "4dme": Kind(databases.fourdme, "4DME_Labelling_Micro_release v1", heads("sub_ID=subject, fold_name=clip, Onset=onset, Apex=apex, Offset=offset, AUs=aus")
                 + tuple((w, w.lower()) for w in FLAGS) + heads("AU1=, AU4=, AU7=, AU12="), lambda k: (f"{k:02d}", f"{k:02d}"), "{subject}/{clip}", word="flags"),
    "mmew": Kind(databases.mmew, "MMEW_Micro_Exp", heads(STANDARD.replace(" ,", "") + ", remarks=remarks"), lambda k: (f"S{k:02d}", f"S{k:02d}"), "{subject}/{clip}"),
    "casme3a": Kind(databases.casme3, "cas(me)3_part_A_ME_label_JpgIndex_v2", heads("Subject=subject, Filename=clip, Onset=onset, Apex=apex, Offset=offset, AU=aus, Objective class=objective_class, emotion=emotion"),
                    lambda k: (f"spNO.{k}", f"spNO.{k}"), "{subject}/{clip}/{onset}"),
    "casme3c": Kind(lambda root, **more: databases.casme3(root, part="C", **more), "CAS(ME)3_part_C_ME", heads("sub=subject, count=clip, onset=onset, offset=offset, au=aus"), lambda k: (k, f"{k:02d}"), "{subject}/{clip}/{onset}", word=""),
    "cas_me2": Kind(databases.cas_me2, "CAS(ME)^2code_final", INTERVALS, lambda k: (f"s{k + 14}", f"s{k + 14}"), "{subject}/{clip}/{onset}", word="kind"),
    "samm_long": Kind(databases.samm_long, "SAMM_LongVideos_V2_Release", INTERVALS, lambda k: (k, f"{k:03d}"), "{subject}/{clip}/{onset}", word="kind"),
    "dfew": Kind(databases.dfew, "annotation", heads("1happy=, 2sad=, 3neutral=, order=clip, label=label"), lambda k: (None, None), "{clip}", word="label"),
    "mine": Kind(lambda root, **more: databases.folder(root, name="mine", **more), "labels", heads("Participant=subject, clip=clip, onset=onset, apex=apex, offset=offset, AU=aus, Emotion=emotion, lamp="), lambda k: (f"P{k}", f"P{k}"), "{subject}/{clip}"),
}
ONLY_CLIP = {"mine"}                                        # here every other column may be absent
MARKS = ("onset", "apex", "offset", "apex2", "label")
ALIASES = {"onset": "ONSET frame", "apex": "apex  FRAME", "aus": "Action-Units", "emotion": "estimated_emotion", "subject": "SUBJECT", "clip": "file name"}


@dataclass
class Damaged:
    "A table with what was done to it, and what must come of it"
    name: str
    heads: list             # (header, our name)
    cells: dict             # row id -> list of cells
    order: list             # row ids, texts (a line in the first column), None (a blank row)
    truth: dict             # row id -> what the entry must say
    merges: list = field(default_factory=list)      # (first row id, last row id, first column, last column)
    above: int = 0
    sheets: dict = field(default_factory=dict)      # title -> rows, beside the table
    first: bool = True      # the table is the first sheet
    touched: dict = field(default_factory=dict)     # row id -> columns one of which must be named if the row is not right
    errors: list = field(default_factory=list)      # what a message must contain; one of these tuples
    done: list = field(default_factory=list)

    kind = property(lambda self: KINDS[self.name])
    def at(self, name: str) -> int: return next((k for k, (_, n) in enumerate(self.heads) if n == name), None)
    def numbers(self) -> dict: return {row: k + self.above + 2 for k, row in enumerate(self.order) if isinstance(row, int)}
    def blame(self, row, column: int) -> None: self.touched.setdefault(row, set()).add(self.heads[column][1])
    def title(self, name: str) -> str: return next(h for h, n in self.kind.headers if n == name)
    def grid(self) -> list[list]:
        body = [self.cells[r] if isinstance(r, int) else [r] if r else [] for r in self.order]
        return [[f"line {k} of the text above"] for k in range(self.above)] + [[h for h, _ in self.heads]] + body


def good(name: str, rng: random.Random, n: int = 9) -> Damaged:
    "A table without a fault"
    kind, cells, truth, onset = KINDS[name], {}, {}, 30
    for k in range(n):
        written, subject = kind.subject(k // 3 + 1)
        onset += rng.randint(3, 60)
        code, word = rng.choice(list(CODES)), rng.choice(WORDS)
        value = dict(subject=written, clip=f"EP{k:02d}_{k}f", onset=onset, apex=onset + rng.randint(1, 30), offset=onset + rng.randint(31, 99), aus=code, emotion=word, kind=rng.choice(("micro", "Macro")),
                     apex2=onset, label=rng.randint(1, 7), objective_class=rng.randint(1, 7), notes="seen twice", duration=7)
        if name in ("dfew", "casme3c"): value["clip"] = k + 1
        flags = {w.lower(): int(w == FLAGS[k % 5]) for w in FLAGS}
        names = {n for _, n in kind.headers}
        cells[k] = [(value | flags).get(n, {"lamp": "left"}.get(h)) if h else None for h, n in kind.headers]
        clip = f"{k + 1:05d}" if name == "dfew" else str(value["clip"])
        word = {"emotion": word, "flags": FLAGS[k % 5], "label": databases.WORDS_DFEW[value["label"] - 1]}.get(kind.word)
        truth[k] = dict(sample=f"{name}/" + kind.key.format(subject=subject, clip=clip, onset=onset), emotion=word, aus=CODES[code] if "aus" in names else "",
                        kind=value["kind"].lower() if kind.word == "kind" else None, **{m: value[m] if m in names else None for m in ("onset", "apex", "offset")})
        assert {" ".join(a.code for a in parse_aus(c).aus) for c in [code]} == {CODES[code]}
    return Damaged(name, list(kind.headers), cells, list(cells), truth, above=kind.above)


# ---- damage: each returns False where it does not apply

def required(t: Damaged, name: str) -> bool:
    return bool(name) and name not in ("objective_class", "inducement", "duration", "micro", "notes", "remarks", "apex2") and (t.name not in ONLY_CLIP or name == "clip")


def lose(t: Damaged, name: str) -> None:
    "A column is no longer there"
    if required(t, name): t.errors.append((t.title(name), t.kind.file))
    elif name in ("onset", "apex", "offset", "emotion"): [v.update({name: None}) for v in t.truth.values()]
    elif name == "aus": [v.update(aus="") for v in t.truth.values()]
    elif name == "subject":
        for v in t.truth.values(): v["sample"] = f"{t.name}/{v['sample'].split('/')[-1]}"


def drop(t, rng, suffix):
    at = rng.choice([k for k, (h, _) in enumerate(t.heads) if h])
    title, name = t.heads.pop(at)
    for row in t.cells.values(): del row[at]
    lose(t, name)


def misspell(t, rng, suffix):
    at = rng.choice([k for k, (h, n) in enumerate(t.heads) if n])
    title, name = t.heads[at]
    t.heads[at] = (title[:-2] + "zz" + title[-1], "")
    lose(t, name)


def alias(t, rng, suffix):
    known = [k for k, (h, n) in enumerate(t.heads) if n in ALIASES and not (t.name == "dfew")]
    if not known: return False
    at = rng.choice(known)
    t.heads[at] = (ALIASES[t.heads[at][1]], t.heads[at][1])


def reorder(t, rng, suffix):
    order = rng.sample(range(len(t.heads)), len(t.heads))
    t.heads = [t.heads[k] for k in order]
    t.cells = {r: [row[k] for k in order] for r, row in t.cells.items()}


def insert(t, rng, suffix):
    at, header = rng.randint(0, len(t.heads)), rng.choice((None, "checked by"))
    t.heads.insert(at, (header, ""))
    for row in t.cells.values(): row.insert(at, rng.choice((None, "x", 4)))


def repeat_column(t, rng, suffix):
    if any(isinstance(line, str) for line in t.order): return False         # a line of text would differ
    at = rng.choice([k for k, (h, n) in enumerate(t.heads) if n])
    other = rng.random() < .5
    t.heads.append((t.heads[at][0], ""))
    for row in t.cells.values(): row.append(row[at])
    if other:
        r = rng.choice(list(t.cells))
        t.cells[r][-1] = "other"
        t.errors.append((" ".join(t.heads[at][0].split()), t.kind.file, f"row {{{r}}}"))


def wrong_type(t, rng, suffix):
    at = rng.choice([k for k, (h, n) in enumerate(t.heads) if n in ("subject", "clip", "onset", "apex", "offset", "aus", "label", "kind", "positive")])
    r, name = rng.choice(list(t.cells)), t.heads[at][1]
    date = datetime.datetime(2014, 4, 12)
    bad = {"subject": [date, 3.7, True], "clip": [date, 3.7, True, None, "/"], "aus": [date, "12/4/2014", "#REF!", "4-Dec"], "kind": ["unclear", "micro or macro", date, None], "positive": ["maybe", 7, date]}
    value = rng.choice(bad.get(name, [date, "abc", 3.5, True, "12-4", -3, "1O1", "#REF!", "1e3", 10**12]))
    if suffix not in (".xlsx", ".xls"):
        if name in ("subject", "clip") and value in (date, 3.7, True): return False       # a text file cannot tell these from names
        if name == "positive" and value == 7: value = "7.0"
    t.cells[r][at] = value
    t.blame(r, at)


def unknown_mark(t, rng, suffix):
    names = [n for n in ("apex", "offset", "onset") if t.at(n) is not None and not (n == "onset" and "{onset}" in t.kind.key)]
    if not names: return False
    name, r = rng.choice(names), rng.choice(list(t.cells))
    t.cells[r][t.at(name)] = rng.choice(("/", "-", "nan", None, " ", "／"))
    t.truth[r][name] = None


def other_form(t, rng, suffix):
    marks = [n for n in MARKS if t.at(n) is not None]
    if not marks: return False
    at, r = t.at(rng.choice(marks)), rng.choice(list(t.cells))
    value = t.cells[r][at]
    if not isinstance(value, int): return False
    t.cells[r][at] = rng.choice((float(value), str(value), f" {value} ", f"{value}.0", "".join(chr(ord(c) + 0xFEE0) for c in str(value)), f"0{value}"))


def add_text(t, rng, suffix):
    line = rng.choice(("Total: 9 samples", "to be continued", None))
    t.order.insert(rng.randint(1, len(t.order)), line)


def text_above(t, rng, suffix): t.above += rng.randint(1, 20)


def repeat_row(t, rng, suffix):
    r = rng.choice([k for k in t.order if isinstance(k, int)])
    twin = max(t.cells) + 1
    t.cells[twin] = list(t.cells[r])
    t.order.insert(rng.randint(1, len(t.order)), twin)
    at = t.at("clip") if t.at("clip") is not None else 0
    if t.at("offset") is not None and rng.random() < .5 and isinstance(t.cells[twin][t.at("offset")], int): t.cells[twin][t.at("offset")] += 1
    t.touched[twin] = set(t.touched.get(r, ()))
    for row in (r, twin): t.blame(row, at)
    t.truth[twin] = dict(t.truth[r])


def merge_down(t, rng, suffix):
    if suffix not in (".xlsx", ".xls"): return False
    names = [n for n in ("subject", "onset", "apex", "offset", "aus") if t.at(n) is not None]
    places = [k for k in range(len(t.order) - 1) if all(isinstance(r, int) for r in t.order[k:k + 2])]
    if not names or not places: return False
    at = t.at(rng.choice(names))
    above, below = t.order[(k := rng.choice(places)):k + 2]
    if t.heads[at][1] == "subject" and t.cells[above][at] != t.cells[below][at]: return False
    t.merges.append((above, below, at, at))
    if t.heads[at][1] != "subject": t.blame(below, at)


def merge_across(t, rng, suffix):
    if suffix not in (".xlsx", ".xls"): return False
    left, r = rng.randrange(len(t.heads) - 1), rng.choice(list(t.cells))
    t.merges.append((r, r, left, left + 1))
    if t.heads[left + 1][1]: t.blame(r, left + 1)
    elif t.heads[left + 1][0] is None: pass


def formula(t, rng, suffix):
    marks = [n for n in MARKS if t.at(n) is not None]
    if not marks: return False
    at, r = t.at(rng.choice(marks)), rng.choice(list(t.cells))
    t.cells[r][at] = "=2+3"
    if suffix in (".xlsx", ".xls"): t.errors.append((" ".join(t.heads[at][0].split()), t.kind.file, f"row {{{r}}}"))
    else: t.blame(r, at)


def other_sheets(t, rng, suffix):
    if suffix not in (".xlsx", ".xls"): return False
    t.sheets |= {"Legend": [["AU", "Name"], [4, "Brow lowerer"]], "Part": [[h for h, _ in t.heads if h][:1], ["x"]], "Empty": []}
    t.first = False


def other_table(t, rng, suffix):
    if suffix not in (".xlsx", ".xls") or t.errors: return False
    t.sheets["Old"] = [[h for h, _ in KINDS[t.name].headers]] + [list(row) for row in good(t.name, random.Random(0)).cells.values()]
    t.errors.append((t.kind.file, "Old"))


# in the order in which they are done, so that what follows does not undo what was expected before
DAMAGE = (wrong_type, unknown_mark, other_form, repeat_row, add_text, text_above, alias, insert, reorder, drop, misspell, repeat_column, merge_down, merge_across, formula, other_sheets, other_table)
ONE_OF = {repeat_column, merge_down, merge_across, formula}


def damaged(name: str, seed: int) -> tuple[Damaged, str]:
    "A good table with one to three kinds of damage, and the kind of file it goes into"
    rng = random.Random(f"{name} {seed}")
    table, suffix = good(name, rng), rng.choice((".xlsx", ".xlsx", ".xls", ".xls", ".csv", ".tsv"))
    chosen = sorted({*rng.sample(DAMAGE, rng.randint(1, 3)), *rng.choices((wrong_type, reorder), k=rng.randint(0, 1))}, key=DAMAGE.index)
    for damage in chosen:
        if damage in ONE_OF and any(d.__name__ in table.done for d in ONE_OF): continue
        if damage(table, rng, suffix) is not False: table.done.append(damage.__name__)
    return table, suffix


# ---- writing

def write(table: Damaged, folder: Path, suffix: str) -> Path:
    path, grid = folder / f"{table.kind.file}{suffix}", table.grid()
    numbers = table.numbers()
    merges = [(numbers[a], numbers[b], left, right) for a, b, left, right in table.merges]
    for a, b, left, right in merges:
        for row in range(a, b + 1):
            for at in range(left, right + 1):
                if (row, at) != (a, left) and at < len(grid[row - 1]): grid[row - 1][at] = None
    sheets = {"Coding": (grid, merges)} | {title: (rows, []) for title, rows in table.sheets.items()}
    if not table.first: sheets = dict(reversed(sheets.items()))
    {".xlsx": _xlsx, ".xls": _xls}.get(suffix, _text)(path, sheets)
    return path


def _xlsx(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, (rows, merges) in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows: sheet.append(row)
        for a, b, left, right in merges: sheet.merge_cells(start_row=a, end_row=b, start_column=left + 1, end_column=right + 1)
    book.save(path)


def _xls(path, sheets):
    book, dates = xlwt.Workbook(), xlwt.easyxf(num_format_str="D-MMM-YY")
    for title, (rows, merges) in sheets.items():
        sheet = book.add_sheet(title)
        for r, row in enumerate(rows):
            for at, cell in enumerate(row):
                if cell is None: continue
                if isinstance(cell, datetime.datetime): sheet.write(r, at, cell, dates)
                else: sheet.write(r, at, xlwt.Formula(cell[1:]) if isinstance(cell, str) and cell.startswith("=") else cell)
        for a, b, left, right in merges: sheet.merge(a - 1, b - 1, left, right)
    book.save(str(path))


def _text(path, sheets):
    rows, = [rows for rows, _ in sheets.values()]
    with path.open("w", newline="", encoding="utf-8-sig" if path.suffix == ".csv" else "utf-8") as file:
        csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows(rows)
