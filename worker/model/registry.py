"""The known checkpoints and the places of their files: packaged, in a folder, or on the hub at a pinned revision."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from e1protocol import MODELS
from worker.model.errors import CheckpointError, WeightsUnavailable
from worker.model.loader import CONFIG, WEIGHTS, sha256_of

WEIGHTS_FOLDER = "E1_WEIGHTS"
"""Environment variable: a folder with one subfolder per slug, for machines that cannot or must not download."""

PACKAGED = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A released checkpoint: repository, revision, and the expected digest of its weights."""

    repository: str
    revision: str
    sha256: str


HUB: Mapping[str, HubSource] = MappingProxyType(
    {
        "e1-600m": HubSource(
            "Profluent-Bio/E1-600m",
            "52d959fb87a609d15cf223a485127b29ed5c382a",
            "cfc108d4b98baaa62932331b40be265eae39dc382595bc3cde4a5ab55db1bf7a",
        ),
        "e1-300m": HubSource(
            "Profluent-Bio/E1-300m",
            "5a2871c587eadbcc9237bc686ea45e5b4d28dfb3",
            "31e09a2542f45b04e6ce4adafb3b657f21e2d56d12bf68fd2266b1576a80bc9b",
        ),
        "e1-150m": HubSource(
            "Profluent-Bio/E1-150m",
            "c4dbfe827e4aa6ed7f95eaef50dc1e084f4d77dc",
            "ba2656339005e6598642836acfdafde480fecc7e145ce0058eb54adf572c3484",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Files that were found: their folder, the name to report, and the digest of the weights."""

    name: str
    folder: Path
    sha256: str
    demonstration: bool


_LOG_IN = "Log in to the network, or set HTTPS_PROXY."
_SHOWN = 300


def find_checkpoint(model: str | Path) -> Checkpoint:
    """Find a registered slug or a checkpoint folder; download from the hub if necessary.

    Searches the package, then `$E1_WEIGHTS/SLUG`, then the hub's cache and the hub. Checks the digest of a released
    checkpoint every time. Raises CheckpointError for wrong files, WeightsUnavailable for missing ones.
    """
    slug = str(model)
    if slug not in MODELS:
        return _from_folder(Path(model))
    if slug not in HUB:
        folder = PACKAGED / slug
        if not (folder / WEIGHTS).is_file():
            raise WeightsUnavailable(f"{folder / WEIGHTS} is not in this installation; install the package again")
        return Checkpoint(slug, folder, sha256_of(folder / WEIGHTS), MODELS[slug].demonstration)
    source = HUB[slug]
    folder = _offline_folder(slug) or _download(slug, source)
    found = sha256_of(folder / WEIGHTS)
    if found != source.sha256:
        raise CheckpointError(
            f"{folder / WEIGHTS} is not {slug}: its sha256 is {found}, the released one is {source.sha256}; "
            "delete it and fetch it again"
        )
    return Checkpoint(slug, folder, found, demonstration=False)


def _from_folder(folder: Path) -> Checkpoint:
    if not folder.is_dir():
        raise CheckpointError(
            f"{str(folder)!r} is neither a registered model ({', '.join(MODELS)}) "
            f"nor a folder with {CONFIG} and {WEIGHTS}"
        )
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(f"{folder} has no {WEIGHTS}")
    return Checkpoint(folder.resolve().name, folder, sha256_of(folder / WEIGHTS), demonstration=False)


def _offline_folder(slug: str) -> Path | None:
    root = os.environ.get(WEIGHTS_FOLDER)
    if not root:
        return None
    folder = Path(root) / slug
    if not (folder / WEIGHTS).is_file() or not (folder / CONFIG).is_file():
        raise WeightsUnavailable(
            f"{WEIGHTS_FOLDER} is set, but {folder} has no {CONFIG} and {WEIGHTS}. {_remedy(slug)}"
        )
    return folder


def on_this_machine(slug: str) -> Path:
    """Return the folder of a registered model's weights without downloading. Raises WeightsUnavailable."""
    if (PACKAGED / slug / WEIGHTS).is_file():
        return PACKAGED / slug
    if folder := _offline_folder(slug):
        return folder
    from huggingface_hub import try_to_load_from_cache

    source = HUB[slug]
    files = [try_to_load_from_cache(source.repository, name, revision=source.revision) for name in (CONFIG, WEIGHTS)]
    if not all(isinstance(file, str) for file in files):
        raise WeightsUnavailable(
            f"the weights of {slug} are not on this machine; the first start downloads them. {_remedy(slug)}"
        )
    return Path(str(files[1])).parent


def _download(slug: str, source: HubSource) -> Path:
    """Return the folder of the files in the hub's cache, downloading them with a progress bar if necessary."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(source.repository, revision=source.revision, allow_patterns=[CONFIG, WEIGHTS])
    except Exception as error:  # also those of the HTTP library, which differs between versions of the hub's client
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:_SHOWN]}"
        if isinstance(error, ValueError) and not isinstance(error, OSError):
            # A login page of the network answered 200 with HTML instead of JSON.
            raise _no_hub(slug, type(error).__name__) from error
        raise WeightsUnavailable(
            f"the weights of {slug} are not on this machine and could not be downloaded ({reason}). If the login page "
            f"of this network answers instead of the hub: {_LOG_IN} {_remedy(slug)}"
        ) from error
    if pages := [path for path in (Path(folder) / CONFIG, Path(folder) / WEIGHTS) if _is_web_page(path)]:
        for path in pages:  # links to the content, which the next start would take for the file
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        raise _no_hub(slug, f"{pages[0].name} is a web page")
    return Path(folder)


def _is_web_page(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(_SHOWN).lstrip().startswith(b"<")


def _no_hub(slug: str, reason: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"the weights of {slug} could not be downloaded: what answers at the hub's address is not the hub, "
        f"perhaps the login page of this network ({reason}). {_LOG_IN} {_remedy(slug)}"
    )


def _remedy(slug: str) -> str:
    source = HUB[slug]
    return (
        f"On a machine that reaches the hub run `hf download {source.repository} {CONFIG} {WEIGHTS} "
        f"--revision {source.revision} --local-dir WEIGHTS/{slug}`, copy the folder WEIGHTS here and set "
        f"{WEIGHTS_FOLDER} to it; or use the packaged demonstration model e1-demo."
    )
