"""Deploys Muster to ministack and does the main job with it; `--mutate` proves that its roles permit no more.

Everything is in target/deploy: archives, logs, and the virtual environment that the Makefile makes.
"""

import argparse
import contextlib
import json
import pathlib
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import template as sam
from deployment import build, deploy, package
from emulator import Emulator
from expressions import Dynalite, Recorder, examine
from mutation import Laboratory, mutants, report, tell
from scenes import SCENES, imported
from world import DENIED, Company, World

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--profile", default="ci", help="the Cargo profile of the binaries; release is what is deployed"
    )
    arguments.add_argument("--mutate", action="store_true", help="takes each permission from each role in turn")
    arguments.add_argument(
        "--engine",
        help="another DynamoDB, by its address or the folder that dynalite is in, that requests are put before",
    )
    arguments.add_argument("functions", nargs="*", help="only these; all by default")
    chosen = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # leaves the blocks, so that ministack is stopped
    imported()
    operations = list(sam.operations(sam.source(ROOT)).values())
    if missing := set(operations) ^ set(SCENES):
        sys.exit(f"no scene, or no function: {', '.join(sorted(missing))}")
    operations = [one for one in operations if not chosen.functions or one in chosen.functions]

    clock = Clock()
    folder = ROOT / "target/deploy"
    archives = archive(folder, chosen.profile)
    clock.lap("binaries built and packed")
    filters = json.dumps(sam.pipe_filters(sam.source(ROOT)))
    with contextlib.ExitStack() as ends:
        environment = {"PIPE_FILTERS": filters}
        recorder = ends.enter_context(Recorder()) if chosen.engine else None
        if recorder:
            environment["AWS_ENDPOINT_URL_DYNAMODB"] = recorder.url
        emulator = ends.enter_context(Emulator(folder, environment))
        if recorder:
            recorder.upstream = emulator.url
        clock.lap("ministack started")
        world = World(deploy(emulator, ROOT, archives))
        clock.lap("stack created")
        with ThreadPoolExecutor(4) as pool:
            companies = dict(zip(operations, pool.map(world.company, operations), strict=True))
        clock.lap(f"{len(companies)} companies set up, their owners signed in")
        failed = main_job(world, companies, clock)
        if not chosen.functions and (unused := world.deployment.routes - world.called):
            failed.append(f"routes that nobody called: {', '.join(sorted(unused))}")
        failed += aftermath(world)
        clock.lap("main job done")
        if failed:
            print("\n".join(["", *failed, f"see {emulator.log_file}"]))
            return 1
        if recorder and (malformed := put_before(chosen.engine, recorder, clock)):
            print("malformed, says the other engine:", "", *malformed, sep="\n")
            return 1
        if chosen.mutate:
            missed = mutate(world, companies)
            clock.lap("permissions taken away")
            if not missed:
                return 1
    print(f"in all {clock.total():.0f} s")
    return 0


def archive(folder: pathlib.Path, profile: str) -> dict[str, pathlib.Path]:
    """The archives of all functions."""
    operations = list(sam.operations(sam.source(ROOT)).values())
    binaries = build(ROOT, profile, operations)
    archives = folder / profile
    archives.mkdir(parents=True, exist_ok=True)
    packed = {operation: archives / f"{operation}.zip" for operation in operations}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda operation: package(binaries[operation], packed[operation]), operations))
    return packed


def main_job(world: World, companies: dict[str, Company], clock: "Clock") -> list[str]:
    """Tells all scenes of all functions; what went wrong."""
    failed = []
    for place, (operation, company) in enumerate(companies.items()):
        world.viewer = f"192.0.2.{place}"
        world.watch(operation)
        if fault := tell(operation, company):
            failed.append(f"{operation}: {fault}\n" + "\n".join(world.faults()))
        clock.lap(f"{operation}{' FAILED' if fault else ''}")
    world.watched = None
    return failed


def aftermath(world: World) -> list[str]:
    """What is wrong after the job, though nobody in it noticed: in the table, and whatever was denied."""
    log = world.emulator.log_file.read_text(errors="replace").splitlines()
    unsound = [f"the table, says its check: {json.dumps(one)}" for one in world.check()]
    return unsound + [line for line in log if DENIED in line]


def put_before(engine: str, recorder: Recorder, clock: "Clock") -> list[str]:
    """What another engine finds malformed of what was asked of the table."""
    with contextlib.ExitStack() as ends:
        address = engine if engine.startswith("http") else ends.enter_context(Dynalite(engine))
        malformed = examine(recorder.requests, address, sam.table(sam.source(ROOT)))
    clock.lap(f"{len(recorder.requests)} kinds of requests put before another engine")
    return malformed


def mutate(world: World, companies: dict[str, Company]) -> bool:
    """Takes each permission from each role in turn, and prints what nobody missed; whether all were that should be."""
    laboratory, verdicts = Laboratory(world), []
    for role in world.deployment.roles:
        operation = world.deployment.owner(role)
        if operation and operation not in companies:
            continue
        if operation:
            companies[operation].sign_in_again()
        for place, mutant in enumerate(list(mutants(world, role))):
            # From another place each time: a place has its allowances.
            world.viewer = f"198.51.100.{place % 250}"
            verdict = laboratory.judge(mutant, companies.get(operation))
            verdicts.append(verdict)
            state = "noticed" if verdict.noticed else "not enforced" if mutant.unenforced else "UNNOTICED"
            print(f"{state:12} {role} without {mutant.lost} ({verdict.seconds:.1f} s)", flush=True)
    print("", report(verdicts), "", sep="\n")
    return not any(verdict.fault for verdict in verdicts)


class Clock:
    """Says what took how long."""

    def __init__(self):
        self.began = self.lapped = time.monotonic()

    def lap(self, what: str):
        now = time.monotonic()
        print(f"{now - self.lapped:6.1f} s  {what}", flush=True)
        self.lapped = now

    def total(self) -> float:
        return time.monotonic() - self.began


if __name__ == "__main__":
    sys.exit(main())
