"""What HLS left in a folder: which files, which top module, which ports, what HLS itself said of its clocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from qkdflow.errors import ConfigError

FOLDERS = ("syn/verilog", "hdl/verilog", "impl/verilog")  # of a solution, or of an exported IP
MARK = re.compile(r"CORE_GENERATION_INFO\s*=\s*\"([^\"]*)\"")
MODULE = re.compile(r"^\s*module\s+(\w+)", re.MULTILINE)
PORT = re.compile(
    r"^\s*(input|output)\s+(?:wire\s+|reg\s+)?(?:signed\s+)?(\[[^\]]*\]\s*)?([\w\s,]+?)\s*[;,)]", re.MULTILINE
)
TABLE = re.compile(r"\$readmem[hb]\s*\(\s*\"([^\"]+)\"")
INCLUDE = re.compile(r"^\s*`include\s+\"([^\"]+)\"", re.MULTILINE)


@dataclass(frozen=True)
class Ports:
    """Widths in bits by name, in the order of the file; None for a width that is not plain numbers."""

    inputs: dict[str, int | None]
    outputs: dict[str, int | None]


@dataclass(frozen=True)
class Design:
    """latency_clk and ii: what HLS said, None where it could not."""

    folder: Path
    top: str
    sources: tuple[Path, ...]
    ports: Ports
    latency_clk: int | None
    ii: int | None


def find_design(folder: str | Path, top: str | None = None) -> Design:
    """The design in a folder of Verilog, or in the one below that HLS writes it into. Raises ConfigError."""
    where = _verilog_folder(Path(folder))
    sources = tuple(sorted(where.glob("*.v")))
    texts = {path: path.read_text("utf-8", "replace") for path in sources}
    missing = sorted({name for text in texts.values() for name in TABLE.findall(text) if not (where / name).is_file()})
    if missing:
        # Verilog only warns of it, and computes with zeros.
        raise ConfigError(
            f"[vendor rtl] {where} must hold every table its modules read; missing: {', '.join(missing)}. "
            "Copy the .dat files too"
        )
    path = _top(texts, top, where)
    about = MARK.search(texts[path])
    said = dict(item.split("=", 1) for item in about.group(1).strip("}").split(",") if "=" in item) if about else {}
    name = top or _modules(texts[path], path.stem)
    ports = _ports(_body(texts[path], name))
    return Design(where, name, sources, ports, _number(said.get("HLS_SYN_LAT")), _number(said.get("HLS_SYN_TPT")))


def _verilog_folder(folder: Path) -> Path:
    if any(folder.glob("*.v")):
        return folder
    for inner in FOLDERS:
        found = sorted({path.parent for path in folder.rglob(f"{inner}/*.v")})
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(
                f"[vendor rtl] one design is required; {folder} holds {', '.join(str(f) for f in found)}. Name one"
            )
    raise ConfigError(
        f"[vendor rtl] a folder with .v files, or one with {', '.join(FOLDERS)} below it, is required; got {folder}"
    )


def _top(texts: dict[Path, str], top: str | None, where: Path) -> Path:
    if top is not None:
        found = [path for path, text in texts.items() if top in MODULE.findall(text)]
        if not found:
            raise ConfigError(f"[vendor rtl] a module {top} is required in {where}; there is none")
        return found[0]
    marked = [path for path, text in texts.items() if MARK.search(text)]
    if len(marked) == 1:
        return marked[0]
    named = {path.stem: path for path in texts}
    roots = [
        path
        for name, path in named.items()
        if not any(re.search(rf"\b{name}\b", text) for other, text in texts.items() if other != path)
    ]
    if len(roots) != 1:
        raise ConfigError(
            f"[vendor rtl] one top module is required in {where}; found {', '.join(p.stem for p in roots) or 'none'}. "
            "Name it"
        )
    return roots[0]


def _modules(text: str, stem: str) -> str:
    names = MODULE.findall(text)
    return stem if stem in names or not names else names[0]


def _body(text: str, module: str) -> str:
    """A module's text, without comments."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    found = re.search(rf"^\s*module\s+{module}\b.*?^\s*endmodule", text, re.MULTILINE | re.DOTALL)
    return found.group(0) if found else text


def _ports(body: str) -> Ports:
    ports = Ports({}, {})
    for direction, span, names in PORT.findall(body):
        numbers = re.fullmatch(r"\[\s*(\d+)\s*(?:-\s*1\s*)?:\s*0\s*\]\s*", span)
        width = 1 if not span else int(numbers.group(1)) + (0 if "-" in span else 1) if numbers else None
        side = ports.inputs if direction == "input" else ports.outputs
        for name in re.split(r"[\s,]+", names):
            side[name] = width
    return ports


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d+", text) else None
