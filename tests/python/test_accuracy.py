"""What accuracies are counted from."""

from __future__ import annotations

from qkdflow.accuracy import confusion_matrix


def test_rows_of_a_confusion_matrix_are_the_true_classes() -> None:
    found = confusion_matrix([0, 0, 1, 1, 1], [0, 2, 1, 1, 0], 3)
    assert found.tolist() == [[1, 0, 1], [1, 2, 0], [0, 0, 0]]
