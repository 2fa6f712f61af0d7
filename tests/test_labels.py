"The grammar of action-unit codes, the emotion tables, and the terms of a face"
import pickle
import random
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from mekit.core import MekitError
from mekit.labels import (AU, AU_TABLE, CD6ME_AUS, EMOTIONS, LEFT_OUT, Label, Terms, check_marks, check_terms, emotion_class, emotion_word,
                          parse_au, parse_aus, publish)

GRAMMAR = {    # written: (codes read, ? = not certain; parts not read)
    "4": ("4", ""), "AU4": ("4", ""), "L14": ("L14", ""), "R12A": ("R12A", ""), "26": ("26", ""),
    "R12A+B25": ("R12A 25", "B of B25"), "4+L10": ("4 L10", ""), "12 or 15": ("12? 15?", ""),
    "(R6 or R12)+R15": ("R6? R12? R15", ""), "1+2/4": ("1 2? 4?", ""), "ref(6)": ("6?", ""), "AU7(k)": ("7?", ""),
    "14A or 17A or 24A": ("14A? 17A? 24A?", ""), "4，7": ("4 7", ""), "4＋7": ("4 7", ""), "１２": ("12", ""),
    "": ("", ""), "   ": ("", ""), "0": ("", ""), "nan": ("", ""), "?": ("", "?"), "？": ("", "?"),
    "4?": ("4?", ""), "4?+7": ("4? 7", ""), "? 4": ("4?", ""), "4+?": ("4", "?"), "[4]+7": ("4? 7", ""), "(4+5)+6": ("4? 5? 6", ""),
    "au4,AU5 ; 6&7": ("4 5 6 7", ""), "AU4 AU7": ("4 7", ""), "4 and 5": ("4 5", ""), "AU 12": ("12", ""), "AU04": ("4", ""), "4.0": ("4", ""),
    "AU12L": ("L12", ""), "12LB": ("L12B", ""), "12BL": ("L12B", ""), "l12b": ("L12B", ""), "L12+R12": ("L12 R12", ""), "4+4": ("4", ""),
    "U12": ("12", "U of U12"), "T23": ("23", "T of T23"), "AU7 (K)": ("7?", ""), "1A+2B/4C": ("1A 2B? 4C?", ""),
    "AU1215": ("", "AU1215"), "1215": ("", "1215"), "99": ("", "99"), "3": ("", "3"), "4.5": ("", "4.5"), "1-2": ("", "1-2"), "L12R": ("", "L12R"),
    "12X": ("", "12X"), "12or15": ("", "12or15"), "smile": ("", "smile"), "AU": ("", "AU"), "AU04_r": ("", "AU04_r"), "4 or": ("4?", "or"),
    "or 4": ("4", "or"), "4 + or 5": ("4 5", "or"), "4)": ("4", ")"), "(4": ("4?", "("), "R 12": ("12", "R"), "²": ("", "²"), "٤": ("", "٤"),
    "4//5": ("4? 5?", "/"), "4///5": ("4? 5?", "/ /"), "4/smile": ("4?", "smile"), "9" * 400: ("", "9" * 400),
}


@pytest.mark.parametrize("written", GRAMMAR)
def test_grammar(written):
    aus, unread = parse_aus(written)
    assert (" ".join(a.code for a in aus), " ".join(unread)) == GRAMMAR[written]


@pytest.mark.parametrize("cell", [None, float("nan"), np.nan, pd.NA, pd.NaT, 0, 0.0, np.int64(0)])
def test_an_empty_cell_is_no_unit_and_nothing_unread(cell): assert parse_aus(cell) == ((), ())


@pytest.mark.parametrize("cell", [4, 4.0, np.int64(4), np.float32(4)])
def test_a_number_from_a_spreadsheet(cell): assert parse_aus(cell).aus == (AU(4),)


@pytest.mark.parametrize("cell", [float("inf"), -4, 4.5, 1e30, ["4"], b"4", object()])
def test_what_is_no_code_is_reported(cell):
    assert parse_aus(cell).aus == () and parse_aus(cell).unread


units = st.builds(AU, st.sampled_from(sorted(AU_TABLE)), st.sampled_from([None, "L", "R"]), st.sampled_from([None, *"ABCDE"]), st.booleans())


@given(units)
def test_a_code_reads_back(au): assert parse_au(au.code) == au and parse_au(au) is au


@given(st.lists(units, max_size=8), st.sampled_from(["+", ",", "，", "＋", " + ", "; ", " "]))
def test_a_list_reads_back(aus, joint):
    assert parse_aus(joint.join(a.code for a in aus)) == (tuple(dict.fromkeys(aus)), ())


@given(st.lists(units.map(lambda a: replace(a, certain=True)), min_size=2, max_size=5), st.sampled_from([" or ", "/", " / "]))
def test_alternatives_are_never_certain(aus, joint):
    parsed = parse_aus(joint.join(a.code for a in aus))
    assert not any(a.certain for a in parsed.aus) and {a.number for a in parsed.aus} == {a.number for a in aus} and parsed.unread == ()


@given(st.text(max_size=20))
def test_any_text_is_read_or_reported(text):
    aus, unread = parse_aus(text)
    assert all(a.number in AU_TABLE for a in aus) and all(isinstance(u, str) and u.strip() for u in unread)
    digits = {int(d) for d in re.findall("[0-9]+", text.translate({0xFF10 + k: str(k) for k in range(10)}))}
    assert {a.number for a in aus} <= digits, "a unit was invented"


@given(st.text(alphabet="0123456789LRABCDEau+/()?k or，＋[]ref", max_size=30))
def test_no_digit_vanishes(text):
    "Every number written, other than 0, is in a unit or in an unread part"

    aus, unread = parse_aus(text)
    kept = {str(a.number) for a in aus} | {d.lstrip("0") for u in unread for d in re.findall("[0-9]+", u)}
    if re.fullmatch(r"\s*0*\s*", text): return
    assert {d.lstrip("0") for d in re.findall("[0-9]+", text)} - {""} <= kept | {""}


FORMS = ("4", "AU4", "L14", "R12A", "R12A+B25", "4+L10", "12 or 15", "(R6 or R12)+R15", "1+2/4", "ref(6)", "AU7(k)", "26", "14A or 17A or 24A", "，", "＋", "?", "", "0")


def test_ten_thousand_random_codes_invent_nothing():
    "Pieces of every form that occurs, joined, cut and spoilt: no error, no unit whose number is not written, no number lost"
    draw = random.Random(0)
    for _ in range(10_000):
        text = draw.choice(("+", " or ", "/", ",", "，", "＋", " ", "", "-", "(", ")?")).join(draw.choice(FORMS) for _ in range(draw.randint(1, 5)))
        for _ in range(draw.randint(0, 2)):
            at = draw.randint(0, len(text))
            text = text[:at] + draw.choice(("", "x", "1", "９", "or", "(", ")", "?", "L", "A", ".", "_", "²", "½", "k", "AU")) + text[at + draw.randint(0, 1):]
        aus, unread = parse_aus(text)
        written = {int(d) for d in re.findall("[0-9]+", text.translate({0xFF10 + k: str(k) for k in range(10)}))}
        kept = {a.number for a in aus} | {int(d) for u in unread for d in re.findall("[0-9]+", u.translate({0xFF10 + k: str(k) for k in range(10)}))}
        assert {a.number for a in aus} <= written & set(AU_TABLE), f"{text!r}: {aus} invents a unit"
        assert written - {0} <= kept, f"{text!r}: {aus}, {unread} lose a number"
        assert all(u.strip() for u in unread), repr(text)


@pytest.mark.parametrize("text", ["", "4+5", "12 or 15", "smile", "B25", None])
def test_parse_au_wants_exactly_one(text):
    with pytest.raises(MekitError, match="one action unit"): parse_au(text)


@pytest.mark.parametrize("bad", [dict(number=3), dict(number="4"), dict(number=12, side="left"), dict(number=12, intensity="F"), dict(number=12, intensity="AB"), dict(number=None)])
def test_an_impossible_unit(bad):
    with pytest.raises(MekitError, match="AU: expected"): AU(**bad)


def test_the_table_is_whole():
    assert set(CD6ME_AUS) | {20, 23, 24, 25, 26, 45} | {11, 13, 16, 18, 22, 27, 28, 43} <= set(AU_TABLE)
    for number, info in AU_TABLE.items():
        assert info.number == number and info.name and info.muscles and info.region and info.direction


MEGC2019 = {
    "smic": dict(positive="positive", negative="negative", surprise="surprise"),
    "casme2": dict(happiness="positive", surprise="surprise", disgust="negative", repression="negative", others=None, fear=None, sadness=None),
    "samm": dict(Happiness="positive", Surprise="surprise", Anger="negative", Contempt="negative", Disgust="negative", Fear="negative", Sadness="negative", Other=None),
}


@pytest.mark.parametrize("database", MEGC2019)
def test_megc2019(database):
    assert {word: emotion_class(word, database=database) for word in MEGC2019[database]} == MEGC2019[database]
    assert {emotion_word(w, database=database) for w in MEGC2019[database]} == set(EMOTIONS[database])


def test_clips_left_out_by_name():
    assert LEFT_OUT["megc2019"] == ("casme2/sub04/EP12_01f", "casme2/sub05/EP12_03f", "casme2/sub24/EP02_07")
    for key in LEFT_OUT["megc2019"]:
        assert emotion_class("happiness", database="casme2", sample=key) is None
        assert emotion_class("happiness", database="casme2", sample=key.removeprefix("casme2/")) is None
    assert emotion_class("happiness", database="casme2", sample="casme2/sub01/EP02_01f") == "positive"
    assert emotion_class("happiness", database="samm", sample="sub04/EP12_01f") == "positive"


@pytest.mark.parametrize("word, options, message", [
    ("joy", dict(database="casme2"), "casme2, written 'joy'"), ("contempt", dict(database="casme2"), "unknown emotion"),
    ("happiness", dict(database="casme22"), "Did you mean 'casme2'"), ("happiness", dict(database="mmew"), "databases of megc2019"),
    ("happiness", dict(database="casme2", scheme="megc2018"), "Did you mean 'megc2019'"), (3, dict(database="casme2"), "expected a word"),
    ("", dict(database="casme2"), "unknown emotion")])
def test_an_unknown_word_is_named(word, options, message):
    with pytest.raises(MekitError, match=message): emotion_class(word, **options)


@pytest.mark.parametrize("part, whole", [("smic_vis", "smic"), ("smic_nir", "smic"), ("casme3a", "casme3"), ("casme3c", "casme3"), ("samm_long", "samm")])
def test_parts_of_a_release_share_their_words(part, whole):
    assert EMOTIONS[part] == EMOTIONS[whole]
    for word in EMOTIONS[whole]:
        assert emotion_word(word.upper(), database=part) == word
        if whole in MEGC2019: assert emotion_class(word, database=part) == emotion_class(word, database=whole)


def test_the_words_of_dfew(): assert [emotion_word(w, database="dfew") for w in ("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear")] == list(EMOTIONS["dfew"])


def test_own_words_and_no_word():
    assert emotion_class(" HAPPY ", database="casme3", scheme="own") == "happiness"
    assert emotion_class(None, database="samm") is None
    assert emotion_word("Others", database="samm") == "other" and emotion_word("other", database="mmew") == "others"


@pytest.mark.parametrize("marks", [(0, 5, 9), (None, 5, 9), (0, None, 9), (3, 3, 3), (None, None, None), (np.int64(1), 2, 3)])
def test_good_marks(marks): check_marks(10, *marks)


@pytest.mark.parametrize("marks, message", [((6, 5, 9), "onset 6, apex 5"), ((0, 9, 5), "apex 9, offset 5"), ((7, None, 3), "onset 7, offset 3"), ((-1, 5, 9), "onset from 0 to 9"),
                                            ((0, 5, 10), "offset from 0 to 9"), ((0, 5.0, 9), "whole frame"), ((True, 5, 9), "whole frame"), ((0, float("nan"), 9), "whole frame")])
def test_bad_marks(marks, message):
    with pytest.raises(MekitError, match=f"^clip x: .*{message}"): check_marks(10, *marks, where="clip x")


def test_terms():
    private = Label(subject="sub01", sample="casme2/sub01/a", terms=Terms("private"))
    with pytest.raises(MekitError, match="figure: .*casme2/sub01/a of subject sub01.*publish"): check_terms(private, "figure")
    check_terms(publish(private, "consent of 2024"), "figure"); check_terms(Label(), "figure")
    with pytest.raises(MekitError, match="a note"): publish(private, "  ")
    with pytest.raises(MekitError, match="Did you mean 'private'"): Terms("privat")
    assert "private" in repr(private) and pickle.loads(pickle.dumps(private)) == private


@pytest.mark.parametrize("label", [Label(), Label(3, 3, 3), Label(0, 24, 61, parse_aus("4+L10B").aus, "disgust"), Label(5, None, 9, subject="<script>&\"", emotion="<b>")])
def test_a_label_draws_itself_safely(label):
    from xml.etree import ElementTree
    page = label._repr_html_()
    ElementTree.fromstring(page.replace("<br>", "<br/>").replace("&middot;", "·"))
    assert "<script" not in page and "<b>" not in page
    assert page.count("<circle") == sum(m is not None for m in (label.onset, label.apex, label.offset))
