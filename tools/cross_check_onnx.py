"""What onnx sees in a file, for cross_check.py: the initializers of a model's main graph, or the tensors of a .pb file."""
import hashlib
import importlib.util
import pathlib
import struct

import onnx

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "onnx"
# By its path: fixtures/pytorch has a module of the same name.
specification = importlib.util.spec_from_file_location("onnx_listing", FOLDER / "listing.py")
listing = importlib.util.module_from_spec(specification)
specification.loader.exec_module(listing)

WIDER = {"I4": "I8", "U4": "U8", "I2": "I8", "U2": "U8", "F4": "F32"}
FOUR_BIT_FLOATS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def message_of(path):
    """The message that a file is; a .pb does not say which, so it is the first one that has no field unknown to onnx and a type that there is."""
    data = path.read_bytes()
    if path.suffix == ".onnx":
        return onnx.ModelProto.FromString(data)
    for kind in (onnx.SequenceProto, onnx.OptionalProto, onnx.TensorProto):
        try:
            message = kind.FromString(data)
        except Exception:
            continue
        types = range(1, 27) if kind is onnx.TensorProto else range(6)  # a list of nothing may be of no type
        if not is_strange(message) and (message.data_type if kind is onnx.TensorProto else message.elem_type) in types:
            return message
    raise ValueError("neither a tensor nor a list of them")


def is_strange(message):
    """Whether a field of the message, or of one that is in it, is none that onnx knows there."""
    return len(message.UnknownFields()) > 0 or any(
        is_strange(part) for descriptor, value in message.ListFields() if descriptor.message_type
        for part in (value if descriptor.label == descriptor.LABEL_REPEATED else [value]))


def found_in(message):
    found = listing.Found()
    if isinstance(message, onnx.ModelProto):
        found.model(message)
    elif isinstance(message, onnx.TensorProto):
        found.add(message.name or "tensor", message, True)
    else:
        found.list(message)
    return [(name, tensor, initializer) for name, tensor, initializer in found.tensors if isinstance(tensor, tuple) or tensor.data_type != listing.STRING]


def tensors_of(path, everything=False):
    """[(name, dtype, shape, bytes)], as `to_array` has them where it can."""
    return [(name, *tensor) if isinstance(tensor, tuple) else (name, listing.DTYPES[tensor.data_type], list(tensor.dims), listing.elements(tensor, path.parent))
            for name, tensor, initializer in found_in(message_of(path)) if everything or initializer]


def rows(tensors):
    return [(name, dtype, shape, hashlib.sha256(data).hexdigest()) for name, dtype, shape, data in tensors]


def widened(tensor):
    """What becomes of numbers of less than a byte that are cast to wider ones."""
    name, dtype, shape, data = tensor
    if dtype not in WIDER:
        return tensor
    bits = int(dtype[1])
    count = 1
    for size in shape:
        count *= size
    values = [data[index * bits // 8] >> index * bits % 8 & (1 << bits) - 1 for index in range(count)]
    if dtype == "F4":
        return name, "F32", shape, b"".join(struct.pack("<f", (-1 if value & 8 else 1) * FOUR_BIT_FLOATS[value & 7]) for value in values)
    if dtype[0] == "I":
        values = [value - (1 << bits) if value >> bits - 1 else value for value in values]
    return name, WIDER[dtype], shape, b"".join((value & 255).to_bytes(1, "little") for value in values)


def for_safetensors(tensors):
    """The options that make safetensors hold them, and what is to be expected then."""
    casts = sorted({f"{dtype}={WIDER[dtype]}" for _, dtype, *_ in tensors if dtype in WIDER})
    impossible = [name for name, dtype, *_ in tensors if dtype == "C128"]
    options = [option for cast in casts for option in ("--cast", cast)]
    options += [option for name in impossible for option in ("--exclude", "".join(f"[{c}]" if c in "*?[{" else c for c in name))]
    return options, rows([widened(tensor) for tensor in tensors if tensor[0] not in impossible])
