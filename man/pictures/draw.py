"""What a terminal shows, as an SVG: lines with colours as `tmux capture-pane -e` prints them, on standard input.

usage: draw.py TITLE >FILE
"""
import re, sys
from html import escape

TEXT, GROUND, DIM = "#d4d7dd", "#16181d", "#7b828e"
COLOURS = ["#5c6370", "#f07178", "#a5d06f", "#e6c36a", "#6fb1f5", "#d08ee8", "#62c8d0", TEXT]
WIDTH, HEIGHT, MARGIN, BAR = 8.4, 19, 16, 34  # of a character; around the text; of the title's bar


def styles(codes, style):
    """The style behind a sequence of SGR codes (ECMA-48, 8.3.117)."""
    for code in [int(c or 0) for c in codes.split(";")]:
        if code == 0:
            style = {}
        elif code in (1, 2):
            style = {**style, "bold" if code == 1 else "dim": True}
        elif 30 <= code <= 37:
            style = {**style, "colour": COLOURS[code - 30]}
        elif code == 39:
            style = {k: v for k, v in style.items() if k != "colour"}
    return style


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width = int(max(map(len, plain)) * WIDTH + 2 * MARGIN)
    height = BAR + len(lines) * HEIGHT + 2 * MARGIN - 4
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">')
    print(f"<title>{escape(sys.argv[1])}</title>")
    print(f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>')
    for i, colour in enumerate(("#f07178", "#e6c36a", "#a5d06f")):
        print(f'<circle cx="{20 + 18 * i}" cy="{BAR / 2 + 2}" r="5.5" fill="{colour}"/>')
    print(f'<text x="{width / 2}" y="{BAR / 2 + 6}" fill="{DIM}" text-anchor="middle" font-family="sans-serif" font-size="13">{escape(sys.argv[1])}</text>')
    print(f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" fill="{TEXT}" xml:space="preserve">')
    style = {}
    for row, line in enumerate(lines):
        column = 0
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            if part.startswith("\x1b"):
                style = styles(part[2:-1], style)
            elif part:
                fill = style.get("colour", DIM if style.get("dim") else None)
                look = (f' fill="{fill}"' if fill else "") + (' font-weight="bold"' if style.get("bold") else "")
                x, y = MARGIN + column * WIDTH, BAR + MARGIN + row * HEIGHT + 10
                print(f'<text x="{x:.1f}" y="{y}" textLength="{len(part) * WIDTH:.1f}"{look}>{escape(part)}</text>')
                column += len(part)
    print("</g>\n</svg>")


main()
