"""Bytes as people write them in hexadecimal. Pure."""

import re


def parse_hex(text: str) -> bytes:
    """Read bytes as a person pastes them: `01755c`, `01 75 5C`, `0x01755C`, `01:75:5C`, `01-75-5c`.

    Raises ValueError where it is not hexadecimal.
    """
    digits = re.sub(r"[\s:,-]|0[xX]", "", text)
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is not hexadecimal, two digits a byte") from None
