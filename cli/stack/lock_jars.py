"""Write the lock of the broker's jars (`make lock`): `python -m cli.stack.lock_jars`."""

import jgo
import tomli_w
from jgo.env import LockedDependency
from jgo.maven import MavenContext

from cli.stack.jars import LOCK

# `!`: log4j's own bill of materials must not choose the versions of Kafka's jars.
_WANTED = "org.apache.kafka:kafka_2.13:4.3.1+org.apache.logging.log4j:log4j-slf4j-impl:2.25.3!"


def main() -> None:
    """Resolve the broker and a log binding for it, and write each jar with its checksum."""
    context = MavenContext(timeout=60)
    artifacts = sorted(jgo.resolve(_WANTED), key=lambda one: one.key)
    dependencies = [
        context.create_dependency(f"{one.groupId}:{one.artifactId}:{one.version}") for one in artifacts
    ]
    entries = [LockedDependency.from_dependency(dependency) for dependency in dependencies]
    head = "# Written by `make lock` (cli/stack/lock_jars.py); the format is that of jgo's lock files.\n\n"
    LOCK.write_text(head + tomli_w.dumps({"dependencies": [entry.to_dict() for entry in entries]}))


if __name__ == "__main__":
    main()
