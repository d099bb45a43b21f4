"""An independent forward pass of an imported Network in NumPy, float32: the reference for the importers and the engine.

Layers as Keras 2 and QKeras 0.9 define them, at inference, batches first and channels last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qkdflow.importers import Network, Node
from qkdflow.quantizers import Quantizer

Array = NDArray[Any]


def forward(network: Network, x: Array, batch: int = 1000) -> Array:
    """The network's results for `x` (samples, *input shape)."""
    return np.concatenate([_forward(network, x[i : i + batch]) for i in range(0, len(x), batch)])


def _forward(network: Network, x: Array) -> Array:
    values: dict[str, Array] = {}
    for node in network.nodes:
        sources = [values[s] for s in node.sources] or [np.asarray(x, np.float32)]
        values[node.name] = np.asarray(evaluate(node, sources), np.float32)
    return values[network.outputs[0]]


def evaluate(node: Node, sources: Sequence[Array]) -> Array:
    a, x, kind = node.arguments, sources[0], node.kind
    if kind == "Add":
        return np.add.reduce(sources)
    if kind == "Concatenate":
        return np.concatenate(sources, axis=-1)
    if kind == "Embedding":
        return node.tensors["embeddings"][x.astype(int)]
    if kind in ("QConv2DBatchnorm", "QDepthwiseConv2DBatchnorm"):
        return activate(a, folded(node, x))
    if "Conv" in kind or "Dense" in kind:
        kernels = {k: weight(node, k) for k in node.tensors}
        return activate(a, product(kind, a, x, kernels) + kernels.get("bias", np.float32(0)))
    return SIMPLE[kind](node, x)


def weight(node: Node, name: str) -> Array:
    values = node.tensors[name] * node.masks.get(name, np.float32(1))
    quantizer = node.arguments.get(f"{name.replace('_kernel', '')}_quantizer")
    return values if quantizer is None else quantizer.effective(values)


def product(kind: str, a: Any, x: Array, kernels: dict[str, Array]) -> Array:
    if "Separable" in kind:
        return depthwise(a, x, kernels["depthwise_kernel"]) @ kernels["pointwise_kernel"][0, 0]
    if "Depthwise" in kind:
        return depthwise(a, x, kernels["depthwise_kernel"])
    if "Dense" in kind:
        return x @ kernels["kernel"]
    kernel = kernels["kernel"]
    places = shifted(x, kernel.shape[:-2], a["strides"], a["padding"], 0)
    patches = np.concatenate([part for _, part in places], axis=-1)
    return (
        patches.reshape(-1, patches.shape[-1])
        .dot(kernel.reshape(-1, kernel.shape[-1]))
        .reshape(*patches.shape[:-1], -1)
    )


def depthwise(a: Any, x: Array, kernel: Array) -> Array:
    places = shifted(x, kernel.shape[:2], a["strides"], a["padding"], 0)
    out = np.add.reduce([part[..., None] * kernel[at] for at, part in places])
    return out.reshape(*out.shape[:3], -1)


def shifted(
    x: Array, size: Sequence[int], strides: Sequence[int], padding: str, fill: float
) -> list[tuple[tuple[int, ...], Array]]:
    """For each place in the window, what lies under it as the window moves: (batch, places..., channels)."""
    pads, counts = [(0, 0)], []
    for n, k, s in zip(x.shape[1:-1], size, strides, strict=True):
        count = -(-n // s) if padding == "same" else (n - k) // s + 1
        total = max((count - 1) * s + k - n, 0) if padding == "same" else 0
        pads.append((total // 2, total - total // 2))
        counts.append(count)
    x = np.pad(x, [*pads, (0, 0)], constant_values=fill)

    def under(at: tuple[int, ...]) -> Array:
        spans = zip(at, counts, strides, strict=True)
        return x[(slice(None), *(slice(i, i + (count - 1) * s + 1, s) for i, count, s in spans))]

    return [(at, under(at)) for at in np.ndindex(*size)]


def folded(node: Node, x: Array) -> Array:
    t, a = node.tensors, node.arguments
    inverse = t.get("gamma", 1) / np.sqrt(t["moving_variance"] + np.float32(a["epsilon"]))
    bias = inverse * (t.get("bias", 0) - t["moving_mean"]) + t.get("beta", 0)
    is_depthwise = "depthwise_kernel" in t
    key = "depthwise_kernel" if is_depthwise else "kernel"
    kernel = t[key] * (inverse.reshape(t[key].shape[2:]) if is_depthwise else inverse)
    own = Node(node.name, node.kind.replace("Batchnorm", ""), a, tensors={key: kernel, "bias": bias})
    kernels = {k: weight(own, k) for k in own.tensors}
    return product(own.kind, a, x, kernels) + kernels["bias"]


def norm(node: Node, x: Array) -> Array:
    t, a = node.tensors, node.arguments
    q = {
        k: a[f"{k}_quantizer"].effective if f"{k}_quantizer" in a else np.float32
        for k in ("gamma", "beta", "mean", "variance")
    }
    inverse = 1 / np.sqrt(q["variance"](t["moving_variance"]) + np.float32(a["epsilon"]))
    scaled = (x - q["mean"](t["moving_mean"])) * inverse
    scaled = scaled * q["gamma"](t["gamma"]) if a["scale"] else scaled
    return scaled + q["beta"](t["beta"]) if a["center"] else scaled


def pool(node: Node, x: Array) -> Array:
    a = node.arguments

    def parts(values: Array, fill: float) -> list[Array]:
        return [part for _, part in shifted(values, a["pool_size"], a["strides"], a["padding"], fill)]

    if node.kind.startswith("Max"):
        return np.maximum.reduce(parts(x, -np.inf))
    return np.add.reduce(parts(x, 0)) / np.add.reduce(parts(np.ones_like(x[:1]), 0))


def global_pool(node: Node, x: Array) -> Array:
    axes = tuple(range(1, x.ndim - 1))
    keep = node.arguments["keepdims"]
    return x.max(axis=axes, keepdims=keep) if "Max" in node.kind else x.mean(axis=axes, keepdims=keep)


def gru(node: Node, x: Array) -> Array:
    t, u = node.tensors, node.arguments["units"]
    bias = t.get("bias", np.zeros((2, 3 * u), np.float32))
    h, states = np.zeros((len(x), u), np.float32), []
    for step in range(x.shape[1]):
        i, r = x[:, step] @ t["kernel"] + bias[0], h @ t["recurrent_kernel"] + bias[1]
        z, reset = sigmoid(i[:, :u] + r[:, :u]), sigmoid(i[:, u : 2 * u] + r[:, u : 2 * u])
        h = z * h + (1 - z) * np.tanh(i[:, 2 * u :] + reset * r[:, 2 * u :])
        states.append(h)
    return np.stack(states, 1) if node.arguments["return_sequences"] else h


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "softmax": softmax,
}


def activate(arguments: Any, x: Array) -> Array:
    activation = arguments.get("activation") or "linear"
    return activation.effective(x) if isinstance(activation, Quantizer) else FUNCTIONS[activation](x)


def relu(node: Node, x: Array) -> Array:
    top, slope = node.arguments["max_value"], node.arguments["negative_slope"]
    y = np.where(x < 0, slope * x, x)
    return y if top is None else np.minimum(y, top)


def rescale(node: Node, x: Array) -> Array:
    scale, offset = (np.asarray(node.arguments[k], np.float32) for k in ("scale", "offset"))
    if scale.ndim or offset.ndim:
        return (x.reshape(len(x), -1) * scale + offset).reshape(x.shape)
    return x * scale + offset


SIMPLE: dict[str, Any] = {
    "Input": lambda n, x: x,
    "Dropout": lambda n, x: x,
    "Activation": lambda n, x: activate(n.arguments, x),
    "QActivation": lambda n, x: activate(n.arguments, x),
    "Softmax": lambda n, x: softmax(x),
    "ReLU": relu,
    "LeakyReLU": lambda n, x: np.where(x < 0, n.arguments["alpha"] * x, x),
    "Rescaling": rescale,
    "Flatten": lambda n, x: x.reshape(len(x), -1),
    "Reshape": lambda n, x: x.reshape(len(x), *n.arguments["target_shape"]),
    **{f"ZeroPadding{d}D": lambda n, x: np.pad(x, ((0, 0), *n.arguments["padding"], (0, 0))) for d in (1, 2)},
    **dict.fromkeys(("BatchNormalization", "QBatchNormalization"), norm),
    **{f"{how}Pooling{d}D": pool for how in ("Max", "Average") for d in (1, 2)},
    **{f"Global{how}Pooling{d}D": global_pool for how in ("Max", "Average") for d in (1, 2)},
    "GRU": gru,
}
