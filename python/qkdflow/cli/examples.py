"""What stands below `--help`: examples of the command and of every verb, and what the exit codes mean."""

from __future__ import annotations

EXITS = """exit codes:
  0    done
  1    a result is wrong: bits that must be equal differ
  2    the input or the environment is wrong, or what was asked for cannot run here; one line says what and the cure
  130  stopped by Ctrl-C; what was finished is kept, and the same command goes on from there
  141  the reader of a pipe has gone
"""

_EXAMPLES = {
    "": """
  qkdflow run psd --out runs/psd                               the letter's pulse-shape discriminator
  qkdflow run --data clyc.csv --label class --out runs/clyc --max-parameters 170
  qkdflow inspect teacher.h5                                   layers, zeros, quantisers and NaNs of a network
  qkdflow verify runs/psd                                      every rung against the one it must equal
  qkdflow export runs/psd --to qonnx --out student.onnx        or keras, hls4ml, native; the teacher: onnx
  qkdflow estimate runs/psd --part xc7z020clg400-1 --reuse-factor 1,16 --strategy resource
  qkdflow assess runs/psd --device sim                         the drivers on a simulated board
  qkdflow report runs/* --out runs.html                        finished runs side by side
  qkdflow doctor                                               what is installed, what is missing
""",
    "run": """
  qkdflow run psd --out runs/psd                               minutes; again: goes on where it was stopped
  qkdflow run psd --out runs/psd-paper --budget paper          the letter's search spaces, 40 trials a search
  qkdflow run --data clyc.csv --label class --out runs/clyc --bits 8 --sparsity 0.2 --max-parameters 170
  qkdflow run mnist-cnn --data mnist/ --out runs/mnist         the folder of the four IDX files
  qkdflow run --data pulses.csv --teacher teacher.h5 --out runs/taught
  qkdflow run psd --out runs/z2 --board pynq-z2 --backend VivadoAccelerator --io io_stream
  qkdflow run psd --out runs/small --digits 2 --constraints part=xc7z020clg400-1,lut=0.6,dsp=0 --cost lut
  qkdflow run run.toml --out runs/mine --set effort.student_trials=4
""",
    "init": """
  qkdflow init mnist-cnn > run.toml                            edit it, then: qkdflow run run.toml --out DIR
""",
    "report": """
  qkdflow report runs/*                                        a Markdown table on the terminal
  qkdflow report runs/seed0 runs/seed1 --out runs.html         with figures; seeds of one configuration share a row
  qkdflow report runs/* --part xc7a35tcpg236-1,xczu7ev-ffvc1156-2-e --out runs.md
""",
    "compress": """
  qkdflow compress runs/psd                                    every method, from the run's teacher and student
  qkdflow compress runs/psd --method full,q,ptq --seeds 5      three of them, with their spread
  qkdflow compress mnist-mlp --data mnist/ --student student.h5 --out runs/compressed
""",
    "verify": """
  qkdflow verify runs/psd                                      all rungs that can run here
  qkdflow verify runs/psd --rungs emulator,csim --samples 500
  qkdflow verify runs/psd --rtl solution1/syn/verilog          what Vitis or Vivado HLS wrote
""",
    "export": """
  qkdflow export runs/psd --to qonnx --out student.onnx        ONNX with Quant nodes
  qkdflow export runs/psd --to onnx --out teacher.onnx         the teacher, in float32
  qkdflow export runs/psd --to keras --out student.h5          in QKeras's words
  qkdflow export runs/psd --to hls4ml --out project --strategy Resource --reuse-factor fc1=10,fc2=5
""",
    "rtl": """
  qkdflow rtl runs/psd --reuse-factor 10 --nearest             Verilog, simulated against the emulator
  qkdflow rtl runs/psd --argmax --synthesise                   a class number out; Yosys's counts
""",
    "assess": """
  qkdflow assess runs/psd --device sim                         runs anywhere
  qkdflow assess runs/psd --device rtl                         a simulated board that carries Verilog
  qkdflow assess runs/psd --device pynq://192.168.2.99 --benchmark --reports 08_overlay/hardware/reports
  qkdflow assess runs/psd --device serial:/dev/ttyUSB1         what bare-metal firmware prints; udma://HOST too
""",
    "estimate": """
  qkdflow estimate runs/psd                                    for the run's own part
  qkdflow estimate runs/psd --part xc7z020clg400-1 --reuse-factor 1,8,16,32,64 --strategy resource
  qkdflow estimate runs/psd --calibrate my/reports             refit to your own csynth reports
""",
    "explain": """
  qkdflow explain runs/small                                   every student that was refused, and why
  qkdflow explain runs/small --values depth=1,fc1=20           one that was never trained
""",
    "inspect": """
  qkdflow inspect teacher.h5                                   or .keras, .json, .onnx; nothing in it is run
  qkdflow inspect network.onnx --shape 28,28,1 --json
""",
    "plot": """
  qkdflow plot reuse-factor runs/psd                           the letter's Fig. 5
  qkdflow plot reuse-factor runs/psd --boards pynq-z2 --mhz 100 --simulate --out fig5.pdf
  qkdflow plot pareto runs/small --cost dsp
""",
    "bench": """
  qkdflow bench train --workload psd-student-b32 --json
  qkdflow bench emulate
  qkdflow bench estimate runs/psd
  qkdflow bench bo --problems main --peers optuna_gp,keras_tuner
""",
    "doctor": """
  qkdflow doctor
  qkdflow doctor --json
""",
    "completion": """
  qkdflow completion bash > ~/.local/share/bash-completion/completions/qkdflow
  qkdflow completion zsh > ~/.zfunc/_qkdflow                   ~/.zfunc must be in $fpath before compinit
  qkdflow completion fish > ~/.config/fish/completions/qkdflow.fish
""",
}


def epilog(verb: str = "") -> str:
    """What argparse prints below the options of a verb, or of the command itself."""
    examples = f"examples:{_EXAMPLES[verb]}"
    return examples if verb else f"{examples}\n{EXITS}"
