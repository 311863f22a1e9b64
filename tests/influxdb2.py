"""A small InfluxDB 2 in memory, which answers as 2.7.12 was recorded: organizations, buckets, tokens, writes, deletes.

Its words and its forms are those of the recordings; where there is none (tokens, organizations), those of the API's
description, https://docs.influxdata.com/influxdb/v2/api/. It knows no queries: tests look at its state.
"""

import gzip
import json
import re
import secrets
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.unit.line_protocol import Refused, read

RECORDED = Path(__file__).parent / "data" / "recordings"
ORG = "7c616765294a10ff"
SHORTEST_S = 3600
TERM = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")(?: AND |$)')
CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    422: "unprocessable entity",
    500: "internal error",
    501: "not implemented",
}


class Answer(NamedTuple):
    """A status and what comes with it."""

    status: int
    body: object = None


def recorded(name):
    """Give the rows of a recording."""
    return [json.loads(line) for line in (RECORDED / name).read_text(encoding="utf-8").splitlines()]


FORM = next(json.loads(row["body"]) for row in recorded("influxdb2_writes.jsonl") if row["note"].startswith("create"))


def refusal(status, message, code=""):
    """Give a refusal in the form that 2.x gives it."""
    return Answer(status, {"code": code or CODES[status], "message": message})


def found(rows, name, what):
    """Give a list, or say that there is nothing of that name."""
    return Answer(200, {name: rows}) if rows else refusal(404, f"{what} not found")


class InfluxDB2:
    """What it holds. `hides` lets it show tokens only when it makes them, as newer versions do."""

    def __init__(self, version="v2.7.12", org="vdl", hides=False):  # noqa: FBT002 - a switch
        self.version = version
        self.org = org
        self.hides = hides
        self.buckets = {}
        self.authorizations = {}
        self.points = {}
        self.requests = []
        self.before = lambda _method, _path: None
        self.operator = self.authorize(None, "operator")["token"]
        self.url = ""

    # ------------------------------------------------------------ what tests do to it

    def make_bucket(self, name, seconds=0, description=""):
        """Make a bucket as somebody else would."""
        return self._make_bucket({"name": name, "description": description, "retentionRules": rules(seconds)}).body

    def authorize(self, permissions, description=""):
        """Make a token: with all rights where there are no permissions."""
        number = f"{len(self.authorizations) + 1:016x}"
        everything = [{"action": each, "resource": {"type": "buckets", "orgID": ORG}} for each in ("read", "write")]
        everything += [{"action": "write", "resource": {"type": "authorizations", "orgID": ORG}}]
        self.authorizations[number] = made = {
            "id": number,
            "token": secrets.token_urlsafe(64) + "==",
            "status": "active",
            "description": description,
            "orgID": ORG,
            "org": self.org,
            "permissions": everything if permissions is None else permissions,
        }
        return made

    def revoke(self, token):
        """Let a token be gone."""
        self.authorizations = {key: each for key, each in self.authorizations.items() if each["token"] != token}

    def right(self, bucket, action="write"):
        """Give the right to one bucket."""
        return {"action": action, "resource": {"type": "buckets", "id": self.buckets[bucket]["id"], "orgID": ORG}}

    def holds(self, bucket):
        """Give the fields of each row: by measurement, tags and time."""
        return {key[1:]: fields for key, fields in self.points.items() if key[0] == bucket}

    # ------------------------------------------------------------ what it answers

    def answer(self, method, path, query, body, token):
        """Answer a call."""
        known = next((each for each in self.authorizations.values() if each["token"] == token), None)
        active = known if known is not None and known["status"] == "active" else None
        call = (method, path.rpartition("/")[0] if method == "DELETE" else path)
        if call == ("GET", "/ping"):
            return Answer(204)
        if active is None:
            return refusal(401, "unauthorized access")
        if call == ("POST", "/api/v2/write"):
            return self._write(active, query, body)
        if call == ("POST", "/api/v2/delete"):
            return self._delete(active, query, json.loads(body))
        return self._manage(call, path, query, body, active)

    def _manage(self, call, path, query, body, active):
        if call == ("GET", "/api/v2/orgs"):
            name = query.get("org", self.org)
            return found(
                [{"id": ORG, "name": self.org}] if name == self.org else [], "orgs", f'organization name "{name}"'
            )
        if not may(active, "write", "authorizations"):
            return refusal(401, f"{call[0].lower()}:orgs/{ORG} is unauthorized")
        if path.startswith("/api/v2/buckets"):
            if call[0] == "POST":
                return self._make_bucket(json.loads(body))
            name = query["name"]
            return found([each for key, each in self.buckets.items() if key == name], "buckets", f'bucket "{name}"')
        return self._manage_tokens(call, path, body)

    def _manage_tokens(self, call, path, body):
        if call == ("GET", "/api/v2/authorizations"):
            shown = [{**each, "token": ""} if self.hides else each for each in self.authorizations.values()]
            return Answer(200, {"authorizations": shown})
        if call == ("POST", "/api/v2/authorizations"):
            asked = json.loads(body)
            return Answer(201, self.authorize(asked["permissions"], asked["description"]))
        gone = self.authorizations.pop(path.rpartition("/")[2], None)
        return Answer(204) if gone else refusal(404, "authorization not found")

    def _make_bucket(self, asked):
        seconds = asked["retentionRules"][0]["everySeconds"] if asked["retentionRules"] else 0
        name = asked["name"]
        if name in self.buckets:
            return refusal(422, f"bucket with name {name} already exists", "conflict")
        if name.startswith("_"):
            return refusal(422, f"bucket name {name} is invalid. Bucket names may not start with underscore")
        if 0 < seconds < SHORTEST_S:
            return refusal(500, "retention policy duration must be at least 1h0m0s")
        number = f"{len(self.buckets) + 1:016x}"
        made = FORM | {"id": number, "name": name, "retentionRules": rules(seconds)}
        if description := asked.get("description"):
            made["description"] = description
        self.buckets[name] = made
        return Answer(201, made)

    def _write(self, active, query, body):
        name = query["bucket"]
        if name not in self.buckets:
            return refusal(404, f'bucket "{name}" not found')
        if not may(active, "write", "buckets", self.buckets[name]["id"]):
            return refusal(403, "insufficient permissions for write")
        try:
            rows = read(body.decode())
        except Refused as error:
            return refusal(400, f"unable to parse '{body.decode()}': {error}")
        dropped = []
        for row in rows:
            conflict = next((each for each in row.fields.items() if self._conflicts(name, row, *each)), None)
            if conflict is not None:
                dropped.append(conflict[0])
                continue
            self.points.setdefault((name, row.measurement, row.tags, row.at_ns), {}).update(row.fields)
        if dropped:
            why = f'field type conflict: input field "{dropped[0]}"'
            return refusal(422, f"failure writing points to database: partial write: {why} dropped={len(dropped)}")
        return Answer(204)

    def _conflicts(self, bucket, row, field, value):
        kinds = {
            type(fields[field])
            for (where, measurement, *_), fields in self.points.items()
            if (where, measurement) == (bucket, row.measurement) and field in fields
        }
        return bool(kinds) and type(value) not in kinds

    def _delete(self, active, query, asked):
        name = query["bucket"]
        if name not in self.buckets:
            return refusal(404, f'bucket "{name}" not found')
        if not may(active, "write", "buckets", self.buckets[name]["id"]):
            return refusal(403, "insufficient permissions for delete")
        first, last = (nanoseconds(asked[key]) for key in ("start", "stop"))
        wanted = {key: json.loads(text) for key, text in TERM.findall(asked["predicate"])}
        if rest := TERM.sub("", asked["predicate"]):
            return refusal(400, f"error decoding json body: {rest} is not supported yet")
        if "_field" in wanted:
            return refusal(501, "delete by field is not supported")
        measurement = wanted.pop("_measurement", None)
        for key in list(self.points):
            where, of, tags, at_ns = key
            is_named = measurement in (None, of) and wanted.items() <= dict(tags).items()
            if where == name and is_named and first <= at_ns <= last:
                del self.points[key]
        return Answer(204)


def rules(seconds):
    """Give the retention as 2.x shows it."""
    return [{"type": "expire", "everySeconds": seconds}]


def may(authorization, action, kind, number=""):
    """Whether a token has a right."""
    return any(
        (each["action"], each["resource"]["type"]) == (action, kind) and each["resource"].get("id", number) == number
        for each in authorization["permissions"]
    )


def nanoseconds(text):
    """Read a time to its nanosecond."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()) * 10**9 + int((rest or "0").ljust(9, "0"))


class Handler(BaseHTTPRequestHandler):
    """Takes requests to the InfluxDB that the server carries."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        """Say nothing."""

    def do_GET(self):
        """Answer any method."""
        influxdb = self.server.influxdb
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        token = self.headers.get("Authorization", "").removeprefix("Token ")
        influxdb.requests.append((self.command, url.path))
        with self.server.lock:
            influxdb.before(self.command, url.path)
            answer = influxdb.answer(self.command, url.path, query, body, token)
        content = b"" if answer.body is None else json.dumps(answer.body, indent=1).encode()
        self.send_response(answer.status)
        self.send_header("X-Influxdb-Version", influxdb.version)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the library's names


@contextmanager
def running_influxdb2(**options):
    """Run one in threads of this process."""
    influxdb = InfluxDB2(**options)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.influxdb, server.lock = influxdb, threading.Lock()
    influxdb.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield influxdb
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()
