"""Every kind of request that the functions make of the table, put before another engine.

The table's expressions are strings, and engines differ in what they refuse as malformed. A recorder stands between the
functions and their table and keeps one request of each shape. These are then sent to an engine that had no part in the
job: whatever it calls malformed is reported. What becomes of a request (a condition fails, an item is not there) is of no
interest: the table there is empty.
"""

import json
import subprocess
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from emulator import REGION, within

# A transaction is put before the other engine part by part, because not every engine knows transactions. A check is sent
# as a deletion under the same condition.
SINGLE = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "DeleteItem",
    "Get": "GetItem",
}
MALFORMED = ("ValidationException", "SerializationException")


class Recorder:
    """A proxy in front of a table, which keeps one request of each shape."""

    def __enter__(self) -> "Recorder":
        self.upstream = ""
        self.requests: dict[str, tuple[str, dict]] = {}
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                upstream = HTTPConnection(urlsplit(recorder.upstream).netloc, timeout=60)
                # With the name of this proxy as its host: it was signed with that.
                upstream.request("POST", self.path, body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
                recorder.keep(self.headers["x-amz-target"].split(".")[-1], json.loads(body))
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                upstream.close()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def keep(self, operation: str, request: dict):
        """Keeps the single operations of a request, each if it is the first of its shape."""
        parts = [(operation, request)]
        if operation.startswith("Transact"):
            parts = [(SINGLE[kind], part) for item in request["TransactItems"] for kind, part in item.items()]
        for single, part in parts:
            self.requests.setdefault(f"{single} {json.dumps(_shape(part), sort_keys=True)}", (single, part))


def _shape(value):
    """A request without its values: what is left are expressions, names and types."""
    if isinstance(value, dict):
        if len(value) == 1 and (kind := next(iter(value))) in ("S", "N", "BOOL", "NULL", "B", "SS", "NS", "BS"):
            return kind
        if set(value) == {"L"}:
            return {"L": sorted({json.dumps(_shape(one), sort_keys=True) for one in value["L"]})}
        return {name: _shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(_shape(one), sort_keys=True) for one in value})
    return value


class Dynalite:
    """An engine of its own: an implementation of DynamoDB that was written beside the real one, fault by fault."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self) -> str:
        self.process = subprocess.Popen(
            ["node", "-e", SERVE], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


SERVE = """
const server = require('dynalite')({ createTableMs: 0 });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


def examine(requests: dict[str, tuple[str, dict]], engine: str, table: dict) -> list[str]:
    """What an engine finds malformed of these requests; `table` is the table as the template has it."""
    client = boto3.client(
        "dynamodb", endpoint_url=engine, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    known = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    name = next(iter(requests.values()))[1].get("TableName", "muster")
    client.create_table(TableName=name, **{part: table[part] for part in known})
    within(30, lambda: client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    found = []
    for shape, (operation, request) in sorted(requests.items()):
        # That one is younger than some engines, and no expression.
        known_to_all = {key: one for key, one in request.items() if key != "ReturnValuesOnConditionCheckFailure"}
        try:
            client._make_api_call(operation, known_to_all)
        except ClientError as error:
            if error.response["Error"]["Code"] in MALFORMED:
                found.append(f"{error.response['Error']['Message']}\n    {shape}")
    return found
