"""What fit, evaluate and compile are given, held against what they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from qkdflow.callbacks import Callback
from qkdflow.errors import ConfigError
from qkdflow.models.training import Augmentation
from qkdflow.sources import Source

if TYPE_CHECKING:
    from qkdflow.models.model import Model


def need_vector(model: Model) -> None:
    """ConfigError where the output has other axes than the classes': loss and accuracy are of one label a sample."""
    if len(model.output_shape) != 1:
        raise ConfigError(
            f"[{model.layers[-1].name}] the output must be a vector of logits, (classes,), to be trained or evaluated; "
            f"got {model.output_shape}. End with Flatten or GlobalAveragePooling before the last Dense"
        )


def check(
    model: Model,
    callbacks: object,
    augmentation: object,
    bit_widths: Mapping[str, float] | None,
    optimizer_state: object,
) -> None:
    """ConfigError for arguments of fit that are of another kind, or name tensors that the model has not."""
    if not isinstance(callbacks, list | tuple):
        raise ConfigError(f"[fit] callbacks must be a list; got {_shown(callbacks)}. Write callbacks=[...]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise ConfigError(f"[fit] callbacks must be made of qkdflow.callbacks' classes; got {_shown(callback)}")
    if not isinstance(augmentation, Augmentation | None):
        raise ConfigError(f"[fit] augmentation must be Augmentation(flip=..., crop=...); got {_shown(augmentation)}")
    if not isinstance(optimizer_state, dict | None):
        raise ConfigError(
            f"[fit] optimizer_state must be a dictionary, empty at first, that fit fills; got {_shown(optimizer_state)}"
        )
    unknown = set(bit_widths or ()) - set(model.graph.param_names)
    if unknown:
        raise ConfigError(
            f"[fit] bit_widths must name parameters, such as {', '.join(model.graph.param_names[:3])}; "
            f"got {', '.join(sorted(map(repr, unknown)))}"
        )


def validation_pair(
    given: tuple[ArrayLike | Source, ArrayLike | None] | Source,
) -> tuple[ArrayLike | Source, ArrayLike | None]:
    """x and y of validation_data. ConfigError for another number of arrays."""
    if not isinstance(given, tuple):
        return given, None
    if len(given) != 2:
        is_weighted = len(given) == 3
        cure = ". Sample weights are not supported; class_weight is" if is_weighted else ""
        raise ConfigError(f"[fit] validation_data must be (x, y) or a Source; got {len(given)} values{cure}")
    return given


def _shown(value: object) -> str:
    return f"the class {value.__name__}; call it" if isinstance(value, type) else f"{value!r}"[:100]
