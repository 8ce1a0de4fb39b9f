"""Pictures of a few pixels as PNG, with what Python brings.

Source: W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", sections 5 and 11.
"""

import zlib


def png(pixels: bytes, height: int, width: int, channels: int) -> bytes:
    """A picture of 8 bits a channel, grey (1) or in colors (3).

    pixels: row by row, height * width * channels bytes.
    """
    line = width * channels
    # Each line says first that it is not filtered.
    lines = b"".join(b"\0" + pixels[at : at + line] for at in range(0, height * line, line))
    kind = {1: 0, 3: 2}[channels]
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, kind, 0, 0, 0))
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return len(data).to_bytes(4, "big") + name + data + check.to_bytes(4, "big")
