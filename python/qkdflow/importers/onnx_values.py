"""What an ONNX name stands for while a graph is translated: numbers, or what one of our nodes computes.

ONNX has images as (N, C, H, W), we have (N, H, W, C). A Ref's `order` says which ONNX axis each of our axes is, so that
a Transpose costs nothing; where an image was flattened, `flat[j]` is the ONNX place of our j-th number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow.importers.shapes import Shape
from qkdflow.quantizers import Quantizer


@dataclass(frozen=True)
class Const:
    """Numbers of the file; with a quantiser these are the latent ones."""

    array: NDArray[Any]
    quantizer: Quantizer | None = None


@dataclass(frozen=True)
class Ref:
    """What the node `name` computes, of our shape (without the batch axis)."""

    name: str
    shape: Shape
    order: tuple[int, ...]  # with the batch axis, 0
    flat: NDArray[np.intp] | None = None
    is_positive: bool = False  # never below zero

    @property
    def onnx_shape(self) -> Shape:
        """ONNX's shape, without the batch axis."""
        return tuple(self.shape[self.order.index(axis) - 1] for axis in range(1, len(self.order)))

    @property
    def is_plain(self) -> bool:
        """Whether ours and ONNX's numbers lie in the same order."""
        return self.flat is None and self.order == plain(len(self.shape))

    @property
    def is_image(self) -> bool:
        """Whether ONNX has the channels first where we have them last."""
        return len(self.shape) > 1 and self.order == channels_last(len(self.shape))


def plain(rank: int) -> tuple[int, ...]:
    return tuple(range(rank + 1))


def channels_last(rank: int) -> tuple[int, ...]:
    """The order of an image of `rank` axes, the batch left out."""
    return (0, *range(2, rank + 1), 1) if rank > 1 else plain(rank)


def flattened(ref: Ref) -> NDArray[np.intp] | None:
    """Where ONNX's flattening has our j-th number; None where the two are the same."""
    if ref.flat is not None:
        return ref.flat
    places = np.arange(int(np.prod(ref.shape))).reshape(ref.onnx_shape)
    index = places.transpose([axis - 1 for axis in ref.order[1:]]).ravel()
    return None if np.array_equal(index, np.arange(index.size)) else index


def spread(array: NDArray[Any], ref: Ref) -> float | tuple[float, ...]:
    """A constant that ONNX broadcasts against `ref`, as one number or one for each of ours, in our order."""
    if array.size == 1:
        return float(array.reshape(-1)[0])
    if array.ndim > len(ref.order) or (array.ndim == len(ref.order) and array.shape[0] != 1):
        raise ValueError(f"a constant must broadcast over the batch; got {array.shape} for {ref.onnx_shape}")
    own = array.reshape(array.shape[1:]) if array.ndim == len(ref.order) else array
    full = np.broadcast_to(own, ref.onnx_shape)
    ours = full.ravel()[ref.flat] if ref.flat is not None else full.transpose([a - 1 for a in ref.order[1:]]).ravel()
    return tuple(float(v) for v in ours)
