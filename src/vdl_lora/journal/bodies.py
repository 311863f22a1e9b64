"""Bodies in and out of zstd frames, small because a dictionary knows what events look like. No I/O.

A new journal begins with a dictionary of plain text that we wrote; once enough events have come, one is trained on
them, which then knows the site's own names. Both stay in the file, for the rows that were made with them.
Each frame carries a checksum, so that a damaged body is found and never decoded.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import zstandard

from vdl_lora.errors import JournalCorrupt
from vdl_lora.events import MAX_BODY
from vdl_lora.mark import Mark

from .damage import SALVAGE

Form = Literal["raw", "trained"]

LEVEL = 3
DICTIONARY_BYTES = 32_768
SAMPLES_TO_TRAIN = 2_000
SAMPLE_BYTES = 8_192

_UUID = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"
_DEVICE = (
    f'"deviceInfo":{{"tenantId":"{_UUID}","tenantName":"","applicationId":"{_UUID}","applicationName":"",'
    f'"deviceProfileId":"{_UUID}","deviceProfileName":"","deviceName":"","devEui":"0011223344556677",'
    '"deviceClassEnabled":"CLASS_A","tags":{"commune":"","site":"","usage":"","vendor":"","model":""}}'
)
_HEAD = f'{{"deduplicationId":"{_UUID}","time":"2026-11-23T22:18:17.690810+00:00",{_DEVICE}'
SEED = (
    f'{_HEAD},"margin":10,"externalPowerSource":false,"batteryLevelUnavailable":true,"batteryLevel":0.0}}'
    f'{_HEAD},"queueItemId":"{_UUID}","acknowledged":true,"fCntDown":4}}'
    f'{{"downlinkId":1,"time":"2026-11-23T22:18:17.690810347+00:00",{_DEVICE},"queueItemId":"{_UUID}","fCntDown":4,'
    '"gatewayId":"0016c001f1500001","txInfo":{"frequency":868500000,"power":16,"modulation":{"lora":{"bandwidth":'
    '125000,"spreadingFactor":7,"codeRate":"CR_4_5","polarizationInversion":true}},"timing":{"delay":{"delay":"1s"}}'
    ',"context":""}}'
    f'{{"time":"2026-11-23T22:18:17.690810347+00:00",{_DEVICE},"level":"WARNING","code":"UPLINK_F_CNT_RETRANSMISSION",'
    '"description":"","context":{"deduplication_id":"","f_cnt_up":"1"}}'
    f'{_HEAD},"devAddr":"01281678","regionConfigId":"eu868"}}'
    f'{_HEAD},"devAddr":"01281678","adr":true,"dr":5,"fCnt":0,"fPort":1,"confirmed":false,"data":"",'
    '"object":{"temperature":22.5,"humidity":40.0,"battery":100.0},"rxInfo":[{"gatewayId":"0016c001f1500001",'
    '"uplinkId":1937744616,"gwTime":"2026-11-23T22:18:17.690810+00:00","nsTime":"2026-11-23T22:18:17.691304869+00:00",'
    '"rssi":-97,"snr":7.5,"channel":1,"rfChain":1,"location":{"latitude":47.5861,"longitude":1.3359,"altitude":102.0},'
    '"context":"PXTjAg==","crcStatus":"CRC_OK"}],"txInfo":{"frequency":868100000,"modulation":{"lora":{"bandwidth":'
    '125000,"spreadingFactor":7,"codeRate":"CR_4_5"}}},"regionConfigId":"eu868"}'
).encode()


class DamagedBody(ValueError):  # noqa: N818 - it names what was read
    """A stored body, or the row around it, is not what was written."""


def damage_mark(problem: str) -> Mark:
    """Make the mark of an event whose body is damaged."""
    return Mark("journal", "damaged", f"the body of this event is damaged in the journal's file: {problem}")


class Bodies:
    """Compresses with the newest dictionary and reads with any; one instance a thread."""

    def __init__(self, dictionaries: Mapping[int, tuple[Form, bytes]]) -> None:
        self._readers: dict[int, zstandard.ZstdDecompressor] = {}
        self.newest = 0
        for number in sorted(dictionaries):
            self.learn(number, *dictionaries[number])

    def learn(self, number: int, form: Form, content: bytes) -> None:
        """Take a dictionary, and use it from now on.

        Raises JournalCorrupt where it is damaged: all bodies that were made with it depend on it.
        """
        try:
            self._learn(number, form, content)
        except zstandard.ZstdError as error:
            raise JournalCorrupt(f"dictionary {number} of the journal is damaged ({error})", advice=SALVAGE) from error

    def _learn(self, number: int, form: Form, content: bytes) -> None:
        kind = zstandard.DICT_TYPE_RAWCONTENT if form == "raw" else zstandard.DICT_TYPE_FULLDICT
        dictionary = zstandard.ZstdCompressionDict(content, dict_type=kind)
        self._readers[number] = zstandard.ZstdDecompressor(dict_data=dictionary)
        dictionary.precompute_compress(level=LEVEL)  # pyright: ignore[reportUnknownMemberType]
        self._writer = zstandard.ZstdCompressor(
            level=LEVEL, dict_data=dictionary, write_checksum=True, write_dict_id=False
        )
        self.newest = number
        self.form = form

    def knows(self, number: int) -> bool:
        """Tell whether it has a dictionary."""
        return number in self._readers

    def pack(self, body: bytes) -> bytes:
        """Compress a body with the newest dictionary."""
        return self._writer.compress(body)

    def unpack(self, number: int, frame: bytes) -> bytes:
        """Give a body back.

        Raises DamagedBody where the frame is damaged.
        """
        reader = self._readers.get(number)
        if reader is None:
            raise DamagedBody(f"it names dictionary {number}, which does not exist")
        try:
            size = zstandard.frame_content_size(frame)
            if size > MAX_BODY:  # trusted as it is, damage would take the machine's memory
                raise DamagedBody(f"it claims {size} bytes, more than the {MAX_BODY} that are kept")
            return reader.decompress(frame, max_output_size=MAX_BODY)
        except (zstandard.ZstdError, TypeError) as error:  # TypeError: the column holds no bytes
            raise DamagedBody(str(error)) from error


def train(samples: Sequence[bytes]) -> bytes:
    """Train a dictionary; this takes part of a second and releases the interpreter's lock meanwhile.

    Raises zstandard.ZstdError where the samples are too few or too small.
    """
    return zstandard.train_dictionary(DICTIONARY_BYTES, [*samples], level=LEVEL).as_bytes()
