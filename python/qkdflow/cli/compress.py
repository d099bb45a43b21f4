"""`qkdflow compress`: one student, compressed in one way or in several, at equal budgets."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qkdflow.cli.run import size
from qkdflow.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from qkdflow.comparison import Comparison
    from qkdflow.compression import CompressionConfig
    from qkdflow.config import RunConfig
    from qkdflow.datasets import Dataset
    from qkdflow.models import Model


def add(verbs: Any) -> None:
    verb = verbs.add_parser(
        "compress", help="train one student with and without quantisation, pruning and distillation, and compare"
    )
    verb.add_argument(
        "target", metavar="RUN|DATA", help="a finished run, an application, a simulator, or a file or folder of data"
    )
    verb.add_argument("--data", metavar="PATH", help="of an application that draws none, such as mnist-mlp")
    verb.add_argument(
        "--method",
        default="all",
        metavar="NAME,...",
        help="all (default), or full, q, p, kd, q+p, q+kd, p+kd, none, ptq; several with commas between",
    )
    verb.add_argument("--out", metavar="DIR", help="where results are kept and resumed (a run: its folder compress)")
    verb.add_argument("--student", metavar="NAME|FILE", help="a zoo name or a model's file; default: the run's student")
    verb.add_argument("--teacher", metavar="FILE", help="a model to learn from; default: the run's teacher")
    verb.add_argument(
        "--teacher-method", metavar="NAME", help="compress the teacher first, as q+p, and teach with what is left"
    )
    verb.add_argument("--teacher-bits", type=int, help="of a compressed teacher (default: 8)")
    verb.add_argument("--label", help="a CSV's label column (default: class)")
    verb.add_argument("--image-size", type=size, metavar="HxW", help="resize a folder's images to it")
    verb.add_argument(
        "--bits",
        type=int,
        help="of a student that has none of its own: not a run's, nor a file's with quantisers (default: 8, or the "
        "application's)",
    )
    verb.add_argument(
        "--sparsity",
        type=float,
        help="least share of zero kernel numbers (default: N:M's, the run's or application's, or 0.5)",
    )
    verb.add_argument(
        "--pruning",
        metavar="WORD",
        help="layer (default), global, neurons, N:M, or dsp:R or bram:R:BITS: what hls4ml's Resource strategy computes "
        "with or stores together at reuse factor R",
    )
    verb.add_argument(
        "--distillation",
        metavar="NAME",
        help="of logits (default), logits_mse, probabilities, or reference: the letter's code as published",
    )
    verb.add_argument(
        "--hint",
        action="append",
        dest="hints",
        metavar="KIND:LAYER=LAYER",
        help="features or attention of a layer are learnt from one of the teacher's layers, as features:q2=conv4@0.5",
    )
    verb.add_argument("--ebops", type=int, metavar="N", help="where q is on: learn each weight's bits, N EBOPs in all")
    verb.add_argument("--temperature", type=float, help="of the distillation (default: 2, or the run's)")
    verb.add_argument("--alpha", type=float, help="the labels' share of the distillation (default: 0.5, or the run's)")
    verb.add_argument("--learning-rate", type=float, help="of Adam (default: 0.01, or the run's)")
    verb.add_argument("--epochs", type=int, help="of every training (default: 60)")
    verb.add_argument("--batch-size", type=int, help="default: 32")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--seeds", type=int, default=1, help="trainings of each method; mean and spread are reported")
    verb.set_defaults(command=_compress)


def _compress(args: argparse.Namespace) -> int:
    from qkdflow.comparison import markdown
    from qkdflow.compression import METHODS

    if args.seeds < 1:
        raise ConfigError(f"[--seeds] must be at least 1; got {args.seeds}")
    methods = list(METHODS) if args.method == "all" else args.method.split(",")
    target = Path(args.target)
    is_run = (target / "report.json").exists()
    if args.out is None and not is_run:
        what = "is no finished run" if target.exists() else "does not exist as a run"
        raise ConfigError(f"[--out] must name a directory for what is made of data; got none, and {args.target} {what}")
    _check(args, methods, is_run)
    comparison = _of_run(args, target) if is_run else _of_data(args)
    out = Path(args.out) if args.out else target / "compress"
    print(markdown(comparison.run(methods, out)), end="")
    print(f"results: {out / 'compress.json'}, {out / 'compress.svg'}")
    return 0


# What a method must do for an option to mean something.
_NEEDS = {
    "sparsity": "prunes",
    "pruning": "prunes",
    "distillation": "distils",
    "hints": "distils",
    "temperature": "distils",
    "alpha": "distils",
    "ebops": "quantizes",
}
_FLAGS = {"hints": "hint"}  # where an option's name is another than its field's


def _check(args: argparse.Namespace, methods: list[str], is_run: bool) -> None:
    """ConfigError, before anything is read, for methods that are not known, and for options that would do nothing."""
    from qkdflow.compression import CompressionConfig

    if len(set(methods)) < len(methods):
        raise ConfigError(f"[--method] must name each method once; got {args.method}")
    students = [CompressionConfig(method) for method in methods]
    if not is_run and args.teacher is None and any(config.distils for config in students):
        raise ConfigError(
            "[compress] distillation needs a teacher. Give --teacher, or leave kd out: --method q,p,q+p,none,ptq"
        )
    teachers = [CompressionConfig(args.teacher_method)] if args.teacher_method else []
    for name, switch in _NEEDS.items():
        asked = students if name in ("hints", "ebops") else students + teachers
        if getattr(args, name) is not None and not any(getattr(config, switch) for config in asked):
            raise ConfigError(f"[--{_FLAGS.get(name, name)}] needs a method that {switch}; got --method {args.method}")
    if args.teacher_bits is not None and not any(config.quantizes or config.calibrates for config in teachers):
        raise ConfigError(
            f"[--teacher-bits] needs a --teacher-method with q or ptq; got {args.teacher_method or 'none'}"
        )
    if is_run and args.data is not None:
        raise _needless(args)
    for name in ("label", "image_size") if is_run else ():
        if getattr(args, name) is not None:
            flag = name.replace("_", "-")
            raise ConfigError(f"[--{flag}] is for data that are read; the run {args.target} has its own")
    if args.bits is not None and is_run and args.student is None:
        raise ConfigError("[--bits] is for a student that has none; the run's has its own")


def _of_run(args: argparse.Namespace, path: Path) -> Comparison:
    from qkdflow import stages
    from qkdflow.datasets import Dataset
    from qkdflow.models import load_model
    from qkdflow.workflow import load_report

    report = load_report(path)
    found = (report.get("student_search", {}).get("best") or {}).get("values", {})
    taken = {name: found[name] for name in ("temperature", "alpha", "learning_rate") if name in found}
    if report["config"].get("sparsity"):
        taken["sparsity"] = report["config"]["sparsity"]
    data = Dataset.load(path / "01_dataset")
    teacher = load_model(path / "03_teacher") if args.teacher is None else stages.given_teacher(args.teacher, data)
    student = load_model(path / "05_student") if args.student is None else _student(args, data)
    return _comparison(args, student, data, teacher, taken)


def _of_data(args: argparse.Namespace) -> Comparison:
    from qkdflow import settings, stages
    from qkdflow.applications import APPLICATIONS
    from qkdflow.datasets import SIMULATORS

    is_application = args.target in APPLICATIONS
    base: dict[str, Any] = settings.preset(args.target) if is_application else {"data": args.target}
    if args.data is not None:
        if "data" in base:
            raise _needless(args)
        base["data"] = args.data
    if "data" in base and base["data"] not in SIMULATORS:
        base["data"] = str(Path(base["data"]).resolve())
    own = {
        name: getattr(args, name) for name in ("label", "image_size", "seed", "bits") if getattr(args, name) is not None
    }
    config = settings.make_config(settings.merged(base, own))
    dataset = stages.dataset(config)
    student = _default_student(dataset, config) if args.student is None else _student(args, dataset)
    teacher = None if args.teacher is None else stages.given_teacher(args.teacher, dataset)
    return _comparison(args, student, dataset, teacher, {"sparsity": config.sparsity} if is_application else {})


def _needless(args: argparse.Namespace) -> ConfigError:
    return ConfigError(f"[--data] is for an application that draws no data of its own; got {args.target}")


def _comparison(
    args: argparse.Namespace, student: Model, data: Dataset, teacher: Model | None, taken: dict[str, Any]
) -> Comparison:
    from qkdflow.comparison import Comparison

    config = _config(args, taken)
    if args.teacher_method and teacher is None:
        raise ConfigError("[--teacher-method] needs a teacher. Give --teacher, or a run")
    teachers = replace(config, method=args.teacher_method, hints=(), ebops=None) if args.teacher_method else None
    bits = 8 if args.teacher_bits is None else args.teacher_bits
    return Comparison(student, data, teacher, config, args.seed, teachers, bits, args.seeds)


def _config(args: argparse.Namespace, taken: dict[str, Any]) -> CompressionConfig:
    """What the command line says, else what the run found, else the defaults."""
    from qkdflow.compression import CompressionConfig
    from qkdflow.sparsity import structure

    said = {f.name: getattr(args, f.name, None) for f in fields(CompressionConfig) if f.name != "method"}
    said["hints"] = tuple(args.hints or ())
    if args.sparsity is None and args.pruning is not None:
        said["sparsity"] = structure(args.pruning)[0].final_sparsity()  # what N:M leaves is no choice
    return CompressionConfig(**{**taken, **{k: v for k, v in said.items() if v is not None}})


def _student(args: argparse.Namespace, data: Dataset) -> Model:
    """--student: a network of the zoo for these data, or a file's; where no kernel has a quantiser, with some."""
    from inspect import signature

    from qkdflow import precision, zoo
    from qkdflow.importers.build import load_model

    if args.student in zoo.names():
        options = {"classes": data.classes, "shape": data.shape, **({} if args.bits is None else {"bits": args.bits})}
        taken = signature(zoo.MODELS[args.student]).parameters
        model = zoo.build(args.student, **{name: value for name, value in options.items() if name in taken})
    elif hint := "" if Path(args.student).exists() else did_you_mean(args.student, zoo.names()):
        raise ConfigError(f"[--student] must be a network of the zoo or a file; got {args.student!r}{hint}")
    else:
        model = load_model(args.student)
        if args.bits is not None and precision.is_quantized(model):
            raise ConfigError(f"[--bits] is for a student that has none; {args.student} has its own")
    return model if precision.is_quantized(model) else precision.with_quantizers(model, args.bits or 8)


def _default_student(data: Dataset, config: RunConfig) -> Model:
    """The network that a search of these settings tries first: an application's, or of the data's kind."""
    from qkdflow import stages
    from qkdflow.tune import HyperParameters

    if not config.student_network and len(data.shape) == 3:
        config = replace(config, student_network={"kind": "cnn", "convolutions": 4})
    return stages.student_family(data, config)(HyperParameters())
