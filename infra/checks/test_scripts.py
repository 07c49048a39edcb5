"""`make deploy`, `make undeploy` and `make requeue` say the right things to AWS: run against stand-ins that note what they were told."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transform import ROOT

# AWS, as far as the scripts ask it: a stack that is there or not, with outputs and parameters, in a JSON file.
AWS = f"""#!{sys.executable} -IS
import json, os, sys
world_file = os.environ["WORLD"]
world = json.load(open(world_file))
said = sys.argv[1:]
world["said"].append(said)
command = " ".join(said[:2])
query = said[said.index("--query") + 1] if "--query" in said else ""
asks = command in ("s3api head-bucket", "dynamodb describe-table", "secretsmanager describe-secret")
status = 254 if asks and said[3] not in world["there"] else 0
if command == "sts get-caller-identity":
    print("123456789012")
elif command == "cloudformation describe-stacks":
    if world["state"] == "NONE":
        status = 254
    elif "StackStatus" in query:
        print(world["state"])
    elif "BaseUrl" in query:
        print(world["parameters"].get("BaseUrl", "None"))
    else:
        print(world["outputs"].get(query.split("'")[1], "None"))
elif command == "cloudformation deploy":
    values = said[said.index("--parameter-overrides") + 1:said.index("--tags")]
    world["parameters"].update(value.split("=", 1) for value in values)
    world["state"] = "UPDATE_COMPLETE"
elif command == "cloudformation create-change-set":
    for value in said[said.index("--parameters") + 1:said.index("--tags")]:
        key, value = (part.split("=", 1)[1] for part in value.split(",", 1))
        world["parameters"][key] = value.strip('"')
elif command == "cloudformation execute-change-set":
    world["state"] = "CREATE_COMPLETE"
elif command == "dynamodb scan":
    print("\\n".join("\\t".join(item) for item in world["waiting"]))
elif command == "s3api list-object-versions":
    bucket = said[said.index("--bucket") + 1]
    files = world["files"].pop(bucket, None)
    print(json.dumps({{"Objects": files, "Quiet": True}}))
elif command == "s3api delete-objects":
    world["deleted"] += [file["Key"] for file in json.load(sys.stdin)["Objects"]]
json.dump(world, open(world_file, "w"))
sys.exit(status)
"""

OUTPUTS = {
    "ConsoleUrl": "https://d1.cloudfront.example",
    "ConsoleBucket": "the-console",
    "Provision": "muster-Provision-1",
    "Topic": "arn:aws:sns:eu-central-1:123456789012:muster",
}


class World:
    """A machine with stand-ins for the programs, and what AWS is like."""

    def __init__(self, folder: Path):
        self.file = folder / "world.json"
        self.checkout = folder / "checkout"
        shutil.copytree(ROOT / "infra", self.checkout / "infra", ignore=shutil.ignore_patterns("local", "checks", "deploy.env"))
        for function in (ROOT / "functions").iterdir():
            (self.checkout / "functions" / function.name).mkdir(parents=True)
        assets = self.checkout / "console/dist/assets"
        assets.mkdir(parents=True)
        (assets / "page-1.js").touch()
        (assets / "page-1.js.br").touch()
        (assets.parent / "index.html").touch()
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.program("aws", AWS)
        self.program("cargo", f'#!/bin/sh\necho "$@" > {folder}/cargo\n')
        self.program("cargo-lambda", "#!/bin/sh\n")
        self.folder = folder
        self.be(state="NONE", there=[], outputs=OUTPUTS, parameters={}, files={}, deleted=[], said=[])

    def program(self, name: str, text: str):
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def be(self, **what):
        self.file.write_text(json.dumps(what))

    def now(self) -> dict:
        return json.loads(self.file.read_text())

    def change(self, **what):
        self.be(**{**self.now(), **what})

    def run(self, script: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess:
        environment = {"PATH": f"{self.programs}:{os.environ['PATH']}", "WORLD": str(self.file), "AWS_REGION": "eu-central-1", **environment}
        return subprocess.run(
            [self.checkout / "infra" / script], input=typed, env=environment, capture_output=True, text=True, check=False
        )

    def said(self, command: str) -> list[list[str]]:
        """What was said to AWS with this command."""
        words = command.split()
        return [said for said in self.now()["said"] if said[: len(words)] == words]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def overrides(said: list[str]) -> list[str]:
    return said[said.index("--parameter-overrides") + 1 : said.index("--tags")]


def test_the_first_deployment_without_a_domain_deploys_twice_and_says_how_to_go_on(world):
    done = world.run("deploy.sh", Sender="muster@acme.example")
    assert done.returncode == 0, done.stderr
    first, second = map(overrides, world.said("cloudformation deploy"))
    assert first == ["BaseUrl=https://not-yet.invalid", "Sender=muster@acme.example"]
    assert second == ["BaseUrl=https://d1.cloudfront.example", "Sender=muster@acme.example"]
    assert "Muster is at https://d1.cloudfront.example\n" in done.stdout
    assert "aws lambda invoke --region eu-central-1 --function-name muster-Provision-1" in done.stdout
    built = (world.folder / "cargo").read_text()
    assert "lambda build --locked --release --target x86_64-unknown-linux-gnu.2.34 " in built
    assert built.count("--package ") == len(list((ROOT / "functions").iterdir()))
    template = (world.checkout / "target/aws/template.yaml").read_text()
    assert "CodeUri: functions/sign-in/bootstrap.zip\n" in template and "../functions" not in template


def test_a_later_deployment_deploys_once_and_leaves_the_address(world):
    world.change(state="UPDATE_COMPLETE", parameters={"BaseUrl": "https://muster.acme.example"})
    done = world.run("deploy.sh", Memory="512", Architecture="arm64")
    assert done.returncode == 0, done.stderr
    (only,) = map(overrides, world.said("cloudformation deploy"))
    assert only == ["BaseUrl=https://muster.acme.example", "Architecture=arm64", "Memory=512"]
    assert "aarch64-unknown-linux-gnu.2.34" in (world.folder / "cargo").read_text()
    assert "once that leads to https://d1.cloudfront.example" in done.stdout


def test_a_deployment_that_was_broken_off_between_the_two_is_finished(world):
    world.change(state="CREATE_COMPLETE", parameters={"BaseUrl": "https://not-yet.invalid"})
    assert world.run("deploy.sh").returncode == 0
    assert overrides(world.said("cloudformation deploy")[-1]) == ["BaseUrl=https://d1.cloudfront.example"]


def test_a_first_deployment_that_came_to_nothing_is_begun_anew(world):
    world.change(state="REVIEW_IN_PROGRESS")
    assert world.run("deploy.sh", Sender="a@acme.example").returncode == 0
    first, _ = map(overrides, world.said("cloudformation deploy"))
    assert first == ["BaseUrl=https://not-yet.invalid", "Sender=a@acme.example"]


def test_settings_come_from_the_file_and_the_environment_has_the_last_word(world):
    settings = "# a comment\nSTACK=fleet\nSender=a@acme.example\nMemory=512\n\nBaseUrl=https://fleet.example"
    (world.checkout / "infra/deploy.env").write_text(settings)
    done = world.run("deploy.sh", Memory="1024")
    assert done.returncode == 0, done.stderr
    (only,) = world.said("cloudformation deploy")
    assert only[only.index("--stack-name") + 1] == "fleet"
    assert overrides(only) == ["BaseUrl=https://fleet.example", "Sender=a@acme.example", "Memory=1024"]


def test_a_misspelt_setting_is_refused(world):
    (world.checkout / "infra/deploy.env").write_text("Sendr=a@acme.example\n")
    done = world.run("deploy.sh")
    assert done.returncode != 0 and 'what is "Sendr=a@acme.example"?' in done.stderr


def test_the_example_of_settings_is_understood(world):
    shutil.copy(world.checkout / "infra/deploy.env.example", world.checkout / "infra/deploy.env")
    done = world.run("deploy.sh")
    assert done.returncode == 0, done.stderr


def test_files_go_up_with_their_types_the_page_last(world):
    assert world.run("deploy.sh", Sender="a@acme.example").returncode == 0
    uploads = [said for said in world.said("s3 cp") if said[2].startswith("console/")]
    assert [said[2] for said in uploads] == ["console/dist/assets"] * 4 + ["console/dist"] * 4
    types = {said[said.index("--include") + 1]: said[said.index("--content-type") + 1] for said in uploads}
    assert types["*.js"] == "text/javascript; charset=utf-8" and types["*.svg"] == "image/svg+xml"
    caches = {said[2]: said[said.index("--cache-control") + 1] for said in uploads}
    assert caches == {"console/dist/assets": "public, max-age=31536000, immutable", "console/dist": "no-cache"}
    assert all("assets/*" in said for said in uploads[4:])


def test_a_file_of_an_unknown_type_is_refused(world):
    (world.checkout / "console/dist/font.woff2").touch()
    done = world.run("deploy.sh", Sender="a@acme.example")
    assert done.returncode != 0 and "font.woff2" in done.stderr


def test_the_code_s_bucket_is_made_once_and_closed(world):
    assert world.run("deploy.sh", Sender="a@acme.example").returncode == 0
    (made,) = world.said("s3api create-bucket")
    assert made[-1] == "LocationConstraint=eu-central-1"
    assert world.said("s3api put-public-access-block")
    world.change(there=["muster-code-123456789012-eu-central-1"], said=[])
    assert world.run("deploy.sh").returncode == 0
    assert not world.said("s3api create-bucket")


def test_the_oldest_region_is_not_named(world):
    assert world.run("deploy.sh", Sender="a@acme.example", AWS_REGION="us-east-1").returncode == 0
    (made,) = world.said("s3api create-bucket")
    assert "--create-bucket-configuration" not in made


def test_what_an_earlier_stack_left_is_taken_into_the_new_one(world):
    world.change(there=["muster"])
    done = world.run("deploy.sh", Sender="a@acme.example", LogFilter="info,import=debug")
    assert done.returncode == 0, done.stderr
    (made,) = world.said("cloudformation create-change-set")
    assert "--import-existing-resources" in made
    assert 'ParameterKey=LogFilter,ParameterValue="info,import=debug"' in made
    (second,) = map(overrides, world.said("cloudformation deploy"))
    assert "BaseUrl=https://d1.cloudfront.example" in second


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({}, "Which address do mails come from?"),
        ({"Sender": "a@acme.example", "Certificate": "arn:aws:acm:…"}, "Set BaseUrl"),
        ({"Sender": "a@acme.example", "Architecture": "sparc"}, "x86_64 or arm64"),
        ({"Sender": "a@acme.example", "STACK": "Muster"}, "small letters"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(world, environment, complaint):
    done = world.run("deploy.sh", **environment)
    assert done.returncode != 0 and complaint in done.stderr
    assert not world.said("cloudformation deploy") and not world.said("s3api create-bucket")


def test_undeploying_empties_the_console_and_keeps_the_data(world):
    world.change(state="UPDATE_COMPLETE", there=["muster", "muster-123456789012-eu-central-1"])
    world.change(files={"the-console": [{"Key": "index.html", "VersionId": "1"}]})
    done = world.run("undeploy.sh")
    assert done.returncode == 0, done.stderr
    assert world.now()["deleted"] == ["index.html"]
    assert world.said("cloudformation delete-stack") and not world.said("dynamodb delete-table")
    assert not world.said("s3api delete-bucket") and not world.said("secretsmanager delete-secret")
    assert "Its data stay: the table muster" in done.stdout


def test_undeploying_with_the_data_asks_for_the_name(world):
    world.change(state="UPDATE_COMPLETE")
    for typed in ("", "yes\n", "Muster\n"):
        done = world.run("undeploy.sh", typed=typed, DATA="delete")
        assert done.returncode != 0 and "Nothing was deleted." in done.stderr
    assert not world.said("cloudformation delete-stack")


def test_undeploying_with_the_data_deletes_them_also_when_the_stack_is_gone(world):
    files = {"muster-123456789012-eu-central-1": [{"Key": "plans/a", "VersionId": "1"}]}
    world.change(there=["muster", "muster-signing", *files], files=files)
    done = world.run("undeploy.sh", typed="muster\n", DATA="delete")
    assert done.returncode == 0, done.stderr
    assert not world.said("cloudformation delete-stack")
    steps = [" ".join(said[:2]) for said in world.now()["said"]]
    unprotected, deleted = steps.index("dynamodb update-table"), steps.index("dynamodb delete-table")
    assert unprotected < deleted
    assert world.now()["deleted"] == ["plans/a"]
    assert world.said("s3api delete-bucket") and world.said("secretsmanager delete-secret")


def test_what_waits_is_handed_to_the_workers_in_the_form_that_they_know(world):
    items = [["M#ml_1", "MAIL", "mail"], ["C#tnt_1#imp_1#2#0", "CHUNK", "import-chunk"]]
    world.change(state="UPDATE_COMPLETE", waiting=items)
    done = world.run("requeue.sh")
    assert (done.returncode, done.stdout) == (0, "2 items were handed to the workers\n"), done.stderr
    published = [dict(zip(said[2::2], said[3::2], strict=True)) for said in world.said("sns publish")]
    assert {message["--topic-arn"] for message in published} == {OUTPUTS["Topic"]}
    records = [json.loads(message["--message"])["dynamodb"] for message in published]
    assert [(record["Keys"]["PK"]["S"], record["Keys"]["SK"]["S"], record["NewImage"]["outbox"]["S"]) for record in records] == [
        tuple(item) for item in items
    ]


def test_nothing_waits(world):
    world.change(state="UPDATE_COMPLETE", waiting=[])
    assert world.run("requeue.sh").stdout == "0 items were handed to the workers\n"
