"""PyTorch on a GPU, eager float32: trains the network of a JSON file on one batch of noise.

Uses the protocol of serve.ts: pytorch_layers.py FILE THREADS DEVICE PRECISION. The file has `layers` as in
a recipe, `batch`, `input` [h, w, c] and `classes`. DEVICE is gpu, which is CUDA, ROCm or Metal, or cpu.
PRECISION is default, where convolutions may use TF32, or float32, where nothing may. Images stay on the
device, so no step waits for data.
"""

import json
import sys
import time

import torch
from torch import nn

RATE, MOMENTUM, DECAY = 0.01, 0.9, 5e-4
WARM_UP = 3


def answer(line):
    print(json.dumps(line), flush=True)


class Residual(nn.Module):
    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def module_of(layer, channels):
    """Returns the module of a layer; `channels` are those of its input."""
    kind = layer["type"]
    if kind == "conv2d":
        size = layer["kernel"], layer["stride"], layer["padding"]
        settings = {"groups": layer["groups"], "bias": layer["bias"]}
        return nn.Conv2d(channels, layer["channels"], *map(tuple, size), **settings)
    if kind == "batch_norm":
        return nn.BatchNorm2d(channels, eps=layer["epsilon"], momentum=layer["momentum"])
    if kind in ("max_pool", "avg_pool"):
        pool = nn.MaxPool2d if kind == "max_pool" else nn.AvgPool2d
        return pool(*(tuple(layer[key]) for key in ("kernel", "stride", "padding")))
    if kind == "global_avg_pool":
        return nn.AdaptiveAvgPool2d(1)
    if kind == "relu":
        return nn.ReLU(inplace=True)
    if kind == "relu6":
        return nn.ReLU6(inplace=True)
    if kind == "dropout":
        return nn.Dropout(layer["rate"])
    raise ValueError(f"no module for a layer of type {kind}")


def network_of(layers, x):
    """Returns the modules of layers in order, and their output for the input `x`."""
    modules = []
    for layer in layers:
        if layer["type"] == "residual":
            body, y = network_of(layer["body"], x)
            shortcut, _ = network_of(layer["shortcut"], x)
            module, x = Residual(body, shortcut), y
        else:
            if layer["type"] == "linear":
                x = x.flatten(1)
                modules.append(nn.Flatten())
                module = nn.Linear(x.shape[1], layer["features"], bias=layer["bias"])
            else:
                module = module_of(layer, x.shape[1])
            x = module(x)
        modules.append(module)
    return nn.Sequential(*modules), x


def device_of(name):
    """Returns a device of PyTorch, what it is, and the function that waits for it."""
    if name == "cpu":
        return torch.device("cpu"), "CPU", lambda: None
    if torch.cuda.is_available():
        interface = "ROCm" if getattr(torch.version, "hip", None) else "CUDA"
        return torch.device("cuda"), f"{torch.cuda.get_device_name()}, {interface}", torch.cuda.synchronize
    mps = getattr(torch.backends, "mps", None)
    if mps is not None and mps.is_available():
        return torch.device("mps"), "Metal", torch.mps.synchronize
    return None, None, None


def main():
    path, threads, name, precision = sys.argv[1:5]
    torch.set_num_threads(int(threads))
    device, what, wait = device_of(name)
    if device is None:
        return answer({"problem": f"PyTorch {torch.__version__} has no GPU here"})
    strict = precision == "float32"
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = not strict
    with open(path, encoding="utf-8") as file:
        training = json.load(file)
    height, width, channels = training["input"]
    shape = training["batch"], channels, height, width
    with torch.no_grad():
        # Two images of the true size, as a norm of one value is an error.
        model, _ = network_of(training["layers"], torch.zeros(2, *shape[1:]))
    model = model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    images = torch.randn(*shape, device=device)
    labels = torch.arange(shape[0], device=device) % training["classes"]
    loss_of = nn.CrossEntropyLoss()

    def run(steps):
        """Runs steps and waits. Returns the milliseconds of all and the loss of the last."""
        wait()
        began = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(model(images), labels)
            loss.backward()
            optimizer.step()
        wait()
        return {"ms": 1000 * (time.perf_counter() - began), "loss": loss.item()}

    first = [run(1) for _ in range(WARM_UP)]
    answer({
        "version": torch.__version__,
        "device": what,
        "threads": None if name == "gpu" else torch.get_num_threads(),
        "losses": [result["loss"] for result in first],
        "ms": first[-1]["ms"],
    })
    for line in sys.stdin:
        answer(run(int(line.split()[1])))


main()
