"""A reader of the PDFs that we make: their text, fonts and catalogue, by rules of its own.

    paper = read(pdf)
    paper.text           what a screen reader or a search would find, in the order of drawing
    paper.fonts          {"ABCDEF+Noto-Sans": size of the embedded font in bytes}
    paper.catalog, paper.metadata

It knows what WeasyPrint writes (objects, also in object streams, Flate, text as glyph numbers with ToUnicode) and nothing else.

Source: ISO 32000-1, 7.3 and 7.5.7 (objects), 9.10.3 (ToUnicode).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import pytest

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"\nstream\n(.*)\nendstream", re.DOTALL)


@dataclass(frozen=True)
class Paper:
    text: str
    fonts: dict[str, int]
    catalog: str
    metadata: str
    pages: int


def needs_pdf():
    """A mark for tests that draw: without Debian's Pango and a Chinese font they are skipped and say so."""
    from app.services import pdf

    try:
        pdf.render("<html lang=zh><title>x</title>信")
    except pdf.PdfUnavailableError as error:
        return pytest.mark.skip(reason=f"{error}; tests/tools.sh does it")
    return pytest.mark.skipif(False, reason="")


def read(pdf: bytes) -> Paper:
    objects = _objects(pdf)
    maps, fonts = {}, {}
    for body in objects.values():
        if b"/ToUnicode" in body:
            hash_, name = re.search(rb"/BaseFont /(([A-Z]{6})\+[^\s/]+)", body).group(2, 1)
            maps[hash_] = _glyphs(_inflate(objects[_reference(body, b"ToUnicode")]))
            descendant = objects[int(re.search(rb"/DescendantFonts \[(\d+) 0 R", body)[1])]
            descriptor = objects[_reference(descendant, b"FontDescriptor")]
            file = re.search(rb"/FontFile[23]? (\d+) 0 R", descriptor)
            fonts[name.decode()] = len(_inflate(objects[int(file[1])])) if file else 0
    catalog = next(body for body in objects.values() if b"/Type /Catalog" in body)
    pages = [body for body in objects.values() if re.search(rb"/Type /Page\b", body)]
    drawn = [_inflate(objects[_reference(page, b"Contents")]) for page in pages]
    metadata = _inflate(objects[_reference(catalog, b"Metadata")]).decode()
    text = "\n".join(_text(each, maps) for each in drawn)
    return Paper(text, fonts, catalog.decode("latin-1"), metadata, len(pages))


def _objects(pdf: bytes) -> dict[int, bytes]:
    """By number, those that stand alone and those in object streams."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    for body in [body for body in objects.values() if re.search(rb"/Type ?/ObjStm", body)]:
        data, first = _inflate(body), int(re.search(rb"/First (\d+)", body)[1])
        numbers = [int(each) for each in data[:first].split()]
        ends = [*numbers[3::2], len(data) - first]
        for number, start, end in zip(numbers[::2], numbers[1::2], ends, strict=True):
            objects[number] = data[first + start : first + end]
    return objects


def _reference(body: bytes, name: bytes) -> int:
    return int(re.search(rb"/%s \[?(\d+) 0 R" % name, body)[1])


def _inflate(body: bytes) -> bytes:
    data = _STREAM.search(body)[1]
    return zlib.decompress(data) if b"/FlateDecode" in body else data


def _glyphs(cmap: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9a-fA-F]{4})> <([0-9a-fA-F]+)>", cmap)
    return {int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in pairs}


def _text(drawn: bytes, maps: dict[bytes, dict[int, str]]) -> str:
    """Lines are what begins with a text matrix of its own; spaces are glyphs too."""
    font: dict[int, str] = {}
    lines = [""]
    for operator in re.finditer(rb"/([A-Z]{6}) [\d.]+ Tf|(\[.*?\]) TJ|(\bBT\b)", drawn):
        name, shown, begins = operator.groups()
        if name:
            font = maps[name]
        elif begins:
            lines.append("")
        else:
            glyphs = b"".join(re.findall(rb"<([0-9a-f]*)>", shown)).decode()
            lines[-1] += "".join(
                font.get(int(glyphs[i : i + 4], 16), "\ufffd") for i in range(0, len(glyphs), 4)
            )
    return "\n".join(line for line in lines if line)
