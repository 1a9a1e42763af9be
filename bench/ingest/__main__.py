"""`python -m bench.ingest`."""

import sys

from bench.harness.command import main
from bench.ingest.benchmark import BENCHMARK

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
