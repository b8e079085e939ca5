"""torchvision's networks with exported weights: one JSON object in, one out.

{"make": FILE, "network": NAME, "classes": N} writes the tensors of a new network to FILE, as the
safetensors library would: those of 64 bits first, by name.

{"load": FILE, "network": NAME, "classes": N, "images": [PNG, ...]} loads FILE strictly and answers with
the names in torchvision's order and each image's probabilities by label.
"""

import json
import struct
import sys

import numpy
import torch
import torchvision
from PIL import Image

TYPES = {"F32": torch.float32, "I64": torch.int64}


def read(path):
    """The tensors of a safetensors file by name, and its metadata."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data[begin:end], dtype=TYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).clone()
    return tensors, metadata


def write(path, tensors):
    names = {dtype: name for name, dtype in TYPES.items()}
    header, parts, end = {}, [], 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].element_size(), name)):
        tensor = tensors[name]
        parts.append(tensor.numpy().tobytes())
        begin, end = end, end + len(parts[-1])
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def main():
    job = json.load(sys.stdin)
    torch.manual_seed(1)
    model = getattr(torchvision.models, job["network"])(num_classes=job["classes"])
    if "make" in job:
        write(job["make"], model.state_dict())
        return {}
    tensors, metadata = read(job["load"])
    expected = model.state_dict()
    # A dict without version metadata may lack num_batches_tracked even where loading is strict.
    missing = [name for name in expected if name not in tensors]
    result = model.load_state_dict(tensors, strict=True)
    data = json.loads(metadata["data"])
    pixels = numpy.stack([numpy.asarray(Image.open(path)) for path in job["images"]])
    images = torch.tensor(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(data[key]).reshape(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        probabilities = model.eval()((images - mean) / std).softmax(1)
    return {
        "versions": [torch.__version__, torchvision.__version__],
        "names": len(expected),
        "missing": missing + result.missing_keys,
        "unexpected": result.unexpected_keys,
        "probabilities": probabilities.tolist(),
    }


print(json.dumps(main()))
