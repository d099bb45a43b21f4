"""HTML as a reader and a browser see it: for the tests of reports and cards."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta"}


class Page(HTMLParser):
    """Every tag, attribute and word of a page; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(name, attrs)
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(name)
        self.attributes += [(key, value or "") for key, value in attrs]

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def assert_inert(self) -> None:
        """Nothing runs, and nothing is loaded from anywhere: links lead into the page itself."""
        assert not {"script", "link", "iframe", "img", "object", "embed", "base"} & set(self.tags)
        ids = [value for key, value in self.attributes if key == "id"]
        assert len(ids) == len(set(ids))
        for key, value in self.attributes:
            assert not key.startswith("on")
            if key in ("src", "href", "xlink:href", "action", "srcset", "data"):
                assert value.removeprefix("#") in ids
