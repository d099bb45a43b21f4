"""A network as text: what `qkdflow inspect` prints."""

from __future__ import annotations

from typing import Any

from qkdflow._core import FixedPoint
from qkdflow.importers.network import Network, Node
from qkdflow.quantizers import Quantizer


def table(network: Network) -> str:
    """Layers with shapes, parameters, zeros as stored and quantisers; then totals, NaNs and notes."""
    head = ("Layer", "Output shape", "Params", "Zeros", "From", "Arguments")
    rows = [head, *(_row(network, i) for i in range(len(network.nodes)))]
    widths = [max(len(row[c]) for row in rows) for c in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    share = f" ({100 * network.zeros / network.parameters:.1f} %)" if network.parameters else ""
    lines += ["", f"{network.file}: {network.format}, {network.name}"]
    lines += [f"parameters: {network.parameters}, zeros as stored: {network.zeros}{share}"]
    masked = sum(int((m == 0).sum()) for n in network.nodes for m in n.masks.values())
    lines += [f"masked by pruning: {masked}"] if masked else []
    quantizers = dict.fromkeys(str(q) for n in network.nodes for q in n.quantizers.values())
    lines += [f"quantisers: {', '.join(quantizers) or 'none'}"]
    nans = [f"{name} ({count})" for name, count in network.nans.items()]
    lines += [f"NaN or infinite: {', '.join(nans) or 'none'}"]
    return "\n".join([*lines, *(f"note: {note}" for note in network.notes)])


def values(network: Network) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "file": network.file,
        "format": network.format,
        "name": network.name,
        "parameters": network.parameters,
        "zeros": network.zeros,
        "nans": network.nans,
        "notes": network.notes,
        "outputs": network.outputs,
        "layers": [
            {
                "name": n.name,
                "kind": n.kind,
                "sources": n.sources,
                "shape": network.shapes[n.name],
                "parameters": n.parameters,
                "zeros": n.zeros,
                "masked": sum(int((m == 0).sum()) for m in n.masks.values()),
                "arguments": {k: _worded(v) for k, v in n.arguments.items()},
            }
            for n in network.nodes
        ],
    }


def _row(network: Network, i: int) -> tuple[str, ...]:
    node = network.nodes[i]
    follows = i > 0 and node.sources == (network.nodes[i - 1].name,)
    sources = "" if follows else ", ".join(node.sources)
    shape = str(network.shapes[node.name])
    numbers = (str(node.parameters), str(node.zeros)) if node.tensors else ("", "")
    return f"{node.name} ({node.kind})", shape, *numbers, sources, _arguments(node)


_QUIET = {"use_bias": True, "padding": "valid", "momentum": None, "center": True, "scale": True, "activation": "linear"}


def _arguments(node: Node) -> str:
    """What the shape does not show."""
    hidden = ("shape", "units", "filters", "target_shape", "momentum", "input_dim", "output_dim")
    shown = {k: v for k, v in node.arguments.items() if k not in hidden and v is not None and _QUIET.get(k, ()) != v}
    return ", ".join(f"{k}={_short(v)}" for k, v in shown.items())


def _short(value: Any) -> str:
    if isinstance(value, tuple) and len(value) > 4:
        return f"({len(value)} numbers)"
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    return f"{value:g}" if isinstance(value, float) else str(_worded(value))


def _worded(value: Any) -> Any:
    """Quantisers and types as users write them."""
    if isinstance(value, FixedPoint):
        return value.ap_type
    return str(value) if isinstance(value, Quantizer) else value
