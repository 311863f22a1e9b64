"""The real servers that tests start, in a folder and on ports of their own: Debian's influxd behind Debian's nginx, and
Debian's VictoriaMetrics.
"""

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.ports import free_port

_PACKAGES = {"influxd": "influxdb"}
_START_S = 30.0


def program(name: str) -> str:
    """Give a program, or skip by name; fail where the real thing is required."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        missing = f"{name} is not there: apt install {_PACKAGES.get(name, name)}"
        if os.environ.get("VDL_LORA_REQUIRE_REAL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


class Engine:
    """influxd 1.6.7 with nginx before it, which gives it the write path of 2.x; started again it has the same `url`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.influxd: subprocess.Popen[bytes] | None = None
        self.nginx: subprocess.Popen[bytes] | None = None
        self._own, self._backup = free_port(), free_port()

    def start(self) -> None:
        """Start what does not run, and return when it answers."""
        self._configure()
        if self.influxd is None:
            self.influxd = self._run("influxd", "-config", str(self.folder / "influxdb.conf"))
        if self.nginx is None:
            errors = str(self.folder / "errors")
            self.nginx = self._run("nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", errors)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self.influxd.poll() is None, (self.folder / "influxd.log").read_text(encoding="utf-8")[-2000:]
            assert self.nginx.poll() is None, (self.folder / "errors").read_text(encoding="utf-8")[-2000:]
            assert time.monotonic() < deadline, f"influxd does not answer within {_START_S} s"
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill influxd as nothing can be caught; nginx stays and answers 502."""
        if self.influxd is not None:
            self.influxd.kill()
            self.influxd.wait(20)
            self.influxd = None

    def stop(self) -> None:
        """Stop both in order: then nothing listens."""
        for process in (self.nginx, self.influxd):
            if process is not None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(20)
        self.nginx = self.influxd = None

    def ask(self, statement: str, database: str = "") -> list[dict[str, Any]]:
        """Ask in InfluxQL; gives the rows of all series as dictionaries, with the series' tags, times in ns."""
        [result] = self._post("/query", {"db": database, "q": statement, "epoch": "ns"})["results"]
        assert "error" not in result, result["error"]
        return [
            dict(zip(series["columns"], row, strict=True)) | series.get("tags", {})
            for series in result.get("series", [])
            for row in series["values"]
        ]

    def count(self, measurement: str, field: str, database: str) -> int:
        """Count the values of a field."""
        rows = self.ask(f'select count("{field}") as n from "{measurement}"', database)  # noqa: S608 - names of ours
        return int(rows[0]["n"]) if rows else 0

    def _post(self, path: str, form: dict[str, str]) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self._own, timeout=60)) as connection:
            connection.request("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
            return json.loads(connection.getresponse().read())

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with suppress(OSError, http.client.HTTPException), closing(connection):
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.client.NO_CONTENT
        return False

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen([program(name), *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _configure(self) -> None:
        folder = self.folder
        (folder / "influxdb.conf").write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{self._backup}"\n'
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
            f'[http]\nbind-address = "127.0.0.1:{self._own}"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n',
            encoding="utf-8",
        )
        temporary = " ".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        there = f"proxy_pass http://127.0.0.1:{self._own};"
        write = f"rewrite ^ /write?db=$arg_bucket&precision=$arg_precision? break; {there}"
        (folder / "nginx.conf").write_text(
            f"{'user root;' if os.geteuid() == 0 else ''} daemon off; worker_processes 1; pid {folder}/pid; "
            f"error_log {folder}/errors; events {{ worker_connections 64; }} http {{ access_log off; {temporary} "
            f"client_max_body_size 64m; "
            f"server {{ listen 127.0.0.1:{self.port}; location = /api/v2/write {{ {write} }} "
            f"location = /query {{ {there} }} location = /ping {{ {there} }} location / {{ return 404; }} }} }}",
            encoding="utf-8",
        )


class VictoriaMetrics:
    """VictoriaMetrics 1.79.5, which takes the write path of 2.x itself."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        arguments = (f"-storageDataPath={self.folder}/data", f"-httpListenAddr=127.0.0.1:{self.port}")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("victoria-metrics"), *arguments, "-retentionPeriod=100y", "-memory.allowedBytes=64MB"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text(encoding="utf-8")[-2000:]
            assert time.monotonic() < deadline, f"VictoriaMetrics does not answer within {_START_S} s"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(20)
            self._process = None

    def export(self, name: str) -> list[dict[str, Any]]:
        """Give the series of a metric with all their samples, those that came just now included."""
        self._get("/internal/force_flush")
        lines = self._get(f"/api/v1/export?{urlencode({'match[]': name, 'reduce_mem_usage': '1'})}").splitlines()
        series: dict[str, dict[str, Any]] = {}
        for part in map(json.loads, lines):  # it spreads rows over its processors, and gives their parts
            whole = series.setdefault(json.dumps(part["metric"], sort_keys=True), {"metric": part["metric"]})
            for key in ("timestamps", "values"):
                whole[key] = whole.get(key, []) + part[key]
        return list(series.values())

    def _get(self, path: str) -> bytes:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read()

    def _answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self._get("/health") == b"OK"
        return False


@contextmanager
def running_victoria_metrics(folder: Path) -> Generator[VictoriaMetrics]:
    """Start a VictoriaMetrics, and stop it in the end; skip by name where it is not installed."""
    program("victoria-metrics")
    server = VictoriaMetrics(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def running_engine(folder: Path) -> Generator[Engine]:
    """Start an engine, and stop it in the end; skip by name where it is not installed."""
    program("influxd")
    program("nginx")
    engine = Engine(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
