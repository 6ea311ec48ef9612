"""Draw the pictures of the home page's cards from results of e1-demo on the examples of the service:

    .venv/bin/python docs/draw_tasks.py

Each is an SVG of a few kilobytes in `jobs/templates/jobs/home`. It has no colours of its own: those of its classes are
in `frontend/src/styles/home.css`, for the light and the dark theme.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from e1protocol import CANONICAL
from jobs.actions import ACTIONS
from jobs.learning.composing import Plan, placed, variant_content
from jobs.learning.wells import well_named
from jobs.science.alignments.homologs import SearchSettings, search
from jobs.science.maps.layouts import plane

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "jobs" / "templates" / "jobs" / "home"
LIBRARY = ROOT / "examples" / "demo-library.fasta"
WIDTH, HEIGHT = 160, 80
LEVELS = 4
"""Steps of colour on each side of zero."""


def results(folder: Path, action: str, file: Path | None = None) -> list[Any]:
    """Return the results of an action on its example, or on a file, by `e1 run`."""
    asked = ACTIONS[action]
    if file is None:
        file = folder / f"{action}.{asked.example_format}"
        file.write_text(asked.example)
    out = folder / f"{action}.jsonl"
    params = [word for name, value in asked.example_params.items() for word in ("--param", f"{name}={value}")]
    command = [ROOT / ".venv/bin/e1", "run", file, "--action", action, "--model", "e1-demo", "--out", out, *params]
    subprocess.run(list(map(str, command)), check=True)  # noqa: S603 - our own command
    return [json.loads(line)["result"] for line in out.read_text().splitlines()]


def svg(parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>\n'


def cells(values: NDArray[Any], *, x: float = 0, y: float = 0, width: float = WIDTH, height: float = HEIGHT) -> str:
    """Return a heat map of `values` [rows, columns], from -1 to 1, as one path for each step of colour."""
    rows, columns = values.shape
    w, h = width / columns, height / rows
    across, down = w - min(0.4, w / 8), h - min(0.4, h / 8)
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for row, column in np.ndindex(rows, columns):
        value = float(np.clip(values[row, column], -1, 1))
        step = min(LEVELS, int(abs(value) * LEVELS + 0.5))
        if step:
            name = f"{'up' if value > 0 else 'down'}{step}"
            paths[name].append(f"M{x + column * w:.4g} {y + row * h:.4g}h{across:.3g}v{down:.3g}h-{across:.3g}z")
    return "".join(f'<path class="{name}" d="{"".join(path)}"/>' for name, path in sorted(paths.items()))


def bars(names: Sequence[str], values: Sequence[float], *, left: float) -> str:
    """Return horizontal bars from zero, each with its name."""
    low, high = min(0.0, *values), max(0.0, *values)
    scale, step = (WIDTH - left - 4) / (high - low), HEIGHT / len(values)
    zero = left - low * scale
    found = []
    for at, (name, value) in enumerate(zip(names, values, strict=True)):
        begin, kind = zero + min(0.0, value) * scale, "up4" if value >= 0 else "down4"
        y = at * step
        found += [f'<text x="{left - 5:.4g}" y="{y + step / 2 + 3:.4g}">{name}</text>']
        found += [
            f'<path class="{kind}" d="M{begin:.4g} {y + 1:.4g}h{abs(value) * scale:.4g}v{step - 2:.4g}H{begin:.4g}z"/>'
        ]
    return "".join(found)


def dots(places: NDArray[Any], groups: NDArray[Any]) -> str:
    """Return points [n, 2] in the colours of their groups."""
    low, high = places.min(axis=0), places.max(axis=0)
    at = 4 + (places - low) / (high - low) * (np.array([WIDTH, HEIGHT]) - 8)
    paths = ["".join(f"M{x:.4g} {y:.4g}h0" for x, y in at[groups == group]) for group in np.unique(groups)]
    return "".join(f'<path class="dot dot{number}" d="{path}"/>' for number, path in enumerate(paths))


def plate_of(scan: dict[str, Any], parent: str) -> list[str]:
    """Return a plate of the best substitutions of a scan, each with its score: frames are wells of controls."""
    plan = Plan(wells=96, wild_type=4, blanks=2)
    best = sorted(
        (
            (score, f"{parent[row]}{row + 1}{letter}")
            for row, scores in enumerate(scan["scores"])
            for letter, score in zip(scan["vocab_tokens"], scores, strict=True)
            if letter != parent[row]
        ),
        reverse=True,
    )[: plan.new]
    score_of = {code: score for score, code in best}
    top, low = best[0][0], best[-1][0]
    values, frames = np.zeros((8, 12)), []
    for one in placed(plan, [variant_content(code, "") for code in score_of], dead="dead", seed=0):
        well = well_named(one.well)
        if well is None:
            continue
        if one.content.role == "variant":
            values[well.row, well.column] = 0.125 + 0.875 * (score_of[one.content.code] - low) / (top - low)
        else:
            x, y = well.column * WIDTH / 12, well.row * HEIGHT / 8
            frames.append(f'<path class="frame" d="M{x + 0.5:.4g} {y + 0.5:.4g}h12v8.6h-12z"/>')
    return [cells(values), *frames]


def draw(folder: Path) -> dict[str, str]:
    """Return the text of each picture by the key of its task (`jobs/pages/tasks.py`)."""
    found: dict[str, str] = {}
    vectors = np.array([one["embeddings"][-1]["embedding"] for one in results(folder, "encode", LIBRARY)])
    centred = (vectors - vectors.mean(axis=0)) / (2 * vectors.std(axis=0))
    found["embed"] = svg([cells(centred[:10, :32])])
    groups = KMeans(5, n_init=10, random_state=0).fit_predict(vectors)
    found["map"] = svg([dots(plane(vectors)[0], groups)])

    (scan,) = results(folder, "scan")
    found["learn"] = svg(plate_of(scan, "".join(ACTIONS["scan"].example.split("\n")[1:])))
    scores = np.array(scan["scores"])[:32].T
    found["scan"] = svg([cells(scores / np.percentile(np.abs(scores), 95))])

    scored = sorted(results(folder, "score"), key=lambda one: one["score"], reverse=True)[:7]
    found["score"] = svg([bars([one["variant"] for one in scored], [one["score"] for one in scored], left=50)])

    predicted = results(folder, "predict")[0]
    logits = np.array(predicted["logits"])[predicted["mask_positions"][0]]
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    best = np.argsort(-shares)[:6]
    found["predict"] = svg([bars([CANONICAL[at] for at in best], [float(shares[at]) for at in best], left=20)])

    (contacts,) = results(folder, "contacts")
    strengths = np.triu(np.array(contacts["contacts"]), 4)
    length = len(strengths)
    bound = np.sort(strengths, axis=None)[-2 * length]
    shown = np.where(strengths >= bound, 1.0, 0.0)
    found["contacts"] = svg(
        [
            f'<path class="frame" d="M40 0h{HEIGHT}v{HEIGHT}h-{HEIGHT}z"/>',
            cells(shown + shown.T, x=(WIDTH - HEIGHT) / 2, width=HEIGHT),
        ]
    )

    text = LIBRARY.read_bytes()
    parents = ["".join(part.split("\n")[1:]) for part in text.decode().removeprefix(">").split("\n>")]
    rows = search(parents[0], lambda: iter([(1.0, text)]), len(parents), SearchSettings(), lambda *_: None).alignment
    columns = np.linspace(0, len(rows.parent) - 1, 64).astype(int)
    same = (rows.columns == rows.columns[0]).astype(float)
    there = (rows.columns != ord("-")).astype(float)
    picked = np.argsort(-same.mean(axis=1))[:16]
    found["contexts"] = svg([cells((0.25 * there + 0.75 * same)[picked][:, columns])])
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for key, text in draw(Path(folder)).items():
            (TARGET / f"{key}.svg").write_text(text)
            print(f"{key}.svg: {len(text):,} bytes")


if __name__ == "__main__":
    main()
