"""Compiled loops where nothing can be written beside the source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import importlib.util, sys
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []
spec = importlib.util.spec_from_file_location("loops", sys.argv[1])
loops = importlib.util.module_from_spec(spec)
sys.modules["loops"] = loops
spec.loader.exec_module(loops)
print(loops.double(21))
"""
LOOPS = """
from mlinfra_assets.feature_store.engine.compiled import compiled

@compiled
def double(x):
    return x * 2
"""


def test_a_process_that_finds_no_cache_folder_compiles_for_itself(tmp_path: Path):
    source = tmp_path / "loops.py"
    source.write_text(LOOPS)
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(source)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("42\n", 0), done.stderr
