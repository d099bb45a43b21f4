"""The frame of a run's page: head, headline, key figures, links, and the sections one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from qkdflow.html import Html, join, tag
from qkdflow.report.sections import SECTIONS
from qkdflow.report.verdicts import compared, headline, percent


def page(report: Mapping[str, Any]) -> str:
    """The whole report.html. Same values, same text."""
    parts = [(title, content) for title, section in SECTIONS.items() if (content := section(report))]
    return document(str(report["dataset"]["name"]), _top(report), parts)


def document(title: str, top: Html, parts: Sequence[tuple[str, Html]]) -> str:
    """A page of titled sections below a top: one file, no script, nothing loaded from elsewhere."""
    links = [tag("a", name, href=f"#{_anchor(name)}") for name, _ in parts]
    sections = [tag("section", tag("h2", name), content, id=_anchor(name)) for name, content in parts]
    head = tag(
        "head",
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{title} · qkdflow"),
        tag("style", Html(files("qkdflow.report").joinpath("style.css").read_text(encoding="utf-8"))),
    )
    body = tag("body", tag("header", top, tag("nav", links)), tag("main", sections))
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _top(report: Mapping[str, Any]) -> Html:
    student, hls = report["student"], report.get("hls") or {}
    version = report["versions"].get("qkdflow", "")
    run = f"seed {report['seed']} · budget {report['budget']} · qkdflow {version}"
    outputs = compared(hls)
    tiles = [
        (percent(student["accuracy_test"]), "%", "accuracy on unseen samples"),
        (f"{student['parameters']:,}", "", f"parameters, {student['nonzero']:,} not zero"),
        (f"{report['compression_ratio']:.2f}", "\N{MULTIPLICATION SIGN}", "smaller than the teacher"),
        (f"{hls['mismatches']:,}", "", f"mismatches in {outputs:,} outputs")
        if outputs
        else ("\N{EM DASH}", "", "HLS code not run"),
    ]
    return join(
        tag("p", tag("span", "qkdflow · ", tag("strong", report["dataset"]["name"])), run, class_="run"),
        tag("h1", headline(report)),
        tag("dl", [_tile(*tile) for tile in tiles], class_="tiles"),
    )


def _tile(number: str, unit: str, what: str) -> Html:
    return tag("div", tag("dt", what), tag("dd", number, tag("small", unit)))
