"""HTML that is escaped by construction: text becomes markup only through `tag`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]


def tag(name: str, *children: Child, **attributes: str | None) -> Html:
    """<name attributes>children</name>. Text is escaped, lists are flattened, None is nothing.

    `class_` is class; other underscores are hyphens.
    """
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{head}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """The children one after the other."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, (str, int)):
            parts.append(html.escape(_printable(str(child))))
        else:
            parts.append(join(*child))
    return Html("".join(parts))


def _printable(text: str) -> str:
    """Control characters are not allowed in HTML, whatever a name holds."""
    return "".join(c if c.isprintable() or c in " \n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def table(head: Sequence[Child], rows: Iterable[Sequence[Child]], numeric: Iterable[int] = ()) -> Html:
    """A table; the columns `numeric` are set flush right in figures of one width, so that decimals align."""
    right = set(numeric)

    def cells(kind: str, row: Sequence[Child]) -> list[Html]:
        return [tag(kind, cell, class_="n" if i in right else None) for i, cell in enumerate(row)]

    return scroll(
        tag(
            "table",
            tag("thead", tag("tr", cells("th", head))),
            tag("tbody", [tag("tr", cells("td", row)) for row in rows]),
        )
    )


def scroll(content: Html) -> Html:
    """Content that scrolls by itself where the page is too narrow for it."""
    return tag("div", content, class_="scroll")


def figure(name: str, svg: str, caption: Child, *, wide: bool = True) -> Html:
    """A drawing with its caption; `name` is what a screen reader says."""
    image = tag("div", Html(svg), role="img", aria_label=name, class_="scroll wide" if wide else "scroll")
    return tag("figure", image, tag("figcaption", caption) if caption else None)


def fixed_type(ap_type: str | None) -> Html | None:
    """ "ap_fixed<8,1,AP_RND,AP_SAT>" as ap_fixed<8,1> and, smaller, RND SAT."""
    if ap_type is None:
        return None
    numbers, modes = ap_type.rstrip(">").split(",")[:2], ap_type.rstrip(">").split(",")[2:]
    small = " ".join(mode.removeprefix("AP_") for mode in modes)
    return join(tag("code", ",".join(numbers) + ">"), tag("small", " ", small))
