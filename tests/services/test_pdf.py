"""Papers are PDF/UA, carry their fonts, say things in Chinese, and fetch nothing."""

from __future__ import annotations

import pytest

from app.core.errors import FormatError
from app.services import pdf
from tests.papers import needs_pdf, read

pytestmark = needs_pdf()
HEAD = '<!doctype html><html lang="zh-Hans"><title>信用评分 Score</title>'


def test_a_paper_is_tagged_named_and_carries_its_fonts():
    rows = "<thead><tr><th>条目</th><th>Points</th></tr></thead><tbody><tr><td>按时还款</td><td>120</td></tr></tbody>"
    paper = read(pdf.render(f"{HEAD}<h1>您的信用评分</h1><p>Advisory, 640 of 850.</p><table>{rows}</table>"))
    lines = paper.text.splitlines()
    assert lines[:1] == ["您的信用评分"]
    assert "Advisory, 640 of 850." in lines
    assert {"条目", "Points", "按时还款", "120", "1 / 1"} <= set(lines)
    assert all(size > 1000 for size in paper.fonts.values())
    assert paper.fonts
    assert 'pdfuaid:part="1"' in paper.metadata
    assert "信用评分 Score" in paper.metadata
    for part in ("/StructTreeRoot", "/Marked true", "/DisplayDocTitle true", "/Lang (zh-Hans)"):
        assert part in paper.catalog, part


@pytest.mark.parametrize(
    "asking",
    [
        '<img src="http://127.0.0.1:1/x.png">',
        '<img src="file:///etc/hostname">',
        "<style>@import url(https://example.org/x.css)</style>",
        '<p style="background: url(ftp://example.org/x)">x',
        '<link rel="stylesheet" href="https://example.org/x.css">',
    ],
)
def test_a_paper_that_asks_for_something_outside_is_refused(asking):
    with pytest.raises(FormatError, match="stands alone"):
        pdf.render(f"{HEAD}{asking}")


def test_pictures_stand_in_the_paper_itself():
    dot = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB9HFkpgAAAABJRU5ErkJggg=="
    drawing = '<svg width="40" height="10" viewBox="0 0 4 1" role="img" aria-label="x"><rect width="4" height="1"/></svg>'
    assert read(pdf.render(f'{HEAD}{drawing}<img src="{dot}" alt="dot"><p>信')).pages == 1


def test_a_machine_without_a_chinese_font_says_which_line_brings_one(tmp_path):
    """In a process of its own, whose fontconfig knows DejaVu alone; what needs no Chinese is drawn all the same."""
    import os
    import subprocess
    import sys
    from pathlib import Path

    folder = Path("/usr/share/fonts/truetype/dejavu")
    if not folder.exists():
        pytest.skip("no DejaVu on this machine")
    (tmp_path / "fonts.conf").write_text(
        f"<fontconfig><dir>{folder}</dir><cachedir>{tmp_path}</cachedir></fontconfig>"
    )
    code = (
        "from app.services import pdf\n"
        "pdf.render('<html lang=en><title>x</title>Advisory \\U0001f600')\n"
        "try:\n    pdf.render('<html lang=zh><title>x</title>信')\n"
        "except pdf.PdfUnavailableError as error:\n    print(error)\n"
    )
    environment = os.environ | {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith(pdf.FONTS)
