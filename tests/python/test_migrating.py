"""docs/migrating.md lists exactly the arguments of Keras that are not there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from qkdflow import Key, Model, Sequential, load_model
from qkdflow.callbacks import EarlyStopping, ReduceLROnPlateau
from qkdflow.layers import Conv2D, Dense, Input
from qkdflow.optimizers import SGD, Adam
from qkdflow.sparsity import ConstantSparsity, prune_low_magnitude

PAGE = Path(__file__).parents[2] / "docs/migrating.md"
_PARAMETERS = """kernel_initializer bias_initializer kernel_regularizer bias_regularizer activity_regularizer
    kernel_constraint bias_constraint input_shape"""
_QUEUE = "max_queue_size workers use_multiprocessing"
# The arguments of tf.keras 2.15, as its reference has them; input_shape is of **kwargs.
KERAS: dict[str, tuple[Callable[..., object], str]] = {
    "Dense": (Dense, f"units activation use_bias {_PARAMETERS}"),
    "Conv2D": (
        Conv2D,
        f"filters kernel_size strides padding data_format dilation_rate groups activation use_bias {_PARAMETERS}",
    ),
    "compile": (
        Model.compile,
        "optimizer loss metrics loss_weights weighted_metrics run_eagerly steps_per_execution jit_compile",
    ),
    "fit": (
        Model.fit,
        f"""x y batch_size epochs verbose callbacks validation_split validation_data shuffle class_weight sample_weight
        initial_epoch steps_per_epoch validation_steps validation_batch_size validation_freq {_QUEUE}""",
    ),
    "evaluate": (Model.evaluate, f"x y batch_size verbose sample_weight steps callbacks {_QUEUE} return_dict"),
    "predict": (Model.predict, f"x batch_size verbose steps callbacks {_QUEUE}"),
    "Adam": (
        Adam,
        """learning_rate beta_1 beta_2 epsilon amsgrad weight_decay clipnorm clipvalue global_clipnorm use_ema
        ema_momentum ema_overwrite_frequency jit_compile name""",
    ),
    "EarlyStopping": (
        EarlyStopping,
        "monitor min_delta patience verbose mode baseline restore_best_weights start_from_epoch",
    ),
    "ReduceLROnPlateau": (ReduceLROnPlateau, "monitor factor patience verbose mode min_delta cooldown min_lr"),
}


@pytest.mark.parametrize("name", KERAS)
def test_the_page_lists_the_arguments_that_are_not_there(name: str) -> None:
    here, arguments = KERAS[name]
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}` |"))
    listed = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", row.partition("|")[2].partition("|")[2]))
    assert listed == [a for a in arguments.split() if a not in inspect.signature(here).parameters]


def test_a_file_keeps_neither_optimizer_nor_pruning_schedule(tmp_path: Path) -> None:
    model = Sequential([Input((4,)), Dense(2)])
    assert model.optimizer == Adam(1e-3)
    model.compile(SGD(0.5))
    prune_low_magnitude(model, ConstantSparsity(0.5, 0)).fit(Key(0).normal(32).reshape(8, 4), np.arange(8) % 2)
    model.save(tmp_path)
    again = load_model(tmp_path)
    assert (again.optimizer, again.pruning) == (Adam(1e-3), ())
    np.testing.assert_array_equal(again.parameter("dense/kernel")[1], model.parameter("dense/kernel")[1])
