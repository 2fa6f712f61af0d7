"Package metadata: everything is read from settings.ini, the one source of name, version and requirements"
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
meta = config["DEFAULT"]


def lines(name: str) -> list[str]:
    "The requirements under `name`, one a line"
    return [line.strip() for line in meta.get(name, "").splitlines() if line.strip()]


setup(
    name=meta["name"],
    version=meta["version"],
    description=meta["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=meta["author"],
    license=meta["license"],
    keywords=meta["keywords"].split(),
    python_requires=f">={meta['min_python']}",
    packages=find_packages(include=["mekit", "mekit.*"]),
    package_data={"mekit": ["weights/*.safetensors", "widgets/static/*.js", "widgets/static/*.css"]},
    install_requires=lines("requirements"),
    extras_require={name: lines(f"{name}_requirements") for name in ("lab", "landmarks", "cluster", "classical", "dev")},
    classifiers=["Programming Language :: Python :: 3", "Topic :: Scientific/Engineering :: Image Recognition"],
    zip_safe=False,
)
