"""The pages in a real browser, headless Chromium: all of a page is drawn, in light and in dark."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qkdflow.report.page import page
from report_example import example_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium. Debian: apt-get install chromium")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(example_report()), encoding="utf-8")
    return path


@pytest.mark.parametrize(("scheme", "is_dark"), [("0", True), ("1", False)])
def test_a_report_is_drawn(report: Path, tmp_path: Path, scheme: str, is_dark: bool) -> None:
    shot = tmp_path / "shot.png"
    scheme_flag = f"--blink-settings=preferredColorScheme={scheme}"
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [
        str(BROWSER),
        "--headless",
        "--disable-gpu",
        *root,
        scheme_flag,
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    command += ["--hide-scrollbars", "--window-size=1100,7000", f"--screenshot={shot}", report.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(shot) as image:
        grey = np.asarray(image.convert("L"), np.float64)
    paper = np.median(grey)
    assert (paper < 60) == is_dark
    bands = np.abs(grey - paper).reshape(20, -1, grey.shape[1])
    inked = (bands > 80).mean(axis=(1, 2))
    assert (inked[:12] > 0.004).all(), inked  # words and lines, all the way down
