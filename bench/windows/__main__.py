"""`python -m bench.windows`."""

import sys

from bench.harness.command import main
from bench.windows.benchmark import BENCHMARK

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
