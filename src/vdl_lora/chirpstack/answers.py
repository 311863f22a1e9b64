"""What an answer of ChirpStack means: which error it is for us, in words that tell an operator what to do.

ChirpStack has no PERMISSION_DENIED: what is forbidden is UNAUTHENTICATED with an empty text, and so are, for a tenant
key, a revoked key and an object that does not exist. INTERNAL is both our mistake and Redis or the database being away.
A proxy answers too: what it says in HTTP, gRPC translates into codes that ChirpStack itself uses for other things.
"""

import re
from dataclasses import dataclass
from typing import Final

from vdl_lora.errors import SourceBusy, SourceError, SourceRefused, SourceUnavailable

_SHOWN = 300


@dataclass(frozen=True, slots=True)
class _Row:
    """The codes and the text that an answer must have, the error that it then is, its message and its advice."""

    codes: str
    text: str
    error: type[SourceError]
    message: str
    advice: str


# The first that fits. {server} and {doing} are filled in; the server's own text follows the message, in brackets.
_ROWS: Final = (
    _Row("UNKNOWN|UNAVAILABLE", r"header with status: 30\d", SourceRefused,
         "{server} sends us elsewhere",
         "write the address that it means into [chirpstack] server"),
    _Row("UNAUTHENTICATED|UNKNOWN", r"header with status: 40[17]", SourceRefused,
         "the proxy at {server} wants a sign-in of its own",
         "let it pass /api.* without one, ChirpStack sees to keys"),
    _Row("UNAVAILABLE", r"header with status: 50[234]", SourceUnavailable,
         "the proxy at {server} answers, but ChirpStack behind it does not",
         "see whether ChirpStack runs"),
    _Row("UNAVAILABLE", r"header with status: 429", SourceUnavailable,
         "the proxy at {server} takes so many calls for too many",
         "raise its limit for /api.*"),
    _Row("PERMISSION_DENIED", "", SourceRefused,
         "something between us and ChirpStack forbids us to {doing}",
         "see the proxy's rules for {server}"),
    _Row("UNIMPLEMENTED|UNKNOWN|INTERNAL", r"header with status|END_STREAM|content-type", SourceRefused,
         "{server} speaks HTTP/2, but not gRPC",
         "let the proxy pass /api.* to ChirpStack as gRPC (nginx: grpc_pass)"),
    _Row("UNIMPLEMENTED", "", SourceRefused,
         "{server} speaks gRPC, but does not know this call: it is no ChirpStack v4",
         "see [chirpstack] server"),
    _Row("UNAUTHENTICATED", r"^$", SourceRefused,
         "{server} refuses to {doing}: the key was revoked, or it has no right to this, or it is gone",
         "see API keys in ChirpStack, and for a tenant's key name its tenant in [chirpstack] tenants"),
    _Row("UNAUTHENTICATED", r"InvalidSignature|InvalidToken", SourceRefused,
         "{server} does not know the API key: it is mistyped, of another ChirpStack, or ChirpStack's [api] secret "
         "has changed",
         "make a new one under API keys in ChirpStack"),
    _Row("UNAUTHENTICATED", r"ExpiredSignature", SourceRefused,
         "{server} takes the token for one of a user, which has expired",
         "make an API key in ChirpStack: that never expires"),
    _Row("UNAUTHENTICATED", r"no authorization|Bearer", SourceRefused,
         "our API key did not reach {server}",
         "let the proxy pass the header `authorization` as it is"),
    _Row("UNAUTHENTICATED", "", SourceRefused,
         "{server} does not accept the API key",
         "make a new one in ChirpStack"),
    _Row("NOT_FOUND", "", SourceRefused,
         "{server} was asked to {doing}, and has no such thing",
         "see [chirpstack] tenants"),
    _Row("INVALID_ARGUMENT|OUT_OF_RANGE|FAILED_PRECONDITION", "", SourceRefused,
         "{server} was asked to {doing}, and finds fault with how",
         "see [chirpstack] tenants"),
    _Row("INTERNAL", r"database is locked", SourceBusy,
         "{server} could not {doing}: its SQLite database was locked by other work",
         "use PostgreSQL for that ChirpStack if this lasts"),
    _Row("INTERNAL", r"constraint|Record not found|number of digits|string length|[Ii]nvalid character", SourceRefused,
         "{server} was asked to {doing}, and finds fault with how",
         "see what it names"),
    _Row("INTERNAL", r"XREAD|[Rr]edis|creating a new object|timed out|pool", SourceUnavailable,
         "{server} runs, but its Redis or its database does not answer",
         "see ChirpStack's log"),
    _Row("INTERNAL", r"RST_STREAM|[Gg]oaway|GOAWAY", SourceUnavailable,
         "{server} broke the connection off",
         "it is tried again by itself"),
    _Row("INTERNAL", "", SourceUnavailable,
         "{server} failed to {doing}",
         "see ChirpStack's log"),
    _Row("RESOURCE_EXHAUSTED", r"larger than max", SourceRefused,
         "{server} was asked to {doing}, and answers with more than we take",
         "see what is so large there: what a codec makes, or names and tags"),
    _Row("RESOURCE_EXHAUSTED", "", SourceUnavailable,
         "{server} has no room now to {doing}",
         "see how busy it is"),
    _Row("UNAVAILABLE", r"CERTIFICATE_VERIFY_FAILED.*expired", SourceRefused,
         "the certificate of {server} has expired",
         "renew it there"),
    _Row("UNAVAILABLE", r"CERTIFICATE_VERIFY_FAILED.*not yet valid", SourceRefused,
         "the certificate of {server} is not valid yet",
         "see the clocks of both machines"),
    _Row("UNAVAILABLE", r"[Hh]ostname [Vv]erification|is not in peer certificate", SourceRefused,
         "the certificate of {server} is for another name",
         "use that name in [chirpstack] server"),
    _Row("UNAVAILABLE", r"CERTIFICATE_VERIFY_FAILED", SourceRefused,
         "nobody whom we trust vouches for the certificate of {server}",
         "name its CA in [chirpstack] ca_file"),
    _Row("UNAVAILABLE", r"ALPN|NO_APPLICATION_PROTOCOL", SourceRefused,
         "{server} speaks HTTPS without HTTP/2, which gRPC needs",
         "turn HTTP/2 on in the proxy (nginx: http2 on)"),
    _Row("UNAVAILABLE", r"WRONG_VERSION_NUMBER", SourceRefused,
         "{server} does not speak TLS",
         "write it without https:// if ChirpStack itself listens there"),
    _Row("UNAVAILABLE", r"[Tt]ls handshake|security handshaker", SourceUnavailable,
         "the TLS handshake with {server} failed",
         "see its certificate, and [chirpstack] ca_file"),
    _Row("UNAVAILABLE", r"http1\.x server|parsing HTTP/2", SourceRefused,
         "what listens at {server} speaks no gRPC",
         "see host and port in [chirpstack] server, and https:// for a proxy"),
    _Row("UNAVAILABLE", r"errors? resolving|[Dd]omain name|DNS|hostname lookup", SourceUnavailable,
         "the name in {server} is not known",
         "see [chirpstack] server and this machine's DNS"),
    _Row("UNAVAILABLE", r"[Cc]onnection refused", SourceUnavailable,
         "nothing listens at {server}",
         "see whether ChirpStack runs, and host and port in [chirpstack] server"),
    _Row("UNAVAILABLE", r"failed to connect.*(closed|reset)", SourceUnavailable,
         "{server} closes each connection at once",
         "see whether ChirpStack runs there, and https:// for a proxy"),
    _Row("UNAVAILABLE", "", SourceUnavailable,
         "{server} is away",
         "it is tried again by itself"),
    _Row("DEADLINE_EXCEEDED", "", SourceUnavailable,
         "{server} does not answer in time",
         "see whether it is ChirpStack's gRPC port, and how busy it is"),
)  # fmt: skip
_OTHER: Final = _Row("", "", SourceUnavailable, "{server} was asked to {doing}, and answered {code}", "see its log")


def meaning(code: str, details: str, *, server: str, doing: str) -> SourceError:
    """Give the error that an answer is: `code` is the name of gRPC's status, `doing` what was asked for."""
    row = next((each for each in _ROWS if _fits(each, code, details)), _OTHER)
    message = row.message.format(server=server, doing=doing, code=code)
    said = " ".join(details.split())[:_SHOWN]
    advice = row.advice.format(server=server)
    return row.error(f"{message} (it says: {said})" if said else message, advice=advice)


def _fits(row: _Row, code: str, details: str) -> bool:
    return code in row.codes.split("|") and re.search(row.text, details, re.DOTALL) is not None
