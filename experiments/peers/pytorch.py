"""PyTorch on the CPU, float32. Uses the protocol of serve.ts: pytorch.py FILE THREADS."""

import json
import re
import struct
import sys
import time

import torch

# Settings of SGD and batch norm, as in training.ts.
RATE, MOMENTUM, EPSILON, NORM_MOMENTUM = 0.05, 0.9, 1e-5, 0.1
STRIDES = (1, 2, 1, 2)
WARM_UP = 2


def answer(line):
    print(json.dumps(line), flush=True)


def tensors_of(path):
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


def prepare(path):
    """Returns a function that runs one step and returns its loss as a tensor."""
    tensors = tensors_of(path)
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


def run(step, steps):
    """Runs steps. Returns the milliseconds of all and the loss of the last."""
    began = time.perf_counter()
    for _ in range(steps):
        loss = step()
    value = loss.item()
    return {"ms": 1000 * (time.perf_counter() - began), "loss": value}


def device():
    """Returns which instructions and which library of kernels PyTorch has."""
    config = torch.__config__.show()
    found = re.search(r"CPU capability usage: (\S+)", config)
    library = re.search(r"MKL-DNN v(\S+)", config)
    parts = [found and found[1], library and f"oneDNN {library[1]}"]
    return ", ".join(["CPU", *filter(None, parts)])


def main():
    torch.set_num_threads(int(sys.argv[2]))
    step = prepare(sys.argv[1])
    first = [run(step, 1) for _ in range(WARM_UP)]
    answer({
        "version": torch.__version__,
        "device": device(),
        "threads": torch.get_num_threads(),
        "losses": [result["loss"] for result in first],
        "ms": first[-1]["ms"],
    })
    for line in sys.stdin:
        answer(run(step, int(line.split()[1])))


main()
