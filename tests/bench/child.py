"""One run in a process of its own: a run as JSON on the command line, what came of it as JSON on standard output."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from pathlib import Path

from bench.event import Unsupported
from bench.runs import Run


def main() -> None:
    """Do what the command line says; what goes wrong is an answer, too."""
    run, path = Run.from_json(sys.argv[1]), Path(sys.argv[2])
    measure = importlib.import_module(f"bench.measures.{run.measure}")
    try:
        outcome = measure.run(run, path)
        answer = {"figures": dict(outcome.figures), "events": outcome.events}
    except ModuleNotFoundError as error:
        answer = {"absent": f"not installed: {error.name}"}
    except Unsupported as error:
        answer = {"absent": str(error)}
    except Exception:
        answer = {"failed": traceback.format_exc()}
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
