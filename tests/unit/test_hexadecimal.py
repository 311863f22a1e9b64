"""Bytes in hexadecimal, in the notations that people paste."""

import pytest

from vdl_lora.hexadecimal import parse_hex


@pytest.mark.parametrize(
    "text", ["01755c", "01 75 5C", "0x01755C", "01:75:5C", "01-75-5c", "0x01, 0x75, 0x5C", "01\n75\t5c", "0X01755C"]
)
def test_bytes_may_be_pasted_in_many_ways(text: str):
    assert parse_hex(text) == b"\x01\x75\x5c"


@pytest.mark.parametrize("text", ["0", "017", "zz", "01 7"])
def test_what_is_not_hexadecimal_is_refused(text: str):
    with pytest.raises(ValueError, match="is not hexadecimal, two digits a byte"):
        parse_hex(text)


def test_a_long_mistake_is_not_repeated_whole():
    with pytest.raises(ValueError, match=r"^'z{60}' is not"):
        parse_hex("z" * 500)
