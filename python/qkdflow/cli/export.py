"""`qkdflow export`: a network in another tool's format."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qkdflow.cli import hls_options
from qkdflow.errors import ConfigError

if TYPE_CHECKING:
    from qkdflow.fixed import FixedModel
    from qkdflow.models import Model

FORMATS = ("hls4ml", "keras", "qonnx", "onnx", "native")


def add(verbs: Any) -> None:
    export = verbs.add_parser("export", help="write a network for another tool")
    export.add_argument(
        "directory",
        metavar="DIR",
        help="a run, a saved student, a frozen network or an hls4ml project; for onnx a run (its teacher), a saved "
        "model or a model file",
    )
    export.add_argument(
        "--to",
        required=True,
        choices=FORMATS,
        help="hls4ml: a project; keras: a Keras 2 .h5 in QKeras's words; qonnx: ONNX with Quant nodes; native: NPZ and "
        "JSON (docs/formats.md); onnx: a float network",
    )
    export.add_argument("--out", required=True, metavar="PATH", help="a folder for hls4ml and native, else a file")
    hls_options.add(export)
    export.set_defaults(command=_export)


def _export(args: argparse.Namespace) -> int:
    notes = _float(args) if args.to == "onnx" else _frozen(args)
    for note in notes:
        print(f"note: {note}")
    print(f"{args.to}: {args.out}")
    return 0


def _float(args: argparse.Namespace) -> tuple[str, ...]:
    from qkdflow.export.onnx_float import write_onnx

    return write_onnx(_model(Path(args.directory)), _file(args.out))


def _model(path: Path) -> Model:
    from qkdflow.importers.build import load_model

    return load_model(path / "03_teacher" if (path / "run.json").is_file() else path)


def _frozen(args: argparse.Namespace) -> tuple[str, ...]:
    from qkdflow.export.hls import HlsConfig, write_hls
    from qkdflow.export.keras import write_keras
    from qkdflow.export.qonnx import write_qonnx
    from qkdflow.verify.subject import load

    fixed: FixedModel = load(args.directory, 1, "export").fixed
    if args.to in ("hls4ml", "native") and Path(args.out).is_file():
        raise ConfigError(f"[--out {args.out}] must be a folder; it is a file. Name another")
    if args.to == "hls4ml":
        write_hls(
            fixed, args.out, HlsConfig(**hls_options.given(args)), lambda note: print(f"note: {note}", flush=True)
        )
        return ()
    if args.to == "native":
        fixed.save(args.out)
        return ()
    return (write_keras if args.to == "keras" else write_qonnx)(fixed, _file(args.out))


def _file(out: str) -> str:
    if Path(out).is_dir():
        raise ConfigError(f"[--out {out}] must be a file; it is a folder. Name a file in it")
    return out
