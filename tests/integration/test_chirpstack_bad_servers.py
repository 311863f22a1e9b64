"""Whatever stands where ChirpStack should be, the words say what to do, and when it is mended all flows by itself."""

import asyncio
import os
import shutil
import ssl
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.ports import free_port
from vdl_lora.chirpstack import Connection, Inventory, channel, read_inventory
from vdl_lora.errors import ConfigError, SourceError

from .certificates import ELSEWHERE, Authority
from .live import connected, house_in, streaming, until

pytestmark = pytest.mark.enable_socket


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Let a call take no longer than a second."""
    monkeypatch.setattr(channel, "CALL_S", 1.0)
    monkeypatch.setattr(channel, "OPEN_S", 1.0)


@pytest.fixture
async def house(tmp_path):
    async with house_in(tmp_path) as house:
        yield house


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA, and what it vouches for."""
    folder = tmp_path_factory.mktemp("certificates")
    made = Authority(folder)
    made.vouch("good")
    made.vouch("expired", from_days=-3, until_days=-1)
    made.vouch("early", from_days=1, until_days=3)
    made.vouch("elsewhere", names=ELSEWHERE)
    return made


async def refusal(house, target, **changes):
    """How asking there ends: what is to be done next, and the words."""
    with pytest.raises(SourceError) as raised:
        await inventory_at(house, target, **changes)
    return raised.value.action, str(raised.value)


async def inventory_at(house, target, **changes):
    async with connected(house.settings(target=target, **changes)) as connection:
        return await read_inventory(connection, Inventory())


@asynccontextmanager
async def listening(handle, **options):
    """A TCP server that does something with each connection; gives its port."""
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            with suppress(OSError, ExceptionGroup, asyncio.CancelledError):
                await handle(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0.01)  # until the loop has closed what was aborted


@asynccontextmanager
async def website(port=0, **options):
    """A web server that speaks HTTP/1.1."""

    async def page(_request):
        return web.Response(text="<h1>Bienvenue</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, **options)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def tls_before(house, context):
    """A TLS end before ChirpStack; gives its port."""

    async def handle(reader, writer):
        host, _, port = house.chirpstack.address.rpartition(":")
        behind_reader, behind_writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pass_on(reader, behind_writer))
                tasks.create_task(_pass_on(behind_reader, writer))
        finally:
            behind_writer.transport.abort()

    async with listening(handle, ssl=context) as port:
        yield port


async def _pass_on(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def server_context(authority, name="good", *, alpn=("h2",)):
    """Give what a TLS server needs: one of the certificates, and what it speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.folder / f"{name}.pem", authority.folder / f"{name}.key")
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


# ---------------------------------------------------------------- no ChirpStack there


async def test_where_nobody_listens(house):
    target = f"127.0.0.1:{free_port()}"
    action, words = await refusal(house, target)
    assert "retry" == action
    assert f"nothing listens at {target}" in words
    assert "; see whether ChirpStack runs, and host and port" in words
    assert house.key not in words


async def test_a_name_that_nobody_knows(house):
    action, words = await refusal(house, "chirpstack.invalid:8080")
    assert "retry" == action
    assert "the name in chirpstack.invalid:8080 is not known" in words
    assert "; see" in words


async def test_a_web_server_that_knows_http_1_only(house):
    async with website() as port:
        action, words = await refusal(house, f"127.0.0.1:{port}")
    assert "wait" == action
    assert "speaks no gRPC" in words
    assert "; see host and port in [chirpstack] server" in words


async def test_a_server_of_another_kind(house):
    async def ssh(_reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        await asyncio.sleep(60)

    async with listening(ssh) as port:
        action, words = await refusal(house, f"127.0.0.1:{port}")
    assert "wait" == action
    assert "speaks no gRPC" in words
    assert "; see host and port in [chirpstack] server" in words


@pytest.mark.parametrize("tls", [False, True])
async def test_a_server_that_never_answers(house, tls):
    async def silence(_reader, _writer):
        await asyncio.sleep(60)

    async with listening(silence) as port:
        action, words = await refusal(house, f"127.0.0.1:{port}", tls=tls)
    assert "retry" == action
    assert "does not answer in time" in words
    assert "; see whether it is ChirpStack's gRPC port" in words


@pytest.mark.parametrize("tls", [False, True])
async def test_a_server_that_hangs_up(house, tls):
    async def hang_up(_reader, _writer):
        pass

    async with listening(hang_up) as port:
        action, words = await refusal(house, f"127.0.0.1:{port}", tls=tls)
    assert "retry" == action
    assert "see whether ChirpStack runs" in words


@asynccontextmanager
async def other_grpc(answers):
    """A gRPC server that is no ChirpStack; gives its address."""

    async def answer(_request, _context):
        return b"\xff\xff\xff"

    server = grpc.aio.server()
    if answers:
        handlers = {"List": grpc.unary_unary_rpc_method_handler(answer)}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("api.TenantService", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def test_a_grpc_server_that_is_no_chirpstack(house):
    async with other_grpc(answers=False) as target:
        action, words = await refusal(house, target)
    assert "wait" == action
    assert "does not know this call: it is no ChirpStack v4" in words
    assert "; see [chirpstack] server" in words


async def test_a_grpc_server_that_answers_what_cannot_be_read(house):
    async with other_grpc(answers=True) as target:
        action, words = await refusal(house, target)
    assert "wait" == action
    assert "list the tenants, and answers what no ChirpStack v4 does" in words
    assert "; see [chirpstack] server" in words


async def test_a_chirpstack_takes_the_place_of_a_web_server(tmp_path):
    port = free_port()
    async with house_in(tmp_path, bind=f"127.0.0.1:{port}") as house:
        await house.chirpstack.stop()
        [eui] = house.add(1)
        async with streaming(house) as live:
            async with website(port):
                await until(lambda: "speaks no gRPC" in live.state()["chirpstack"][1])
                await until(lambda: live.abouts() == [("way_lost", "")])
            await house.chirpstack.start()
            sent = house.chirpstack.up(eui).deduplication_id
            await until(lambda: live.ids() == [sent])
            await until(lambda: live.abouts() == [("way_lost", ""), ("way_back", "")])


# ---------------------------------------------------------------- TLS


async def test_tls_asked_of_a_server_without_it(house):
    action, words = await refusal(house, house.chirpstack.address, tls=True)
    assert "wait" == action
    assert f"https://{house.chirpstack.address} does not speak TLS" in words
    assert "; write it without https://" in words


async def test_a_server_with_tls_asked_without_it(house, authority):
    async with tls_before(house, server_context(authority)) as port:
        action, words = await refusal(house, f"localhost:{port}")
    assert "retry" == action
    assert "see whether ChirpStack runs there, and https:// for a proxy" in words


async def test_https_without_http_2(house, authority):
    async with website(ssl_context=server_context(authority, alpn=())) as port:
        action, words = await refusal(house, f"localhost:{port}", tls=True, ca_file=authority.file)
    assert "wait" == action
    assert "speaks HTTPS without HTTP/2, which gRPC needs" in words
    assert "; turn HTTP/2 on in the proxy" in words


async def test_our_own_ca_is_enough_and_all_flows(house, authority):
    [eui] = house.add(1)
    async with tls_before(house, server_context(authority)) as port:
        for host in ("localhost", "127.0.0.1"):
            async with streaming(house, target=f"{host}:{port}", tls=True, ca_file=authority.file) as live:
                sent = house.chirpstack.up(eui).deduplication_id
                await until(lambda live=live, sent=sent: sent in live.ids())


async def test_a_ca_of_the_system_is_enough(house, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with tls_before(house, server_context(authority)) as port:
        assert house.tenant in (await inventory_at(house, f"localhost:{port}", tls=True)).tenants


async def test_where_the_system_has_no_ca_those_that_grpc_brings_along_are_trusted(
    house, authority, monkeypatch, tmp_path
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    async with tls_before(house, server_context(authority)) as port:
        action, words = await refusal(house, f"localhost:{port}", tls=True)
    assert "wait" == action
    assert "name its CA in [chirpstack] ca_file" in words


@pytest.mark.parametrize("trusted", ["the system's", "another"])
async def test_an_unknown_ca(house, authority, tmp_path, trusted):
    ca_file = Authority(tmp_path, "other").file if trusted == "another" else None
    async with tls_before(house, server_context(authority)) as port:
        action, words = await refusal(house, f"localhost:{port}", tls=True, ca_file=ca_file)
    assert "wait" == action
    assert "nobody whom we trust vouches for the certificate of" in words
    assert "name its CA in [chirpstack] ca_file" in words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("expired", "has expired; renew it there"),
        ("early", "is not valid yet; see the clocks of both machines"),
        ("elsewhere", "is for another name; use that name in [chirpstack] server"),
    ],
)
async def test_a_certificate_that_is_wrong(house, authority, name, expected):
    async with tls_before(house, server_context(authority, name)) as port:
        action, words = await refusal(house, f"localhost:{port}", tls=True, ca_file=authority.file)
    assert "wait" == action
    wrong, _, advice = expected.partition("; ")
    assert f"the certificate of https://localhost:{port} {wrong}" in words
    assert f"; {advice}" in words


async def test_a_certificate_that_is_renewed_lets_all_flow(house, authority):
    [eui] = house.add(1)
    context = server_context(authority, "expired")
    async with (
        tls_before(house, context) as port,
        streaming(house, target=f"localhost:{port}", tls=True, ca_file=authority.file) as live,
    ):
        await until(lambda: "has expired" in live.state()["chirpstack"][1])
        sent = house.chirpstack.up(eui).deduplication_id
        await until(lambda: live.abouts() == [("way_lost", "")])
        context.load_cert_chain(authority.folder / "good.pem", authority.folder / "good.key")
        await until(lambda: live.ids() == [sent])
        await until(lambda: live.abouts() == [("way_lost", ""), ("way_back", "")])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "holds no certificate in PEM form"),
        (b"\x30\x82\x01\x0a\x02\x82", "holds no certificate in PEM form"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no certificate in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate in PEM form"),
    ],
    ids=["missing", "empty", "DER", "a key", "rubbish"],
)
def test_a_ca_file_that_holds_none_is_a_wrong_configuration(tmp_path, content, words):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    settings = channel.ChirpStackSettings(server="https://localhost", api_key="a", ca_file=file)
    with pytest.raises(ConfigError, match=rf"chirpstack.ca_file: {file} {words}"):
        Connection(settings)


# ---------------------------------------------------------------- nginx, as Debian has it


class Nginx:
    """An nginx that proxies; each server of its configuration is a port."""

    def __init__(self, folder):
        self._folder = folder
        self._servers = []
        self._ports = []
        self._process = None

    def server(self, options, *, location="", rest=""):
        """Add a server; gives its port."""
        port = free_port()
        self._ports.append(port)
        self._servers.append(f"server {{ listen 127.0.0.1:{port} {options}; {rest} location / {{ {location} }} }}")
        return port

    async def start(self):
        folder = self._folder
        temporary = " ".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        who = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{who} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors; "
            f"events {{ worker_connections 2048; }} "
            f"http {{ access_log off; {temporary} {' '.join(self._servers)} }}",
            encoding="utf-8",
        )
        self._process = await asyncio.create_subprocess_exec(
            nginx_program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")
        )
        for port in self._ports:
            await self._listens(port)

    async def _listens(self, port):
        async with asyncio.timeout(10):
            while True:
                with suppress(ConnectionError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                assert self._process.returncode is None, (self._folder / "errors").read_text(encoding="utf-8")
                await asyncio.sleep(0.02)

    async def stop(self):
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


def nginx_program():
    """Give nginx, or skip by name; fail where the real thing is required."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        missing = "nginx is not there: apt install nginx"
        if os.environ.get("VDL_LORA_REQUIRE_REAL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture
async def nginx(tmp_path):
    nginx_program()
    folder = tmp_path / "nginx"
    folder.mkdir()
    made = Nginx(folder)
    yield made
    await made.stop()


def tls(authority):
    return f"ssl_certificate {authority.folder}/good.pem; ssl_certificate_key {authority.folder}/good.key;"


async def test_nginx_without_http_2(house, authority, nginx):
    port = nginx.server("ssl", rest=tls(authority), location=f"grpc_pass grpc://{house.chirpstack.address};")
    await nginx.start()
    action, words = await refusal(house, f"localhost:{port}", tls=True, ca_file=authority.file)
    assert "wait" == action
    assert "turn HTTP/2 on in the proxy (nginx: http2 on)" in words
    action, words = await refusal(house, f"localhost:{port}")
    assert "wait" == action
    assert "speaks no gRPC" in words
    assert "; see host and port in [chirpstack] server, and https:// for a proxy" in words


async def test_nginx_without_grpc_pass(house, authority, nginx):
    answers = {
        "root /nonexistent;": ("wait", "speaks HTTP/2, but not gRPC; let the proxy pass /api.* to ChirpStack as gRPC"),
        "return 200 Bienvenue;": ("wait", "(nginx: grpc_pass)"),
        "return 302 https://elsewhere.example/;": ("wait", "write the address that it means into [chirpstack] server"),
        "return 400;": ("wait", "(nginx: grpc_pass)"),
        "return 401;": ("wait", "wants a sign-in of its own; let it pass /api.* without one"),
        "return 403;": ("wait", "forbids us to list the tenants; see the proxy's rules"),
        "return 405;": ("wait", "(nginx: grpc_pass)"),
        "return 413;": ("wait", "(nginx: grpc_pass)"),
        "return 415;": ("wait", "(nginx: grpc_pass)"),
        "return 429;": ("retry", "raise its limit for /api.*"),
        "return 500;": ("wait", "(nginx: grpc_pass)"),
        "return 503;": ("retry", "ChirpStack behind it does not; see whether ChirpStack runs"),
        "return 504;": ("retry", "ChirpStack behind it does not; see whether ChirpStack runs"),
    }
    ports = [nginx.server("ssl http2", rest=tls(authority), location=each) for each in answers]
    await nginx.start()
    for port, (location, (action, words)) in zip(ports, answers.items(), strict=True):
        found = await refusal(house, f"localhost:{port}", tls=True, ca_file=authority.file)
        assert action == found[0], location
        assert all(each in found[1] for each in words.split("; ")), location


async def test_nginx_passes_on_what_chirpstack_says(house, authority, nginx):
    port = nginx.server("ssl http2", rest=tls(authority), location=f"grpc_pass grpc://{house.chirpstack.address};")
    await nginx.start()
    changes = {"target": f"localhost:{port}", "tls": True, "ca_file": authority.file}
    house.give_key("my-key")
    action, words = await refusal(house, **changes)
    assert "wait" == action
    assert "does not know the API key: it is mistyped" in words
    house.give_key(house.chirpstack.add_key(house.tenant))
    action, words = await refusal(house, **changes)
    assert "wait" == action
    assert "name its tenant in [chirpstack] tenants" in words


@pytest.mark.long
async def test_all_flows_through_nginx_and_comes_back_when_chirpstack_does(house, authority, nginx):
    location = f"grpc_pass grpc://{house.chirpstack.address};"
    port = nginx.server("ssl http2", rest=tls(authority), location=location)
    await nginx.start()
    euis = house.add(*range(250))
    await house.chirpstack.stop()
    async with streaming(house, target=f"localhost:{port}", tls=True, ca_file=authority.file) as live:
        await until(lambda: live.abouts() == [("way_lost", "")])
        assert "answers, but ChirpStack behind it does not" in live.state()["chirpstack"][1]
        await house.chirpstack.start()
        await live.opened(250)
        sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
        await until(lambda: len(live.ids()) == 250)
        await until(lambda: live.abouts() == [("way_lost", ""), ("way_back", "")])
        await house.chirpstack.stop()
        await until(lambda: len(live.own()) == 3)
        await house.chirpstack.start()
        await live.opened(250)
        await until(lambda: len(live.own()) == 4)
        assert sorted(sent) == sorted(live.ids())


async def test_an_nginx_that_cuts_idle_streams_is_come_back_to_without_a_word(house, authority, nginx):
    location = f"grpc_pass grpc://{house.chirpstack.address}; grpc_read_timeout 1s;"
    port = nginx.server("ssl http2", rest=tls(authority), location=location)
    await nginx.start()
    euis = house.add(1, 2, 3)
    async with streaming(house, target=f"localhost:{port}", tls=True, ca_file=authority.file) as live:
        await until(lambda: house.chirpstack.streams.opened >= 9)
        sent = [house.chirpstack.up(eui).deduplication_id for eui in euis]
        await until(lambda: sorted(live.ids()) == sorted(sent))
        assert [] == live.own()
        assert live.state()["chirpstack"][0]


async def test_an_nginx_that_lets_too_few_streams_through_is_said_so(house, authority, nginx):
    location = f"grpc_pass grpc://{house.chirpstack.address};"
    port = nginx.server("ssl http2", rest=f"http2_max_concurrent_streams 2; {tls(authority)}", location=location)
    await nginx.start()
    euis = house.add(1, 2, 3)
    with capture_logs() as logs:
        async with streaming(house, target=f"localhost:{port}", tls=True, ca_file=authority.file) as live:
            await until(lambda: live.source.open_streams() == 3)
            await asyncio.sleep(0.5)
            for eui in euis:
                house.chirpstack.up(eui)
            await until(lambda: any(each["action"] == "reopen" for each in logs if "action" in each))
            assert 2 == len(live.ids())
    [said] = [each["event"] for each in logs if each.get("action") == "reopen"]
    assert "see how many calls a proxy lets through on a connection (nginx: http2_max_concurrent_streams)" in said
