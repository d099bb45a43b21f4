"""Figures of a run: functions from values of report.json to a matplotlib Figure, and `svg` to inline one.

No pyplot, hence no window, no backend and no figure that outlives its use.
"""

from qkdflow.plots.data import images, pulses, weight_histograms
from qkdflow.plots.hardware import accuracy_against_cost, residuals, reuse_factor
from qkdflow.plots.layers import activation_histograms, layer_widths
from qkdflow.plots.results import (
    accuracy_against_parameters,
    accuracy_against_size,
    accuracy_of_runs,
    confusion,
    pareto_front,
)
from qkdflow.plots.style import Figure, look, svg
from qkdflow.plots.training import learning_curves, learning_curves_of_runs, search_history

__all__ = [
    "Figure",
    "accuracy_against_cost",
    "accuracy_against_parameters",
    "accuracy_against_size",
    "accuracy_of_runs",
    "activation_histograms",
    "confusion",
    "images",
    "layer_widths",
    "learning_curves",
    "learning_curves_of_runs",
    "look",
    "pareto_front",
    "pulses",
    "residuals",
    "reuse_factor",
    "search_history",
    "svg",
    "weight_histograms",
]
