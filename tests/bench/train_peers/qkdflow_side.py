"""Our side of train_peers: the same requests and answers as torch_peer.py's."""

from __future__ import annotations

import json
import sys
import time

from qkdflow import _core, bench

first = json.loads(sys.stdin.readline())
_core.set_threads(1)
model, trainer, workload = bench.trainer(first["workload"])
epoch = 0
trainer.epoch(epoch, [1e-3])  # whatever is done once
memory = model.graph.arena_bytes(workload.batch, True) / 1e6
gflop = 6e-9 * model.graph.products * workload.batch  # three times a forward pass's products
print(json.dumps({"memory_mb": memory, "gflop": gflop, "parameters": model.count_params()}), flush=True)
for line in sys.stdin:
    burst = json.loads(line)
    _core.set_threads(burst["threads"])
    count, wall, cpu = 0, time.perf_counter(), time.process_time()
    while count < 2 or time.perf_counter() - wall < burst["seconds"]:
        epoch += 1
        trainer.epoch(epoch, [1e-3])
        count += workload.steps
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall / count, "cpu": cpu / count}), flush=True)
