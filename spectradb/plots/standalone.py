"""A figure as an SVG file of its own, with the light theme's colours written in."""

from __future__ import annotations

from django.utils.html import escape

from spectradb.plots.figure import Figure
from spectradb.plots.svg import draw, plain, rich

_STYLE = """
text{font:13px "Source Sans 3","Noto Sans",sans-serif;fill:#46585f}text.title{fill:#10222b}
path{fill:none}.grid{stroke:#e3e9eb}.box,.zero{stroke:#7e8e96}
.marker{stroke:#5d6e76;stroke-dasharray:2 3}
.c{stroke-width:2.4;stroke-linejoin:round}.thin{stroke-width:1.2}
.dots{stroke-width:4.8;stroke-linecap:round}
.hair{stroke-width:.8;opacity:.7}.stick{stroke:#10222b;stroke-width:1.4}
.peak{stroke-width:1.2;fill-opacity:.1}
.dash{stroke-dasharray:8 5}.dot{stroke-dasharray:2 4}.dashdot{stroke-dasharray:8 4 2 4}
.k-s1{stroke:#0068b0}.k-s2{stroke:#d55e00}.k-s3{stroke:#2a8a50}.k-s4{stroke:#b0508a}.k-s5{stroke:#6b4a00}
.k-s6,.k-ink{stroke:#10222b}.f-s1{fill:#0068b0}.f-s2{fill:#d55e00}.f-s3{fill:#2a8a50}
.b1{fill-opacity:.22}.b2{fill-opacity:.12}
"""


def standalone(figure: Figure, title: str, *, width: int = 900, height: int = 520) -> str:
    """The figure with margins, styles and a title, as UTF-8 text for a file.

    The title may be in the plots' own markup (:func:`spectradb.plots.svg.rich`).
    """
    left, right, top, bottom = 80, 24 if not figure.named else 140, 44, 58
    inner = draw(figure).replace(
        '<svg class="fig" aria-hidden="true" focusable="false">',
        f'<svg x="{left}" y="{top}" width="{width - left - right}"'
        f' height="{height - top - bottom}" overflow="visible">',
        1,
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}"><title>{escape(plain(title))}</title>'
        f"<style>{_STYLE}</style>"
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text class="title" x="{left}" y="28">{rich(title)}</text>{inner}</svg>'
    )
