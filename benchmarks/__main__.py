"""`python -m benchmarks [NAME ...] [--smoke] [--sequences N] [--json FILE]`: a table, and JSON on request."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.benches import BENCHES, BROWSER_BENCHES, DEVICE_BENCHES, PROGRAM_BENCHES, Plan
from benchmarks.measuring import Row


def main(arguments: list[str]) -> int:
    """Run the named benches, print their rows, and return the exit status."""
    every = {**BENCHES, **DEVICE_BENCHES, **BROWSER_BENCHES, **PROGRAM_BENCHES}
    named = (
        f"{', '.join(BENCHES)} (all of these by default); {', '.join(DEVICE_BENCHES)} (all of a GPU); "
        f"{', '.join(BROWSER_BENCHES)} (in a browser); "
        f"{', '.join(PROGRAM_BENCHES)} (with wrk)"
    )
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*every, []], metavar="NAME", help=named)
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes, to see that the benches run")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    parser.add_argument(
        "--folder", type=Path, default=Path(".local/benchmarks"), help="where random weights and stores are kept"
    )
    parser.add_argument("--sequences", type=int, default=0, help="library size for all benches of the service")
    parser.add_argument("--repeats", type=int, default=0, help="repetitions for all benches of the service")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    with Plan(options.folder, options.smoke, options.sequences, options.repeats) as plan:
        for name in options.names or BENCHES:
            for row in every[name](plan):
                rows.append(row)
                target = f" (target {row.target})" if row.target else ""
                by_processor = row.detail.get("ratio_by_processor_time")
                also = f", by processor time {by_processor:.3f}" if by_processor else ""
                print(f"{row.name}: {row.value:.3f} {row.unit}{target}, noise {row.noise:.1%}{also}", flush=True)
                if options.json:
                    options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
