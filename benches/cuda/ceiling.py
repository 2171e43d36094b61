"""Measure what the device can do at most: large products and large copies. Prints one JSON object.

    python ceiling.py [--tiny]
"""
import argparse
import json
import statistics
import time

import torch


def seconds(work, device, repeats):
    """The median time of `work`, by the device's own clock where it has one."""
    for _ in range(3):
        work()
    times = []
    for _ in range(repeats):
        if device.type == "cuda":
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            work()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 1e3)
        else:
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tiny", action="store_true")
    tiny = arguments.parse_args().tiny
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = False
    repeats = 3 if tiny else 20
    found = {"torch": torch.__version__}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found.update(device=properties.name, memory_bytes=properties.total_memory)
    side = 256 if tiny else 8192
    for name, kind in (("bf16", torch.bfloat16), ("f32", torch.float32)):
        left, right = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
        out = torch.empty(side, side, device=device, dtype=kind)
        found[f"{name}_flops"] = 2 * side**3 / seconds(lambda: torch.mm(left, right, out=out), device, repeats)
    del left, right, out
    size = (1 << 20) if tiny else (2 << 30)
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    found["copy_bytes_per_second"] = 2 * size / seconds(lambda: target.copy_(source), device, repeats)
    if device.type == "cuda":
        host = torch.ones(size // 4, dtype=torch.uint8, pin_memory=True)
        part = source[: size // 4]
        to_host = seconds(lambda: host.copy_(part, non_blocking=True), device, repeats)
        to_device = seconds(lambda: part.copy_(host, non_blocking=True), device, repeats)
        found.update(to_host_bytes_per_second=size / 4 / to_host, to_device_bytes_per_second=size / 4 / to_device)
    print(json.dumps(found))


main()
