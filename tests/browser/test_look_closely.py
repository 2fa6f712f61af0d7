"The second lesson as a newcomer meets it: every cell in JupyterLab, on the synthetic face and on the real video"
import shutil

import pytest
from harness import ROOT, execute, open_notebook, run_all

LESSON = ROOT / "nbs/tutorials/02_look_closely.ipynb"


@pytest.fixture(scope="module")
def lesson(lab_page, lab):
    shutil.copy(LESSON, lab.root / "look_closely.ipynb")
    open_notebook(lab_page, lab, "look_closely.ipynb")
    run_all(lab_page)
    return lab_page


def test_every_widget_draws_and_steps(lesson, screen):
    scrubbers = lesson.locator(".mekit-scrubber")
    assert scrubbers.count() >= 4
    for k in range(scrubbers.count()):
        one = scrubbers.nth(k)
        one.scroll_into_view_if_needed()
        lesson.wait_for_function("e => e.hasAttribute('data-frame')", arg=one.element_handle())
        before = int(one.get_attribute("data-frame"))
        one.focus()
        lesson.keyboard.press("ArrowRight")
        lesson.wait_for_function("([e, i]) => Number(e.dataset.frame) === i", arg=[one.element_handle(), before + 1])
        screen(lesson, f"lesson2_{k}")


def test_marks_come_back_and_can_be_undone(lesson):
    first = lesson.locator(".mekit-scrubber").first
    first.focus()
    before = execute(lesson, "print(view.marks)")
    lesson.keyboard.press("f")
    lesson.wait_for_timeout(300)
    assert execute(lesson, "print(view.marks['offset'] == view.frame)").strip() == "True"
    lesson.keyboard.press("u")
    lesson.wait_for_timeout(300)
    assert execute(lesson, "print(view.marks)") == before
