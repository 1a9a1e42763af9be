"""`python -m bench.backfill`."""

import sys

from bench.backfill.benchmark import BENCHMARK
from bench.harness.command import main

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
