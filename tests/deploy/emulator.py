"""ministack as a process of its own, and the clients of its services."""

import contextlib
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import boto3
import requests
from botocore.config import Config

REGION = "us-east-1"
ACCOUNT = "000000000000"


class Emulator:
    """A ministack in which every call is authorised; stopped when the block ends."""

    def __init__(self, folder: pathlib.Path, environment: dict[str, str]):
        self.folder = folder
        self.environment = environment

    def __enter__(self) -> "Emulator":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.temporary = self.folder / "tmp"
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        environment = {
            # Not what whoever runs this has set for the real AWS.
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AUTH": "true",
            "AWS_ENDPOINT_URL": self.url,  # functions are given it too
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "TMPDIR": str(self.temporary),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            **self.environment,
        }
        self.log_file = self.folder / "ministack.log"
        with self.log_file.open("wb") as log:
            server = [sys.executable, str(pathlib.Path(__file__).with_name("server.py"))]
            self.process = subprocess.Popen(server, env=environment, stdout=log, stderr=log, start_new_session=True)
        ready = within(60, lambda: self.process.poll() is not None or _answers(f"{self.url}/_ministack/ready"))
        if not ready or self.process.poll() is not None:
            self.__exit__()
            raise RuntimeError(f"ministack does not start; see {self.log_file}")
        return self

    def __exit__(self, *_):
        # The functions that it started belong to its process group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        # The unpacked code of all functions.
        shutil.rmtree(self.temporary, ignore_errors=True)

    @functools.cache
    def client(self, service: str):
        """A client of a service, as whoever owns the account."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, read_timeout=120),
        )


def within(seconds: float, happened, pause: float = 0.05):
    """What `happened` comes to as soon as that is something; what it is at the end of the time."""
    end = time.monotonic() + seconds
    while not (come := happened()) and time.monotonic() < end:
        time.sleep(pause)
    return come


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False
