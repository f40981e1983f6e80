"""The comparisons of tools/cross-check; runs in the reference root: cross_check.py BINARY [FOLDER...]"""
import collections
import hashlib
import json
import os
import pathlib
import pickle
import random
import struct
import subprocess
import sys
import tempfile
import types

import safetensors
import safetensors.torch
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed._shard.sharded_tensor import Shard as LocalShard, init_from_local_shards
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
sys.path[:0] = [str(FIXTURES / "safetensors"), str(FIXTURES / "pytorch")]
from contents import KNOWN, contents, split_aliases  # noqa: E402
from cross_check_onnx import for_safetensors, rows as rows_of_onnx, tensors_of as tensors_of_onnx  # noqa: E402
from listing import DTYPES, as_tensor, children, identity, tensor_bytes, tensors_in  # noqa: E402

SEED = int(os.environ.get("WEIGHTS_SEED", "1"))
RANDOM_CHECKPOINTS = 40
RANDOM_DISTRIBUTED = 20
ONNX = (".onnx", ".pb")
PYTORCH = (".pt", ".pth", ".bin", ".ckpt", ".tar")
NOT_IN_SAFETENSORS = {"C32", "C128"}
NOT_IN_TORCH = {"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"}  # torch 2.6

passed = failed = refused = 0
reasons_printed = set()


class Failure(Exception):
    pass


class Refusal(Exception):
    pass


# --- what a file holds: [(name, dtype, shape, SHA-256)], in order ---

def row(name, tensor):
    return name, DTYPES[tensor.dtype], list(tensor.shape), hashlib.sha256(tensor_bytes(tensor)).hexdigest()


def named(value):
    """(name, tensor), in order; a tensor that is the whole file is called "tensor"."""
    return [(".".join(path), tensor) for path, tensor in tensors_in(value, () if as_tensor(value) is None else ("tensor",))]


def rows_of(value):
    return [row(name, tensor) for name, tensor in named(value)]


def rows_listed(path):
    listing = json.loads(path.read_text(encoding="utf-8"))
    return [(t["name"], t["dtype"], t["shape"], t["sha256"]) for t in listing["tensors"]], listing


def read_pytorch(path):
    """Through torch.load, twice: copied and mapped."""
    value = torch.load(path, weights_only=True)
    if rows_of(torch.load(path, weights_only=True, mmap=True)) != rows_of(value):
        raise Failure("torch sees other values when it maps the file")
    return rows_of(value), value


def rows_of_safetensors(path):
    """Of anybody's file: with the tensors that `save_model` dropped."""
    tensors, metadata = contents(path.read_bytes())
    rows = {name: (dtype, shape, hashlib.sha256(data).hexdigest()) for name, dtype, shape, data in tensors}
    aliases, _ = split_aliases(tensors, metadata)
    rows |= {name: rows[of] for name, of in aliases.items()}
    return [(name, *rest) for name, rest in rows.items()]


def read_safetensors(path):
    """Through deserialize, load_file and safe_open, as far as they know the dtypes."""
    tensors, metadata = contents(path.read_bytes())
    rows = [(name, dtype, shape, hashlib.sha256(data).hexdigest()) for name, dtype, shape, data in tensors]
    if {dtype for _, dtype, *_ in rows} <= set(safetensors.torch._TYPES):
        with safetensors.safe_open(path, "pt") as file:
            opened = {name: row(name, file.get_tensor(name)) for name in file.keys()}
        loaded = {name: row(name, tensor) for name, tensor in safetensors.torch.load_file(path).items()}
        if not opened == loaded == {r[0]: r for r in rows}:
            raise Failure("safe_open, load_file and deserialize see different values")
    if {dtype for _, dtype, *_ in rows} <= KNOWN:
        check_written_as_library_would(path.read_bytes(), tensors, metadata)
    return rows, metadata


def check_written_as_library_would(data, tensors, metadata):
    """The same bytes as the library's, but for the entries of __metadata__, whose order is random there."""
    names = {"BOOL": "bool", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn", "BF16": "bfloat16"}
    views = {name: {"dtype": names.get(dtype) or dtype.replace("U", "uint").replace("I", "int").replace("F", "float"), "shape": shape, "data": bytes_}
             for name, dtype, shape, bytes_ in tensors}
    theirs = bytes(safetensors.serialize(views, metadata or None))

    def parts(file):
        length = struct.unpack("<Q", file[:8])[0]
        return length, json.loads(file[8:8 + length], object_pairs_hook=lambda pairs: pairs if "__metadata__" not in dict(pairs) else [
            (key, sorted(value) if key == "__metadata__" else value) for key, value in pairs]), file[8 + length:]

    if parts(data) != parts(theirs):
        raise Failure("not laid out as the safetensors library does it")


def read(path):
    return read_safetensors(path) if path.suffix == ".safetensors" else read_pytorch(path)


# --- running the binary, and counting ---

def convert(source, target, *options):
    command = [*BINARY, "convert", str(source), str(target), *options]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600)
    if done.returncode == 3 and "internal error" not in done.stderr:
        raise Refusal(done.stderr.strip())
    if done.returncode:
        raise Failure(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return target


def attempt(label, check, refusal_is="a failure"):
    """Runs one comparison and counts it; whether it was made and passed. A refusal may be "right", or "for a person" to judge."""
    global passed, failed, refused
    try:
        check()
        passed += 1
        return True
    except Refusal as refusal:
        if refusal_is == "right":
            passed += 1
        elif refusal_is == "for a person":
            refused += 1
            if str(refusal) not in reasons_printed:  # the same for each way out of a file
                print(f"refused  {label}: {refusal}")
            reasons_printed.add(str(refusal))
        else:
            failed += 1
            print(f"FAILED   {label}: refused: {refusal}")
    except Exception as error:  # whatever goes wrong in one comparison, the others still run
        failed += 1
        print(f"FAILED   {label}: {error if isinstance(error, Failure) else repr(error)}")
    return False


def same(expected, actual, ordered=True):
    if not ordered:
        expected, actual = sorted(expected), sorted(actual)
    if expected == actual:
        return
    names, found = [r[0] for r in expected], [r[0] for r in actual]
    if sorted(names) != sorted(found):
        missing, extra = [n for n in names if n not in found], [n for n in found if n not in names]
        raise Failure(f"missing tensors {missing[:5]}, unexpected {extra[:5]}")
    if names != found:
        raise Failure(f"other order: {found[:5]}, expected {names[:5]}")
    different = next((e, a) for e, a in zip(expected, actual) if e != a)
    raise Failure(f"tensor {different[0][0]!r}: {different[1][1:]}, expected {different[0][1:]}")


def check_sharing(value, aliases):
    """Names that are one tensor in the source still share their storage."""
    tensors = dict(named(value))
    for name, of in aliases.items():
        if identity(tensors[name]) != identity(tensors[of]):
            raise Failure(f"{name!r} and {of!r} no longer share storage")


def check_ways(label, source, rows, folder, options=(), aliases=None, refusal_is="a failure"):
    """From one file: to the other format and back, and to the first and back."""
    dtypes = {dtype for _, dtype, *_ in rows}
    impossible = dtypes & NOT_IN_SAFETENSORS or any(name == "__metadata__" for name, *_ in rows)
    safetensors_refusal = "right" if impossible else refusal_is
    tensors, back, pytorch, again = folder / "1.safetensors", folder / "2.pt", folder / "3.pt", folder / "4.safetensors"

    def to_safetensors():
        same(rows, read(convert(source, tensors, *options))[0], ordered=False)

    def and_back():
        order = [name for name, *_ in contents(tensors.read_bytes())[0]]
        same(sorted(rows, key=lambda r: order.index(r[0])), read(convert(tensors, back))[0])

    def to_pytorch():
        seen, value = read(convert(source, pytorch, *options))
        same(rows, seen)
        check_sharing(value, aliases or {})

    def and_again():
        same(rows, read(convert(pytorch, again))[0], ordered=False)

    in_torch = not dtypes & NOT_IN_TORCH  # else nobody here could check the result
    if attempt(f"{label} -> safetensors", to_safetensors, safetensors_refusal) and in_torch:
        attempt(f"{label} -> safetensors -> pt", and_back, refusal_is)
    if in_torch and attempt(f"{label} -> pt", to_pytorch, refusal_is):
        attempt(f"{label} -> pt -> safetensors", and_again, safetensors_refusal)


# --- fixtures ---

def fixtures():
    for path in sorted(path for kind in ("pytorch", "safetensors") for path in (FIXTURES / kind / "valid").rglob("*.json")):
        if path.name.endswith(".index.json"):
            continue  # no listing
        rows, listing = rows_listed(path)
        options = (*(("--root", listing["root"]) if listing["root"] else ()), *(("--dequantize",) if listing.get("dequantize") else ()))
        source = path.with_suffix("")  # NAME.json, or NAME.ROOT.json
        while not source.exists():
            source = source.with_suffix("")
        with tempfile.TemporaryDirectory() as folder:
            check_ways(str(path.relative_to(FIXTURES))[:-5], source, rows, pathlib.Path(folder), options, listing["aliases"])


def check_onnx(label, path, folder, refusal_is="a failure"):
    """The initializers in a safetensors file, and all tensors in another model."""
    target, model = folder / "1.safetensors", folder / "2.onnx"
    options, expected = for_safetensors(tensors_of_onnx(path))

    def to_safetensors():
        same(expected, rows_of_onnx(contents(convert(path, target, *options).read_bytes())[0]), ordered=False)

    def to_onnx():
        same(rows_of_onnx(tensors_of_onnx(path, everything=True)), rows_of_onnx(tensors_of_onnx(convert(path, model), everything=True)))

    if expected or not options:
        attempt(f"{label} -> safetensors", to_safetensors, refusal_is)
    if path.suffix == ".onnx":
        # A name that is empty stands for nothing in ONNX.
        attempt(f"{label} -> onnx", to_onnx, "right" if any(not name for name, *_ in expected) else refusal_is)


def onnx_fixtures():
    for path in sorted(path for path in (FIXTURES / "onnx" / "valid").rglob("*") if path.suffix in ONNX):
        with tempfile.TemporaryDirectory() as folder:
            check_onnx(str(path.relative_to(FIXTURES)), path, pathlib.Path(folder))


# --- random checkpoints ---

def random_tensor(rng, storages):
    """A view, of any kind, of a new or an old storage."""
    if storages and rng.random() < 0.3:
        base = rng.choice(storages)
    else:
        dtype = rng.choice(list(DTYPES))
        size = torch.empty(0, dtype=dtype).element_size()
        count = rng.choice([0, 1, 7, 60, 300])
        bits = torch.tensor(list(rng.randbytes(count * size)), dtype=torch.uint8)
        base = (bits & 1).bool() if dtype == torch.bool else bits.view(dtype)
        storages.append(base)
    dimensions = rng.randint(0, 4)
    shape = [rng.randint(1, 4) for _ in range(dimensions)]
    strides = [rng.choice([0, 1, 2, 3, 5]) for _ in shape]
    reach = sum((length - 1) * stride for length, stride in zip(shape, strides))
    if reach >= base.numel():
        return base[rng.randint(0, base.numel()):]
    view = base.as_strided(shape, strides, rng.randint(0, base.numel() - 1 - reach))
    return view.conj() if view.dtype in (torch.complex64, torch.complex128) and rng.random() < 0.3 else view


def random_value(rng, storages, depth=0):
    kind = rng.random()
    if depth and kind < 0.6:
        tensor = random_tensor(rng, storages)
        return torch.nn.Parameter(tensor) if rng.random() < 0.2 and tensor.dtype.is_floating_point else tensor
    if depth and kind < 0.7:
        return rng.choice([None, True, 3, -(1 << 40), 2.5, "text", [1, 2], {"a": 1}])
    if depth < 3 and depth and kind < 0.8:
        return rng.choice([list, tuple])(random_value(rng, storages, depth + 1) for _ in range(rng.randint(0, 4)))
    keys = rng.sample(["weight", "bias", "层", "a b", "x/y", 0, 7, "running_mean", "lm_head", "embed", "ü"], rng.randint(1, 6))
    kinds = [dict, collections.OrderedDict]
    return rng.choice(kinds)((key, random_value(rng, storages, depth + 1) if depth < 3 else random_tensor(rng, storages)) for key in keys)


def random_checkpoints():
    for number in range(RANDOM_CHECKPOINTS):
        rng = random.Random(SEED * 1000 + number)
        storages = []
        value = {"first": random_tensor(rng, storages), "rest": random_value(rng, storages)}
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            source = folder / "source.pt"
            torch.save(value, source)
            check_ways(f"random checkpoint {SEED}.{number}", source, rows_of(value), folder, ("--root", "."))


# --- distributed checkpoints ---

def cut(rng, shape, cuts):
    """Boxes of that shape, as many as there are cuts and one more."""
    boxes = [([0] * len(shape), list(shape))]
    for _ in range(cuts):
        offsets, sizes = boxes.pop(rng.randrange(len(boxes)))
        axis = rng.randrange(len(shape))
        first = rng.randint(1, sizes[axis] - 1) if sizes[axis] > 1 else sizes[axis]
        boxes.append((offsets, [*sizes[:axis], first, *sizes[axis + 1:]]))
        if first < sizes[axis]:
            boxes.append(([*offsets[:axis], offsets[axis] + first, *offsets[axis + 1:]], [*sizes[:axis], sizes[axis] - first, *sizes[axis + 1:]]))
    return boxes


def in_boxes(rng, tensor):
    """A tensor that is saved in chunks."""
    shards = [LocalShard.from_tensor_and_offsets(tensor[tuple(slice(o, o + s) for o, s in zip(offsets, sizes))].contiguous(), offsets, 0)
              for offsets, sizes in cut(rng, tensor.shape, rng.randint(0, 9))]
    return init_from_local_shards(shards, tensor.size())


def without_gaps(value):
    """What torch can load again: no empty containers, and no integers as keys."""
    if isinstance(value, dict):
        value = {str(key): without_gaps(child) for key, child in value.items()}
        return {key: child for key, child in value.items() if not isinstance(child, (dict, list, tuple)) or child}
    if isinstance(value, (list, tuple)):
        return [child for child in map(without_gaps, value) if not isinstance(child, (dict, list, tuple)) or child]
    return value.resolve_conj() if isinstance(value, torch.Tensor) else value


def distributed():
    """A folder is read as what torch's own dcp_to_torch_save makes of it is, for each root."""
    with tempfile.TemporaryDirectory() as name:
        torch.distributed.init_process_group("gloo", init_method=f"file://{name}/ranks", rank=0, world_size=1)
        for number in range(RANDOM_DISTRIBUTED):
            rng = random.Random(SEED * 1000 + number)
            value = without_gaps({"model": random_value(rng, []), "optimizer": random_value(rng, []), "step": 7, "first": torch.ones(1)})
            for i in range(3):
                shape = [rng.randint(1, 9) for _ in range(rng.randint(1, 4))]
                value["model"][f"boxes{i}"] = in_boxes(rng, torch.arange(float(torch.Size(shape).numel())).reshape(shape))
            folder, whole = pathlib.Path(name) / f"{number}", pathlib.Path(name) / f"{number}.pt"
            try:
                dcp.save(value, checkpoint_id=str(folder))
                dcp_to_torch_save(str(folder), str(whole))
            except Exception as error:  # names that are the same when they are joined
                print(f"skipped  distributed checkpoint {SEED}.{number}: torch: {' '.join(str(error).split())[-100:]}")
                continue

            def check(options):
                there, here = pathlib.Path(name) / "there.pt", pathlib.Path(name) / "here.pt"
                same(read(convert(whole, there, "--force", *options))[0], read(convert(folder, here, "--force", *options))[0])

            for options in ((), ("--root", "."), ("--root", "model")):
                attempt(f"distributed checkpoint {SEED}.{number} {' '.join(options)}", lambda: check(options))
        torch.distributed.destroy_process_group()


# --- shards ---

def sharded():
    limit = 10 * 1024  # at most, whichever kilobyte is meant
    rng = random.Random(SEED)
    value = {f"layer.{i}.{part}": torch.tensor(list(rng.randbytes(size)), dtype=torch.uint8).view(torch.float32).reshape(-1, 4)
             for i in range(12) for part, size in (("weight", 16 * rng.randint(1, 300)), ("bias", 16))}
    value["large.weight"] = torch.zeros(2, 3000)  # more than one shard may hold
    for extension, other in ((".safetensors", ".pt"), (".pt", ".safetensors")):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            source, out = folder / "source.pt", folder / "out"
            torch.save(value, source)
            out.mkdir()

            def write():
                convert(source, out / f"model{extension}", "--max-shard-size", "10KB")
                index = json.loads(next(out.glob("*.index.json")).read_text(encoding="utf-8"))
                shards = sorted(set(index["weight_map"].values()))
                if sorted(file.name for file in out.iterdir() if not file.name.endswith(".index.json")) != shards or len(shards) < 2:
                    raise Failure(f"the index names {shards}, the folder has other files")
                rows = []
                for shard in shards:
                    some = read(out / shard)[0]
                    rows += some
                    if {name for name, *_ in some} != {name for name, file in index["weight_map"].items() if file == shard}:
                        raise Failure(f"{shard} does not hold the tensors that the index says")
                    if len(some) > 1 and sum(value[name].nbytes for name, *_ in some) > limit:
                        raise Failure(f"{shard} is larger than asked for")
                same(rows_of(value), rows, ordered=False)
                if index["metadata"]["total_size"] != sum(tensor.nbytes for tensor in value.values()):
                    raise Failure("total_size is wrong")

            def read_again():
                same(rows_of(value), read(convert(next(out.glob("*.index.json")), folder / f"joined{other}"))[0], ordered=False)

            if attempt(f"shards of {extension}", write):
                attempt(f"shards of {extension} -> {other}", read_again)


def aliases_dropped():
    """--aliases drop writes what save_model writes, and it is read again with every name."""
    weight = torch.arange(12.0).reshape(4, 3)
    value = {"embed": weight, "head": weight, "other": torch.ones(2)}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        torch.save(value, folder / "source.pt")

        def check():
            rows, metadata = read(convert(folder / "source.pt", folder / "tied.safetensors", "--aliases", "drop"))
            same([r for r in rows_of(value) if r[0] != "head"], rows, ordered=False)
            if metadata.get("head") != "embed":
                raise Failure(f"the metadata does not say that head is embed: {metadata}")
            rows, back = read(convert(folder / "tied.safetensors", folder / "back.pt"))
            same(rows_of(value), rows, ordered=False)
            check_sharing(back, {"head": "embed"})

        attempt("aliases dropped and restored", check)


# --- other people's files ---

class Careful(pickle.Unpickler):
    """Reads what torch's weights_only=True does and other pickle protocols too, but calls nothing else either."""
    HARMLESS = {"collections": {"OrderedDict", "defaultdict", "Counter"}, "torch": {"Size", "device"}, "torch.nn.parameter": {"Parameter"},
                "torch.storage": {"UntypedStorage", "TypedStorage"}, "_codecs": {"encode"}, "numpy": {"dtype", "ndarray"},
                "numpy.core.multiarray": {"scalar", "_reconstruct"}, "numpy._core.multiarray": {"scalar", "_reconstruct"}}

    def find_class(self, module, name):
        is_tensor_part = module == "torch" and (name.endswith("Storage") or isinstance(getattr(torch, name, None), torch.dtype)) or (
            module == "torch._utils" and name.startswith("_rebuild_"))
        if is_tensor_part or name in self.HARMLESS.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


def load_foreign(path):
    careful = types.SimpleNamespace(Unpickler=Careful, load=lambda file, **options: Careful(file, **options).load(), __name__="careful")
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=careful)


def containers(value):
    """Every part of a file that could be meant by its weights."""
    yield value
    for _, child in children(value) or ():
        if children(child) is not None:
            yield from containers(child)


def foreign_onnx(label, path):
    try:
        tensors_of_onnx(path, everything=True)
    except Exception as error:
        print(f"skipped  {label}: the library cannot read it: {' '.join(str(error).split())[:100]}")
        return
    with tempfile.TemporaryDirectory() as folder:
        check_onnx(label, path, pathlib.Path(folder), refusal_is="for a person")


def foreign(folder):
    global failed
    paths = sorted(path for path in pathlib.Path(folder).rglob("*") if path.name.endswith((*PYTORCH, *ONNX, ".safetensors")) and path.is_file())
    if not paths:
        failed += 1
        print(f"FAILED   {folder}: no files to compare")
    for path in paths:
        label = str(path.relative_to(folder))
        if path.suffix in ONNX:
            foreign_onnx(label, path)
            continue
        is_pytorch = path.suffix != ".safetensors"
        try:
            value = load_foreign(path) if is_pytorch else None
            rows = rows_of(value) if is_pytorch else rows_of_safetensors(path)
        except Exception as error:
            print(f"skipped  {label}: the library cannot read it: {' '.join(str(error).split())[:100]}")
            continue
        with tempfile.TemporaryDirectory() as name:
            temporary = pathlib.Path(name)
            check_ways(label, path, rows, temporary, ("--root", ".") if is_pytorch else (), refusal_is="for a person")

            def default_root():
                seen = sorted(read(convert(path, temporary / "default.pt"))[0])
                if not any(sorted(rows_of(part)) == seen for part in containers(value)):
                    raise Failure("the default root is no part of what torch sees")

            if is_pytorch:
                attempt(f"{label} -> pt, default root", default_root, "for a person")


if __name__ == "__main__":
    program = sys.argv[1]
    BINARY = ["dotnet", program] if program.endswith(".dll") else [program]
    fixtures()
    onnx_fixtures()
    random_checkpoints()
    distributed()
    sharded()
    aliases_dropped()
    for extra in sys.argv[2:]:
        foreign(extra)
    if refused:
        print(f"{refused} refused: read above why")
    print(f"cross-check: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
