"""Simulated corpora with known truth, and what is asked of every interval and test on them."""
