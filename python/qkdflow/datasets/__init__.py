"""Data sets: raw detector counts with labels, cut into train, valid and test."""

from qkdflow.datasets import digits, gamma_neutron, pest, psd
from qkdflow.datasets.arrays import load_hdf5, load_npy, load_npz
from qkdflow.datasets.cifar import load_cifar10
from qkdflow.datasets.csv import load_csv
from qkdflow.datasets.csv_folder import load_csv_folder
from qkdflow.datasets.dataset import Dataset, Part
from qkdflow.datasets.idx import load_idx
from qkdflow.datasets.images import load_images
from qkdflow.datasets.load import load
from qkdflow.datasets.simulators import SIMULATORS
from qkdflow.datasets.split import Indices

__all__ = [
    "SIMULATORS",
    "Dataset",
    "Indices",
    "Part",
    "digits",
    "gamma_neutron",
    "load",
    "load_cifar10",
    "load_csv",
    "load_csv_folder",
    "load_hdf5",
    "load_idx",
    "load_images",
    "load_npy",
    "load_npz",
    "pest",
    "psd",
]
