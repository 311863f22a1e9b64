"""Addresses: what is a server, an address to listen on, a URL."""

import pytest

from vdl_lora.addresses import check_url, parse_bind, parse_server

HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    "influx.example.org",
    "influx.example.org.",
    "my_service",
    "é.example",
    "1a",
]
NO_HOSTS = [
    "a..b",
    ".a",
    "-a",
    "a-",
    "a.-b",
    "a" * 64,
    ".".join(["a" * 60] * 5),
    "256.0.0.1",
    "1.2.3",
    "1",
    "01.2.3.4",
    "example.1",
    "[::zz]",
    "[1.2.3.4]",
    "[]",
    "a%b",
]


@pytest.mark.parametrize("host", HOSTS)
def test_host_that_can_be_is_taken_in_every_address(host):
    assert (f"{host}:1", False) == parse_server(f"{host}:1")
    assert (f"{host}:443", True) == parse_server(f"https://{host}")
    assert (host.strip("[]"), 65_535) == parse_bind(f"{host}:65535")
    check_url(f"http://{host}/api/v2")


@pytest.mark.parametrize("host", NO_HOSTS)
def test_host_that_cannot_be_is_refused_in_every_address(host):
    for check, text in (
        (parse_server, f"{host}:1"),
        (parse_server, f"https://{host}"),
        (parse_bind, f"{host}:1"),
        (check_url, f"http://{host}:1"),
    ):
        with pytest.raises(ValueError, match="neither a name nor an IP address"):
            check(text)


@pytest.mark.parametrize("port", ["65536", "99999", "9" * 18])
def test_port_above_the_highest_is_refused_with_both_numbers(port):
    for check, text in (
        (parse_server, f"a:{port}"),
        (parse_server, f"https://a:{port}"),
        (parse_bind, f"a:{port}"),
        (check_url, f"https://a:{port}/x"),
    ):
        with pytest.raises(ValueError, match=f"has port {port}; the highest port is 65535"):
            check(text)


def test_port_0_is_any_port_to_listen_on_and_no_port_to_reach():
    assert ("127.0.0.1", 0) == parse_bind("127.0.0.1:0")
    for check, text in ((parse_server, "a:0"), (parse_server, "https://a:0"), (check_url, "http://a:0")):
        with pytest.raises(ValueError, match="has port 0"):
            check(text)


@pytest.mark.parametrize(
    "text", ["", "a", "a:", "a:b", ":1", "a:1/x", "a b:1", "a:1\n", "a:\u0661", "u@a:1", "ftp://a:1", "://a:1"]
)
def test_text_that_is_no_server_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"is not a server; write host:port, such as 127\.0\.0\.1:8080"):
        parse_server(text)


@pytest.mark.parametrize("text", ["", "8091", "a:", ":1", "a:1/", "http://a:1", "::1:1", "a:1 "])
def test_text_that_is_no_bind_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1:8091"):
        parse_bind(text)


@pytest.mark.parametrize(
    "text", ["", "a:1", "ftp://a", "http://", "http://u:p@a", "http://a?b=1", "http://a#b", "http://a/b c"]
)
def test_text_that_is_no_url_is_refused(text):
    with pytest.raises(ValueError, match="is not a URL"):
        check_url(text)
