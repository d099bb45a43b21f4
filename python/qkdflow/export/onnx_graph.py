"""An ONNX graph as it is built: nodes, constants, shapes; and the file, the same bytes for the same graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qkdflow.errors import ToolError
from qkdflow.files import write_atomic

OPSET, IR_VERSION = 13, 8  # ONNX 1.8's: what qonnx 1.0, hls4ml 1.3 and every runtime of today read
QUANT, LAST = "qonnx.custom_op.general", "qonnx.custom_op.channels_last"


def onnx() -> Any:
    """The onnx package. ToolError where it is missing."""
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ToolError(f"[onnx] onnx is required; {error}; pip install 'qkdflow[onnx]'") from error
    return onnx


@dataclass
class OnnxGraph:
    """batch: samples a call, as the file's shapes say; None leaves it open. names: what is taken, the ends' first."""

    name: str
    batch: int | None
    names: set[str]
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # of a sample, by tensor
    batchless: dict[str, tuple[int, ...]] = field(default_factory=dict)  # whole shapes, of what weights become
    domains: set[str] = field(default_factory=set)

    def own(self, name: str) -> str:
        """This name, or one with a number behind it where it is taken: layers are called as users like."""
        made, n = name, 0
        while made in self.names:
            made, n = f"{name}_{n + 1}", n + 1
        self.names.add(made)
        return made

    def constant(self, name: str, value: ArrayLike, dtype: Any = np.float32) -> str:
        """A constant; returns what its tensor is called."""
        name = self.own(name)
        self.constants[name] = np.asarray(value, dtype=dtype)
        return name

    def node(
        self, kind: str, name: str, inputs: Sequence[str], shape: tuple[int, ...], domain: str = "", **attributes: Any
    ) -> str:
        """A node and its one result, called like it; shape: of one sample. Returns what they are called."""
        name = self.own(name)
        self.nodes.append(onnx().helper.make_node(kind, list(inputs), [name], name, domain=domain, **attributes))
        self.shapes[name] = shape
        self.domains.add(domain)
        return name

    def weights(
        self, kind: str, name: str, inputs: Sequence[str], shape: tuple[int, ...], domain: str = "", **attributes: Any
    ) -> str:
        """A node of constants, whose result has no batch."""
        name = self.node(kind, name, inputs, (), domain, **attributes)
        self.batchless[name] = shape
        del self.shapes[name]
        return name

    def write(self, path: Path, source: str, output: str, properties: dict[str, str]) -> None:
        """source, output: the tensors that go in and out. properties: metadata that the file carries."""
        helper, proto = onnx().helper, onnx().TensorProto

        def info(name: str, shape: Sequence[Any], kind: int = proto.FLOAT) -> Any:
            return helper.make_tensor_value_info(name, kind, list(shape))

        def sample(name: str) -> Any:
            return info(name, ("n" if self.batch is None else self.batch, *self.shapes[name]))

        inner = [sample(name) for name in self.shapes if name not in (source, output)]
        inner += [info(name, shape) for name, shape in self.batchless.items()]
        for name, value in self.constants.items():
            inner.append(info(name, value.shape, helper.np_dtype_to_tensor_dtype(value.dtype)))
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [sample(source)],
            [sample(output)],
            [onnx().numpy_helper.from_array(value, name) for name, value in self.constants.items()],
            value_info=inner,
        )
        versions = {"": OPSET, QUANT: 1, LAST: OPSET}
        model = helper.make_model(
            graph,
            producer_name="qkdflow",
            producer_version=version("qkdflow"),
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid(domain, versions[domain]) for domain in sorted({"", *self.domains})],
        )
        helper.set_model_props(model, {**properties, "onnx": onnx().__version__})
        write_atomic(path, model.SerializeToString(deterministic=True))
