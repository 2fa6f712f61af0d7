"""A JupyterLab and a Chromium for tests and measurements

    with jupyterlab() as lab, browser() as chromium:
        lab.write("x.ipynb", ["1 + 1"])
        page = chromium.new_page()
        open_notebook(page, lab, "x.ipynb")
        run_all(page)
        execute(page, "print(6 * 7)")        # in the notebook's kernel, without a cell -> "42\\n"
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("MEKIT_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def browser():
    "Chromium without a window; yields Playwright's Browser"
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def fresh_page(chromium, scheme: str = "light", quiet: tuple[str, ...] = ()):
    "A page of its own; a console error, page error or failed request on it is raised at the end; what the page itself cancels has not failed. `page.asked`: URLs asked for"
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.asked, page.wrong = [], []
    page.on("request", lambda r: page.asked.append(r.url))
    page.on("console", lambda m: page.wrong.append(f"console: {m.text} {m.location.get('url', '')}") if m.type == "error" else None)
    page.on("requestfailed", lambda r: page.wrong.append(f"request failed: {r.url} {r.failure}") if "ERR_ABORTED" not in str(r.failure) else None)
    page.on("pageerror", lambda e: page.wrong.append(f"page error: {e}"))
    yield page
    wrong = [w for w in page.wrong if not any(q in w for q in quiet)]
    context.close()
    assert not wrong, wrong


@dataclass
class Lab:
    url: str
    root: Path      # the folder it serves
    log: Path

    def write(self, name: str, cells: list[str]) -> Path:
        "A notebook of code cells"
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        nb.metadata["kernelspec"] = {"name": "python3", "display_name": "python3"}
        nbformat.write(nb, self.root / name)
        return self.root / name


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _wait(url: str, process, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, f"JupyterLab ended:\n{log.read_text()[-3000:]}"
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/api/status", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not answer in {seconds} s:\n{log.read_text()[-3000:]}")


@contextmanager
def jupyterlab():
    "JupyterLab on a folder of its own, with settings of its own; yields a `Lab`"
    with tempfile.TemporaryDirectory(prefix="mekit-lab-", ignore_cleanup_errors=True) as folder:
        root, port, log = Path(folder) / "work", _free_port(), Path(folder) / "log.txt"
        root.mkdir()
        own = {k: str(Path(folder) / v) for k, v in {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
                                                      "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}.items()}
        quiet = Path(own["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
        quiet.parent.mkdir(parents=True)
        quiet.write_text('{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}')
        env = {**os.environ, **own, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
               "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
                   "--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={root}", "--ServerApp.allow_root=True", "--LabApp.news_url=None",
                   "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate"]
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=root, env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait(f"http://127.0.0.1:{port}", process, log)
            yield Lab(f"http://127.0.0.1:{port}", root, log)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def open_notebook(page, lab: Lab, name: str) -> None:
    "Open a notebook and wait until its kernel answers"
    page.goto(f"{lab.url}/lab/tree/{name}?reset")
    page.locator(".jp-Notebook").first.wait_for(timeout=60_000)
    page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000)


def run_all(page) -> None:
    "Run every cell; returns when the last has run, and raises what a cell raised"
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    failed = page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
        .flatMap(c => c.cell_type === 'code' ? c.getOutputs() : []).filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`)""")
    assert not failed, failed


def execute(page, code: str) -> str:
    "Run code in the open notebook's kernel, without a cell; gives what it printed"
    ok, text = page.evaluate("""async code => {
        const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        const future = kernel.requestExecute({code, store_history: false});
        let text = '';
        future.onIOPub = m => { if (m.header.msg_type === 'stream') text += m.content.text; };
        const reply = await future.done;
        return [reply.content.status === 'ok', reply.content.status === 'ok' ? text : reply.content.traceback.join('\\n')];
    }""", code)
    assert ok, text
    return text
