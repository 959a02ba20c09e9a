"""The supervisor as a process of its own: `python -m cli.stack --home H --parts kafka,postgres`."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from cli.stack.layout import Layout
from cli.stack.supervisor import StackError, supervise


def main() -> int:
    """Supervise until told to stop or until the parent is gone; 0 also if another supervisor is at it."""
    parser = argparse.ArgumentParser(prog="python -m cli.stack", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--parts", required=True)
    parser.add_argument("--parent", type=int)
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that it is not up yet is known
    try:
        asyncio.run(
            supervise(
                Layout(options.home),
                options.parts.split(","),
                lambda: options.parent is None or os.getppid() == options.parent,
            )
        )
    except StackError as error:
        logging.getLogger("augentis.stack").error("%s", error)  # noqa: TRY400  # the message says it all
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
