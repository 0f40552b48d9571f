"""Damage within the format: the container is whole, its checksums fit, and what it holds makes no sense."""

import io
import json
import math
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from mutations import MUTATIONS

__all__ = ["INSIDE"]

_VALUES = (
    *(
        None,
        True,
        "",
        "x",
        "1",
        0,
        -1,
        1.5,
        2**31,
        2**63,
        10**400,
        -(10**18),
        1e308,
        1e-320,
        float("nan"),
        float("inf"),
    ),
    *([], {}, [[]], [None], {"a": 1}, "\x00", "\ud800"[:0] + "é" * 300),
)


def change_json(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Change, drop or double values of a JSON file, at any depth."""
    try:
        content = json.loads(data)
    except ValueError:
        return MUTATIONS["change_words"](data, chance, others)
    for _ in range(chance.choice((1, 1, 2))):
        content = _change_one(content, chance)
    return json.dumps(content).encode()


def _change_one(content: Any, chance: random.Random) -> Any:
    parent, key = None, None
    node = content
    while isinstance(node, (dict, list)) and node and chance.random() < 0.85:
        parent, key = node, chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
        node = parent[key]
    value: Any = chance.choice(_VALUES)
    if parent is None or key is None:
        return value
    if chance.random() < 0.2:
        del parent[key]
    elif isinstance(node, (int, float)) and chance.random() < 0.3:
        parent[key] = node * chance.choice((-1, 1e6, 1e-6, 0.5))
    else:
        parent[key] = value
    return content


def change_arrays(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Damage members of a zip and pack them anew, checksums and all; now and then another array takes a place."""
    import numpy as np

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return data[::-1]
    name = chance.choice(list(members))
    how = chance.random()
    if how < 0.4:
        members[name] = _change_numbers(members[name], chance)
    elif how < 0.7:
        arrays = (
            *(
                np.array(1e30),
                np.array(-1),
                np.array(np.nan),
                np.array("x" * 9),
                np.zeros((0, 68, 2)),
                np.zeros((3, 0, 2)),
            ),
            *(
                np.full((10, 68, 2), np.inf),
                np.full((10, 68, 2), 1e38),
                np.zeros((10, 68), complex),
                np.zeros((10, 68, 4)),
            ),
            *(
                np.zeros((10, 68, 2), np.float16),
                np.array([2**62, 2**62]),
                np.array([]),
                np.array(b"\xff"),
                np.full((10, 68), -5.0),
            ),
            *(
                np.array("0001-01-01", "M8[D]"),
                np.zeros(3, [("a", "f4")]),
                np.zeros((1, 68, 2)),
                np.array([10**6, 10**6]),
            ),
        )
        file = io.BytesIO()
        np.save(file, chance.choice(arrays), allow_pickle=False)
        members[name] = file.getvalue()
    else:
        how = chance.choice(("flip_bits", "flip_in_the_head", "cut", "set_extremes", "change_words", "empty"))
        members[name] = MUTATIONS[how](members[name], chance, [b"x"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return packed.getvalue()


def _change_numbers(data: bytes, chance: random.Random) -> bytes:
    """Change some numbers of an array, or all of them alike: what can be read, and is absurd."""
    import numpy as np

    array = np.load(io.BytesIO(data))
    if array.dtype.kind not in "fiu":
        return MUTATIONS["change_words"](data, chance, ())
    flat = array.reshape(-1).astype(float)
    factor = chance.choice((0.0, -1.0, 1e-6, 0.5, 2.0, 1e3, 1e6, 1e30))
    if flat.size == 0 or chance.random() < 0.4:
        flat *= factor
    else:
        for _ in range(chance.choice((1, 3, 100))):
            flat[chance.randrange(flat.size)] = chance.choice((0.0, -1.0, 1e5, 1e9, 1e38, math.nan, math.inf, -1e20))
    file = io.BytesIO()
    with np.errstate(all="ignore"):
        np.save(file, flat.reshape(array.shape).astype(array.dtype), allow_pickle=False)
    return file.getvalue()


def change_png(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Damage a chunk of a PNG and make its checksum fit."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        size = struct.unpack_from(">I", data, place)[0]
        chunks.append([data[place + 4 : place + 8], data[place + 8 : place + 8 + size]])
        place += 12 + size
    chunk = chance.choice(chunks)
    if chunk[1]:
        chunk[1] = MUTATIONS[chance.choice(("flip_bits", "set_extremes", "cut"))](chunk[1], chance, ())
    packed = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return data[:8] + b"".join(packed)


def change_safetensors(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Change the header of a safetensors file, its length fitting, or numbers behind it."""
    size = struct.unpack_from("<Q", data)[0]
    header, tensors = data[8 : 8 + size], data[8 + size :]
    choice = chance.random()
    if choice < 0.3:
        header = change_json(header, chance, others)
    elif choice < 0.8:
        content = json.loads(header)
        metadata = content.get("__metadata__", {})
        name = chance.choice(list(metadata) or ["format_version"])
        inner = metadata.get(name, "{}").encode()
        change = change_json if inner[:1] == b"{" else MUTATIONS["change_words"]
        metadata[name] = change(inner, chance, others).decode("utf-8", "replace")
        content["__metadata__"] = metadata
        header = json.dumps(content).encode()
    else:
        tensors = MUTATIONS[chance.choice(("set_extremes", "fill_block", "flip_bits"))](tensors, chance, others)
    return struct.pack("<Q", len(header)) + header + tensors


def change_parquet(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Change a cell, drop a column or give it another type, and write the Parquet file anew."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(data))
    index = chance.randrange(table.num_columns)
    field, values = table.schema.field(index), table.column(index).to_pylist()
    if not values:
        return MUTATIONS["flip_bits"](data, chance, ())
    row, how = chance.randrange(len(values)), chance.random()
    if how < 0.15:
        table = table.drop_columns([field.name])
    elif how < 0.3:
        other = chance.choice((["x"] * len(values), [1] * len(values), [[1.0]] * len(values), [None] * len(values)))
        table = table.set_column(index, field.name, pa.array(other))
    else:
        value = values[row]
        options: tuple[Any, ...] = (None, 0, -1, 2**31 - 1, 1e300, float("nan"))
        if isinstance(value, str):
            options = ("", "x" * 5000, "../x", "\0", None, "val")
        elif isinstance(value, bytes):
            options = (b"", value[: len(value) // 2], MUTATIONS["flip_bits"](value, chance, ()), None)
        elif isinstance(value, list):
            options = (
                [],
                value[:-1],
                value * 2,
                [-1] * len(value),
                [2**30] * len(value),
                [float("nan")] * len(value),
                None,
            )
        values[row] = chance.choice(options)
        try:
            table = table.set_column(index, field, pa.array(values, field.type))
        except (pa.ArrowException, ValueError, OverflowError, TypeError):
            table = table.slice(0, 0)
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


#: Suffix to the damage that knows its format.
INSIDE: dict[str, Callable[[bytes, random.Random, Sequence[bytes]], bytes]] = {
    ".json": change_json,
    ".npz": change_arrays,
    ".png": change_png,
    ".safetensors": change_safetensors,
    ".parquet": change_parquet,
    **dict.fromkeys((".csv", ".toml", ".pts"), MUTATIONS["change_words"]),
}
