"""The AXI wrapper, compiled with g++ against hls4ml's types: the emulator's answers, and TLAST where it belongs."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csim_models import needs_csim
from fixed_models import mlp
from numpy.typing import NDArray
from qkdflow import FixedPoint, Key
from qkdflow.export.hls import HlsConfig, write_hls
from qkdflow.fixed import FixedModel
from qkdflow.handover import find_target, write_hardware
from qkdflow.overlay import build_overlay
from qkdflow_overlay import Codec
from test_overlay import Data, Part, codes

STAND_IN = Path(__file__).parents[1] / "hls/include"
WIDE = FixedPoint(16, 3)

# Feeds packets of words (a line each) and prints what comes out, TLAST marked with a dot.
STREAM_BENCH = """
#include "{top}.h"
#include <iostream>
#include <sstream>
int main() {{
  hls::stream<{top}_word> samples("samples"), results("results");
  std::string line;
  while (std::getline(std::cin, line)) {{
    std::istringstream words(line);
    unsigned value;
    bool any = false;
    {top}_word word;
    while (words >> value) {{
      if (any) samples.write(word);
      word.data = value, word.last = 0, any = true;
    }}
    word.last = 1;
    samples.write(word);
    {top}(samples, results);
    while (!results.empty()) {{
      word = results.read();
      std::cout << word.data.to_uint() << (word.last ? ".\\n" : " ");
      if (word.keep != 15) return 1;
    }}
    if (!samples.empty()) return 2;
  }}
}}
"""
LITE_BENCH = """
#include "{top}.h"
#include <iostream>
int main() {{
  ap_uint<32> sample[{inputs}], result[{outputs}];
  unsigned value;
  while (std::cin >> value) {{
    sample[0] = value;
    for (int i = 1; i < {inputs}; i++) {{ std::cin >> value; sample[i] = value; }}
    {top}(sample, result);
    for (int i = 0; i < {outputs}; i++) std::cout << result[i].to_uint() << (i == {outputs} - 1 ? ".\\n" : " ");
  }}
}}
"""


# What every test bench of an hls4ml project defines, hls4ml's own too: projects are written so that they can be traced.
TRACE = """#include <cstddef>
#include <map>
#include <string>
namespace nnet {
bool trace_enabled = false;
std::map<std::string, void *> *trace_outputs = nullptr;
size_t trace_type_size = sizeof(double);
}  // namespace nnet
"""


def built(model: FixedModel, directory: Path, bench: str, kind: str, config: HlsConfig) -> tuple[Path, Any]:
    """The wrapper of a network behind a test bench, compiled; and the hand-over."""
    x = codes(Key(4), model.input_type, (7, *model.input_shape))
    data = Data(Part(model.input_type.decode(x), np.zeros(7, dtype=np.int64)))
    board = config.board or "pynq-z2"
    overlay = build_overlay(model, data, directory, transport=kind, addresses=find_target(board).cells(kind))
    project = write_hls(model, directory / "project", config)
    spec = write_hardware(overlay, project, board)
    hardware = directory / "hardware"
    text = bench.format(top=spec.top, inputs=overlay.manifest.input.words, outputs=overlay.manifest.output.words)
    (hardware / "bench.cpp").write_text(TRACE + text)
    hls4ml = importlib.util.find_spec("hls4ml")
    assert hls4ml is not None
    assert hls4ml.origin is not None
    types = Path(hls4ml.origin).parent / "templates/vivado/ap_types"
    firmware = hardware / "firmware"
    command = ["g++", "-std=c++14", "-O0", "-w", "-I", str(STAND_IN), "-I", str(types), "-I", str(firmware)]
    command += [f'-DWEIGHTS_DIR="{firmware / "weights"}"', "-o", str(hardware / "bench")]
    command += [str(hardware / "bench.cpp"), str(firmware / f"{spec.top}.cpp"), str(firmware / "myproject.cpp")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return hardware / "bench", overlay


def packets(program: Path, lines: list[NDArray[Any]]) -> list[list[int]]:
    """What comes out, a list of words a packet."""
    text = "".join(" ".join(map(str, line.reshape(-1).tolist())) + "\n" for line in lines)
    done = subprocess.run([str(program)], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(".\n")
    return [[int(word) for word in packet.split()] for packet in done.stdout.removesuffix(".\n").split(".\n")]


MODELS = {
    "counts": lambda: mlp(Key(2), (30, 15, 4)),  # 16 bits a code in, 32 out
    "bytes": lambda: mlp(
        Key(3), (5, 6, 3), FixedPoint(8, 8), FixedPoint(3, 3), FixedPoint(4, 4)
    ),  # 8 bits, a padded word
    "wide": lambda: mlp(
        Key(12), (6, 5, 4), WIDE, FixedPoint(16, 2), FixedPoint(30, 6), "relu", FixedPoint(16, 6, False)
    ),
}


@needs_csim
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("counts", HlsConfig()),
        ("bytes", HlsConfig("VivadoAccelerator", board="pynq-z2", io_type="io_stream")),
    ],
    ids=lambda value: value if isinstance(value, str) else value.io_type,
)
def test_streams(tmp_path: Path, name: str, config: HlsConfig) -> None:
    program, overlay = built(MODELS[name](), tmp_path, STREAM_BENCH, "axi_dma", config)
    codec_in, codec_out = Codec(overlay.manifest.input), Codec(overlay.manifest.output)
    inputs, logits, _ = overlay.vectors
    words, n_out = codec_in.pack(inputs), overlay.manifest.output.words
    # A batch, a single sample, and again a batch: a packet out for a packet in, whole.
    found = packets(program, [words, words[:1], words[2:5]])
    assert [len(packet) for packet in found] == [7 * n_out, n_out, 3 * n_out]
    for packet, expected in zip(found, (logits, logits[:1], logits[2:5]), strict=True):
        assert (codec_out.unpack(np.array(packet, dtype=np.uint32)) == expected).all()
    # TLAST within a sample: the rest of it is zeros, and the next packet begins with a sample of its own.
    cut = words[:2].reshape(-1)[: len(words[0]) + 1]
    padded = np.zeros_like(words[1])
    padded[0] = words[1][0]
    short, after = packets(program, [cut, words[3:4]])
    want = overlay.network.run(codec_in.unpack(padded[None]))[0]
    assert codec_out.unpack(np.array(short, dtype=np.uint32)).tolist() == [logits[0].tolist(), want.tolist()]
    assert (codec_out.unpack(np.array(after, dtype=np.uint32)) == logits[3]).all()


@needs_csim
def test_axi_lite_arrays(tmp_path: Path) -> None:
    program, overlay = built(
        MODELS["wide"](), tmp_path, LITE_BENCH, "axi_lite", HlsConfig("Vivado", io_type="io_stream")
    )
    inputs, logits, _ = overlay.vectors
    found = packets(program, [Codec(overlay.manifest.input).pack(inputs)])
    assert (Codec(overlay.manifest.output).unpack(np.array(found, dtype=np.uint32)) == logits).all()
    top = (tmp_path / "hardware/firmware/net_top.cpp").read_text()
    transport = overlay.manifest.transport
    assert f"port=sample bundle=control offset={transport.input_offset}" in top
    assert f"port=result bundle=control offset={transport.output_offset}" in top
