"""Where Keras's files keep a layer's tensors: by name (.h5) or by number (.keras and .weights.h5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qkdflow.hdf5 import Hdf5
from qkdflow.importers.keras_config import Spec
from qkdflow.refusal import refusal

Arrays = dict[str, NDArray[Any]]
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # Keras 3 and 2.13; 2.12 and 2.14


class Weights(Protocol):
    def of(self, spec: Spec, names: tuple[str, ...]) -> tuple[Arrays, NDArray[Any] | None]:
        """The tensors of a layer by name, those of `names` that the file has, and the pruning mask if there is one."""
        ...


@dataclass(frozen=True)
class NamedWeights:
    """Groups named as the layers are, datasets named as the variables: .h5 of every Keras, full or weights-only."""

    file: Hdf5
    root: str  # "model_weights" or ""

    def of(self, spec: Spec, names: tuple[str, ...]) -> tuple[Arrays, NDArray[Any] | None]:
        found = self.file.datasets(f"{self.root}/{spec.path[0]}")
        inner = spec.path[1:]
        for start in range(len(inner)):
            nested = {k: v for k, v in found.items() if _is_below(k, inner[start:])}
            if nested:
                found = nested
                break
        arrays: Arrays = {}
        for path, array in found.items():
            name = re.sub(r":\d+$", "", path.rsplit("/", 1)[-1])
            if name in arrays and name in names:
                raise refusal(f"{self.file.where}: {spec.class_name} {spec.name}", f"one {name} is required; got two")
            arrays[name] = array
        if "depthwise_kernel" in names and "depthwise_kernel" not in arrays and "kernel" in arrays:
            arrays["depthwise_kernel"] = arrays["kernel"]  # so Keras 3 calls it
        return {k: v for k, v in arrays.items() if k in names}, arrays.get("mask")


def _is_below(path: str, names: tuple[str, ...]) -> bool:
    parts = path.split("/")[:-1]
    wanted = [p for name in names for p in name.split("/")]
    return any(parts[i : i + len(wanted)] == wanted for i in range(len(parts) - len(wanted) + 1))


@dataclass(frozen=True)
class NumberedWeights:
    """Groups named after classes, datasets 0, 1, ... in the order in which a layer makes its variables."""

    file: Hdf5

    def of(self, spec: Spec, names: tuple[str, ...]) -> tuple[Arrays, NDArray[Any] | None]:
        group = self._group(spec)
        own = self._numbered(f"{group}/vars")
        mask = None
        if spec.is_pruned:
            mask = next((v for v in own if v.ndim > 1), None)
            group = f"{group}/layer"
            own = self._numbered(f"{group}/vars")
        for part in ("cell", "batchnorm"):  # of GRU; of QKeras's folded convolutions, after `iteration`
            own = [v for v in own if v.dtype.kind == "f"] + self._numbered(f"{group}/{part}/vars")
        return dict(zip(names, own, strict=False)), mask

    def _group(self, spec: Spec) -> str:
        at = ""
        for place in spec.places:
            at = next((f"{at}/{c}/{place}" for c in _CONTAINERS if self.file.has(f"{at}/{c}/{place}")), f"{at}/?")
        return at

    def _numbered(self, path: str) -> list[NDArray[Any]]:
        found = self.file.datasets(path) if self.file.has(path) else {}
        return [found[str(i)] for i in range(len(found)) if str(i) in found]


def as_float32(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
