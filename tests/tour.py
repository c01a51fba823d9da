"""The pictures of docs/tour.md, made anew from the browser tests: `make tour`.

docs/tour.md is the list: every picture that it shows is one that a browser test took (`CREDENCE_SHOTS`), cut to the upper
part of the page and made small. With a folder as argument, pictures that are there already are taken.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
TOUR = ROOT / "docs" / "tour.md"
TESTS = ("journey", "browser_offices", "browser_regulator", "bank_browser", "browser_citizen")
HEIGHT_MAX, COLOURS = 1300, 48


def shown() -> list[str]:
    """The names of the pictures in the tour."""
    return re.findall(r"images/tour/([\w-]+\.png)", TOUR.read_text())


def shrink(source: Path, target: Path) -> None:
    """The upper part of a picture, in few colours."""
    with Image.open(source) as picture:
        part = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, HEIGHT_MAX)))
        if part.width > 1000:  # a desktop's
            part = part.resize((part.width * 3 // 5, part.height * 3 // 5), Image.Resampling.LANCZOS)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def main(folder: str) -> None:
    if not any(Path(folder).iterdir()):
        files = [str(ROOT / "tests" / "web" / f"test_{name}.py") for name in TESTS]
        environ = os.environ | {"CREDENCE_SHOTS": folder}
        subprocess.run([sys.executable, "-m", "pytest", "-q", *files], cwd=ROOT, env=environ, check=True)
    for name in shown():
        shrink(Path(folder) / name, TOUR.parent / "images" / "tour" / name)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as made:
            main(made)
