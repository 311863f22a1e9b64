"""Whether the disk of a journal works, as its threads find it: what `state()` reports."""

from collections.abc import Sequence

from vdl_lora.errors import JournalUnavailable
from vdl_lora.interfaces import Check


class Health:
    """The last error of each thread that uses the file; one that works has none."""

    def __init__(self) -> None:
        self._errors: dict[str, JournalUnavailable] = {}

    def report(self, thread: str, error: Exception | None) -> None:
        """Take what a thread met; None, or any other error, shows that the disk works."""
        if isinstance(error, JournalUnavailable):
            self._errors[thread] = error
        elif self._errors:
            self._errors.pop(thread, None)

    def state(self) -> Sequence[Check]:
        """Return a failed check while the disk fails."""
        error = next(iter(self._errors.values()), None)
        return [] if error is None else [Check.failed("disk", error)]
