"""Bar 3: after `kill -9` the store opens, and the same command gives the files of an undisturbed one.

Six kills of a fetch and six of an import here; `make loopback` makes 50 of each.
"""

from __future__ import annotations

import subprocess
import sys


def test_a_killed_fetch_and_a_killed_import_resume_to_the_same_bytes() -> None:
    line = [sys.executable, "-m", "tests.loopback.kills", "6"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fetch: 6 kills" in done.stdout
    assert "import: 6 kills" in done.stdout
