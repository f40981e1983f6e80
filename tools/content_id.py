"""The content id of .safetensors files, by its definition and nothing but Python's standard library:

    python3 tools/content_id.py FILE... >fixtures/checksum/ids.tsv

One line for each file: its path, a tab, the id that `weights checksum` must give for it, in whatever format the tensors are.
"""

import hashlib
import json
import struct
import sys


def u64(number):
    return struct.pack("<Q", number)


def content_id(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    leaves = []
    for name in sorted(header, key=str.encode):
        begin, end = header[name]["data_offsets"]
        shape = header[name]["shape"]
        leaf = hashlib.sha256(b"weights-tensor-v1\0" + header[name]["dtype"].encode() + b"\0")
        leaf.update(u64(len(shape)) + b"".join(map(u64, shape)) + u64(len(name.encode())) + name.encode())
        leaf.update(hashlib.sha256(data[8 + length + begin:8 + length + end]).digest())
        leaves.append(leaf.digest())
    return hashlib.sha256(b"weights-checkpoint-v1\0" + u64(len(leaves)) + b"".join(leaves)).hexdigest()


for path in sys.argv[1:]:
    print(path, content_id(path), sep="\t")
