"""One budget of threads for the server, also for libraries that are loaded after it began."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAID = """
import json, os, threading
import numpy
from stellar_explorer.server.threads import all_threads, one_thread, share_threads
budget = share_threads()
import scipy.linalg, sklearn.cluster, faiss, torch
from threadpoolctl import threadpool_info

said = {}

def request():
    one_thread()
    said["blas"] = [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]
    said["openmp"] = [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "openmp"]
    said["torch"] = torch.get_num_threads()
    with all_threads():
        said["model"] = torch.get_num_threads()
    said["after"] = torch.get_num_threads()

thread = threading.Thread(target=request)
thread.start(); thread.join()
print(json.dumps({"budget": budget, **said}))
"""


@pytest.mark.parametrize("said", [None, "3", "2,1"])
def test_a_request_has_one_thread_and_the_model_all(said):
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if said:
        environment["OMP_NUM_THREADS"] = said
    found = json.loads(subprocess.run([sys.executable, "-c", SAID], cwd=ROOT, env=environment, check=True, timeout=300,
                                      capture_output=True, text=True).stdout)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert found["budget"] == found["model"] == (int(said.split(",")[0]) if said else cores)
    assert len(found["blas"]) > 1 and set(found["blas"]) == {1}
    assert set(found["openmp"]) == {1} and found["torch"] == found["after"] == 1
