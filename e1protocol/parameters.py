"""The meaning of each parameter of each action, in one sentence or two.

The request schemas, the OpenAPI document, `e1 submit --help` and docs/actions.md show these texts. Types, defaults and
limits are in the JSON schemas of `jobs.actions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_DTYPE = "How embeddings and logits are stored: float16 takes half the space and keeps three digits."
_CONTEXTS = (
    "Contexts that every item is computed under; the result is their mean. Each is a list of sequences, "
    '{"set": "NAME"} for a stored set, or {"digest": "SHA256"} for a context that you have stored.'
)
_PRECISION = (
    "Type of the matrix products: auto takes that of the first worker. All workers of a job compute in the same."
)
_OFFSET = "Added to a position in the sequence to get the number of its residue."
_NUMBERING = (
    "How residues are numbered if an offset is not enough: a start and skipped numbers, or a label for each residue, "
    'such as {"labels": "1-52, 52A, 53-113"}.'
)
_METHOD = (
    "masked_marginal masks each changed position in turn; wildtype_marginal takes one unmasked pass, is faster and "
    "usually less accurate"
)

PARAMETER_TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "encode": {
            "repr_layers": "Layers to return. Layer 0 is the input, and -1 is the last one.",
            "include": "What to return: the mean over residues, embeddings per_token (of each residue), logits.",
            "dtype": _DTYPE,
            "precision": _PRECISION,
            "contexts": _CONTEXTS,
        },
        "predict": {
            "rows": "Whether all positions have a row of logits, or only the masked ones.",
            "dtype": _DTYPE,
            "precision": _PRECISION,
            "contexts": _CONTEXTS,
        },
        "log_prob": {"precision": _PRECISION, "contexts": _CONTEXTS},
        "score": {
            "parent": "The sequence that the items are variants of, 1 to 2,048 residues.",
            "method": f"{_METHOD}; pseudo_log_likelihood scores whole sequences, also with insertions and deletions.",
            "offset": _OFFSET,
            "numbering": _NUMBERING,
            "precision": _PRECISION,
            "contexts": _CONTEXTS,
        },
        "scan": {
            "method": f"{_METHOD}.",
            "positions": "Positions to scan; all if left out. Whole numbers count from 1; text is a residue's number.",
            "offset": _OFFSET,
            "numbering": _NUMBERING,
            "precision": _PRECISION,
            "contexts": _CONTEXTS,
        },
        "contacts": {"precision": _PRECISION, "contexts": _CONTEXTS},
    }
)


def parameter_text(action: str, name: str) -> str:
    """Return the meaning of a parameter. Raises KeyError for one that has no text yet."""
    return PARAMETER_TEXTS[action][name]
