"Running, cleaning and rendering notebooks: shared by page.py, execute.py and prepare.py"
import os
import sys
from pathlib import Path

import nbclient
import nbformat

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
KERNEL = {"display_name": "python3", "language": "python", "name": "python3"}
PRIVATE = 'data-terms="private"'      # what the HTML of a private clip's picture bears; a bare image says it in its metadata
LIVE = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json")


def notebooks(folder: Path = NBS) -> list[Path]:
    "Every notebook below `folder`, in reading order"
    return sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def run(path: Path, **environment: str) -> nbformat.NotebookNode:
    "Execute a notebook where it stands, in a fresh kernel of this very Python; the file and this process's environment are left alone"
    nb = nbformat.read(path, 4)
    client = nbclient.NotebookClient(nb, timeout=600, kernel_name="python3", store_widget_state=False, resources={"metadata": {"path": str(path.parent)}})
    client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    return client.execute(env={**os.environ, "PLOTLY_RENDERER": "plotly_mimetype", **environment})


def clean(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    "Keep what a reader sees; drop execution counts, metadata and views of widgets whose kernel is gone"
    nb.metadata = {"kernelspec": dict(KERNEL)}
    for cell in nb.cells:
        cell.metadata = {}
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        cell.outputs = [o for o in cell.outputs if not is_private(o)]      # before the metadata that says so are dropped
        for out in cell.outputs:
            if "execution_count" in out:
                out["execution_count"] = None
            if "metadata" in out:
                out["metadata"] = {}
            for mime in LIVE:
                out.get("data", {}).pop(mime, None)
        cell.outputs = [o for o in cell.outputs if o.get("data", True) and o.get("name") != "stderr"]
    return nb


def is_private(output) -> bool:
    "Does this output show a face that its licence holder has not declared publishable?"
    metadata = output.get("metadata", {})
    told = [metadata, *(m for m in metadata.values() if isinstance(m, dict))]      # of the output, or of one of its images
    return PRIVATE in "".join(output.get("data", {}).get("text/html", "")) or any(m.get("mekit", {}).get("terms") == "private" for m in told)


def save(nb: nbformat.NotebookNode, path: Path) -> None:
    "Write with the indent and the final newline that nbdev uses"
    temporary = path.with_suffix(".ipynb.tmp")
    temporary.write_text(nbformat.writes(nb, indent=1, ensure_ascii=False).rstrip("\n") + "\n", encoding="utf-8")
    temporary.replace(path)
