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
    text, _ = MarkdownExporter().from_notebook_node(nbformat.read(index, 4))
    return re.sub(r"\]\((?=images/)", "](nbs/", re.sub(r'src="images/', 'src="nbs/images/', text)).strip() + "\n"


if __name__ == "__main__":
    subprocess.run([BIN / "nbdev-export"], cwd=ROOT, check=True)
    for path in notebooks():
        save(clean(nbformat.read(path, 4)), path)
    subprocess.run([BIN / "nbdev-clean"], cwd=ROOT, check=True)
    (ROOT / "README.md").write_text(readme(), encoding="utf-8")
    (NBS / "llms.txt").unlink(missing_ok=True)
