"""A ChirpStack v4 that runs in this process or alone: for the demo, tests and benchmarks.

It speaks ChirpStack's gRPC API, keeps event histories as ChirpStack does in Redis, streams them, and posts events to
HTTP integrations. It behaves as the real one was seen to, traps included.

What it does not imitate:

- radio and LoRaWAN: frames are told, not received; there are no MICs, DevNonces, MAC commands, ADR, downlink windows;
- codecs: whoever emits an uplink says what the profile's codec made of it;
- StreamGatewayFrames and StreamDeviceFrames, GetMetrics and GetLinkMetrics, GlobalSearch, the summaries;
- users: there is the one admin, so no roles within a tenant, and no UserService;
- vendors and their devices behind global profiles, FUOTA, relays, gateways beyond create, get, list and delete,
  multicast beyond membership;
- integrations other than HTTP, redirects of an HTTP integration, and endpoints that are not on this machine;
- the words with which a client is cut off: a server that is stopped in process says "Cancelling all calls", a process
  that is killed says what the real one does; the code is UNAVAILABLE in both cases;
- gRPC server reflection, gRPC-web and the web interface on the same port, the monitoring endpoints;
- PostgreSQL's words and its limits on lengths: the words are those of a SQLite build;
- a slow Redis: it answers at once or not at all;
- a transport window that fills as the real one's does: a slow reader is held back by gRPC's own.

ChirpStack's methods that are not here answer UNIMPLEMENTED.
"""

from .answers import Refused
from .bodies import Heard
from .chirpstack import VirtualChirpStack
from .emitter import Emitted

__all__ = ["Emitted", "Heard", "Refused", "VirtualChirpStack"]
