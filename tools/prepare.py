"Before a commit: export the modules, clean the notebooks, write the README from nbs/index.ipynb"
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter
from notebooks import NBS, ROOT, clean, notebooks, save

BIN = Path(sys.executable).parent


def readme(index: Path = NBS / "index.ipynb") -> str:
    "The index notebook as Markdown, with pictures found from the root"
    nb = nbformat.read(index, 4)
    nb.metadata["language_info"] = {"name": "python"}
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = []       # pictures in the README are files, made by tools/picture.py
    text, _ = MarkdownExporter().from_notebook_node(nb)
    return re.sub(r"\]\((?=images/|tutorials/)", "](nbs/", text).strip().replace("\n\n\n", "\n\n") + "\n"


if __name__ == "__main__":
    subprocess.run([BIN / "nbdev-export"], cwd=ROOT, check=True)
    for path in notebooks():
        save(clean(nbformat.read(path, 4)), path)
    subprocess.run([BIN / "nbdev-clean"], cwd=ROOT, check=True)
    (ROOT / "README.md").write_text(readme(), encoding="utf-8")
    (NBS / "llms.txt").unlink(missing_ok=True)
