"""Data sets: raw detector counts with labels, cut into train, valid and test."""

from qkdflow.datasets import psd
from qkdflow.datasets.csv import load_csv
from qkdflow.datasets.dataset import Dataset, Part
from qkdflow.datasets.split import Indices

__all__ = ["Dataset", "Indices", "Part", "load_csv", "psd"]
