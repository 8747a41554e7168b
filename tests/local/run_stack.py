"""A supervised stack of stand-ins, for tests: `python -m tests.local.run_stack '{"name": ["argv", …]}'`."""

import json
import os
import sys
from pathlib import Path

from app.local import guardian
from app.local.children import ChildSpec
from app.local.output import Output
from app.local.stack import Limits, Stack

LIMITS = Limits(grace_s=1.0, deaths_max=3, deaths_window_s=60.0)


def _supervise(lifeline: guardian.Lifeline) -> int:
    specs = [
        ChildSpec(name, tuple(argv), is_step=name.startswith("step"))
        for name, argv in json.loads(sys.argv[1]).items()
    ]
    output = Output([spec.name for spec in specs])
    stack = Stack(
        specs, output=output, env=os.environ, working_dir=Path.cwd(), lifeline=lifeline, limits=LIMITS
    )
    return stack.run(lambda _: output.plain(f"READY {os.getpid()}"))


if __name__ == "__main__":
    raise SystemExit(guardian.guard(_supervise, grace_s=1.0))
