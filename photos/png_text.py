"""A PNG without the words in it, which Pillow would unpack, count and refuse when there are many."""

from __future__ import annotations

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# XMP may say which way is up; what is written in plain letters is not unpacked, so it cannot be a bomb.
ORIENTATION = b"XML:com.adobe.xmp\0\0"


def without_words(data: bytes) -> bytes:
    """The same picture without tEXt, zTXt and iTXt chunks, save plain XMP. What is damaged is left as it is."""
    if not data.startswith(SIGNATURE) or b"EXt" not in data and b"TXt" not in data:
        return data
    kept, place = [SIGNATURE], len(SIGNATURE)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4])
        kind, end = data[place + 4 : place + 8], place + 12 + length
        if end > len(data):
            break
        is_words = kind in (b"tEXt", b"zTXt", b"iTXt")
        if not is_words or data[place + 8 : place + 8 + len(ORIENTATION)] == ORIENTATION and length < 2**20:
            kept.append(data[place:end])
        place = end
    return b"".join([*kept, data[place:]])
