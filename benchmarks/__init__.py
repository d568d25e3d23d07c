"""Speed and trust, side by side in one run; each module prints a table and saves it in `benchmarks/results/`."""
