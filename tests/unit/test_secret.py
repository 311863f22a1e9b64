"""A secret's file is read again when it changes and while it holds none, and no message shows what is in it."""

import os

import pytest

from vdl_lora.secret import SecretFile, parse_secret


@pytest.fixture
def file(tmp_path):
    return tmp_path / "secret"


@pytest.mark.parametrize("text", ["abc", "abc\n", "  abc\r\n\n", "Bearer abc", "Bearer  abc\n"])
def test_secret_is_read_as_people_paste_it(text):
    assert "abc" == parse_secret(text, "Bearer ")


@pytest.mark.parametrize("text", ["two words", "one\ntwo", "Bearer abc", "\u00e9t\u00e9", "a\0b"])
def test_text_that_is_no_secret_is_refused_without_showing_it(file, text):
    file.write_text(text, encoding="utf-8")
    secret = SecretFile(file)
    for _ in range(2):
        with pytest.raises(ValueError, match="one word") as refused:
            secret.read()
        assert text not in str(refused.value)
    file.write_text("abc", encoding="utf-8")
    assert "abc" == secret.read()


def test_unchanged_file_is_not_read_again(file, monkeypatch):
    file.write_text("abc", encoding="utf-8")
    secret = SecretFile(file)
    assert "abc" == secret.read()
    monkeypatch.setattr(type(file), "read_text", lambda *_args, **_kwargs: pytest.fail("it is read again"))
    assert "abc" == secret.read()


def test_file_of_the_same_time_and_size_is_read_again_by_its_inode(file):
    file.write_text("abc", encoding="utf-8")
    secret = SecretFile(file)
    assert "abc" == secret.read()
    status = file.stat()
    other = file.with_name("other")
    other.write_text("xyz", encoding="utf-8")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    assert secret.changed()
    assert "xyz" == secret.read()
    assert not secret.changed()


@pytest.mark.parametrize("at_first", [None, b"", b" \n", b"\xff\xfe", b"two words"])
def test_file_without_a_secret_is_read_each_time(file, at_first):
    """The second content has the stamp of the first, as on a disk with coarse times."""
    secret = SecretFile(file)
    if at_first is not None:
        file.write_bytes(at_first)
        os.utime(file, ns=(0, 0))
    try:
        assert "" == secret.read()
    except (OSError, ValueError):
        assert at_first not in (b"", b" \n")
    assert not secret.changed()
    file.write_bytes(b"abc".ljust(len(at_first or b""), b"\n"))
    os.utime(file, ns=(0, 0))
    assert "abc" == secret.read()


def test_file_that_goes_away_is_an_error_until_it_is_back(file):
    file.write_text("abc", encoding="utf-8")
    secret = SecretFile(file)
    assert "abc" == secret.read()
    file.unlink()
    assert secret.changed()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            secret.read()
        assert not secret.changed()
    file.write_text("xyz", encoding="utf-8")
    assert "xyz" == secret.read()


def test_representation_shows_no_secret(file):
    file.write_text("abcdef", encoding="utf-8")
    secret = SecretFile(file)
    secret.read()
    assert "abcdef" not in repr(secret)
