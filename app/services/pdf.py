"""Papers: a page of HTML becomes a PDF that a screen reader can read and that anybody can print.

    pdf.render('<!doctype html><html lang="zh-Hans"><title>信用报告</title><body><h1>信用报告</h1>...')   # bytes

The PDF conforms to PDF/UA-1 (tagged, with language and title), and carries the part of each font that it uses, Chinese ones
too. Nothing is fetched while it is made: a picture stands in the document itself (inline SVG, `data:`), and any other
address ends the rendering. `BASE_CSS` lays out A4 pages with plain tables; a document's own rules come behind it.

WeasyPrint draws with Debian's Pango and the fonts of the machine. Where they are missing, PdfUnavailableError says how to get
them; who can offer text instead, does. The library is imported for the first paper, so that nobody else waits for it.

Source: ISO 14289-1 (PDF/UA-1); CSS Paged Media 3; WeasyPrint's manual, "Access to external resources".
"""

from __future__ import annotations

import contextlib
import io
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from app.core.errors import FormatError, RefusedError

if TYPE_CHECKING:
    from types import ModuleType

LIBRARIES = "apt-get install -y libpangoft2-1.0-0 libharfbuzz-subset0"
FONTS = "apt-get install -y fonts-wqy-microhei"
_IDEOGRAPHS = range(0x4E00, 0xA000)
_drawing = threading.Lock()  # Pango shares its font map between threads

BASE_CSS = """
@page { size: A4; margin: 22mm 20mm 20mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8.5pt } }
html { font-family: "Noto Sans", "Noto Sans CJK SC", "WenQuanYi Micro Hei", "Liberation Sans", "DejaVu Sans", sans-serif;
  font-size: 10.5pt; line-height: 1.5; color: #111; overflow-wrap: anywhere }
h1 { font-size: 18pt; line-height: 1.25; margin: 0 0 5mm }
h2 { font-size: 12.5pt; margin: 7mm 0 2mm; break-after: avoid }
p { margin: 0 0 3mm }
ul, ol { margin: 0 0 3mm; padding-left: 6mm }
table { width: 100%; border-collapse: collapse; margin: 0 0 4mm }
th, td { text-align: left; vertical-align: top; padding: 1.4mm 3mm 1.4mm 0; border-bottom: 0.3pt solid #888;
  font-weight: normal }
thead th { font-weight: bold }
tr { break-inside: avoid }
dl { margin: 0 0 4mm }
dt { font-weight: bold }
dd { margin: 0 0 1.5mm }
.quiet { color: #444; font-size: 9pt }
.hash { font-family: "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: 8pt }
"""


class PdfUnavailableError(RefusedError):
    """No PDF can be drawn on this machine; the sentence has the line that changes it."""

    code = "pdf-unavailable"


def render(html: str, css: str = "") -> bytes:
    """A PDF/UA-1 document of a whole page of HTML, which has `<html lang>` and `<title>`; `css` comes behind BASE_CSS.

    Raises FormatError when the page asks for something outside of itself, PdfUnavailableError.
    """
    weasyprint = _library()
    from weasyprint.urls import FatalURLFetchingError  # noqa: PLC0415 - see above

    with _drawing:
        sheets = [weasyprint.CSS(string=BASE_CSS), weasyprint.CSS(string=css)]
        page = weasyprint.HTML(string=html, url_fetcher=_fetcher())
        try:
            document = page.render(stylesheets=sheets, pdf_variant="pdf/ua-1")
            drawn: bytes = document.write_pdf(pdf_variant="pdf/ua-1", pdf_tags=True)
        except FatalURLFetchingError as error:
            raise FormatError(str(error)) from None
        assert document.metadata.title, "a paper says what it is"
        assert document.metadata.lang, "a paper says in which language it is"
        _check_fonts(document.fonts.values())
    return drawn


def _library() -> ModuleType:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a manual when something is missing
            import weasyprint  # noqa: PLC0415 - see above
    except OSError as error:  # a library that it loads by name is not there
        raise PdfUnavailableError(f"PDFs need Debian's Pango ({error}): {LIBRARIES}") from None
    return weasyprint  # type: ignore[no-any-return]


def _fetcher() -> Any:
    """Reads `data:` addresses and refuses all others: a paper must not reach the network, nor files of this machine."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: PLC0415 - see above

    class Refusing(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
            if url.startswith("data:"):
                return super().fetch(url, headers)
            return refuse(url)

    def refuse(url: str) -> NoReturn:
        raise FatalURLFetchingError(f"a paper stands alone, and this one asks for {url[:200]!r}")

    return Refusing()


def _check_fonts(fonts: Any) -> None:
    """Raises PdfUnavailableError when no font drew Chinese and some was wanted. A rare character alone is no reason."""
    drawn = missing = False
    for font in fonts:
        missing |= any(codepoint in _IDEOGRAPHS for codepoint in font.missing)
        glyphs = font.to_unicode.keys() - font.missing.values()
        drawn |= any(ord(each) in _IDEOGRAPHS for glyph in glyphs for each in font.to_unicode[glyph])
    if missing and not drawn:
        raise PdfUnavailableError(f"PDFs in Chinese need a font with Chinese characters: {FONTS}")
