"""A secret in a file, read again when the file changes."""

from pathlib import Path


def parse_secret(text: str, scheme: str = "") -> str:
    """Return a secret as people paste it: without surrounding white space, and without a `scheme` before it.

    Raises ValueError where it has white space within, control characters or other characters than ASCII; the message
    does not show it.
    """
    secret = text.strip().removeprefix(scheme).strip()
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise ValueError("a secret is one word of letters, digits and signs")
    return secret


class SecretFile:
    """A file that holds one secret. Its content is never part of a message or a representation.

    `scheme` is a word that people may copy along with it, such as `Bearer `.
    """

    def __init__(self, path: Path, scheme: str = "") -> None:
        self.path = path
        self._scheme = scheme
        self._stamp: tuple[int, int, int] | None = None
        self._secret = ""

    def read(self) -> str:
        """Return the secret, empty where the file is empty.

        The file is read where its time, size or inode is another than at the last read, and each time while no secret
        was found in it. Raises OSError where it cannot be read, and ValueError where it holds no secret; that is a
        UnicodeDecodeError where it is not UTF-8.
        """
        stamp = self._current_stamp()
        if stamp != self._stamp or not self._secret:
            self._stamp, self._secret = stamp, ""
            self._secret = parse_secret(self.path.read_text(encoding="utf-8"), self._scheme)
        return self._secret

    def changed(self) -> bool:
        """Whether the file has changed since the last read."""
        return self._current_stamp() != self._stamp

    def _current_stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
