"""Write the hls4ml project that source/ describes, with hls4ml 1.3 and numpy alone.

    python recreate.py OUT

source/model.json, source/model.npz: the frozen network (integer codes and their fixed-point types).
source/hls.json: what hls4ml is asked for. Every tensor has its precision spelled out and there is no default:
one that were forgotten is an error, not a wrong bit.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

Entry = dict[str, Any]
LAST = "channels_last"
STRATEGIES = {"Unrolled": "Resource_unrolled"}  # hls4ml's spelling, where it is another


def write_project(source: Path, out: Path) -> None:
    """Write the project into the directory `out`."""
    from hls4ml.model.graph import ModelGraph
    from hls4ml.writer import get_writer

    model = json.loads((source / "model.json").read_text(encoding="utf-8"))
    hls = json.loads((source / "hls.json").read_text(encoding="utf-8"))
    with np.load(source / "model.npz", allow_pickle=False) as arrays:
        layers = layer_list(model, hls, arrays)
    # Beside a project hls4ml writes an archive of it, or removes what has that name: both happen in a folder of ours.
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        graph = ModelGraph.from_layer_list(project_config(model, hls, project), layers)
        graph.config.config["Stamp"] = hls["stamp"]  # hls4ml's own is random: other bytes every time
        get_writer(hls["backend"]).write_hls(graph)
        name_no_folder(project, hls)
        shutil.copytree(project, out, dirs_exist_ok=True)


def name_no_folder(project: Path, hls: Entry) -> None:
    """The same bytes wherever a project is written: its files name no folder."""
    _edit(project / "hls4ml_config.yml", f"OutputDir: {project}\n", "OutputDir: .\n")
    if hls["backend"] == "Catapult":  # which has it in C++, where the others have it from build_lib.sh
        bridge = f"{hls['project_name']}_bridge.cpp"
        _edit(project / bridge, f'"{project}/firmware/weights"', "WEIGHTS_DIR")
        weights = '"\\"$(cd "$(dirname "$0")" && pwd)/firmware/weights\\""'
        _edit(project / "build_lib.sh", "LDFLAGS=\n", f"LDFLAGS=\nWEIGHTS_DIR={weights}\n")
        source = "-c ${PROJECT}_bridge.cpp"
        _edit(project / "build_lib.sh", source, f'-D WEIGHTS_DIR="${{WEIGHTS_DIR}}" {source}')


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{path.name} of hls4ml 1.3 has {old!r} once; this one has it {text.count(old)} times")
    path.write_text(text.replace(old, new), encoding="utf-8")


def project_config(model: Entry, hls: Entry, out: Path) -> Entry:
    """hls4ml's configuration of the project, as its YAML has it."""
    from hls4ml.utils.config import create_config

    options = {"board": hls["board"], "input_type": hls["axi"], "output_type": hls["axi"]}
    config: Entry = create_config(
        output_dir=str(out),
        project_name=hls["project_name"],
        backend=hls["backend"],
        part=hls["part"],
        clock_period=hls["clock_ns"],
        io_type=hls["io_type"],
        **(options if hls["backend"] == "VivadoAccelerator" else {}),
    )
    # csim can say what every layer gave; synthesis does not see it. Quartus's streams are traced empty, and oneAPI's
    # tracing is C++ that no compiler takes: an array where a pointer is asked for.
    traced = {"Quartus": hls["io_type"] == "io_parallel", "oneAPI": False}
    config["TraceOutput"] = traced.get(hls["backend"], True)
    given = precision(model["input_type"])
    if any(layer["kind"] == "embedding" for layer in model["layers"]):  # it alone reads the input
        given = f"uint<{model['input_type']['bits']}>"  # an ap_fixed is no index in C++
    names: Entry = {hls["input_name"]: {"Precision": {"result": given}}}
    if hls["io_type"] == "io_stream":
        names |= inserted(model, hls)
    for layer in model["layers"]:
        name = layer["name"]
        names[name] = {
            "Precision": precisions(layer),
            "Strategy": STRATEGIES.get(hls["strategies"][name], hls["strategies"][name]),
            "ReuseFactor": hls["reuse_factor"].get(name, 1),
            "Trace": config["TraceOutput"],
        }
        if layer["kind"] in ("table", "softmax", "gru"):
            names[name]["TableSize"] = layer["table_size"]
        if layer["kind"] == "softmax":
            names[name] |= {
                "ExpTableT": precision(layer["exponential_type"]),
                "InvTableT": precision(layer["inverse_type"]),
                "InvInpT": precision(layer["sum_type"]),
            }
        if layer["kind"] == "softmax" and layer["implementation"] == "stable":
            distance = {**layer["input_type"], "is_signed": False, "rounding": "TRN", "overflow": "WRAP"}
            names[name]["InpNormT"] = precision(distance)
    config["HLSConfig"] = {
        "Model": {"ReuseFactor": 1, "Strategy": STRATEGIES.get(hls["strategy"], hls["strategy"])},
        "LayerName": names,
    }
    return config


def inserted(model: Entry, hls: Entry) -> Entry:
    """Configurations of the layers that hls4ml puts into streams by itself: copies, and changes of packing."""
    read = [source for sources in hls["sources"].values() for source in sources]
    kinds = {hls["input_name"]: model["input_type"]}
    kinds |= {layer["name"]: layer["result_type"] for layer in model["layers"]}
    copied = [f"clone_{name}" for name in kinds if read.count(name) > 1]
    packed = [f"repack_{layer['name']}" for layer in model["layers"] if layer["kind"] == "reshape"]
    return {name: {"Precision": {"result": precision(kinds[name.split("_", 1)[1]])}} for name in copied + packed}


def precisions(layer: Entry) -> Entry:
    """The precision of every tensor of a layer, by hls4ml's name for it."""
    found = {"result": "result_type"}
    if layer["kind"] in ("dense", "conv", "depthwise_conv"):
        found |= {"accum": "result_type", "weight": "weight_type", "bias": "bias_type"}
    elif layer["kind"] == "gru":
        found |= {"accum": "accum_type", "table": "table_type", "weight": "kernel_type", "bias": "bias_type"}
        found |= {"recurrent_weight": "recurrent_type", "recurrent_bias": "bias_type"}
    elif layer["kind"] == "embedding":
        found |= {"embeddings": "result_type"}
    elif layer["kind"] == "scale":
        found |= {"scale": "weight_type", "bias": "bias_type"}
    elif layer["kind"] == "pooling":
        found |= {"accum": "accum_type" if layer["op"] == "average" else "result_type"}
    elif layer["kind"] == "table":
        found |= {"table": "table_type"}
    elif layer["kind"] == "softmax":
        found |= {"accum": "accum_type"}  # hls4ml reads those of the tables elsewhere
    elif layer.get("activation") == "leaky_relu":
        found |= {"param": "slope_type"}
    return {name: precision(layer[kind]) for name, kind in found.items()}


def layer_list(model: Entry, hls: Entry, arrays: Any) -> list[Entry]:
    """The network as hls4ml's ModelGraph.from_layer_list takes it."""
    name = hls["input_name"]
    layers: list[Entry] = [{"class_name": "InputLayer", "name": name, "input_shape": model["input_shape"]}]
    for layer in model["layers"]:
        name = layer["name"]
        sources = hls["sources"][name]
        shapes = [hls["shapes"][source] for source in sources]
        layer = {**layer, "index_bits": model["input_type"]["bits"]}
        entry = KINDS[layer["kind"]](layer, shapes, hls["shapes"][name], arrays)
        layers.append({"name": name, "inputs": sources, "data_format": LAST, **entry})
    return layers


def dense(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    return {"class_name": "Dense", "n_in": shapes[0][0], "n_out": shape[0], **kernel(layer, arrays)}


def conv(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    entry = kernel(layer, arrays)
    size = entry["weight_data"].shape[: len(shape) - 1]
    channels = {"n_chan": shapes[0][-1], "n_filt": shape[-1]}
    return {
        "class_name": f"Conv{len(size)}D",
        **channels,
        **image("in_", shapes[0]),
        **image("out_", shape),
        **axes("filt_", size),
        **axes("stride_", layer["strides"]),
        **pads(layer["padding"]),
        "dilation_width": 1,
        "dilation_height": 1,
        **entry,
    }


def depthwise_conv(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    entry = conv(layer, shapes, shape, arrays)
    weights = entry.pop("weight_data")
    return {
        **entry,
        "class_name": f"DepthwiseConv{len(shape) - 1}D",
        "depth_multiplier": 1,
        "depthwise_data": weights[..., np.newaxis],
        "depthwise_quantizer": None,
    }


def scale(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    return {
        "class_name": "BatchNormalization",
        "n_in": int(np.prod(shape)),
        "n_filt": shape[-1] if len(shape) > 1 else -1,
        "scale_data": values(arrays[f"{layer['name']}.weights"], layer["weight_type"]),
        "bias_data": values(arrays[f"{layer['name']}.bias"], layer["bias_type"]),
        "use_gamma": True,
        "use_beta": True,
    }


def pooling(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    op, dimensions = layer["op"].capitalize(), len(layer["size"])
    channels = {"n_filt": shape[-1], "n_chan": shape[-1]}
    windows = {**axes("pool_", layer["size"]), **axes("stride_", layer["strides"]), **pads(layer["padding"])}
    if dimensions == 1:
        widths = {"n_in": shapes[0][0], "n_out": 1 if layer["is_global"] else shape[0]}
    else:
        widths = {**image("in_", shapes[0]), **image("out_", [1, 1, 1] if layer["is_global"] else shape)}
    name = f"{'Global' if layer['is_global'] else ''}{op}Pooling{dimensions}D"
    return {"class_name": name, **channels, **widths, **windows, "count_pad": False}


def add(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    return {"class_name": "Merge", "op": "add"}


def concatenate(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    return {"class_name": "Concatenate", "op": f"concatenate{len(shape)}d", "axis": -1}


def reshape(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    return {"class_name": "Reshape", "target_shape": shape}


def zero_padding(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    widths = {"n_chan": shape[-1], **image("in_", shapes[0]), **image("out_", shape)}
    return {"class_name": f"ZeroPadding{len(shape) - 1}D", **widths, **pads(layer["padding"])}


def activation(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    from hls4ml.model.types import FixedPrecisionType

    function = layer["activation"]
    entry: Entry = {"class_name": "Activation", "activation": function, "n_in": int(np.prod(shape))}
    if function == "leaky_relu":
        entry |= {"class_name": "LeakyReLU", "activ_param": number(layer["slope"], layer["slope_type"])}
    if function.startswith("hard_"):
        entry["class_name"] = "HardActivation"
        for what in ("slope", "shift"):
            kind = layer[f"{what}_type"]
            entry[what] = number(layer[what], kind)
            entry[f"{what}_prec"] = FixedPrecisionType(kind["bits"], kind["integer"], kind["is_signed"])
    return entry


def table(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    return {"class_name": "Activation", "activation": layer["function"], "n_in": int(np.prod(shape))}


def embedding(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    """Rows of zeros up to the last index that the input's type has: hardware reads whatever lies there."""
    table = values(arrays[f"{layer['name']}.embeddings"], layer["result_type"])
    rows = max(len(table), 2 ** layer["index_bits"])
    return {
        "class_name": "Embedding",
        "n_in": int(np.prod(shape[:-1])),
        "n_out": shape[-1],
        "vocab_size": rows,
        "embeddings_data": np.pad(table, ((0, rows - len(table)), (0, 0))),
        "embeddings_quantizer": None,
    }


def gru(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    name, bias = layer["name"], values(arrays[f"{layer['name']}.bias"], layer["bias_type"])
    weights = {
        "weight": values(arrays[f"{name}.kernel"], layer["kernel_type"]),
        "recurrent_weight": values(arrays[f"{name}.recurrent_kernel"], layer["recurrent_type"]),
        "bias": bias[0],
        "recurrent_bias": bias[1],
    }
    return {
        "class_name": "GRU",
        "n_timesteps": shapes[0][0],
        "n_in": shapes[0][1],
        "n_out": shape[-1],
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "return_sequences": layer["return_sequences"],
        "return_state": False,
        "pass_initial_states": False,
        "time_major": False,
        "direction": "forward",
        "apply_reset_gate": "after",
        **{f"{key}_data": data for key, data in weights.items()},
        **{f"{key}_quantizer": None for key in weights},
    }


def softmax(layer: Entry, shapes: list[list[int]], shape: list[int], arrays: Any) -> Entry:
    entry = {"class_name": "Softmax", "activation": "softmax", "n_in": shape[0], "axis": -1}
    return {
        **entry,
        "implementation": layer["implementation"],
        "exp_table_size": min(layer["table_size"], 2 ** layer["input_type"]["bits"]),
        "inv_table_size": layer["table_size"],
    }


KINDS = {
    "dense": dense,
    "conv": conv,
    "depthwise_conv": depthwise_conv,
    "scale": scale,
    "pooling": pooling,
    "add": add,
    "concatenate": concatenate,
    "reshape": reshape,
    "zero_padding": zero_padding,
    "activation": activation,
    "table": table,
    "softmax": softmax,
    "embedding": embedding,
    "gru": gru,
}


def kernel(layer: Entry, arrays: Any) -> Entry:
    """Weights and bias as hls4ml takes them."""
    return {
        "weight_data": values(arrays[f"{layer['name']}.weights"], layer["weight_type"]),
        "bias_data": values(arrays[f"{layer['name']}.bias"], layer["bias_type"]),
        "weight_quantizer": None,
        "bias_quantizer": None,
        "use_bias": True,
    }


def image(prefix: str, shape: list[int]) -> Entry:
    """in_width, and in_height of an image."""
    return axes(prefix, shape[:-1])


def axes(prefix: str, sizes: Any) -> Entry:
    names = ("width",) if len(sizes) == 1 else ("height", "width")
    return {prefix + name: int(size) for name, size in zip(names, sizes, strict=True)}


def pads(padding: list[list[int]]) -> Entry:
    names = (("left", "right"),) if len(padding) == 1 else (("top", "bottom"), ("left", "right"))
    padded = any(n for pair in padding for n in pair)
    found: Entry = {"padding": "same" if padded else "valid"}
    for pair, counts in zip(names, padding, strict=True):
        found |= {f"pad_{name}": count for name, count in zip(pair, counts, strict=True)}
    return found


def precision(kind: Entry) -> str:
    """hls4ml's spelling of a type: fixed<9,2,RND,SAT>."""
    head = "fixed" if kind["is_signed"] else "ufixed"
    return f"{head}<{kind['bits']},{kind['integer']},{kind['rounding']},{kind['overflow']}>"


def values(codes: Any, kind: Entry) -> Any:
    """The real values of integer codes; exact, for codes of at most 53 bits."""
    return np.ldexp(codes.astype(np.float64), kind["integer"] - kind["bits"])


def number(code: int, kind: Entry) -> float:
    return float(values(np.array(code), kind))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python recreate.py OUT")
    write_project(Path(__file__).resolve().parent / "source", Path(sys.argv[1]).resolve())
