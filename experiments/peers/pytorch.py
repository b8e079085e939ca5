"""PyTorch on the CPU, float32, all cores. Uses the protocol of serve.ts: pytorch.py FILE."""

import json
import os
import re
import struct
import sys
import time

# Settings of SGD and batch norm, as in training.ts.
RATE, MOMENTUM, EPSILON, NORM_MOMENTUM = 0.05, 0.9, 1e-5, 0.1
STRIDES = (1, 2, 1, 2)
WARM_UP = 2


def answer(line):
    print(json.dumps(line), flush=True)


def tensors_of(torch, path):
    """Reads the tensors of a safetensors file, by name."""
    types = {"F32": torch.float32, "I32": torch.int32}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data[begin:end], dtype=types[entry["dtype"]])
        found[name] = flat.reshape(entry["shape"]).clone()
    return found


def prepare(torch, path):
    """Returns a function that runs one step and returns its loss as a tensor."""
    tensors = tensors_of(torch, path)
    nn = torch.nn
    layers, channels = [], 1
    for i, stride in enumerate(STRIDES):
        weight = tensors[f"conv{i + 1}.weight"]
        conv = nn.Conv2d(channels, weight.shape[0], 3, stride, 1, bias=False)
        norm = nn.BatchNorm2d(weight.shape[0], eps=EPSILON, momentum=NORM_MOMENTUM)
        channels = weight.shape[0]
        with torch.no_grad():
            conv.weight.copy_(weight)
            norm.weight.copy_(tensors[f"norm{i + 1}.weight"])
            norm.bias.copy_(tensors[f"norm{i + 1}.bias"])
        layers += [conv, norm, nn.ReLU(inplace=True)]
    linear = nn.Linear(channels, tensors["linear.bias"].shape[0])
    with torch.no_grad():
        linear.weight.copy_(tensors["linear.weight"])
        linear.bias.copy_(tensors["linear.bias"])
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    # oneDNN's convolutions are fastest in NHWC.
    model = model.to(memory_format=torch.channels_last).train()
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    batches = []
    while f"images.{len(batches)}" in tensors:
        i = len(batches)
        images = tensors[f"images.{i}"].contiguous(memory_format=torch.channels_last)
        batches.append((images, tensors[f"labels.{i}"].long()))
    count = 0

    def step():
        nonlocal count
        images, labels = batches[count % len(batches)]
        count += 1
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def main():
    try:
        import torch
    except ImportError:
        answer({"problem": "not installed: python3 cannot import torch"})
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(cores)
    step = prepare(torch, sys.argv[1])
    losses = [step().item() for _ in range(WARM_UP)]
    found = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
    adapter = f"CPU, {cores} threads" + (f", {found[1]}" if found else "")
    answer({"version": torch.__version__, "adapter": adapter, "losses": losses})
    for line in sys.stdin:
        began = time.perf_counter()
        for _ in range(int(line.split()[1])):
            loss = step()
        answer({"ms": 1000 * (time.perf_counter() - began), "loss": loss.item()})


main()
