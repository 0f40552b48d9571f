"""What is done to a file's bytes, whatever they mean: the kinds of damage that disks, networks and people do."""

import random
from collections.abc import Callable, Sequence

__all__ = ["MUTATIONS", "Mutation"]

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]

#: Numbers at the ends of what a field may hold, little and big endian.
_ENDS = [
    value.to_bytes(width, order)
    for width in (1, 2, 4, 8)
    for value in (0, 1, (1 << (8 * width - 1)) - 1, 1 << (8 * width - 1), (1 << (8 * width)) - 1)
    for order in ("little", "big")
]
#: What a text may say where a number or a name was.
_WORDS = [
    *(
        b"",
        b"0",
        b"-1",
        b"1e308",
        b"-1e308",
        b"NaN",
        b"inf",
        b"1e-320",
        b"99999999999999999999",
        b"2147483648",
        b"0x10",
    ),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b'""',
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"'",
        b'"',
        b",",
        b"=",
        b"[[",
    ),
    *(b"../../x", b"/", b"%s%n", b"9" * 400, b"[" * 3000, b"a" * 70_000),
]
_BETWEEN = b" \t\r\n,:;=[]{}\"'"


def flip_bits(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Flip one to some dozen bits."""
    changed = bytearray(data)
    for _i in range(1 << chance.randrange(6)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def flip_in_the_head(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Flip bits of the first bytes, where formats say what they are."""
    head = min(len(data), chance.choice((16, 64, 256)))
    return flip_bits(data[:head], chance, ()) + data[head:]


def cut(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Leave the beginning only."""
    return data[: chance.randrange(len(data))]


def cut_the_beginning(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Leave the end only."""
    return data[chance.randrange(len(data)) :]


def set_extremes(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Put the ends of number ranges anywhere, mostly near the beginning or the end: lengths, sizes, counts."""
    changed = bytearray(data)
    for _i in range(chance.choice((1, 1, 2, 4))):
        value = chance.choice(_ENDS)
        reach = chance.choice((32, 128, 1024, len(changed)))
        place = chance.randrange(min(reach, len(changed)))
        place = place if chance.random() < 0.7 else len(changed) - 1 - place
        changed[place : place + len(value)] = value
    return bytes(changed)


def splice(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Go on with the bytes of another file from somewhere on."""
    other = chance.choice(others)
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def swap(_: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Be another file altogether, behind this one's name."""
    return chance.choice(others)


def drop_block(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Lose a block."""
    begin = chance.randrange(len(data))
    return data[:begin] + data[begin + 1 + chance.randrange(512) :]


def repeat_block(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Say a block several times."""
    begin = chance.randrange(len(data))
    end = begin + 1 + chance.randrange(512)
    return data[:end] + data[begin:end] * chance.choice((1, 2, 100)) + data[end:]


def fill_block(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Overwrite a block by one byte or by noise, as a bad sector does."""
    begin, size = chance.randrange(len(data)), 1 + chance.randrange(4096)
    block = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))
    return data[:begin] + block + data[begin + size :]


def grow(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Put up to a megabyte in front, in the middle or behind."""
    place = chance.choice((0, len(data) // 2, len(data)))
    block = chance.choice((b"\0", b"{", b"\n", b"RIFF", b"PK\3\4")) * chance.choice((1, 1000, 250_000))
    return data[:place] + block + data[place:]


def noise(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Be noise, maybe behind a true beginning."""
    return data[: chance.choice((0, 4, 16, 64))] + chance.randbytes(chance.randrange(4000))


def empty(*_: object) -> bytes:
    """Be nothing."""
    return b""


def change_words(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Replace what stands between two marks of punctuation: a number, a name, a key."""
    places = [i for i, byte in enumerate(data[:200_000]) if byte in _BETWEEN]
    if not places:
        return flip_bits(data, chance, ())
    for _i in range(chance.choice((1, 1, 2, 5))):
        begin = chance.choice(places) + 1
        end = next((i for i in range(begin, min(len(data), begin + 200)) if data[i] in _BETWEEN), begin)
        data = data[:begin] + chance.choice(_WORDS) + data[end:]
    return data


#: Damage by name; none of it asks what format a file is of.
MUTATIONS: dict[str, Mutation] = {
    function.__name__: function
    for function in (
        *(flip_bits, flip_in_the_head, cut, cut_the_beginning, set_extremes, splice, swap, drop_block, repeat_block),
        *(fill_block, grow, noise, empty, change_words),
    )
}
