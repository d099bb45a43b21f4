"""hls4ml 1.3 projects of a frozen network, bit for bit what the integers say.

The project is built by export/recreate.py, which goes into it too: it can be rebuilt without qkdflow.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from qkdflow.cards import card, facts
from qkdflow.errors import ConfigError, DataError, ToolError
from qkdflow.export import preflight, recreate
from qkdflow.export.unrolling import check_unrolling
from qkdflow.files import CURE, read_json, reason, write_atomic, write_json
from qkdflow.fixed import FixedDepthwiseConv, FixedModel
from qkdflow.fixed.model import INPUT
from qkdflow.hardware.boards import Part, boards, find_part
from qkdflow.html import Child, tag

INTEL = ("Quartus", "oneAPI")
BACKENDS = ("Vitis", "Vivado", "VivadoAccelerator", *INTEL, "Catapult")
STRATEGIES = ("Latency", "Resource", "Unrolled", preflight.DISTRIBUTED)
IO_TYPES = ("io_parallel", "io_stream")
ACCELERATOR_BOARDS = ("pynq-z2", "zcu102")  # of those in boards.toml, the ones hls4ml has a block design for
INPUT_NAME = "network_input"
T = TypeVar("T", int, str)


@dataclass(frozen=True)
class HlsConfig:
    """What hls4ml is asked for.

    part: an orderable name of hardware/boards.toml; board: a name of it, in place of the part. Quartus and oneAPI take
    Intel's names, unchecked, and no board. reuse_factor: one for all dense layers and convolutions, or one a layer by
    name (1 for those left out). strategy: likewise (Latency for those left out). clock_ns: period.
    """

    backend: str = "Vitis"
    part: str | None = None
    board: str | None = None
    clock_ns: float = 5.0
    reuse_factor: int | Mapping[str, int] = 1
    strategy: str | Mapping[str, str] = "Latency"
    io_type: str = "io_parallel"
    project_name: str = "myproject"

    def __post_init__(self) -> None:
        object.__setattr__(self, "io_type", _spelt(self.io_type, IO_TYPES))
        for key, known in (("backend", BACKENDS), ("io_type", IO_TYPES)):
            if getattr(self, key) not in known:
                raise ConfigError(f"[hls] {key} must be one of {', '.join(known)}; got {getattr(self, key)!r}")
        given = self.strategy
        spelt = (
            {k: _spelt(v, STRATEGIES) for k, v in given.items()}
            if isinstance(given, Mapping)
            else _spelt(given, STRATEGIES)
        )
        object.__setattr__(self, "strategy", spelt)
        for strategy in self.strategy.values() if isinstance(self.strategy, Mapping) else (self.strategy,):
            if strategy not in STRATEGIES:
                raise ConfigError(f"[hls] strategy must be one of {', '.join(STRATEGIES)}; got {strategy!r}")
        if self.backend in INTEL:
            if self.board is not None:
                raise ConfigError(
                    f"[hls] backend {self.backend} takes an Intel part, such as Arria10; got {self.board}"
                )
            object.__setattr__(self, "part", self.part or "Arria10")
        elif self.part is None and self.board is None:
            object.__setattr__(self, "board", "pynq-z2")
        part_name = self.part_name
        if self.backend == "VivadoAccelerator" and self.board not in ACCELERATOR_BOARDS:
            raise ConfigError(
                f"[hls] backend VivadoAccelerator needs one of the boards {', '.join(ACCELERATOR_BOARDS)}; "
                f"got {self.board or part_name}; backend Vitis takes any part"
            )
        if not 0 < self.clock_ns < 1000:
            raise ConfigError(f"[hls] clock_ns, the period, must lie between 0 and 1000; got {self.clock_ns}")
        factors: list[Any] = [self.reuse_factor]
        if isinstance(self.reuse_factor, Mapping):
            object.__setattr__(self, "reuse_factor", dict(self.reuse_factor))
            factors = list(self.reuse_factor.values())
        if any(isinstance(rf, bool) or not isinstance(rf, int) or rf < 1 for rf in factors):
            raise ConfigError(f"[hls] reuse_factor must be a whole number from 1 on; got {self.reuse_factor}")

    @property
    def device(self) -> Part:
        """The part in hardware/boards.toml. Raises ConfigError for Intel's, which are not there."""
        if self.backend in INTEL:
            raise ConfigError(f"[hls] only AMD's parts are known; backend {self.backend} builds for {self.part}")
        return find_part(self.part, self.board)

    @property
    def part_name(self) -> str:
        """The part as the vendor orders it."""
        return str(self.part) if self.backend in INTEL else self.device.name

    def reuse_factors(self, fixed: FixedModel) -> dict[str, int]:
        """The reuse factor of each dense layer and convolution, by name."""
        return _each("reuse_factor", self.reuse_factor, 1, fixed)

    def strategies(self, fixed: FixedModel) -> dict[str, str]:
        """The strategy of each layer, Latency of those that hold no kernel; Latency is all that hls4ml 1.3 has for
        depthwise convolutions. Raises ConfigError where one of these is given another by its name."""
        asked = _each("strategy", self.strategy, "Latency", fixed)
        alone = [layer.name for layer in fixed.kernels if isinstance(layer, FixedDepthwiseConv)]
        for name in alone:
            if isinstance(self.strategy, Mapping) and asked[name] != "Latency":
                raise ConfigError(
                    f"[hls] layer {name}: hls4ml 1.3 has strategy Latency alone for a depthwise convolution; got "
                    f"{asked[name]}; leave it out"
                )
        return {
            layer.name: "Latency" if layer.name in alone else asked.get(layer.name, "Latency") for layer in fixed.layers
        }


def _spelt(word: str, known: tuple[str, ...]) -> str:
    """As hls4ml spells it: `latency` is Latency, `stream` is io_stream. What is not known stays, to be refused."""
    asked = str(word).lower().removeprefix("io_")
    return next((name for name in known if name.lower().removeprefix("io_") == asked), word)


def _each(what: str, given: T | Mapping[str, T], default: T, fixed: FixedModel) -> dict[str, T]:
    """By kernel: what was given for all, or for each."""
    names = [layer.name for layer in fixed.kernels]
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, given)
    for name in given:
        if name not in names:
            raise ConfigError(
                f"[hls] {what} names a layer that is no kernel or not there: {name!r}; "
                f"dense layers and convolutions: {', '.join(names)}"
            )
    return {name: given.get(name, default) for name in names}


@dataclass(frozen=True)
class HlsProject:
    """An hls4ml project on disk; `warnings` are sentences for the user, `stamp` names its library."""

    directory: Path
    fixed: FixedModel
    config: HlsConfig
    stamp: str
    warnings: tuple[str, ...] = field(default=())

    @classmethod
    def load(cls, directory: str | Path) -> HlsProject:
        """A project that `write_hls` wrote. Raises DataError."""
        source = Path(directory) / "source"
        hls = read_json(source / "hls.json")
        try:
            return cls(
                directory=Path(directory),
                fixed=FixedModel.load(source),
                config=HlsConfig(**hls["config"]),
                stamp=hls["stamp"],
                warnings=tuple(hls["warnings"]),
            )
        except DataError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"[{source / 'hls.json'}] an hls.json of qkdflow is required; got: {error}") from error

    def _repr_html_(self) -> str:
        config = self.config
        pairs: dict[str, Child] = {
            "backend": config.backend,
            "part": f"{config.part_name} ({config.board})" if config.board else config.part_name,
            "clock": f"{config.clock_ns:g} ns",
            "interface": config.io_type,
            "strategy": _listed(config.strategy),
            "reuse factor": _listed(config.reuse_factor),
            "folder": str(self.directory),
        }
        about = f"{self.fixed.parameters:,} parameters, {self.fixed.bits} bits"
        warned = tag("ul", [tag("li", text) for text in self.warnings]) if self.warnings else None
        return card(f"hls4ml project of {self.fixed.name}", about, facts(pairs), warned)


def _listed(given: str | int | Mapping[str, str] | Mapping[str, int]) -> str:
    """One for all layers, or each layer's."""
    return ", ".join(f"{name} {value}" for name, value in given.items()) if isinstance(given, Mapping) else str(given)


def write_hls(
    fixed: FixedModel, directory: str | Path, config: HlsConfig, announce: Callable[[str], object] | None = None
) -> HlsProject:
    """Write an hls4ml project of `fixed` into `directory`; same network and config, same bytes.

    announce: told each of the project's warnings before anything is written; an exception of it stops the writing.
    Raises ConfigError before anything is written, ToolError where hls4ml or da4ml is missing or fails. An earlier
    project in `directory` is replaced; anything else there is refused.
    """
    directory = Path(directory)
    preflight.check_names([INPUT_NAME, *(layer.name for layer in fixed.layers)])
    preflight.check_names([config.project_name])
    preflight.check_widths(fixed)
    preflight.check_layers(fixed, config.io_type)
    preflight.check_backend(fixed, config.backend, config.io_type)
    factors, strategies = config.reuse_factors(fixed), config.strategies(fixed)
    preflight.check_strategies(fixed, config.backend, config.io_type, factors, strategies)
    preflight.check_reuse_factors(fixed, factors, strategies)
    if preflight.DISTRIBUTED in strategies.values() and importlib.util.find_spec("da4ml") is None:
        raise ToolError(f"[hls] strategy {preflight.DISTRIBUTED} needs da4ml 0.5; pip install 'qkdflow[da]'")
    unrolled = check_unrolling(fixed, config.backend, config.io_type, factors, strategies)
    cautions = (*preflight.alone_warnings(fixed, config.reuse_factor, config.strategy), *unrolled)
    if announce is not None:
        for caution in cautions:
            announce(caution)
    plan = _plan(fixed, config, factors, cautions)
    _clear(directory)
    source = directory / "source"
    write_json(source / "hls.json", plan)  # first: what is left of a project that was cut short is then known as ours
    fixed.save(source)
    write_atomic(directory / "recreate.py", Path(recreate.__file__).read_bytes())
    _run_hls4ml(source, directory)
    return HlsProject(directory, fixed, config, plan["stamp"], cautions)


def _plan(fixed: FixedModel, config: HlsConfig, factors: dict[str, int], cautions: tuple[str, ...]) -> dict[str, Any]:
    """source/hls.json: every choice resolved, so that recreate.py decides nothing."""
    wide = max(fixed.input_type.bits, fixed.output_type.bits) > 24  # bits of a float's significand
    plan: dict[str, Any] = {
        "backend": config.backend,
        "part": config.part_name,
        "board": config.board if config.board in boards() else None,
        "clock_ns": config.clock_ns,
        "io_type": config.io_type,
        "strategy": config.strategy if isinstance(config.strategy, str) else "Latency",
        "strategies": config.strategies(fixed),
        "reuse_factor": factors,
        "project_name": config.project_name,
        "input_name": INPUT_NAME,
        "sources": {
            link.layer.name: [INPUT_NAME if source == INPUT else source for source in link.layer.inputs]
            for link in fixed.links
        },
        "shapes": {INPUT_NAME: list(fixed.input_shape), **{link.layer.name: list(link.shape) for link in fixed.links}},
        # As fixed-point types, hls4ml 1.3 spells AXI words in a way that does not compile.
        "axi": "double" if wide else "float",
        "config": asdict(config),
        "versions": {"qkdflow": version("qkdflow"), **_tools(config.strategies(fixed))},
        "warnings": list(cautions),
    }
    content = json.dumps([fixed.digest, plan], sort_keys=True)
    return {**plan, "stamp": hashlib.sha256(content.encode()).hexdigest()[:8]}


def _tools(strategies: dict[str, str]) -> dict[str, str]:
    """The versions of what writes the project: hls4ml, and da4ml where it draws a layer's graph of adders."""
    drawn = preflight.DISTRIBUTED in strategies.values()
    return {tool: _version(tool) for tool in (("hls4ml", "da4ml") if drawn else ("hls4ml",))}


def _version(tool: str) -> str:
    try:
        return version(tool)
    except PackageNotFoundError:
        return "none"  # said properly where it is imported


def _clear(directory: Path) -> None:
    if (directory / "source" / "hls.json").is_file():
        shutil.rmtree(directory)
    elif directory.exists() and (not directory.is_dir() or _holds_files(directory)):
        raise ConfigError(f"[hls] an empty directory or an earlier project is required; got {directory}")


def _holds_files(directory: Path) -> bool:
    return any(not path.is_dir() for path in directory.rglob("*"))


def _run_hls4ml(source: Path, directory: Path) -> None:
    """Import hls4ml (late: it takes a quarter of a second) and let it write; what it prints is kept back."""
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # hls4ml leaves files to the garbage collector
            warnings.simplefilter("ignore", UserWarning)  # and overrides its own attributes
            recreate.write_project(source, directory.resolve())
    except ImportError as error:
        raise ToolError(f"[hls] hls4ml 1.3 is required; {error}; pip install 'hls4ml>=1.3,<1.4'") from error
    except OSError as error:
        raise ToolError(f"[hls] {directory} must be writable; got: {reason(error)}. {CURE}") from error
    except Exception as error:
        last = " ".join(said.getvalue().split()[-40:])
        raise ToolError(f"[hls] hls4ml must write the project; it stopped with: {error} {last}".strip()) from error
