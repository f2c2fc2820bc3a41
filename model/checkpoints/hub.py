"""The one door to the hub: a file of a repository, whole and with the right checksum, or a sentence why not."""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from model.checkpoints.files import sha256_of
from model.checkpoints.tensor_files import CheckpointError, first_line

# What the hub's client raises: its own errors, and those of whichever HTTP library it uses. Its HTTP error is derived
# from that library's root error and from OSError; no route, no name and no certificate end in one or the other.
HUB_ERRORS = (HfHubHTTPError, *HfHubHTTPError.__bases__, EntryNotFoundError, HFValidationError)
SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch(repository: str, filename: str, *, revision: str = "main") -> Path:
    """Into the hub's cache, with a progress bar; a download that broke off is taken up again by the client where it can
    be. Raises HUB_ERRORS, and CheckpointError for a file that is not what the hub says it is."""
    # Asked once: hf_hub_download alone would try a hub that is out of reach for half a minute.
    metadata = get_hf_file_metadata(hf_hub_url(repository, filename, revision=revision))
    path = Path(hf_hub_download(repository, filename, revision=revision))
    # The client compares sizes alone. The etag of a large file is its SHA-256; a small one's is git's own hash.
    if metadata.etag and SHA256.fullmatch(metadata.etag) and sha256_of(path) != metadata.etag:
        path.resolve().unlink(missing_ok=True)  # the cache's content, and the name that leads there
        path.unlink(missing_ok=True)
        raise CheckpointError(f"{filename} of the hub's repository {repository} arrived damaged: its SHA-256 is not "
                              "the hub's, so it was thrown away; try again, and if it stays so, download it elsewhere "
                              "and give the file's path")
    return path


def reason(error: BaseException) -> str:
    """Why the hub gave nothing, and what to do, as a part of a sentence."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the hub was not asked; unset it"
    if status in (401, 403):
        # The hub says 401 of a repository that is not there, too.
        return (f"the hub answered {status}: there is no such repository, or it wants a token that may do this; accept "
                "its terms on the hub where it has some, then set HF_TOKEN, or log in: hf auth login")
    if status == 404:
        return "the hub answered 404: it has no such repository, revision or file; look at the name"
    if status == 429:
        wait = str(response.headers.get("Retry-After", "")) if response.headers else ""
        after = f"in {wait} seconds" if wait.isdigit() else "in some minutes"
        return f"the hub answered 429, too many requests; try again {after}, or with a token in HF_TOKEN"
    if status is not None and status >= 500:
        return f"the hub answered {status}: it is out of order; try again later"
    return first_line(error)
