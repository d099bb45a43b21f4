"""The commands that `--help` shows."""

EXAMPLES = """examples:
  qkdflow run psd --out runs/psd                               the letter's pulse-shape discriminator
  qkdflow run psd --out runs/psd-paper --budget paper          the letter's search spaces, 40 trials a search
  qkdflow run --data clyc.csv --label class --out runs/clyc --max-parameters 170
  qkdflow inspect teacher.h5                                   layers, zeros, quantisers and NaNs of a network
  qkdflow verify runs/psd                                      every rung against the one it must equal
  qkdflow export runs/psd --to qonnx --out student.onnx        or keras, hls4ml, native; the teacher: onnx
  qkdflow estimate runs/psd --part xc7z020clg400-1 --reuse-factor 1,16 --strategy resource
  qkdflow assess runs/psd --device sim                         the drivers on a simulated board
  qkdflow report runs/* --out runs.html                        finished runs side by side
  qkdflow doctor                                               what is installed, what is missing
  qkdflow bench train --workload psd-student-b32 --json
  qkdflow bench bo --problems main --peers optuna_gp,keras_tuner
"""
