"""Tests the API by its own description: starts a local stack, furnishes two companies, and runs Schemathesis per actor."""

import collections
import json
import os
import pathlib
import subprocess
import sys

from scene import Company, Stack, furnish

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "api"

# Here nobody is asked who they are, so one actor will do; and who guesses passwords for all of them has to wait.
OPEN_TO_ALL = "^/v1/(sessions(/refresh)?|activations.*|password-resets.*|email-changes.*|licences/activate|jwks.json)$"
BRIEFLY = ["--phases", "fuzzing", "--max-examples", "4", "--exclude-path-regex", OPEN_TO_ALL]
# Who asks, and how much.
ACTORS = {"stranger": BRIEFLY, "limited user": BRIEFLY, "user manager": BRIEFLY, "owner": []}


def main(binary, options):
    """Runs all actors, each in a company of its own; whether nothing was found."""
    WORK.mkdir(parents=True, exist_ok=True)
    answers = WORK / "answers.tsv"
    answers.write_text("")
    found = []
    with Stack(binary) as stack:
        neighbour = Company(stack, "neighbour").owner
        for number, (actor, phases) in enumerate(ACTORS.items()):
            things, tokens, requests = furnish(Company(stack, f"company{number}"))
            write(things, {**tokens, "owner of another company": neighbour}, requests)
            print(f"As {actor}:", flush=True)
            if not passes(stack, actor, phases + options):
                found.append(actor)
    vacuous = never_successful(answers)
    for operation in vacuous:
        print(f"never successful, so hardly tested: {operation}")
    if found:
        print(f"found something as: {', '.join(found)}")
    return not found and not vacuous


def write(things, tokens, requests):
    """Writes what a run is given."""
    for kind, values in things.items():
        lines = [json.dumps(value) for value in values]
        (WORK / f"{kind}.dict").write_text("\n".join(lines) + "\n")
    authorized = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}]}
        for name, token in tokens.items()
    ]
    (WORK / "actors.json").write_text(json.dumps({"auth": authorized}))
    (WORK / "requests.json").write_text(json.dumps(requests))


def passes(stack, actor, options):
    """One run of Schemathesis."""
    environment = {
        **os.environ,
        "MUSTER_ACTORS": str(WORK / "actors.json"),
        "MUSTER_ACTOR": actor,
        "MUSTER_API_TEST": str(WORK),
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
    }
    command = [
        *(pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", HERE / "schemathesis.toml"),
        *("run", ROOT / "openapi.json", "--url", stack.url, *options),
    ]
    return subprocess.run(command, env=environment, cwd=WORK).returncode == 0


def never_successful(answers):
    """Operations that were never answered with 2xx: whatever they were asked did not get far."""
    paths = json.loads((ROOT / "openapi.json").read_text())["paths"]
    operations = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    by_operation = {operation: collections.Counter() for operation in operations}
    for line in answers.read_text().splitlines():
        operation, status = line.split("\t")
        by_operation[operation][status] += 1
    (WORK / "answers.json").write_text(json.dumps(by_operation, indent=2, sort_keys=True))
    return [operation for operation, counts in by_operation.items() if not any(status[0] == "2" for status in counts)]


if __name__ == "__main__":
    sys.exit(not main(os.environ["MUSTER_LOCAL"], sys.argv[1:]))
