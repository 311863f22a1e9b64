"""`python -m bench.load DEVICES BURST`: a virtual ChirpStack with so many sensors, each sending so often once a second.

It prints its address and key as JSON, lets them send when it reads a line, and stops them and prints how many events it
emitted at the next.
"""

import asyncio
import json
import sys
from collections.abc import Sequence

import uvloop

from vdl_lora.virtual import VirtualChirpStack

PAYLOAD = bytes.fromhex("01755c03671001046871")
_SLICES = 50


async def main(devices: int, burst: int) -> None:
    """Serve, and send from one line of stdin to the next."""
    async with VirtualChirpStack() as chirpstack:
        tenant = chirpstack.add_tenant("Bench")
        application = chirpstack.add_application(tenant, "Bench")
        profile = chirpstack.add_profile(tenant, "EM300-TH")
        names = [f"24e124136b{number:06x}" for number in range(devices)]
        for dev_eui in names:
            chirpstack.add_device(
                dev_eui, dev_eui, application, profile, tags={"decoder": "milesight/em300-th", "commune": "Bracieux"}
            )
        say({"address": chirpstack.address, "api_key": chirpstack.admin_key})
        while await asyncio.to_thread(sys.stdin.readline):
            sending = asyncio.create_task(send(chirpstack, names, burst), name="send")
            await asyncio.to_thread(sys.stdin.readline)
            sending.cancel()
            say({"emitted": chirpstack.emitted.total()})


async def send(chirpstack: VirtualChirpStack, names: Sequence[str], burst: int) -> None:
    """Let each device send a burst once a second, the devices spread over it."""
    loop = asyncio.get_running_loop()
    began, slices = loop.time(), 0
    while True:
        for dev_eui in names[slices % _SLICES :: _SLICES]:
            for _ in range(burst):
                chirpstack.up(dev_eui, PAYLOAD, f_port=85)
        slices += 1
        await asyncio.sleep(began + slices / _SLICES - loop.time())


def say(value: object) -> None:
    """Print one line of JSON."""
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
