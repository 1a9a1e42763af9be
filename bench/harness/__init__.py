"""What all benchmarks share: data, child processes and their cost, comparing answers, and the report."""
