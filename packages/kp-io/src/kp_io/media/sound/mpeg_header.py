"""Read headers of MPEG audio frames, and the tag that states the length of an MP3."""

#: Kilobits a second by version (3 is MPEG-1) and layer.
_KBITS = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}

#: Bytes from a frame's header to the tag: MPEG-1 stereo, mono or MPEG-2 stereo, MPEG-2 mono.
_TAG_OFFSETS = (36, 21, 13)


def mpeg_frame_length(head: bytes) -> int:
    """Return the bytes of the MPEG audio frame that begins here, 0 if none does.

    Example:
        >>> mpeg_frame_length(bytes([0xFF, 0xFB, 0x90, 0x64]))
        417
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bits, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer == 4 or bits in (0, 15) or rate == 3:
        return 0
    kbits = _KBITS[(3, layer) if version == 3 else (2, min(layer, 2))][bits - 1]
    hertz = (44100, 48000, 32000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12_000 * kbits // hertz + padding) * 4
    return (72_000 if layer == 3 and version != 3 else 144_000) * kbits // hertz + padding


def stated_samples(head: bytes) -> int | None:
    """Return the samples without padding that the tag of an encoder states in the first bytes of an MP3, if it does.

    Example:
        >>> stated_samples(bytes(1000)) is None
        True
    """
    for name in (b"Xing", b"Info"):
        offset = head.find(name)
        frame = next((offset - n for n in _TAG_OFFSETS if offset >= n and mpeg_frame_length(head[offset - n :])), None)
        tag = head[offset : offset + 160]
        if frame is None or len(tag) < 160 or tag[7] & 1 == 0:
            continue
        num_frames = int.from_bytes(tag[8:12], "big")
        encoder = 8 + 4 * (tag[7] & 1) + 2 * (tag[7] & 2) + 25 * (tag[7] & 4) + (tag[7] & 8) // 2
        if tag[encoder : encoder + 4] not in (b"LAME", b"Lavf", b"Lavc"):
            continue
        padding = int.from_bytes(tag[encoder + 21 : encoder + 24], "big")
        samples = num_frames * (1152 if head[frame + 1] >> 3 & 3 == 3 else 576)
        return samples - (padding >> 12) - (padding & 0xFFF) or None
    return None
