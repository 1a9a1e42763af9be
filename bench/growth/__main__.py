"""`python -m bench.growth`."""

import argparse
import sys

from bench.growth.benchmark import LARGEST, benchmark
from bench.harness.command import main

if __name__ == "__main__":
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--max-events", type=int, default=LARGEST, help=f"the largest size, {LARGEST:,} unless given")
    options, _ = own.parse_known_args()
    sys.exit(main(benchmark(options.max_events), parents=[own]))
