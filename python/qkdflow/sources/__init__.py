"""Training data that stay on the disk: memory-mapped .npy, HDF5, folders of images.

`model.fit(source, ...)` reads their batches ahead of the step, in the order that in-memory training has: same data,
same key, same bits. Labels and a teacher's logits are held in memory.
"""

from __future__ import annotations

from qkdflow.sources.base import Source
from qkdflow.sources.files import from_hdf5, from_npy, wrapped
from qkdflow.sources.images import image_dataset_from_directory
from qkdflow.sources.reading import Reader

__all__ = ["Reader", "Source", "from_hdf5", "from_npy", "image_dataset_from_directory", "wrapped"]
