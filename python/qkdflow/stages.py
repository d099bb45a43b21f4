"""The line, one function an arrow:

dataset > search_teacher > train_teacher > search_student > train_student > freeze > write_hls > build_overlay > assess

Each takes values and returns a value. The command line, the notebooks and the tests call these; `workflow.run` adds a
directory in which they resume. freeze, write_hls, build_overlay and assess stand in their own modules and are named
here, so that the line can be read in one place; so does compress, which compares ways to train one student.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qkdflow import datasets, hypermodels, recipe
from qkdflow._core import Key
from qkdflow.assess import assess
from qkdflow.compression import compress, compress_teacher
from qkdflow.config import Budget, RunConfig
from qkdflow.datasets import Dataset
from qkdflow.errors import ConfigError, DataError
from qkdflow.export import preflight
from qkdflow.export.hls import write_hls
from qkdflow.export.unrolling import check_unrolling
from qkdflow.fixed import FixedModel, FixedWeighted
from qkdflow.freeze import freeze
from qkdflow.handover import build_overlay
from qkdflow.hardware.estimator import Estimate
from qkdflow.hardware.estimator.constraints import Constraints
from qkdflow.importers.build import load_model
from qkdflow.models import Model
from qkdflow.models.teaching import copy_shared
from qkdflow.recipe import Trained, best_accuracy, enough
from qkdflow.sparsity import prune_low_magnitude
from qkdflow.tune import HyperParameters, Study, Trial, TrialFailed

__all__ = [
    "Trained",
    "assess",
    "best_accuracy",
    "build_overlay",
    "check_limit",
    "check_project",
    "compress",
    "compress_teacher",
    "dataset",
    "freeze",
    "given_teacher",
    "pretrain",
    "search_student",
    "search_teacher",
    "student_family",
    "teacher_logits",
    "train_linear",
    "train_student",
    "train_teacher",
    "untrained",
    "write_hls",
]

Tick = Callable[[int, float | None], Any]  # (trials or epochs done, best value so far)
Score = Callable[[float, Model, dict[str, Any]], tuple[float, dict[str, Any]]]
STUDENT_BATCH, BASELINE_BATCH = 32, 64


def dataset(config: RunConfig) -> Dataset:
    """The data set of a run: simulated from the run's seed, or read whole; with as many rows to train on as allowed.

    DataError where it cannot be read, or where all samples to train on are the same.
    """
    key = Key(config.seed).fold("dataset")
    if config.is_simulated:
        data = datasets.SIMULATORS[config.data](key, config.work.samples)
    else:
        data = datasets.load(config.data, key=key, label=config.label, image_size=config.image_size)
    data = data.limited(config.work.train_rows, key) if config.work.train_rows else data
    if data.constant_features == math.prod(data.shape):
        raise DataError(
            f"[{config.data}] samples must differ; all {len(data.train.y)} to train on hold the same values"
        )
    return data


def train_linear(data: Dataset, budget: Budget, key: Key) -> Trained:
    """The linear classifier that every network is compared with."""
    model = hypermodels.linear(data, key)
    return recipe.fit(
        model,
        data,
        enough(budget.baseline_epochs, data, BASELINE_BATCH, budget.least_steps),
        BASELINE_BATCH,
        key.fold("fit"),
    )


def pretrain(config: RunConfig, key: Key) -> Trained:
    """What the teachers of a run begin as, where config.pretrains: their network after its budget of textures."""
    work = config.work
    data = datasets.SIMULATORS["textures"](key.fold("textures"), work.pretext_samples)
    build = hypermodels.teacher_family(data, config.teacher_network)
    model = build(HyperParameters(), key)
    return _sound(recipe.fit(model, data, work.pretext_epochs, build.batch, key.fold("fit")), data, "pretext")


def search_teacher(
    data: Dataset,
    config: RunConfig,
    key: Key,
    journal: Path | None = None,
    tick: Tick | None = None,
    dask: str | None = None,
    base: Model | None = None,
) -> Study:
    """Bayesian optimisation of the teacher's widths and learning rate; the objective is validation accuracy.

    Every trial begins with those weights of `base` that have the same name and shape. `config.jobs` trials at once, in
    threads here or on the workers of a `dask` scheduler: the same search.
    """
    build = hypermodels.teacher_family(data, config.teacher_network)
    budget = config.work

    def train(trial: Trial) -> Trained:
        own = key.fold(trial.number)
        model = _begun(build(trial.hp, own), base)
        epochs, change = budget.teacher_trial_epochs, config.augmentation
        return recipe.fit(model, data, epochs, build.batch, own.fold("fit"), augmentation=change)

    return _search(data, build, train, budget.teacher_trials, key, journal, tick, jobs=config.jobs, dask=dask)


def train_teacher(data: Dataset, study: Study, config: RunConfig, key: Key, base: Model | None = None) -> Trained:
    """The teacher with the best values found, trained for the full number of epochs; it begins as the trials did."""
    build = hypermodels.teacher_family(data, config.teacher_network)
    model = _begun(build(_best(study), key), base)
    epochs = enough(config.work.teacher_epochs, data, build.batch, config.work.least_steps)
    trained = recipe.fit(model, data, epochs, build.batch, key.fold("fit"), augmentation=config.augmentation)
    return _sound(trained, data, "teacher")


def given_teacher(path: str, data: Dataset) -> Model:
    """A saved model used as teacher. ConfigError where it does not fit the data, holds NaN or is worse than chance."""
    model = load_model(path)
    wanted = data.shape, (data.classes,)
    if (model.input_shape, model.output_shape) != wanted:
        raise ConfigError(
            f"[--teacher {path}] must take {wanted[0]} and give {wanted[1]} logits; "
            f"it takes {model.input_shape} and gives {model.output_shape}"
        )
    bad = [
        n for n, v in zip(model.graph.param_names, model.get_weights().values, strict=True) if not np.isfinite(v).all()
    ]
    if bad:
        raise ConfigError(f"[--teacher {path}] its weights must be finite; NaN or infinity in {', '.join(bad)}")
    _, accuracy = model.evaluate(*data.valid)
    if recipe.worse_than_chance(accuracy, data):
        raise ConfigError(
            f"[--teacher {path}] must be better than chance, 1 of {data.classes}, on the validation part; it gets "
            f"{accuracy:.4f}. Its outputs must be the classes {', '.join(data.class_names)}, in this order"
        )
    return model


def teacher_logits(teacher: Model, data: Dataset) -> NDArray[np.float32]:
    """What the student learns from, computed once: a frozen teacher says the same every epoch."""
    return teacher.logits(data.train.x)


def search_student(
    data: Dataset,
    logits: NDArray[np.float32],
    config: RunConfig,
    key: Key,
    journal: Path | None = None,
    tick: Tick | None = None,
    dask: str | None = None,
) -> Study:
    """Bayesian optimisation of the student, quantised, pruned and distilled in every trial as in the final training.

    logits: the teacher's (see `teacher_logits`), (rows of the train part, classes). The rest as `search_teacher`.
    """
    build = student_family(data, config)

    def train(trial: Trial) -> Trained:
        return _student(data, logits, trial.hp, config, config.work.student_trial_epochs, key.fold(trial.number))

    feasible, limited = _feasible(build, config), config.limited
    score = _scored(config, limited) if limited is not None else None
    trials = config.work.student_trials
    return _search(data, build, train, trials, key, journal, tick, feasible, config.jobs, score, dask)


def _feasible(build: hypermodels.Student, config: RunConfig) -> Callable[[dict[str, Any]], bool] | None:
    """Whether a student has no more parameters than it may, and may meet the constraints; None where there are none."""
    limit, limited = config.max_parameters, config.limited

    def small_enough(values: dict[str, Any]) -> bool:
        model = build(HyperParameters(values))
        if limit is not None and model.count_params() > limit:
            return False
        if limited is None:
            return True
        return not limited.refusals(untrained(config, model), hopeful=True)

    return small_enough if limit is not None or limited is not None else None


def check_limit(data: Dataset, config: RunConfig) -> None:
    """ConfigError, before anything is trained, where no student is small enough, or a network or the augmentation does
    not fit the data."""
    change = config.augmentation
    if (change.flip or change.crop) and (len(data.shape) != 3 or change.crop >= min(data.shape[:2])):
        raise ConfigError(
            f"[augmentation] needs images (height, width, channels) larger than its crop of {change.crop}; samples are "
            f"{data.shape}. Leave it out, or give a smaller crop"
        )
    if config.teacher is None:
        hypermodels.teacher_family(data, config.teacher_network)
    build = student_family(data, config)
    least = build(HyperParameters(hypermodels.least_values(build))).count_params()
    if config.max_parameters is not None and least > config.max_parameters:
        raise ConfigError(
            f"[--max-parameters] must be at least {least}, the smallest student here; got {config.max_parameters}"
        )
    if config.constraints:
        try:
            Study(build, seed=config.seed, feasible=_feasible(build, config)).ask()
        except ConfigError as error:
            raise ConfigError(
                f"[--constraints] must be met by some student; got {config.constraints}, which none of those that were "
                "drawn meets. Loosen them, or choose a larger part"
            ) from error


def check_project(data: Dataset, study: Study, config: RunConfig) -> None:
    """ConfigError, before the final training, where the best student cannot be built as `config.hls` asks: hls4ml
    cannot fold it so, or Vivado HLS refuses to unroll it."""
    hls, fixed = config.hls, freeze(student_family(data, config)(_best(study), Key(0)))
    try:
        factors, strategies = hls.reuse_factors(fixed), hls.strategies(fixed)
        preflight.check_strategies(fixed, hls.backend, hls.io_type, factors, strategies)
        preflight.check_reuse_factors(fixed, factors, strategies)
        check_unrolling(fixed, hls.backend, hls.io_type, factors, strategies)
    except ConfigError as error:
        cure = "Give another --strategy or --reuse-factor, or LAYER=...,...; the same --out keeps the training"
        raise ConfigError(f"{error}. {cure}") from error


def train_student(
    data: Dataset,
    logits: NDArray[np.float32],
    study: Study,
    config: RunConfig,
    key: Key,
    tick: Tick | None = None,
) -> Trained:
    """The student with the best values found, trained in full from several keys; validation picks one.

    logits: (rows of the train part, classes). DataError where every training ended in NaN.
    """
    epochs = enough(config.work.student_epochs, data, STUDENT_BATCH, config.work.least_steps)
    trained = []
    for restart in range(config.work.student_restarts):
        trained.append(_student(data, logits, _best(study), config, epochs, key.fold(restart)))
        if tick:
            tick(restart + 1, max(map(_rank, trained)))
    best, limited = _sound(max(trained, key=_rank), data, "student"), config.limited
    if limited is None:
        return best
    whole = [t for t in trained if recipe.failing(t, data) is None]  # NaN cannot be frozen
    return max(whole, key=lambda t: limited.score(_rank(t), config.estimate(freeze(t.model))))


def student_family(data: Dataset, config: RunConfig) -> hypermodels.Student:
    """The students that a run's search may build."""
    return hypermodels.student_family(data, config.bits, config.digits, config.student_network)


def _rank(trained: Trained) -> float:
    """Validation accuracy; below every other where the loss was no longer a number."""
    accuracy = best_accuracy(trained.history)
    return accuracy if math.isfinite(accuracy) else -1.0


def _student(
    data: Dataset, logits: NDArray[np.float32], hp: HyperParameters, config: RunConfig, epochs: int, key: Key
) -> Trained:
    model = student_family(data, config)(hp, key)
    if config.sparsity > 0:
        prune_low_magnitude(model, recipe.pruning(config.sparsity, epochs, data, STUDENT_BATCH))
    return recipe.fit(
        model,
        data,
        epochs,
        STUDENT_BATCH,
        key.fold("fit"),
        teacher_logits=logits,
        temperature=float(hp.get("temperature")),
        alpha=float(hp.get("alpha")),
        augmentation=config.augmentation,
    )


def _begun(model: Model, base: Model | None) -> Model:
    """The model, with the weights of `base` that fit."""
    if base is not None:
        copy_shared(base, model)
    return model


def _best(study: Study) -> HyperParameters:
    if study.best is None:
        why = sorted({str(trial.info.get("error", trial.state)) for trial in study.trials})
        raise DataError(f"[search] no trial succeeded: {'; '.join(why)}. Check the data's range and labels")
    return study.best.hp


def _sound(trained: Trained, data: Dataset, name: str) -> Trained:
    """`trained`, where the training came to something; DataError, which says `name`, where it did not."""
    if reason := recipe.failing(trained, data):
        raise DataError(f"[{name}] its training failed: {reason}. Check the data's range, or try another --seed")
    return trained


def _scored(config: RunConfig, limited: Constraints) -> Score:
    """Accuracy less what a trained student needs too much of; its estimate and why it is refused go to the journal."""

    def score(accuracy: float, model: Model, info: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        found = config.estimate(freeze(model))
        needs = {word: int(getattr(found.total, word)) for word in ("lut", "ff", "dsp", "bram", "latency_clk", "ii")}
        refused = limited.refusals(found)
        return limited.score(accuracy, found), {**info, "accuracy": accuracy, "estimate": needs, "refused": refused}

    return score


def untrained(config: RunConfig, model: Model) -> Estimate:
    """What a student needs as its first weights say: as wide and as many as trained ones, pruned as they will be."""
    return config.estimate(_pruned(freeze(model), config.sparsity))


def _pruned(fixed: FixedModel, sparsity: float) -> FixedModel:
    """The same network with the share of its smallest kernel integers zero that training will make zero."""
    layers = []
    for layer in fixed.layers:
        if isinstance(layer, FixedWeighted):
            size = np.abs(layer.weights)
            least = np.sort(size, axis=None)[int(sparsity * size.size)]
            layer = replace(layer, weights=np.where(size < least, 0, layer.weights))
        layers.append(layer)
    return replace(fixed, layers=tuple(layers))


def _search(
    data: Dataset,
    build: Callable[[HyperParameters], Model],
    train: Callable[[Trial], Trained],
    trials: int,
    key: Key,
    journal: Path | None,
    tick: Tick | None,
    feasible: Callable[[dict[str, Any]], bool] | None = None,
    jobs: int = 1,
    score: Score | None = None,
    dask: str | None = None,
) -> Study:
    study = Study(build, seed=key.value, journal=journal, feasible=feasible)

    def objective(trial: Trial) -> tuple[float, dict[str, Any]]:
        trained = train(trial)
        if reason := recipe.failing(trained, data):
            raise TrialFailed(reason)
        accuracy = best_accuracy(trained.history)
        info = {"parameters": trained.model.count_params()}
        return score(accuracy, trained.model, info) if score else (accuracy, info)

    def show(so_far: Study, trial: Trial) -> None:
        if tick:
            tick(sum(t.state != "running" for t in so_far.trials), so_far.best.value if so_far.best else None)

    study.optimize(objective, trials, show, jobs=jobs, dask=dask)
    return study
