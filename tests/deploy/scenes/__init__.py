"""What is done with each function: all of its routes, and, between them, everything that its role permits.

Each scene is told with a company of its own, and with people of its own, so that it can be told again and again.
"""

from collections import defaultdict
from collections.abc import Callable

from world import Company

SCENES: dict[str, list[Callable[[Company], None]]] = defaultdict(list)


def scene(operation: str):
    """A scene of a function."""

    def register(told: Callable[[Company], None]):
        SCENES[operation].append(told)
        return told

    return register


def expect(what: str, found, wanted):
    """That something is as it should be."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


def imported():
    """Reads all scenes."""
    from scenes import background, company, files, invitations, links, sessions, users  # noqa: F401
