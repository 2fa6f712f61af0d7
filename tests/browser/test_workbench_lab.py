"The workbench in JupyterLab, by keyboard and pointer: move the apex, choose, run, see bars and map change, copy as code"
import re

import pytest
from harness import execute, open_notebook, run_all

SETUP = """
import numpy as np, torch
import mekit as me
from mekit.data.synthetic import synthesize
from mekit.models.ststnet import STSTNet
torch.manual_seed(0)
torch.set_num_threads(1)
model = STSTNet(("AU1", "AU2", "AU4", "AU9", "AU12", "AU15")).eval()
model.trained = (True, True, True, False, True, True)
clip = synthesize({"AU4": 2., "AU12L": 2.}, duration_ms=400, fps=100., size=160)
bench = me.workbench(model, clip)
"""
RUN = ".mekit-bench-controls"
MAP = """() => { const c = document.querySelector('canvas[data-pane=attribution]'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    let sum = 0; for (let i = 0; i < d.length; i++) sum = (sum * 31 + d[i]) % 1000003; return sum; }"""


@pytest.fixture
def live(page, lab):
    lab.write("workbench.ipynb", [SETUP, "bench"])
    open_notebook(page, lab, "workbench.ipynb")
    run_all(page)
    page.locator(".mekit-scrubber[data-frame]").first.wait_for(timeout=30_000)
    page.locator(f"{RUN}[data-runs='1']").wait_for(timeout=30_000)
    page.locator(".mekit-bars[data-ready]").wait_for(timeout=30_000)
    return page


def runs(page, n: int) -> None:
    page.locator(f"{RUN}[data-runs='{n}']").wait_for(timeout=20_000)
    page.wait_for_function("() => !document.querySelector('[data-role=run]').disabled")


def bars(page) -> dict:
    return page.evaluate("() => Object.fromEntries([...document.querySelectorAll('[data-au]')].map(b => [b.dataset.au, b.dataset.value]))")


def status(page) -> str:
    return page.locator("[data-role=status]").text_content()


def at(page, frame: int) -> None:
    page.wait_for_function("i => document.querySelector('.mekit-scrubber').dataset.frame === String(i)", arg=frame)


def test_the_loop_by_keyboard(live, screen):
    apex, onset = (int(execute(live, f"print(clip.label.{m})")) for m in ("apex", "onset"))
    live.locator(".mekit-workbench").scroll_into_view_if_needed()
    at(live, apex)
    first, picture = bars(live), live.evaluate(MAP)
    assert first["AU9"] == "" and live.locator("[data-au=AU9]").get_attribute("data-trained") == "false"
    screen(live, "workbench_open")

    live.locator(".mekit-scrubber").focus()
    for _ in range(3):
        live.keyboard.press("ArrowLeft")
    at(live, apex - 3)
    live.keyboard.press("a")
    live.wait_for_function("i => document.querySelector('[data-role=apex]').value === String(i)", arg=apex - 3)
    live.wait_for_function("() => document.querySelector('[data-role=status]').dataset.kind === 'stale'")
    assert f"apex {apex - 3}" in status(live)

    live.locator("[data-role=target]").focus()
    live.keyboard.type("AU15")
    live.wait_for_function("() => document.querySelector('[data-au=AU15]')?.getAttribute('aria-pressed') === 'true'")
    live.locator("[data-role=run]").focus()
    live.keyboard.press("Enter")
    runs(live, 2)
    live.wait_for_function("before => document.querySelector('[data-au=AU4]').dataset.value !== before", arg=first["AU4"])
    assert f"pair ({onset}, {apex - 3})" in status(live) and "AU15" in status(live)
    live.wait_for_function(f"before => ({MAP})() !== before", arg=picture)
    at(live, apex - 3)                                                  # the place was kept
    assert execute(live, "print(bench.target, bench.apex, bench.attribution.target)").split() == ["AU15", str(apex - 3), "AU15"]
    screen(live, "workbench_after_run")


def test_r_runs_from_the_scrubber_and_a_typed_apex_runs_on_enter(live):
    apex = int(execute(live, "print(clip.label.apex)"))
    live.locator(".mekit-scrubber").focus()
    live.keyboard.press("r")
    runs(live, 2)
    field = live.locator("[data-role=apex]")
    field.fill(str(apex - 1))
    field.press("Enter")
    runs(live, 3)
    live.wait_for_function("i => document.querySelector('.mekit-scrubber [data-act=apex]').textContent.includes(i)", arg=str(apex - 1))
    assert execute(live, "print(bench.apex, bench.clip.label.apex)").split() == [str(apex - 1)] * 2
    field.fill("9999")
    field.press("Tab")
    live.wait_for_function("() => document.querySelector('[data-role=apex]').value !== '9999'")
    cells = live.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length")
    live.locator("[data-role=run]").focus()
    for key in ("b", "x", "m"):
        live.keyboard.press(key)
    assert live.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length") == cells


def test_a_typed_apex_outside_is_said_and_a_run_goes_to_the_apex(live):
    onset, apex, last = (int(x) for x in execute(live, "print(clip.label.onset, clip.label.apex, len(clip) - 1 if clip.label.offset is None else clip.label.offset)").split())
    at(live, apex)
    field = live.locator("[data-role=apex]")
    field.fill(str(apex + 2))
    field.press("Enter")
    runs(live, 2)
    at(live, apex + 2)
    field.fill("9999")
    field.press("Enter")
    runs(live, 3)
    at(live, last)
    live.wait_for_function("() => document.querySelector('[data-role=status]').dataset.kind === 'done'")
    assert f"frame 9999 is outside onset {onset} to " in status(live) and f"{last} taken" in status(live)
    field.fill(str(onset))
    field.press("Enter")
    live.wait_for_function("() => document.querySelector('[data-role=status]').dataset.kind === 'error'")
    assert "Identical frames: there is nothing to explain" in status(live) and "taken" not in status(live)


def test_keys_on_a_bar_stay_there_r_runs_and_ctrl_s_saves_from_controls_and_bars(live):
    cells = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(w => w.model.type).join()"
    before = live.evaluate(cells)
    live.locator("[data-au=AU4]").focus()
    for key in ("b", "x", "m"):         # in JupyterLab: new cell, cut, markdown
        live.keyboard.press(key)
    assert live.evaluate(cells) == before
    live.keyboard.press("r")            # there: raw
    runs(live, 2)
    assert live.evaluate(cells) == before
    live.evaluate("""() => { window.saves = 0;
        window.jupyterapp.commands.commandExecuted.connect((_, { id }) => { if (id === 'docmanager:save') window.saves++; }); }""")
    for k, selector in enumerate(("[data-au=AU4]", "[data-role=run]", "[data-role=target]", "[data-role=apex]"), 1):
        live.locator(selector).focus()
        live.keyboard.press("Control+s")
        live.wait_for_timeout(300)
        assert live.evaluate("window.saves") == k, selector


RESTART = """async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"""


def test_after_a_restart_the_panel_says_that_the_kernel_is_gone(live, screen):
    live.evaluate(RESTART)
    live.locator("[data-role=lost]:not([hidden])").wait_for()
    assert live.inner_text("[data-role=lost]") == "not connected to Python: marks stay in this page only"
    assert status(live) == "The kernel is gone: run the cell again."
    assert live.locator("[data-role=run]").is_disabled() and live.locator("button[data-au]").count() == 0
    live.locator(".mekit-scrubber").focus()
    for key in ("ArrowLeft", "a", "r"):
        live.keyboard.press(key)
    live.wait_for_timeout(300)
    assert live.locator("[data-role=lost]").is_visible()
    screen(live, "workbench_gone")


def test_a_run_that_cannot_be_sent_is_said(live):
    "Where the notebook has not noticed yet that nobody listens"
    live.evaluate("""async () => {
        const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
        for (const comm of kernel._comms.values()) comm.send = () => { throw new Error('Cannot send'); };
    }""")
    live.locator("[data-role=run]").click()
    live.wait_for_function("() => document.querySelector('[data-role=status]').textContent === 'The kernel is gone: run the cell again.'")


def test_controls_stand_on_one_line_and_are_of_one_height(live):
    boxes = [live.locator(f"[data-role={r}]").bounding_box() for r in ("target", "layer", "apex", "run")]
    assert len({(round(b["y"]), round(b["height"])) for b in boxes}) == 1, boxes


def test_bars_choose_the_target_and_layers_change_the_map(live):
    before = live.evaluate(MAP)
    live.locator("[data-au=AU2]").click()
    live.wait_for_function("() => document.querySelector('[data-role=target]').value === 'AU2'")
    live.keyboard.press("ArrowUp")
    assert live.evaluate("() => document.activeElement.dataset.au") == "AU1"
    live.locator("[data-role=layer]").select_option("streams.0.0")
    live.locator("[data-role=run]").click()
    runs(live, 2)
    assert "28 x 28" in status(live) or "30 x 30" in status(live)
    live.wait_for_function(f"before => ({MAP})() !== before", arg=before)


def test_code_is_copied_and_gives_the_same_map(live):
    live.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.locator("[data-role=as-code]").click()
    live.locator("[data-role=copy]").click()
    live.wait_for_function("() => document.querySelector('[data-role=copy]').textContent === 'Copied'")
    code = live.evaluate("() => navigator.clipboard.readText()")
    assert code == execute(live, "print(bench.code)").removesuffix("\n")
    same = execute(live, f"names = dict(clip=clip, model=model)\nexec({code!r}, names)\nk = list(bench.attribution.pairs[:, 1]).index(bench.apex)\n"
                         "print(np.abs(names['cam'].maps[0] - bench.attribution.maps[k]).max() < 1e-6)")
    assert same.strip() == "True"


def test_an_error_is_shown_and_the_last_run_stays(live, screen):
    before = bars(live)
    execute(live, "def broken(*a, **k): raise RuntimeError('out of memory')\nkept, bench.answers.attribute = bench.answers.attribute, broken")
    live.locator("[data-role=run]").click()
    live.wait_for_function("() => document.querySelector('[data-role=status]').dataset.kind === 'error'")
    assert "out of memory" in status(live) and bars(live) == before
    screen(live, "workbench_error")
    execute(live, "bench.answers.attribute = kept")
    live.locator("[data-role=run]").click()
    runs(live, 2)
    assert live.locator("[data-role=status]").get_attribute("data-kind") == "done"


@pytest.mark.parametrize("page", ["dark"], indirect=True)
def test_dark_theme(live, screen):
    live.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    live.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    live.wait_for_timeout(500)
    ink, paper = live.evaluate("() => [getComputedStyle(document.querySelector('.mekit-bars-name')).color, getComputedStyle(document.body).backgroundColor]")
    light = [sum(map(int, re.findall(r"\d+", c)[:3])) for c in (ink, paper)]
    assert light[0] > light[1] + 250, (ink, paper)
    screen(live, "workbench_dark")


def test_page_scrubs_without_a_kernel_and_says_that_running_needs_one(page, screen, tmp_path):
    names = {}
    exec(SETUP, names)
    names["bench"].run()
    path = names["bench"].to_html(tmp_path / "bench.html")
    page.goto(path.as_uri())
    page.locator(".mekit-scrubber[data-frame]").wait_for()
    page.locator(".mekit-scrubber").focus()
    now = int(page.locator(".mekit-scrubber").get_attribute("data-frame"))
    page.keyboard.press("ArrowRight")
    at(page, now + 1)
    assert "needs a kernel" in status(page) and page.locator("[data-role=run]").is_disabled()
    assert len(bars(page)) == 6
    before = page.locator(".mekit-bars").inner_html()
    assert page.locator("button[data-au]").count() == 0 and page.locator("[data-au][title*=click]").count() == 0
    page.locator("[data-au=AU2]").click()
    assert page.locator(".mekit-bars").inner_html() == before
    assert all(u.startswith(("file:", "blob:", "data:")) for u in page.asked), page.asked
    screen(page, "workbench_page")
