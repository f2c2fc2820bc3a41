"""One budget of threads for the server, also for libraries that are loaded after it began."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from photos.cores import container_share, usable_cores

ROOT = Path(__file__).resolve().parent.parent.parent
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
    assert found["budget"] == found["model"] == (int(said.split(",")[0]) if said else usable_cores())
    assert len(found["blas"]) > 1 and set(found["blas"]) == {1}
    assert set(found["openmp"]) == {1} and found["torch"] == found["after"] == 1


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", 4), ("250000 100000", 3), ("50000 100000", 1), ("?", 4),
                                              ("900000 100000", 4), (None, 4)])
def test_a_core_counts_once_and_a_containers_share_bounds_them(tmp_path, monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    for cpu in range(8):
        topology = tmp_path / f"devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    if quota:
        (tmp_path / "fs" / "cgroup").mkdir(parents=True)
        (tmp_path / "fs" / "cgroup" / "cpu.max").write_text(f"{quota}\n")
    assert usable_cores(tmp_path) == cores


def test_control_groups_of_the_first_version_bound_them_too(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    for quota, cores in (("150000", 1.5), ("-1", math.inf)):
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        assert container_share(tmp_path) == cores
