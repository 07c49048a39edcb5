"""The template, deployed with the functions' binaries."""

import json
import pathlib
import subprocess
import zipfile
from dataclasses import dataclass

import template as sam
from emulator import Emulator, within

STACK = "muster"
CODE = "code"
BASE_URL = "https://muster.example.com"
SENDER = "muster@muster.example.com"


def build(root: pathlib.Path, profile: str, operations: list[str]) -> dict[str, pathlib.Path]:
    """The binaries of the functions, built with a profile."""
    packages = [part for operation in operations for part in ("--package", operation)]
    command = ["cargo", "build", "--locked", "--profile", profile, "--bins", *packages]
    subprocess.run(command, cwd=root, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    target = pathlib.Path(json.loads(metadata.stdout)["target_directory"]) / profile
    return {operation: target / operation for operation in operations}


def package(binary: pathlib.Path, archive: pathlib.Path):
    """A binary as Lambda takes it: called `bootstrap`, without symbols, in a zip; made anew when the binary is newer."""
    if archive.exists() and archive.stat().st_mtime > binary.stat().st_mtime:
        return
    stripped = archive.with_suffix("")
    subprocess.run(["strip", "-o", str(stripped), str(binary)], check=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as code:
        code.write(stripped, "bootstrap")
    stripped.unlink()


@dataclass
class Deployment:
    """The stack, once it is up."""

    emulator: Emulator
    operations: dict[str, str]
    routes: set[str]
    roles: list[str]
    physical: dict[str, str]

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"{self.emulator.url}/_aws/execute-api/{self.physical['Api']}/$default"

    def owner(self, role: str) -> str | None:
        """The operation of the function that has a role, if a function has it; SAM names them so."""
        return self.operations.get(role.removesuffix("Role"))

    def function(self, operation: str) -> str:
        """The physical name of a function."""
        return self.physical[next(name for name, one in self.operations.items() if one == operation)]


def deploy(emulator: Emulator, root: pathlib.Path, archives: dict[str, pathlib.Path]) -> Deployment:
    """Creates the stack."""
    s3, cloudformation = emulator.client("s3"), emulator.client("cloudformation")
    s3.create_bucket(Bucket=CODE)
    for operation, archive in archives.items():
        s3.upload_file(str(archive), CODE, f"{operation}.zip")
    source = sam.source(root)
    operations = sam.operations(source)
    transformed = sam.transformed(source, CODE)
    routes = sam.routes(transformed)
    body = json.dumps(sam.adapted(transformed))
    s3.put_object(Bucket=CODE, Key="template.json", Body=body)
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{emulator.url}/{CODE}/template.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": "BaseUrl", "ParameterValue": BASE_URL},
            {"ParameterKey": "Sender", "ParameterValue": SENDER},
        ],
    )

    def settled():
        stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = within(300, settled, 0.5)
    if not stack or stack["StackStatus"] != "CREATE_COMPLETE":
        faults = [line for line in emulator.log_file.read_text().splitlines() if "[cloudformation]" in line]
        raise RuntimeError("\n".join(["the stack could not be created", *faults]))
    # As its owner confirms to SES; the template may leave that to whoever deploys it.
    emulator.client("sesv2").create_email_identity(EmailIdentity=SENDER)
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    resources = [one for page in pages for one in page["StackResourceSummaries"]]
    physical = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources}
    roles = [one["LogicalResourceId"] for one in resources if one["ResourceType"] == "AWS::IAM::Role"]
    return Deployment(emulator, operations, routes, roles, physical)
