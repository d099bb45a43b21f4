"""One layer's options, named in every error; activations, regularisers and quantisers in all their spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qkdflow import quantizers
from qkdflow.errors import ConfigError
from qkdflow.quantizers import Quantizer
from qkdflow.refusal import refusal

ACTIVATIONS = ("linear", "relu", "relu6", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid", "softmax")
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Options:
    where: str  # file, class and name, for errors
    config: Mapping[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        value = self.config.get(key)
        if isinstance(value, dict) and value.get("class_name") == "__tuple__":  # so Keras 3 writes some
            value = value["items"]
        return default if value is None else value

    def refuse(self, key: str, required: str) -> Exception:
        return refusal(f"{self.where}: {key}", required, self.config.get(key))

    def must(self, key: str, *accepted: Any) -> None:
        """The option must be absent, None or one of `accepted` (lists compare item by item)."""
        value = self.get(key, accepted[0])
        items = value if isinstance(value, list) and not isinstance(accepted[0], list) else [value]
        if any(item not in accepted for item in items):
            raise self.refuse(key, f"must be {' or '.join(map(str, accepted))}")

    def whole(self, key: str, default: int | None = None, low: int = 1) -> int:
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= _LARGEST:
            raise self.refuse(key, f"must be a whole number of at least {low}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        value = self.get(key, default)
        if isinstance(value, dict):  # Keras 2.13 serialises NumPy's numbers as dicts
            value = value.get("config", {}).get("value", value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(key, "must be a number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if value not in (0, 1):
            raise self.refuse(key, "must be true or false")
        return bool(value)

    def sizes(self, key: str, n: int, default: int | None = None) -> tuple[int, ...]:
        """n whole numbers, written as one or as a list."""
        value = self.get(key, default)
        values = [value] * n if isinstance(value, int) else value
        whole = isinstance(values, (list, tuple)) and all(isinstance(v, int) and 1 <= v <= _LARGEST for v in values)
        if not whole or len(values) != n:
            raise self.refuse(key, f"must be {n} whole numbers of at least 1")
        return tuple(values)

    def padding(self) -> str:
        value = self.get("padding", "valid")
        if value not in ("valid", "same"):
            raise self.refuse("padding", "must be valid or same")
        return str(value)

    def quantizer(self, key: str, is_kernel: bool = False) -> Quantizer | None:
        value = self.get(key)
        if value is None or value == "None":
            return None
        found = self._quantizer(key, value)
        return found.for_weights() if is_kernel else self.for_activation(key, found)

    def for_activation(self, key: str, found: Quantizer) -> Quantizer:
        if isinstance(getattr(found, "alpha", None), str) and not key.endswith("quantizer"):
            raise self.refuse(key, 'alpha may be "auto" or "auto_po2" for weights only: a batch has no fixed scale')
        return found

    def _quantizer(self, key: str, value: Any) -> Quantizer:
        try:
            if isinstance(value, str):
                return quantizers.get(value)
            return quantizers.from_keras(str(value["class_name"]).split(">")[-1], value["config"])
        except ConfigError as error:
            raise refusal(f"{self.where}: {key}", str(error)) from error

    def activation(self, key: str = "activation") -> str | Quantizer | None:
        """None for linear, one of ACTIVATIONS, or a quantiser."""
        value = self.get(key)
        if isinstance(value, dict):
            if value.get("class_name") == "function" or "class_name" not in value:
                value = value.get("config")  # Keras 3: a function of its own by name
            elif value["class_name"] in ("Linear", "ReLU", "Softmax") and not value.get("config"):
                value = value["class_name"].lower()
            else:
                return self.for_activation(key, self._quantizer(key, value))
        if value is None or value == "linear":
            return None
        if not isinstance(value, str):
            raise self.refuse(key, f"must be one of {', '.join(ACTIVATIONS)} or a quantiser")
        if value in ACTIVATIONS:
            return value
        if value.split("(")[0].strip() not in quantizers.text.names():
            raise self.refuse(key, f"must be one of {', '.join(ACTIVATIONS)} or a quantiser")
        return self.for_activation(key, self._quantizer(key, value))

    def regularizer(self, key: str) -> tuple[float, float] | None:
        """(l1, l2) of Keras's L1, L2, L1L2; None where there is none."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            strength = {"l1": (0.01, 0.0), "l2": (0.0, 0.01), "l1_l2": (0.01, 0.01)}.get(value.lower())
            if strength is None:
                raise self.refuse(key, "must be L1, L2 or L1L2")
            return strength
        if not isinstance(value, dict) or str(value.get("class_name")).lower() not in ("l1", "l2", "l1l2", "l1_l2"):
            raise self.refuse(key, "must be L1, L2 or L1L2")
        inner = Options(f"{self.where}: {key}", value.get("config") or {})
        pair = inner.number("l1", 0.0), inner.number("l2", 0.0)
        return pair if any(pair) else None
