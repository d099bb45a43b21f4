"""Writes qkeras_quantizers.npz: what QKeras 0.9's quantisers give. Needs `pip install qkeras==0.9.0 "tensorflow<2.15"`.

x is rank 1 (an activation or a bias), w rank 2 and k rank 4 (kernels). Where QKeras's layers would take a quantiser
as a kernel's, its alpha=None becomes "auto_po2": `weights/TEXT` is that.
"""

from pathlib import Path

import numpy as np
from qkeras.quantizers import get_quantizer

ACTIVATIONS = (
    "quantized_bits(8)",
    "quantized_bits(8, 4)",
    "quantized_bits(6,2,1,alpha=1)",
    "quantized_bits(4,1,keep_negative=False,alpha=1)",
    "quantized_bits(8,0,0,True,0.5)",
    "quantized_bits(1)",
    "quantized_bits(1,0,alpha=0.25)",
    "quantized_relu(8)",
    "quantized_relu(6,2)",
    "quantized_relu(8,2,0,0.125)",
    "quantized_relu(8,2,1)",
    "quantized_relu(8,3,1,0.25)",
    "quantized_relu(8,4,relu_upper_bound=6.0)",
    "quantized_relu(8,4,relu_upper_bound=6.0,is_quantized_clip=False)",
    "quantized_tanh(8)",
    "quantized_tanh(6,0,1)",
    "quantized_tanh(8,use_real_tanh=True)",
    "quantized_sigmoid(8)",
    "quantized_sigmoid(6,1)",
    "quantized_sigmoid(8,use_real_sigmoid=True)",
    "binary(alpha=1)",
    "binary(use_01=1,alpha=0.5)",
    "binary",
    "ternary(alpha=1)",
    "ternary(alpha=2.0,threshold=0.7)",
    "stochastic_binary(alpha=1)",
    "stochastic_ternary(alpha=1.0)",
    "quantized_po2(4)",
    "quantized_po2(4,2)",
    "quantized_po2(5,1,quadratic_approximation=True)",
    "quantized_po2(5,log2_rounding='floor')",
    "quantized_relu_po2(4)",
    "quantized_relu_po2(4,2,0.25)",
    "quantized_relu_po2(6,4,quadratic_approximation=True)",
)
WEIGHTS = (
    "quantized_bits(8, 4)",
    "quantized_bits(4,0,0)",
    "quantized_bits(3,1,alpha='auto')",
    "quantized_bits(8,4,1,alpha='auto_po2')",
    "quantized_bits(1,0,alpha=1)",
    "quantized_bits(4,2,1,alpha=1)",
    "binary()",
    "binary(alpha='auto')",
    "binary(use_01=True,alpha='auto_po2')",
    "ternary()",
    "ternary(alpha='auto')",
    "ternary(alpha='auto_po2',number_of_unrolls=2)",
    "stochastic_binary",
    "stochastic_ternary()",
    "quantized_po2(5)",
    "quantized_relu_po2(6, 2048)",
)


def main() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([np.linspace(-9, 9, 145), rng.normal(size=100) * 3, [0, 1e-9, -1e-9]]).astype(np.float32)
    w = rng.normal(size=(12, 5)).astype(np.float32) * np.array([1, 0.1, 4, 0, 0.02], np.float32)
    k = rng.normal(size=(3, 3, 2, 4)).astype(np.float32)
    k[np.abs(k) < 0.3] = 0
    out = {"x": x, "w": w, "k": k}
    for text in ACTIVATIONS:
        out[f"activation/{text}"] = get_quantizer(text)(x).numpy()
    for text in WEIGHTS:
        for name, array in (("w", w), ("k", k)):
            quantizer = get_quantizer(text)
            quantizer._set_trainable_parameter()
            out[f"weights/{text}/{name}"] = quantizer(array).numpy()
    np.savez_compressed(Path(__file__).with_name("qkeras_quantizers.npz"), **out)


if __name__ == "__main__":
    main()
