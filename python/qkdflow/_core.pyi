from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import NotRequired

_Codes: TypeAlias = int | Sequence[int] | NDArray[np.integer[Any]]
_Fetch: TypeAlias = Callable[[NDArray[np.uint32]], NDArray[np.float32]]

class _Bound(type): ...  # pybind11's metaclass

class _FixedPointFields(TypedDict):
    bits: int
    integer: int
    is_signed: bool
    rounding: str
    overflow: str
    digits: NotRequired[int]

ONEDNN_BUILT_WITH: tuple[int, int, int]

def onednn_version() -> tuple[int, int, int]: ...

class Key(metaclass=_Bound):
    def __init__(self, seed: int) -> None: ...
    @overload
    def fold(self, name: str) -> Key: ...
    @overload
    def fold(self, data: int) -> Key: ...
    def uniform(self, n: int) -> NDArray[np.float64]: ...
    def normal(self, n: int) -> NDArray[np.float64]: ...
    def permutation(self, n: int) -> NDArray[np.uint32]: ...
    @property
    def value(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[Key], tuple[int]]: ...

class FixedPoint(metaclass=_Bound):
    def __init__(
        self,
        bits: int,
        integer: int,
        is_signed: bool = True,
        rounding: str = "TRN",
        overflow: str = "WRAP",
        digits: int = 0,
    ) -> None: ...
    @staticmethod
    def quantized_bits(
        bits: int,
        integer: int,
        keep_negative: bool = True,
        symmetric: bool = False,
        rounding: str = "RND_CONV",
    ) -> FixedPoint: ...
    @staticmethod
    def quantized_relu(bits: int, integer: int, rounding: str = "RND_CONV") -> FixedPoint: ...
    @staticmethod
    def from_dict(fields: dict[str, Any]) -> FixedPoint: ...
    @property
    def bits(self) -> int: ...
    @property
    def integer(self) -> int: ...
    @property
    def is_signed(self) -> bool: ...
    @property
    def rounding(self) -> str: ...
    @property
    def overflow(self) -> str: ...
    @property
    def digits(self) -> int: ...
    @property
    def fraction(self) -> int: ...
    @property
    def step(self) -> float: ...
    @property
    def low_code(self) -> int: ...
    @property
    def high_code(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def ap_type(self) -> str: ...
    @property
    def hls4ml_type(self) -> str: ...
    def encode(self, values: ArrayLike) -> NDArray[np.int64]: ...
    def decode(self, codes: _Codes) -> NDArray[np.float64]: ...
    def quantize(self, values: ArrayLike) -> NDArray[np.float64]: ...
    def requantize(self, codes: _Codes, from_fraction: int) -> NDArray[np.int64]: ...
    def to_dict(self) -> _FixedPointFields: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[type[FixedPoint], tuple[int, int, bool, str, str, int]]: ...

def set_threads(count: int) -> None: ...
def feed_engine() -> None: ...
def threads() -> int: ...
def simd_level() -> str: ...

class ScaledQuantizer(metaclass=_Bound):
    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...

def scaled_bits(bits: int, integer: int, alpha: float | str) -> ScaledQuantizer: ...
def binary(alpha: float | str) -> ScaledQuantizer: ...
def ternary(alpha: float | str, threshold: float, rounds: int) -> ScaledQuantizer: ...
def power_of_two(lowest: int, highest: int) -> ScaledQuantizer: ...

class ParamSpec(metaclass=_Bound):
    def __init__(
        self,
        initializer: str = "zeros",
        type: FixedPoint | None = None,
        scaled: ScaledQuantizer | None = None,
        regularizer: tuple[float, float] = (0.0, 0.0),
        learned: tuple[str, float, float, float] | None = None,
    ) -> None: ...

class Layer(metaclass=_Bound):
    @property
    def name(self) -> str: ...
    def infer(self, srcs: Sequence[Sequence[int]]) -> list[int]: ...

class Dense(Layer):
    def __init__(self, name: str, units: int, use_bias: bool, kernel: ParamSpec, bias: ParamSpec) -> None: ...

class Convolution(Layer):
    def __init__(
        self,
        name: str,
        filters: int,
        kernel_size: tuple[int, int],
        strides: tuple[int, int],
        padding: str,
        use_bias: bool,
        depthwise: bool,
        kernel: ParamSpec,
        bias: ParamSpec,
    ) -> None: ...

class BatchNormalization(Layer):
    def __init__(self, name: str, momentum: float, epsilon: float, center: bool, scale: bool) -> None: ...

class FoldedBatchNormalization(Layer):
    def __init__(
        self,
        inner: Layer,
        momentum: float,
        epsilon: float,
        center: bool,
        scale: bool,
        folding_mode: str,
        ema_freeze_delay: int | None,
        bias: ParamSpec,
    ) -> None: ...

class Pooling(Layer):
    def __init__(
        self,
        name: str,
        average: bool,
        pool_size: tuple[int, int],
        strides: tuple[int, int],
        padding: str,
        is_global: bool,
        keepdims: bool,
    ) -> None: ...

class Activation(Layer):
    def __init__(
        self,
        name: str,
        function: str,
        type: FixedPoint | None = None,
        slope: float | None = None,
        offset: float | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> None: ...

class Rescaling(Layer):
    def __init__(self, name: str, scale: Sequence[float], offset: Sequence[float]) -> None: ...

class Add(Layer):
    def __init__(self, name: str) -> None: ...

class Concatenate(Layer):
    def __init__(self, name: str) -> None: ...

class Reshape(Layer):
    def __init__(self, name: str, target_shape: Sequence[int]) -> None: ...

class ZeroPadding(Layer):
    def __init__(self, name: str, rows: tuple[int, int], columns: tuple[int, int]) -> None: ...

class Dropout(Layer):
    def __init__(self, name: str, rate: float) -> None: ...

class Embedding(Layer):
    def __init__(self, name: str, input_dim: int, output_dim: int, table: ParamSpec) -> None: ...

class Gru(Layer):
    def __init__(
        self,
        name: str,
        units: int,
        return_sequences: bool,
        use_bias: bool,
        kernel: ParamSpec,
        recurrent: ParamSpec,
        bias: ParamSpec,
        state: FixedPoint | None = None,
    ) -> None: ...

class Graph(metaclass=_Bound):
    def __init__(self, input_shape: Sequence[int], nodes: Sequence[tuple[Layer, Sequence[int]]]) -> None: ...
    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def output_shape(self) -> tuple[int, ...]: ...
    def node_shape(self, node: int) -> tuple[int, ...]: ...
    def node_params(self, node: int) -> list[int]: ...
    @property
    def products(self) -> float: ...
    @property
    def count_params(self) -> int: ...
    @property
    def param_names(self) -> list[str]: ...
    @property
    def prunable_params(self) -> list[int]: ...
    def param_shape(self, index: int) -> tuple[int, ...]: ...
    def effective(self, index: int) -> NDArray[np.float32]: ...
    def initialize(self, key: Key) -> None: ...
    def value(self, index: int) -> NDArray[np.float32]: ...
    def set_value(self, index: int, value: NDArray[np.float32]) -> None: ...
    def mask(self, index: int) -> NDArray[np.float32] | None: ...
    def set_mask(self, index: int, mask: NDArray[np.float32] | None) -> None: ...
    def gradient(self, index: int) -> NDArray[np.float32]: ...
    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...
    def predict_rows(self, x: _Fetch, samples: int) -> NDArray[np.float32]: ...
    @property
    def inference_batch(self) -> int: ...
    def evaluate(self, x: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def trace(self, x: NDArray[np.float64]) -> list[NDArray[np.float64]]: ...
    def arena_bytes(self, batch: int, training: bool) -> int: ...

class Schedule(metaclass=_Bound):
    def __init__(
        self,
        initial_sparsity: float,
        final_sparsity: float,
        begin_step: int,
        end_step: int,
        frequency: int,
        power: float,
    ) -> None: ...
    def due(self, step: int) -> bool: ...
    def sparsity(self, step: int) -> float: ...

class PruneTarget(metaclass=_Bound):
    def __init__(
        self, param: int, group: Sequence[int] = [], block: Sequence[int] = [], followers: Sequence[int] = []
    ) -> None: ...

class PruneRule(metaclass=_Bound):
    def __init__(self, schedule: Schedule, targets: Sequence[PruneTarget], is_global: bool = False) -> None: ...

class Distillation(metaclass=_Bound):
    def __init__(self, alpha: float, temperature: float, teaching: str = "logits") -> None: ...

class Hint(metaclass=_Bound):
    def __init__(self, kind: str, pixels: int, channels: int, weight: float) -> None: ...

class Trainer(metaclass=_Bound):
    def __init__(
        self,
        graph: Graph,
        x: NDArray[np.float32] | _Fetch,
        y: NDArray[np.int32],
        teacher: NDArray[np.float32] | None,
        optimizer: str,
        options: Mapping[str, float],
        batch_size: int,
        key: Key,
        distillation: Distillation | None,
        pruning: Sequence[PruneRule],
        first_step: int = 0,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        flip: bool = False,
        crop: int = 0,
        hints: Sequence[Hint] = [],
    ) -> None: ...
    def epoch(self, index: int, learning_rates: Sequence[float]) -> tuple[float, float]: ...
    def order(self, index: int) -> NDArray[np.uint32]: ...
    @property
    def steps(self) -> int: ...
    def optimizer_state(self) -> dict[str, NDArray[np.float64]]: ...
    def set_bit_costs(self, weight: float, widths: Sequence[float]) -> None: ...
    def set_optimizer_state(self, arrays: Mapping[str, NDArray[np.float64]]) -> None: ...

def evaluate(graph: Graph, x: NDArray[np.float32] | _Fetch, y: NDArray[np.int32]) -> tuple[float, float]: ...
def loss(
    logits: NDArray[np.float32],
    labels: NDArray[np.int32],
    teacher: NDArray[np.float32] | None = None,
    alpha: float = 1.0,
    temperature: float = 1.0,
    teaching: str = "logits",
) -> tuple[float, NDArray[np.float32]]: ...
def attention_map(a: NDArray[np.float32]) -> NDArray[np.float32]: ...

class FixedLayer(metaclass=_Bound):
    @property
    def name(self) -> str: ...

class FixedDense(FixedLayer):
    def __init__(
        self,
        name: str,
        weights: NDArray[np.int64],
        bias: NDArray[np.int64],
        weight_type: FixedPoint,
        bias_type: FixedPoint,
        result_type: FixedPoint,
    ) -> None: ...

class FixedConv(FixedLayer):
    def __init__(
        self,
        name: str,
        weights: NDArray[np.int64],
        bias: NDArray[np.int64],
        weight_type: FixedPoint,
        bias_type: FixedPoint,
        result_type: FixedPoint,
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
    ) -> None: ...

class FixedDepthwiseConv(FixedLayer):
    def __init__(
        self,
        name: str,
        weights: NDArray[np.int64],
        bias: NDArray[np.int64],
        weight_type: FixedPoint,
        bias_type: FixedPoint,
        result_type: FixedPoint,
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
    ) -> None: ...

class FixedScale(FixedLayer):
    def __init__(
        self,
        name: str,
        weights: NDArray[np.int64],
        bias: NDArray[np.int64],
        weight_type: FixedPoint,
        bias_type: FixedPoint,
        result_type: FixedPoint,
    ) -> None: ...

class FixedActivation(FixedLayer):
    def __init__(
        self,
        name: str,
        function: str,
        result_type: FixedPoint,
        slope: tuple[int, int] = (0, 0),
        shift: tuple[int, int] = (0, 0),
    ) -> None: ...

class FixedLookup(FixedLayer):
    def __init__(
        self, name: str, table: NDArray[np.int64], table_type: FixedPoint, span: int, result_type: FixedPoint
    ) -> None: ...

class FixedSoftmax(FixedLayer):
    def __init__(
        self,
        name: str,
        stable: bool,
        exponential: NDArray[np.int64],
        exponential_type: FixedPoint,
        inverse: NDArray[np.int64],
        inverse_type: FixedPoint,
        accum_type: FixedPoint,
        sum_type: FixedPoint,
        result_type: FixedPoint,
    ) -> None: ...

class FixedArgmax(FixedLayer):
    def __init__(self, name: str, result_type: FixedPoint) -> None: ...

class FixedMaxPooling(FixedLayer):
    def __init__(
        self,
        name: str,
        size: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
        is_global: bool,
        result_type: FixedPoint,
    ) -> None: ...

class FixedAveragePooling(FixedLayer):
    def __init__(
        self,
        name: str,
        size: Sequence[int],
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
        is_global: bool,
        accum_type: FixedPoint,
        result_type: FixedPoint,
    ) -> None: ...

class FixedAdd(FixedLayer):
    def __init__(self, name: str, result_type: FixedPoint) -> None: ...

class FixedConcatenate(FixedLayer):
    def __init__(self, name: str, result_type: FixedPoint) -> None: ...

class FixedReshape(FixedLayer):
    def __init__(self, name: str, shape: Sequence[int], result_type: FixedPoint) -> None: ...

class FixedZeroPadding(FixedLayer):
    def __init__(self, name: str, padding: Sequence[Sequence[int]], result_type: FixedPoint) -> None: ...

class FixedEmbedding(FixedLayer):
    def __init__(self, name: str, embeddings: NDArray[np.int64], result_type: FixedPoint) -> None: ...

class FixedGRU(FixedLayer):
    def __init__(
        self,
        name: str,
        kernel: NDArray[np.int64],
        recurrent_kernel: NDArray[np.int64],
        bias: NDArray[np.int64],
        kernel_type: FixedPoint,
        recurrent_type: FixedPoint,
        bias_type: FixedPoint,
        sigmoid: NDArray[np.int64],
        tanh: NDArray[np.int64],
        table_type: FixedPoint,
        accum_type: FixedPoint,
        return_sequences: bool,
        result_type: FixedPoint,
    ) -> None: ...

class Emulator(metaclass=_Bound):
    def __init__(self, input_shape: Sequence[int], input_type: FixedPoint) -> None: ...
    def add(self, layer: FixedLayer, sources: Sequence[str]) -> None: ...
    def exact_type(self, layer: FixedLayer, sources: Sequence[str]) -> FixedPoint: ...
    def sum_bits(self, layer: FixedLayer, sources: Sequence[str]) -> int: ...
    def shape(self, name: str) -> tuple[int, ...]: ...
    def type(self, name: str) -> FixedPoint: ...
    @property
    def narrow(self) -> bool: ...
    def run(self, codes: NDArray[np.int64]) -> NDArray[np.int64]: ...
    def trace(self, codes: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]: ...

class Dimension(metaclass=_Bound):
    @staticmethod
    def continuous(name: str, conditions: Sequence[tuple[int, Sequence[int]]]) -> Dimension: ...
    @staticmethod
    def grid(
        name: str,
        levels: int,
        log_from: float,
        positions: Sequence[float],
        conditions: Sequence[tuple[int, Sequence[int]]],
    ) -> Dimension: ...
    @staticmethod
    def category(name: str, levels: int, conditions: Sequence[tuple[int, Sequence[int]]]) -> Dimension: ...

class Suggester(metaclass=_Bound):
    def __init__(
        self, dimensions: Sequence[Dimension], default_code: ArrayLike, seed: int, reference: Sequence[float]
    ) -> None: ...
    def canonical(self, code: ArrayLike) -> NDArray[np.float64]: ...
    def suggest(
        self,
        codes: ArrayLike,
        values: ArrayLike,
        states: Sequence[str],
        violations: ArrayLike,
        running: ArrayLike,
        feasible: Callable[[NDArray[np.float64]], bool] | None,
        cost: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None,
    ) -> NDArray[np.float64] | None: ...
    def predict(
        self, codes: ArrayLike, values: ArrayLike, states: Sequence[str], objective: int, at: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

def gp_posterior(
    x: ArrayLike,
    y: ArrayLike,
    categorical: Sequence[bool],
    theta: ArrayLike,
    at: ArrayLike,
    warped: Sequence[bool] = [],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def gp_map(
    x: ArrayLike, y: ArrayLike, categorical: Sequence[bool], theta: ArrayLike, warped: Sequence[bool] = []
) -> tuple[float, NDArray[np.float64]]: ...
def hypervolume(points: ArrayLike, reference: ArrayLike) -> float: ...
def non_dominated(values: ArrayLike) -> list[int]: ...
def log_h(z: float) -> tuple[float, float]: ...
