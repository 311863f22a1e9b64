"""Each answer of ChirpStack, of a proxy and of the way between is the right error, and says what to do."""

import re

import pytest

from vdl_lora.chirpstack import meaning
from vdl_lora.errors import SourceBusy, SourceRefused, SourceUnavailable

from .recordings import lines

SERVER = "https://lora.example"
DOING = "list the tenants"
WHAT_TO_DO = re.compile(r"\b(see|make|write|let|name|use|turn|renew|raise|tried again)\b")
NOWHERE = "failed to connect to all addresses; last error: "
TLS = NOWHERE + "UNKNOWN: ipv4:127.0.0.1:443: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:"
NOT_HTTP2 = (
    NOWHERE + "UNAVAILABLE: ipv4:127.0.0.1:8080: Failed parsing HTTP/2 (Expected SETTINGS frame as the first frame"
)
HTTP = "Received http2 header with status: "

# What grpcio 1.85 and ChirpStack 4.20 say: code, details, what it is, and words that an operator must find.
ANSWERS = {
    "denied": ("UNAUTHENTICATED", "", SourceRefused, "revoked"),
    "denied to a tenant's key": ("UNAUTHENTICATED", "", SourceRefused, "[chirpstack] tenants"),
    "signed elsewhere": ("UNAUTHENTICATED", "InvalidSignature", SourceRefused, "of another ChirpStack"),
    "no token": ("UNAUTHENTICATED", "InvalidToken", SourceRefused, "mistyped"),
    "a user's token": ("UNAUTHENTICATED", "ExpiredSignature", SourceRefused, "make an API key"),
    "no key arrived": ("UNAUTHENTICATED", "no authorization provided", SourceRefused, "`authorization`"),
    "some new word": ("UNAUTHENTICATED", "TokenOfTomorrow", SourceRefused, "make a new one"),
    "no such tenant": ("NOT_FOUND", "Object does not exist (id: 1)", SourceRefused, "[chirpstack] tenants"),
    "no id": ("INVALID_ARGUMENT", "invalid length: found 0", SourceRefused, "[chirpstack] tenants"),
    "no hexadecimal": ("INTERNAL", "Odd number of digits", SourceRefused, "finds fault"),
    "Redis stops": (
        "INTERNAL",
        "Error occurred while creating a new object: Connection refused (os error 111): Connection refused",
        SourceUnavailable,
        "Redis",
    ),
    "Redis is slow": ("INTERNAL", "XREAD event stream: timed out", SourceUnavailable, "Redis"),
    "SQLite is locked": ("INTERNAL", "database is locked", SourceBusy, "could not list the tenants"),
    "a reset": ("INTERNAL", "Received RST_STREAM with error code 2", SourceUnavailable, "broke the connection off"),
    "whatever else": ("INTERNAL", "something of tomorrow", SourceUnavailable, "see ChirpStack's log"),
    "too large": (
        "RESOURCE_EXHAUSTED",
        "CLIENT: Received message larger than max (17825792 vs. 16777216)",
        SourceRefused,
        "more than we take",
    ),
    "no room": ("RESOURCE_EXHAUSTED", "", SourceUnavailable, "no room"),
    "no such call": ("UNIMPLEMENTED", "Method not found!", SourceRefused, "no ChirpStack v4"),
    "301": ("UNKNOWN", HTTP + "301", SourceRefused, "write the address"),
    "308": ("UNKNOWN", HTTP + "308", SourceRefused, "write the address"),
    "400": ("INTERNAL", HTTP + "400", SourceRefused, "grpc_pass"),
    "401": ("UNAUTHENTICATED", HTTP + "401", SourceRefused, "a sign-in of its own"),
    "403": ("PERMISSION_DENIED", HTTP + "403", SourceRefused, "the proxy's rules"),
    "404": ("UNIMPLEMENTED", HTTP + "404", SourceRefused, "grpc_pass"),
    "405": ("UNKNOWN", HTTP + "405", SourceRefused, "grpc_pass"),
    "415": ("UNKNOWN", HTTP + "415", SourceRefused, "grpc_pass"),
    "429": ("UNAVAILABLE", HTTP + "429", SourceUnavailable, "raise its limit"),
    "502": ("UNAVAILABLE", HTTP + "502", SourceUnavailable, "ChirpStack behind it does not"),
    "503": ("UNAVAILABLE", HTTP + "503", SourceUnavailable, "ChirpStack behind it does not"),
    "504": ("UNAVAILABLE", HTTP + "504", SourceUnavailable, "ChirpStack behind it does not"),
    "a page": ("UNKNOWN", "Stream removed (Data frame with END_STREAM flag received)", SourceRefused, "grpc_pass"),
    "nobody listens": (
        "UNAVAILABLE",
        NOWHERE + "UNKNOWN: ipv4:127.0.0.1:8080: Failed to connect to remote host: Connection refused",
        SourceUnavailable,
        "whether ChirpStack runs",
    ),
    "no such name": (
        "UNAVAILABLE",
        "errors resolving nowhere.invalid:8080: [field:hostname lookup error: Domain name not found]",
        SourceUnavailable,
        "DNS",
    ),
    "it hangs up": (
        "UNAVAILABLE",
        NOWHERE + "UNAVAILABLE: ipv4:127.0.0.1:8080: recvmsg:Connection reset by peer (104)",
        SourceUnavailable,
        "closes each connection",
    ),
    "TLS is expected": ("UNAVAILABLE", NOWHERE + "UNAVAILABLE: ipv4: Socket closed", SourceUnavailable, "https://"),
    "killed": ("UNAVAILABLE", "Stream removed (Socket closed)", SourceUnavailable, "is away"),
    "ended": ("UNAVAILABLE", "Cancelling all calls", SourceUnavailable, "is away"),
    "HTTP/1": (
        "UNAVAILABLE",
        NOT_HTTP2 + ") (Trying to connect an http1.x server (HTTP status 400))",
        SourceRefused,
        "no gRPC",
    ),
    "SSH": ("UNAVAILABLE", NOT_HTTP2 + ", got frame type 45)", SourceRefused, "host and port"),
    "TLS to plain": (
        "UNAVAILABLE",
        TLS + "100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER: Invalid certificate",
        SourceRefused,
        "without https://",
    ),
    "no HTTP/2, said": (
        "UNAVAILABLE",
        TLS + "10000460:SSL routines:OPENSSL_internal:TLSV1_ALERT_NO_APPLICATION_PROTOCOL: Invalid certificate",
        SourceRefused,
        "http2 on",
    ),
    "no HTTP/2, silent": (
        "UNAVAILABLE",
        NOWHERE + "UNKNOWN: ipv4:127.0.0.1:443: Cannot check peer: missing selected ALPN property.",
        SourceRefused,
        "http2 on",
    ),
    "expired": (
        "UNAVAILABLE",
        TLS + "1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: certificate has expired: OK",
        SourceRefused,
        "renew it",
    ),
    "too early": (
        "UNAVAILABLE",
        TLS + "1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: certificate is not yet valid: OK",
        SourceRefused,
        "clocks",
    ),
    "unknown CA": (
        "UNAVAILABLE",
        TLS + "1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: unable to get local issuer",
        SourceRefused,
        "ca_file",
    ),
    "another name": (
        "UNAVAILABLE",
        NOWHERE + "UNKNOWN: ipv4: Custom verification check failed with error: UNAUTHENTICATED: "
        "Hostname Verification Check failed.",
        SourceRefused,
        "another name",
    ),
    "some TLS": ("UNAVAILABLE", TLS + "1:SSL routines:OPENSSL_internal:BAD_DECRYPT", SourceUnavailable, "handshake"),
    "a CA of rubbish": (
        "UNAVAILABLE",
        NOWHERE + "UNKNOWN: ipv4:127.0.0.1:443: Failed to create security handshaker.",
        SourceUnavailable,
        "ca_file",
    ),
    "silent": ("DEADLINE_EXCEEDED", "Deadline Exceeded", SourceUnavailable, "does not answer in time"),
    "what nobody foresaw": ("DATA_LOSS", "oh", SourceUnavailable, "answered DATA_LOSS"),
}  # fmt: skip

# What the real server answered to registration and inventory. INTERNAL is our own mistake in all of these.
RECORDED = sorted({(each["code"], each["details"]) for each in lines("api_calls") if each["code"] != "OK"})


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_gives_its_error_with_message_and_advice(answer):
    code, details, error, words = answer
    found = meaning(code, details, server=SERVER, doing=DOING)
    assert error is type(found)
    message, _, quoted = found.message.partition(" (it says: ")
    assert words in f"{message}; {found.advice}"
    assert SERVER in f"{message}; {found.advice}"
    assert WHAT_TO_DO.search(found.advice)
    assert (f"{details[:300]})" if details else "") == quoted


@pytest.mark.parametrize(("code", "details"), RECORDED)
def test_what_the_real_server_was_recorded_to_refuse_is_for_a_person_to_mend(code, details):
    found = meaning(code, details, server=SERVER, doing=DOING)
    assert ("wait", "source_refused") == (found.action, found.code)
    assert SERVER in str(found)
    assert WHAT_TO_DO.search(found.advice)


def test_the_recordings_hold_every_kind_of_refusal():
    assert {"UNAUTHENTICATED", "NOT_FOUND", "INVALID_ARGUMENT", "INTERNAL"} == {code for code, _ in RECORDED}
    assert len(RECORDED) >= 18


def test_how_the_recorded_streams_ended_is_for_us_to_try_again():
    ends = {(each["end"], each["details"]) for each in lines("grpc_frames") if "end" in each}
    assert len(ends) >= 4
    for code, details in ends:
        assert "retry" == meaning(code, details, server=SERVER, doing=DOING).action


def test_long_words_of_the_server_are_cut_and_stand_on_one_line():
    said = str(meaning("INTERNAL", "a\n b\t" * 1000, server=SERVER, doing=DOING))
    assert "\n" not in said
    assert len(said) < 500
    assert "(it says: a b a b" in said


def test_braces_in_what_was_asked_for_are_only_words():
    assert "read tenant {server}" in str(meaning("UNAUTHENTICATED", "", server="{doing}", doing="read tenant {server}"))
