"""A model of the vendors' Tcl commands: it runs a script and refuses what they would.

The commands' options and the IPs' pins, and where they are from, are in vendor_commands.toml. What it knows beyond
them: the order of HLS's commands, which pins exist and are driven, that buses join a master to a slave, that addresses
do not overlap.
"""

from __future__ import annotations

import sys
import tkinter
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).with_name("vendor_commands.toml")).read_text())
COMMON = {"-quiet", "-verbose"}


class Refused(Exception):
    """What the tool would say."""


class Tool:
    """An interpreter with one tool's commands; `run` a script. Subclasses say what the commands do."""

    name: str

    def __init__(self) -> None:
        self.tcl = tkinter.Tcl()
        self.log: list[tuple[str, dict[str, Any], list[str]]] = []
        self._complaint: str | None = None
        for command in TABLE[self.name]:
            self.tcl.createcommand(command, lambda *words, c=command: self._call(c, words))
        self.tcl.createcommand("exit", lambda *_: "")

    def run(self, script: Path) -> None:
        """Raises Refused with the first complaint."""
        if not self.tcl.getboolean(self.tcl.call("info", "complete", script.read_text())):
            raise Refused("unbalanced braces, brackets or quotes")
        try:
            self.tcl.call("source", str(script))
        except tkinter.TclError as error:
            raise Refused(self._complaint or str(error)) from error
        self.finish()

    def finish(self) -> None:
        """What must hold at the script's end."""

    def _call(self, command: str, words: tuple[Any, ...]) -> str:
        try:
            options, positional = self._options(command, [str(w) for w in words])
            self.log.append((command, options, positional))
            action = getattr(self, command, None)
            return str(action(options, positional) or "") if action else ""
        except Refused as refused:
            self._complaint = str(refused)
            raise

    def _options(self, command: str, words: list[str]) -> tuple[dict[str, Any], list[str]]:
        known = TABLE[self.name][command]
        options, positional = dict[str, Any](), list[str]()
        at = 0
        while at < len(words):
            word = words[at]
            if word in known.get("flags", []) or (self.name == "vivado" and word in COMMON):
                options[word] = True
            elif word in known.get("options", []):
                at += 1
                if at == len(words):
                    raise Refused(f"{command} {word} needs a value")
                options[word] = words[at]
            elif word.startswith("-") and not word[1:2].isdigit():
                raise Refused(f"{command} has no option {word}")
            else:
                positional.append(word)
            at += 1
        least, most = known["positional"]
        if not least <= len(positional) <= most:
            raise Refused(f"{command} takes {least} to {most} arguments; got {len(positional)}")
        for needed in known.get("required", []):
            if needed not in options:
                raise Refused(f"{command} needs {needed}")
        return options, positional

    def words(self, text: str) -> list[str]:
        return [str(w) for w in self.tcl.splitlist(text)]


class Hls(Tool):
    """Vivado HLS or Vitis HLS: a project, a solution in it, a part and a clock, then synthesis, then export."""

    def __init__(self, name: str, here: Path) -> None:
        self.name, self.here, self.done = name, here, list[str]()
        super().__init__()

    def _after(self, command: str, *needed: str) -> None:
        for earlier in needed:
            if earlier not in self.done:
                raise Refused(f"{command} comes after {earlier}")
        self.done.append(command)

    def open_project(self, *_: Any) -> None:
        self._after("open_project")

    def set_top(self, *_: Any) -> None:
        self._after("set_top", "open_project")

    def add_files(self, options: Any, files: list[str]) -> None:
        self._after("add_files", "open_project")
        if not Path(files[0]).exists():
            raise Refused(f"add_files: no file {files[0]}")

    def open_solution(self, *_: Any) -> None:
        self._after("open_solution", "open_project")

    def set_part(self, *_: Any) -> None:
        self._after("set_part", "open_solution")

    def create_clock(self, *_: Any) -> None:
        self._after("create_clock", "open_solution")

    def csynth_design(self, *_: Any) -> None:
        self._after("csynth_design", "set_top", "add_files", "set_part", "create_clock")

    def export_design(self, options: dict[str, str], _: Any) -> None:
        self._after("export_design", "csynth_design")
        if options.get("-format") not in ("ip_catalog", "syn_dcp", "sysgen", "xo"):
            raise Refused(f"export_design has no format {options.get('-format')}")

    def finish(self) -> None:
        if "export_design" not in self.done:
            raise Refused("nothing was exported")


class Vivado(Tool):
    """A project with a block design. boards: names in installed board files; hls: the IP that build_hls made."""

    name = "vivado"

    def __init__(self, hls: str, streams: bool, control: bool, boards: tuple[str, ...]) -> None:
        self.ips = dict(TABLE["ips"])
        stream = {"masters": ["results"], "slaves": ["samples"]} if streams else {"slaves": []}
        own = {**stream, "clocks": ["ap_clk"], "resets": ["ap_rst_n"]}
        if control:
            own = {**own, "slaves": [*own["slaves"], "s_axi_control"], "segments": ["s_axi_control/Reg"]}
        self.ips[f"qkdflow:hls:{hls}:1.0"] = own
        self.ips["module:comblock_stream"] = {
            "masters": ["samples"],
            "slaves": ["results"],
            "clocks": ["clk"],
            "resets": ["resetn"],
            "inputs": ["hold", "fifo_data", "fifo_valid", "fifo_empty", "fifo_full"],
            "outputs": ["network_resetn", "fifo_re", "fifo_write_data", "fifo_we"],
        }
        self.boards = boards
        self.cells: dict[str, str] = {}
        self.parameters: dict[str, dict[str, str]] = {}
        self.driven: set[str] = set()
        self.joined: dict[str, str] = {}
        self.segments: dict[str, list[tuple[int, int, str]]] = {}
        self.done: list[str] = []
        super().__init__()

    def _ip(self, cell: str) -> dict[str, Any]:
        if cell not in self.cells:
            raise Refused(f"no cell {cell}")
        ip: dict[str, Any] = self.ips[self.cells[cell]]
        return ip

    def create_project(self, options: dict[str, str], _: Any) -> None:
        if "-part" not in options:
            raise Refused("create_project: a part is wanted here")
        self.done.append("create_project")

    def current_project(self, *_: Any) -> str:
        if "create_project" not in self.done:
            raise Refused("no open project")
        return "project"

    def get_board_parts(self, _: Any, patterns: list[str]) -> str:
        return " ".join(b for b in self.boards if any(fnmatch(b, p) for p in patterns))

    def get_ipdefs(self, _: Any, patterns: list[str]) -> str:
        if "update_ip_catalog" not in self.done:
            raise Refused("the catalogue does not know the repository yet")
        return " ".join(ip for ip in self.ips if any(fnmatch(ip, p) for p in patterns))

    def update_ip_catalog(self, *_: Any) -> None:
        self.done.append("update_ip_catalog")

    def create_bd_design(self, _: Any, names: list[str]) -> None:
        self.current_project()
        self.done.append("create_bd_design")

    def create_bd_cell(self, options: dict[str, str], names: list[str]) -> str:
        if "create_bd_design" not in self.done:
            raise Refused("no open block design")
        vlnv = f"module:{options.get('-reference')}" if options.get("-type") == "module" else options.get("-vlnv", "")
        if vlnv not in self.ips:
            raise Refused(f"no IP {vlnv}")
        if names[0] in self.cells:
            raise Refused(f"a cell {names[0]} is there already")
        self.cells[names[0]], self.parameters[names[0]] = vlnv, {}
        return names[0]

    def set_property(self, options: dict[str, str], words: list[str]) -> None:
        if "-dict" not in options:
            if len(words) != 3:
                raise Refused("set_property takes a name, a value and objects")
            return
        pairs, cell = self.words(options["-dict"]), words[0]
        if len(pairs) % 2:
            raise Refused("set_property -dict takes pairs")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            name = key.removeprefix("CONFIG.")
            if name not in self._ip(cell).get("parameters", []):
                raise Refused(f"{self.cells[cell]} has no parameter {name}")
            self.parameters[cell][name] = value

    def get_bd_cells(self, _: Any, names: list[str]) -> str:
        self._ip(names[0])
        return names[0]

    def get_bd_pins(self, _: Any, names: list[str]) -> str:
        cell, _, pin = names[0].rpartition("/")
        ip = self._ip(cell)
        conditional = list(ip.get("clocks_if", {}).values())
        every = sum((ip.get(kind, []) for kind in ("clocks", "resets", "inputs", "outputs")), conditional)
        if pin not in every:
            raise Refused(f"{self.cells[cell]} has no pin {pin}")
        return names[0]

    def get_bd_intf_pins(self, _: Any, names: list[str]) -> str:
        self._mode(names[0])
        return names[0]

    def _mode(self, name: str) -> str:
        cell, _, pin = name.rpartition("/")
        ip, own = self._ip(cell), self.parameters.get(cell, {})
        slaves, masters = list(ip.get("slaves", [])), list(ip.get("masters", []))
        for side, (count, pattern) in ip.get("counted", {}).items():
            pins = [pattern % i for i in range(int(own.get(count, "1")))]
            (slaves if side == "S" else masters).extend(pins)
        if pin not in slaves + masters:
            raise Refused(f"{cell} ({self.cells[cell]}) has no interface {pin}")
        enable = ip.get("enables", {}).get(pin)
        if enable and own.get(enable, "0") != "1":
            raise Refused(f"{cell} has no interface {pin} while {enable} is not 1")
        return "slave" if pin in slaves else "master"

    def connect_bd_net(self, _: Any, pins: list[str]) -> None:
        outputs = [p for p in pins if p.rpartition("/")[2] in self._ip(p.rpartition("/")[0]).get("outputs", [])]
        if len(pins) < 2 or len(outputs) != 1:
            raise Refused(f"a net needs one driver; got {len(outputs)} among {', '.join(pins)}")
        for pin in set(pins) - set(outputs):
            if pin in self.driven:
                raise Refused(f"{pin} is driven twice")
            self.driven.add(pin)

    def connect_bd_intf_net(self, _: Any, pins: list[str]) -> None:
        if {self._mode(p) for p in pins} != {"master", "slave"}:
            raise Refused(f"a bus joins a master to a slave; got {' and '.join(pins)}")
        for pin in pins:
            if pin in self.joined:
                raise Refused(f"{pin} is joined already")
        self.joined.update({pins[0]: pins[1], pins[1]: pins[0]})

    def get_bd_addr_spaces(self, _: Any, names: list[str]) -> str:
        cell, _, space = names[0].rpartition("/")
        if space not in self._ip(cell).get("spaces", []):
            raise Refused(f"no address space {names[0]}")
        return names[0]

    def get_bd_addr_segs(self, _: Any, names: list[str]) -> str:
        cell, _, segment = names[0].partition("/")
        if segment not in self._ip(cell).get("segments", []):
            raise Refused(f"no address segment {names[0]}")
        return names[0]

    def create_bd_addr_seg(self, options: dict[str, str], words: list[str]) -> None:
        base, size = int(options["-offset"], 0), int(options["-range"], 0)
        space, segment = words[0], words[1]
        if size & (size - 1) or base % size:
            raise Refused(f"{segment}: a range must be a power of two and the offset a multiple of it")
        for other, length, name in self.segments.setdefault(space, []):
            if base < other + length and other < base + size:
                raise Refused(f"{segment} overlaps {name} in {space}")
        self.segments[space].append((base, size, segment))

    def apply_bd_automation(self, options: dict[str, str], _: Any) -> None:
        if not options["-rule"].startswith("xilinx.com:bd_rule:"):
            raise Refused(f"no rule {options['-rule']}")

    def validate_bd_design(self, *_: Any) -> None:
        for cell in self.cells:
            ip = self._ip(cell)
            needed = [*ip.get("clocks", []), *ip.get("resets", [])]
            needed += [clock for pin, clock in ip.get("clocks_if", {}).items() if f"{cell}/{pin}" in self.joined]
            for pin in needed:
                if f"{cell}/{pin}" not in self.driven:
                    raise Refused(f"{cell}/{pin} is not driven")
            addressed = {name.split("/")[0] for ranges in self.segments.values() for _, _, name in ranges}
            joined = [s for s in ip.get("segments", []) if f"{cell}/{s.split('/')[0]}" in self.joined]
            if joined and cell not in addressed:
                raise Refused(f"{cell} has no address")
            for stream in ("samples", "results", "M_AXIS_MM2S", "S_AXIS_S2MM"):
                if stream in ip.get("masters", []) + ip.get("slaves", []) and f"{cell}/{stream}" not in self.joined:
                    raise Refused(f"{cell}/{stream} is not connected")
        self.done.append("validate_bd_design")

    def make_wrapper(self, *_: Any) -> str:
        if "validate_bd_design" not in self.done:
            raise Refused("the block design was not validated")
        return "wrapper.v"

    def get_files(self, _: Any, names: list[str]) -> str:
        return " ".join(names)

    def get_property(self, _: Any, words: list[str]) -> str:
        return "100%" if words[0] == "PROGRESS" else "value"

    def write_hw_platform(self, *_: Any) -> None:
        self.done.append("write_hw_platform")

    def finish(self) -> None:
        if "write_hw_platform" not in self.done:
            raise Refused("no hand-off was written")
