"""Write the hls4ml project that source/ describes, with hls4ml 1.3 and numpy alone.

    python recreate.py OUT

source/model.json, source/model.npz: the frozen network (integer codes and their fixed-point types).
source/hls.json: what hls4ml is asked for. Every tensor has its precision spelled out and there is no default:
one that were forgotten is an error, not a wrong bit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def write_project(source: Path, out: Path) -> None:
    """Write the project into the directory `out`."""
    from hls4ml.model.graph import ModelGraph
    from hls4ml.writer import get_writer

    model = json.loads((source / "model.json").read_text(encoding="utf-8"))
    hls = json.loads((source / "hls.json").read_text(encoding="utf-8"))
    with np.load(source / "model.npz", allow_pickle=False) as arrays:
        layers = layer_list(model, hls, arrays)
    out.mkdir(parents=True, exist_ok=True)
    graph = ModelGraph.from_layer_list(project_config(model, hls, out), layers)
    graph.config.config["Stamp"] = hls["stamp"]  # hls4ml's own is random: other bytes every time
    get_writer(hls["backend"]).write_hls(graph)
    yaml = out / "hls4ml_config.yml"
    text = yaml.read_text(encoding="utf-8").splitlines(keepends=True)
    moved = ["OutputDir: .\n" if line.startswith("OutputDir:") else line for line in text]
    yaml.write_text("".join(moved), encoding="utf-8")


def project_config(model: dict[str, Any], hls: dict[str, Any], out: Path) -> dict[str, Any]:
    """hls4ml's configuration of the project, as its YAML has it."""
    from hls4ml.utils.config import create_config

    options = {"board": hls["board"], "input_type": hls["axi"], "output_type": hls["axi"]}
    config: dict[str, Any] = create_config(
        output_dir=str(out),
        project_name=hls["project_name"],
        backend=hls["backend"],
        part=hls["part"],
        clock_period=hls["clock_ns"],
        io_type=hls["io_type"],
        **(options if hls["backend"] == "VivadoAccelerator" else {}),
    )
    names: dict[str, Any] = {hls["input_name"]: {"Precision": {"result": precision(model["input_type"])}}}
    for layer in model["layers"]:
        kinds = {"result": precision(layer["result_type"])}
        names[layer["name"]] = {"Precision": kinds, "Strategy": hls["strategy"], "ReuseFactor": 1}
        if layer["kind"] == "dense":
            kinds["accum"] = kinds["result"]
            kinds["weight"] = precision(layer["weight_type"])
            kinds["bias"] = precision(layer["bias_type"])
            names[layer["name"]]["ReuseFactor"] = hls["reuse_factor"][layer["name"]]
    config["HLSConfig"] = {"Model": {"ReuseFactor": 1, "Strategy": hls["strategy"]}, "LayerName": names}
    return config


def layer_list(model: dict[str, Any], hls: dict[str, Any], arrays: Any) -> list[dict[str, Any]]:
    """The network as hls4ml's ModelGraph.from_layer_list takes it."""
    size = model["input_shape"][0]
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": hls["input_name"], "input_shape": model["input_shape"]}
    ]
    for layer in model["layers"]:
        name = layer["name"]
        if layer["kind"] == "activation":
            function = layer["activation"]
            entry = {"class_name": "Activation", "name": name, "activation": function, "n_in": size}
        else:
            weights = values(arrays[f"{name}.weights"], layer["weight_type"])
            entry = {
                "class_name": "Dense",
                "name": name,
                "n_in": size,
                "n_out": weights.shape[1],
                "weight_data": weights,
                "bias_data": values(arrays[f"{name}.bias"], layer["bias_type"]),
                "weight_quantizer": None,
                "bias_quantizer": None,
                "use_bias": True,
                "data_format": "channels_last",
            }
            size = weights.shape[1]
        layers.append(entry)
    return layers


def precision(kind: dict[str, Any]) -> str:
    """hls4ml's spelling of a type: fixed<9,2,RND,SAT>."""
    head = "fixed" if kind["is_signed"] else "ufixed"
    return f"{head}<{kind['bits']},{kind['integer']},{kind['rounding']},{kind['overflow']}>"


def values(codes: Any, kind: dict[str, Any]) -> Any:
    """The real values of integer codes; exact, for codes of at most 53 bits."""
    return np.ldexp(codes.astype(np.float64), kind["integer"] - kind["bits"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python recreate.py OUT")
    write_project(Path(__file__).resolve().parent / "source", Path(sys.argv[1]).resolve())
