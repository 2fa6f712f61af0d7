"Text of the JavaScript and CSS files that travel with the package"
from pathlib import Path

from mekit.core import MekitError

STATIC = Path(__file__).parent / "widgets" / "static"


def asset(name: str) -> str:
    "The text of mekit/widgets/static/`name`"
    path = STATIC / name
    if not path.is_file():
        raise MekitError(f"asset: expected the file {path}, received none. The installation is incomplete: reinstall mekit.")
    return path.read_text(encoding="utf-8")
