"""A contest of optimisers: the same problems, seeds and budget for each, side by side in one run."""
