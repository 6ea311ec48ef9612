"""`python -m benchmarks.biology --model e1-demo --data DIR`: does the network know biology?

The figures are measured only; nothing is tuned to them.

- Recovery: the share of masked residues of held-out proteins that the network ranks first. It runs alone, and with
  three homologs of the family as context. The baseline always predicts the most frequent residue. `--heldout` is by
  default this project's own file of 24 families.
- Assay: Spearman, NDCG@10 % and top-10 % recall of masked marginals against a deep mutational scan. It runs alone, with
  one sampled context, and with the published ensemble of 15.
- Contacts: long-range precision at L of the categorical Jacobian, alone and with one sampled context.

`--data` holds `BLAT_ECOLX.a3m`, `BLAT_ECOLX_Jacquier_2013.csv` (ProteinGym: mutant, DMS_score), `KaiB_2QKEE.a3m` and
`KaiB_2QKEE.pdb`. Files of other proteins may have these names. With `--model e1-600m` on a GPU, the figures can be
compared with the published ones.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from e1protocol import CANONICAL
from jobs.actions import ItemView
from jobs.actions.contacts import ContactUnits
from jobs.science.alignments.reading import Alignment, read_alignment
from jobs.science.alignments.sampling import Sampler, Sampling, published_ensemble
from jobs.science.contacts.precision import long_range_precision
from jobs.science.contacts.structures import map_structure
from jobs.science.variants.codes import read_variant
from jobs.science.variants.marginals import NO_CONTEXT, Context, MarginalPlan, masked_query
from jobs.science.variants.metrics import ndcg, spearman, top_recall
from worker.engine import Engine
from worker.items import unit_arrays

PUBLISHED = {
    "assay": "ProteinGym mean Spearman of e1-600m: 0.420 alone, 0.477 with homologs (published, not measured here)",
    "contacts": "CAMEO long-range P@L of e1-600m: 0.512 alone, 0.541 with homologs (published, not measured here)",
}
HOMOLOGS = 3
ONE_CONTEXT = Sampling(max_residues=6144, max_similarity=0.95)
"""Settings of the single context: a medium similarity of the published ensemble, at its smallest budget."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure: its name, context and value, and the details behind it."""

    name: str
    context: str
    value: float
    detail: dict[str, Any] = field(default_factory=dict)


def recovery(engine: Engine, heldout: Path, *, families: int, stride: int) -> Iterator[Measured]:
    """Mask every `stride`-th canonical residue of the first protein of each family, one at a time."""
    document = json.loads(heldout.read_text())
    frequent = max(document["training_frequencies"], key=document["training_frequencies"].get)
    hits = {"alone": 0, f"{HOMOLOGS} homologs": 0, f"always {frequent}": 0}
    counted = 0
    for family in document["families"][:families]:
        first, *others = (member["sequence"] for member in family)
        context = tuple(others[:HOMOLOGS])
        places = [n for n, letter in enumerate(first) if letter in CANONICAL][::stride]
        for name, one in (("alone", ()), (f"{HOMOLOGS} homologs", context)):
            found = engine.encode([masked_query(first, place, one) for place in places])
            hits[name] += sum(
                CANONICAL[int(np.argmax(encoding.logits[0]))] == first[place]  # type: ignore[index]
                for encoding, place in zip(found, places, strict=True)
            )
        hits[f"always {frequent}"] += sum(first[place] == frequent for place in places)
        counted += len(places)
    detail = {"residues": counted, "families": min(families, len(document["families"]))}
    for name, count in hits.items():
        yield Measured("native residue recovery, held-out families", name, count / counted, detail)


def assay(engine: Engine, data: Path) -> Iterator[Measured]:
    """Score every variant of the scan by masked marginals from shared passes."""
    alignment = read_alignment((data / "BLAT_ECOLX.a3m").read_bytes(), skip_empty=True)
    with (data / "BLAT_ECOLX_Jacquier_2013.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    parent = alignment.parent
    variants = [read_variant(row["mutant"], parent) for row in rows]
    measured = np.array([float(row["DMS_score"]) for row in rows])
    sampler = Sampler(alignment)
    contexts: dict[str, tuple[Context, ...]] = {
        "alone": NO_CONTEXT,
        "one context": (sampler.draw(ONE_CONTEXT).sequences,),
        "ensemble of 15": tuple(sampler.draw(sampling).sequences for sampling in published_ensemble()),
    }
    for name, several in contexts.items():
        started = time.perf_counter()
        plan = MarginalPlan.of("masked_marginal", parent, variants, several)
        logits = [encoding.logits for encoding in engine.encode(list(plan.queries()))]
        scores = plan.table(logits).score(variants).mean
        detail = {
            "variants": len(variants),
            "ndcg_10_percent": ndcg(scores, measured),
            "top_10_percent_recall": top_recall(scores, measured),
            "context_residues": [sum(map(len, context)) for context in several],
            "seconds": time.perf_counter() - started,
        }
        yield Measured("Spearman, BLAT_ECOLX (Jacquier 2013)", name, spearman(scores, measured), detail)


def contacts(engine: Engine, data: Path) -> Iterator[Measured]:
    """Compare the contact map of the structure's sequence with the contacts of the structure."""
    alignment: Alignment = read_alignment((data / "KaiB_2QKEE.a3m").read_bytes(), skip_empty=True)
    parent = alignment.parent
    mapped = map_structure((data / "KaiB_2QKEE.pdb").read_bytes(), parent)
    context = Sampler(alignment).draw(ONE_CONTEXT).sequences
    for name, several in (("alone", NO_CONTEXT), ("one context", (context,))):
        started = time.perf_counter()
        units = ContactUnits(parent, several)
        stored = {one.kind: one.array for one in units.finish(ItemView(parent), unit_arrays(units, engine.encode))}
        scores = stored["contacts"].reshape(len(parent), len(parent)).astype(np.float64)
        found = long_range_precision(scores, mapped.distances)
        detail = {
            "residues": len(parent),
            "resolved": int(mapped.resolved.sum()),
            "hits": found.hits,
            "pairs": found.pairs,
            "contacts": found.contacts,
            "by_chance": found.contacts / max(1, _long_pairs(mapped.resolved)),
            "context_residues": [sum(map(len, one)) for one in several],
            "seconds": time.perf_counter() - started,
        }
        yield Measured("long-range precision at L, KaiB (2QKE)", name, found.value, detail)


def _long_pairs(resolved: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    i, j = np.triu_indices(len(resolved), k=24)
    return int(np.count_nonzero(resolved[i] & resolved[j]))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.biology", description=__doc__)
    parser.add_argument("--model", default="e1-demo", help="a registered model, or a checkpoint folder")
    parser.add_argument("--data", type=Path, help="folder with the alignments, the scan and the structure")
    parser.add_argument("--heldout", type=Path, default=Path("tests/data/demo-heldout.json"))
    parser.add_argument("--families", type=int, default=24)
    parser.add_argument("--stride", type=int, default=4, help="mask every N-th residue")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args(arguments)
    engine = Engine.load(options.model)
    identity = engine.identity
    print(f"{identity.model}, {identity.precision} on {identity.device}, checkpoint {identity.checkpoint_sha256[:12]}")
    if identity.demonstration:
        print("This is the demonstration network of this project, not E1-600M.")
    rows: list[Measured] = []
    parts = [recovery(engine, options.heldout, families=options.families, stride=options.stride)]
    if options.data is not None:
        parts += [assay(engine, options.data), contacts(engine, options.data)]
    else:
        print("Give --data to compare with an assay and a structure.")
    for part in parts:
        for row in part:
            rows.append(row)
            print(f"{row.name}, {row.context}: {row.value:.3f}", flush=True)
            if options.json:
                body = {"engine": asdict(identity), "rows": [asdict(one) for one in rows]}
                options.json.write_text(json.dumps(body, indent=1))
    for text in PUBLISHED.values():
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
