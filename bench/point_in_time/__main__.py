"""`python -m bench.point_in_time`."""

import sys

from bench.harness.command import main
from bench.point_in_time.benchmark import BENCHMARK

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
