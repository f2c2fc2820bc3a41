"""Sending a Space: one commit, made if it is not there, never over somebody's something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from stellar_explorer.space.files import NEEDED_FOLDERS, OWNERS, ROOT, SpaceError, SpaceFile, space_files, version_of

MARK = "stellar_explorer/__init__.py"  # a Space with it is one of ours
HUB_S_OWN = frozenset((".gitattributes", "README.md"))  # what the hub puts into a new Space


@dataclass(frozen=True)
class Published:
    address: str
    commit: str


def check_name(name: str) -> None:
    try:
        validate_repo_id(name)
        well_formed = name.count("/") == 1
    except HFValidationError:
        well_formed = False
    if not well_formed:
        raise SpaceError(f"{name} is no name of a Space; it is OWNER/NAME, each of letters, digits, '-', '_' and '.', "
                         "as in ada/stellar-explorer.")


def publish(name: str, *, private: bool = False, hardware: str | None = None, root: Path = ROOT) -> Published:
    """Makes or updates the Space. hardware: asked for where it is given; else cpu-basic for a new Space, and an old
    one keeps its own. Raises SpaceError."""
    check_name(name)
    token = get_token()
    if not token:
        raise SpaceError("There is no token for the hub; set HF_TOKEN to one that may write, or log in once: "
                         "hf auth login.")
    api = HfApi(token=token)
    with hub_answers(name):
        there = _look(api, name)
        runs_on = hardware or (there and there.hardware) or "cpu-basic"
        files = space_files(root, hardware=runs_on)
        api.create_repo(name, repo_type="space", space_sdk="gradio", private=private, exist_ok=True)
        if private and there is not None and not there.private:
            api.update_repo_settings(name, repo_type="space", private=True)
        commit = api.create_commit(
            name, operations(files, there.files if there else frozenset()), repo_type="space",
            commit_message=f"STELLAR Explorer, {version_of(root)}")
        if hardware is not None and (there is None or there.hardware != hardware):
            api.request_space_hardware(name, hardware)
    return Published(f"{api.endpoint}/spaces/{name}", commit.oid)


@dataclass(frozen=True)
class Space:
    """One that is on the hub already."""

    files: frozenset[str]
    private: bool
    hardware: str | None


def _look(api: HfApi, name: str) -> Space | None:
    """None where there is none that this token may see. Raises SpaceError for one that holds something else."""
    try:
        info = api.space_info(name)
    except RepositoryNotFoundError as error:
        if error.response.status_code == 401:  # the token is not one
            raise
        return None
    files = frozenset(sibling.rfilename for sibling in info.siblings or ())
    if files - HUB_S_OWN and MARK not in files:
        raise SpaceError(f"{name} is taken: it is a Space that holds something else; choose another name, or delete "
                         "that Space on the hub.")
    runtime = info.runtime
    return Space(files, bool(info.private), runtime and (runtime.hardware or runtime.requested_hardware))


def operations(files: list[SpaceFile], there: frozenset[str]) -> list[CommitOperationAdd | CommitOperationDelete]:
    """Every file as it is now, and those of our folders gone that are ours no longer."""
    sent = {file.path for file in files}
    stale = sorted(path for path in there - sent if path.startswith(NEEDED_FOLDERS) and not path.startswith(OWNERS))
    return [*(CommitOperationAdd(file.path, file.source if isinstance(file.source, bytes) else str(file.source))
              for file in files),
            *(CommitOperationDelete(path) for path in stale)]


@contextmanager
def hub_answers(name: str) -> Iterator[None]:
    """Round what is asked of the hub: a refusal becomes a sentence."""
    from model.checkpoints.hub import HUB_ERRORS, reason  # torch comes with it

    try:
        yield
    except SpaceError:
        raise
    except (*HUB_ERRORS, OSError, ValueError, RuntimeError) as error:  # an upload's failure is a bare RuntimeError
        status = getattr(getattr(error, "response", None), "status_code", None)
        sentences = {
            402: f"The hub wants that hardware paid: {name} is sent, and runs on what it had; see its settings.",
            403: f"The hub refuses {name} to this token: the name is taken by another owner, or the token may not "
                 "write; take a name under your own account, or a token that may write.",
            409: f"{name} is taken, or another commit came in between; look at it on the hub and run this again.",
        }
        raise SpaceError(sentences.get(status, f"{name} could not be sent: {reason(error).rstrip('.')}.")) from error
