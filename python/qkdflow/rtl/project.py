"""A folder of Verilog for a frozen network, and how it was asked for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qkdflow_overlay import Port

from qkdflow.errors import ConfigError, DataError
from qkdflow.files import read_json, write_atomic, write_json
from qkdflow.fixed import FixedModel
from qkdflow.overlay import port
from qkdflow.rtl.plan import IDENTIFIER, RESERVED, Stage, stages
from qkdflow.rtl.verilog import verilog

FORMAT = "qkdflow.rtl/2"
OUTPUTS = ("logits", "argmax")
NOTE = "rtl.json"
VERILOG = "verilog"  # the folder of the sources in a project's


@dataclass(frozen=True)
class RtlConfig:
    """reuse_factor: weights a multiplier, one for all dense layers or one a layer by name (1 for those left out).
    output: logits, or argmax: the number of the largest, the first of equals. packed: as many codes share a word of the
    streams as fit, as a DMA has it; else each has its own, as a ComBlock has it. module: the name of the network's."""

    reuse_factor: int | Mapping[str, int] = 1
    output: str = "logits"
    packed: bool = True
    module: str = "network"

    def __post_init__(self) -> None:
        if self.output not in OUTPUTS:
            raise ConfigError(f"[rtl] output must be one of {', '.join(OUTPUTS)}; got {self.output!r}")
        if not IDENTIFIER.fullmatch(self.module) or self.module.startswith("qkd_") or self.module in RESERVED:
            raise ConfigError(
                "[rtl] module must be letters, digits and _, a letter first, not qkd_ and no word of Verilog's; "
                f"got {self.module!r}"
            )
        if isinstance(self.reuse_factor, Mapping):
            object.__setattr__(self, "reuse_factor", dict(self.reuse_factor))


@dataclass(frozen=True)
class RtlProject:
    """Verilog on disk: MODULE.v with valid/ready handshakes, MODULE_stream.v with two AXI streams around it.

    latency_clk and ii are the closed form: sum of R + 3 over the dense layers (and 1 for an argmax, or for pointwise
    layers before the first of them) and the largest R; of the streams, that many and the words of a sample and of a
    result, and the largest of the three.
    """

    directory: Path
    fixed: FixedModel
    config: RtlConfig

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The pipeline, stage by stage."""
        return stages(self.fixed, self.config.reuse_factor, self.config.output == "argmax")

    @property
    def latency_clk(self) -> int:
        """Clocks from a sample to its result, in closed form."""
        return sum(stage.latency_clk for stage in self.stages)

    @property
    def ii(self) -> int:
        """Clocks from one sample to the next, in closed form."""
        return max(stage.ii for stage in self.stages)

    @property
    def ports(self) -> tuple[Port, Port]:
        """How samples and results lie in the words of the streams."""
        first, last = self.stages[0], self.stages[-1]
        narrow = self.config.packed
        return port((first.n_in,), first.input_type, narrow), port((last.n_out,), last.output_type, narrow)

    @property
    def stream_latency_clk(self) -> int:
        """From a sample's first word to its result's last."""
        return self.ports[0].words + self.latency_clk + self.ports[1].words

    @property
    def stream_ii(self) -> int:
        """The same through the stream's words, in closed form."""
        return max(self.ports[0].words, self.ii, self.ports[1].words)

    @property
    def files(self) -> tuple[Path, ...]:
        """The Verilog, modules that others need first."""
        return tuple(sorted((self.directory / VERILOG).glob("*.v")))

    @classmethod
    def load(cls, directory: str | Path) -> RtlProject:
        """A project that `write_rtl` wrote. Raises DataError."""
        path = Path(directory) / NOTE
        note = read_json(path)
        try:
            if note["format"] != FORMAT:
                raise DataError(f"[{path}] format {FORMAT!r} is required; got {note['format']!r}")
            return cls(Path(directory), FixedModel.load(Path(directory) / "source"), RtlConfig(**note["config"]))
        except DataError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"[{path}] an {NOTE} of qkdflow is required; got: {error}") from error


def write_rtl(fixed: FixedModel, directory: str | Path, config: RtlConfig | None = None) -> RtlProject:
    """Write the Verilog of `fixed` into `directory`; same network and config, same bytes.

    Raises ConfigError, naming the layer, before anything is written. An earlier project in `directory` is replaced;
    anything else there is refused.
    """
    directory, config = Path(directory), config or RtlConfig()
    project = RtlProject(directory, fixed, config)
    planned = project.stages
    texts = verilog(fixed, planned, config.module, project.ports)
    if (directory / NOTE).is_file():
        shutil.rmtree(directory)
    elif directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError(f"[rtl] an empty directory or an earlier project is required; got {directory}")
    fixed.save(directory / "source")
    for name, text in texts.items():
        write_atomic(directory / VERILOG / name, text)
    write_json(directory / NOTE, _note(project))
    return project


def _note(project: RtlProject) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "config": asdict(project.config),
        "network": project.fixed.digest,
        "latency_clk": project.latency_clk,
        "ii": project.ii,
        "stream_latency_clk": project.stream_latency_clk,
        "stream_ii": project.stream_ii,
        "stages": [
            {"name": s.name, "latency_clk": s.latency_clk, "ii": s.ii}
            | ({"reuse_factor": s.folding.reuse_factor, "multipliers": s.folding.multipliers} if s.folding else {})
            for s in project.stages
        ],
    }
