"""The picture of the line in README.md: `python docs/picture.py` writes docs/line.svg.

Words stand in boxes of their own colour, and strokes are of a middle grey: it can be read on white and on black.
"""

from __future__ import annotations

from pathlib import Path

from qkdflow.html import Html, tag

OUT = Path(__file__).parent / "line.svg"
BLUE, ORANGE, GREEN, SLATE, STROKE = "#2a659b", "#9c4a0b", "#1c7350", "#57606a", "#808890"
BOX, GAP, HEIGHT, MARGIN = 180, 18, 62, 4

LINE = (  # the functions of qkdflow.stages, with what each of them does
    ("dataset", "raw counts, cut in three", BLUE),
    ("search_teacher", "Bayesian optimisation", BLUE),
    ("train_teacher", "float32", BLUE),
    ("search_student", "widths, rate, T, alpha", ORANGE),
    ("train_student", "quantised, pruned, distilled", ORANGE),
    ("freeze", "integers, fixed-point types", GREEN),
    ("write_hls", "an hls4ml project", GREEN),
    ("build_overlay", "Tcl, driver, test vectors", GREEN),
    ("assess", "a board, simulated or real", GREEN),
)
LADDER = (
    ("quantised network", "evaluated in float64"),
    ("integers", "C++ emulator"),
    ("C simulation", "hls4ml's code, g++"),
    ("Verilog", "Verilator, dense students"),
    ("drivers", "on a simulated board"),
)
ROW = 5  # boxes
WIDTH = ROW * (BOX + GAP) - GAP + 2 * MARGIN


def picture() -> str:
    """The whole SVG; the same text each time."""
    parts = []
    for i, (name, what, colour) in enumerate(LINE):
        x, y = _place(i)
        parts.append(_box(x, y, name, what, colour, "ui-monospace,Menlo,Consolas,monospace"))
        if i + 1 < len(LINE):
            parts.append(_turn(x, y) if i == ROW - 1 else _arrow(x + BOX, y + HEIGHT // 2))
    top = _place(2 * ROW)[1] + 26
    parts.append(
        _words(WIDTH // 2, top - 12, "every logit of the whole test part must be the same, bit for bit", 14, STROKE)
    )
    for i, (name, what) in enumerate(LADDER):
        x = _place(i)[0]
        parts.append(_box(x, top, name, what, SLATE, "system-ui,sans-serif"))
        if i + 1 < len(LADDER):
            parts.append(_words(x + BOX + GAP // 2, top + HEIGHT // 2 + 7, "=", 22, STROKE))
    says = "The line: " + ", ".join(name for name, _, _ in LINE) + ". Each rung below is compared with the one before."
    body = tag(
        "svg",
        tag("title", says),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {top + HEIGHT + MARGIN}",
        role="img",
    )
    return f"{body}\n"


def _place(i: int) -> tuple[int, int]:
    return MARGIN + i % ROW * (BOX + GAP), MARGIN + i // ROW * (HEIGHT + 44)


def _box(x: int, y: int, name: str, what: str, colour: str, font: str) -> Html:
    frame = tag("rect", x=str(x), y=str(y), width=str(BOX), height=str(HEIGHT), rx="8", fill=colour)
    middle = x + BOX // 2
    title = _words(middle, y + 27, name, 15, "#ffffff", font, "600")
    return tag("g", frame, title, _words(middle, y + 47, what, 12.5, "#ffffff"))


def _words(
    x: int, y: int, text: str, size: float, colour: str, font: str = "system-ui,sans-serif", weight: str = "400"
) -> Html:
    return tag(
        "text",
        text,
        x=str(x),
        y=str(y),
        fill=colour,
        font_size=f"{size:g}",
        font_family=font,
        font_weight=weight,
        text_anchor="middle",
    )


def _arrow(x: int, y: int) -> Html:
    line = tag("path", d=f"M{x + 3} {y}H{x + GAP - 6}", stroke=STROKE, stroke_width="2", fill="none")
    return tag("g", line, _head(x + GAP - 4, y, "-7 -5v10z"))


def _turn(x: int, y: int) -> Html:
    """From the right end of a row to the left end of the next."""
    start, end, below = x + BOX // 2, _place(ROW)[0] + BOX // 2, y + HEIGHT
    line = tag("path", d=f"M{start} {below + 3}v17H{end}v14", stroke=STROKE, stroke_width="2", fill="none")
    return tag("g", line, _head(end, below + 42, "-5 -8h10z"))


def _head(x: int, y: int, rest: str) -> Html:
    return tag("path", d=f"M{x} {y}l{rest}", fill=STROKE)


if __name__ == "__main__":
    OUT.write_text(picture(), encoding="utf-8")
    print(OUT)
