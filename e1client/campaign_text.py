"""Campaigns as text for people: pure functions from JSON to lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from e1client.render import PROBLEMS_SHOWN, plain, problem_lines

Body = Mapping[str, Any]
ROWS_SHOWN = 20
"""Rows of predictions that people see; files and JSON have all."""


def campaign_lines(body: Body) -> Iterator[str]:
    """Yield a campaign, and its properties, models and rounds if they are there."""
    yield f"campaign {body['id']} {plain(body['name'])!r}"
    yield f"  parent      {len(body['parent']):,} residues, model {plain(body['model'])}"
    yield f"  owner       {plain(body['owner'])}; you may {body['access']}"
    if body.get("project"):
        yield f"  project     {body['project']}"
    if body.get("alignment"):
        yield f"  alignment   {body['alignment']}"
    if body.get("exclude"):
        yield f"  excluded    {plain(', '.join(body['exclude']))}"
    for one in body.get("properties") or ():
        yield f"  property    {property_text(one)}"
    for one in body.get("models") or ():
        yield f"  model {one['n']:<5} {plain(one['property'])}: {plain(one['state'])}, {ranking_text(one)}"
    for one in body.get("rounds") or ():
        yield f"  round {one['n']:<5} {plain(one['state'])}"


def imported_lines(body: Body) -> Iterator[str]:
    """Yield an imported campaign, and what came with it."""
    yield from campaign_lines(body)
    yield "  imported    " + ", ".join(f"{count:,} {plain(name)}" for name, count in body["imported"].items())
    yield f"  digest      {plain(body['digest'])}"


def table_of_campaigns(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a heading and a line per campaign, with names last because they may be long."""
    yield f"{'campaign':36}  {'residues':>8}  {'model':10}  {'created':10}  name"
    for body in bodies:
        row = f"{body['id']}  {len(body['parent']):>8,}  {plain(body['model']):10}"
        yield f"{row}  {plain(body['created_at'] or '')[:10]:10}  {plain(body['name'])}"


def property_lines(body: Body) -> Iterator[str]:
    """Yield a property on one line."""
    yield property_text(body)


def property_text(body: Body) -> str:
    """Return text such as `Tm [°C], higher is better, wild_type_difference`."""
    unit = f" [{plain(body['unit'])}]" if body.get("unit") else ""
    parts = [f"{plain(body['name'])}{unit}", f"{'higher' if body['higher_is_better'] else 'lower'} is better"]
    if body.get("log"):
        parts.append("log")
    if body.get("normalisation") not in (None, "none"):
        parts.append(plain(body["normalisation"]))
    low, high = body.get("limits") or (None, None)
    if low is not None:
        parts.append(f"detected from {low:g}")
    if high is not None:
        parts.append(f"detected up to {high:g}")
    if body.get("threshold") is not None:
        parts.append(
            f"a hit from {body['threshold']:g}" if body["higher_is_better"] else f"a hit up to {body['threshold']:g}"
        )
    return ", ".join(parts)


def table_of_properties(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a line per property."""
    for body in bodies:
        yield property_text(body)


def count_lines(body: Body) -> Iterator[str]:
    """Yield what became of a file of measurements."""
    yield f"read {body['read']:,} cells, stored {body['n']:,} measurements"
    names = ("matched", "failed", "censored", "corrected", "unchanged", "unreadable")
    for name in names:
        if body[name]:
            yield f"  {name:<11} {body[name]:,}"
    problems = body.get("problems") or ()
    for problem in problems[:PROBLEMS_SHOWN]:
        yield from problem_lines(problem)
    if len(problems) > PROBLEMS_SHOWN:
        yield f"  ... and {len(problems) - PROBLEMS_SHOWN:,} more"


def ranking_text(body: Body) -> str:
    """Return what ranks by a model, in words."""
    by = body.get("ranks_by")
    if by is None:
        return plain(body.get("reason") or "not ready yet")
    return "ranks by the model" if by == "model" else "no gain over the prior yet: ranks by the prior"


def model_lines(body: Body) -> Iterator[str]:
    """Yield a model: what it learnt from, its gain over the prior, and the figures of each kind of folds."""
    yield f"model {body['n']} of {plain(body['property'])}: {plain(body['state'])}"
    if body.get("reason"):
        yield f"  reason      {plain(body['reason'])}"
    yield f"  learnt from {body['n_training']:,} variants, {body['n_censored']:,} of them censored"
    if body["state"] != "ready":
        return
    prior, features = body["prior"], body["features"]
    yield f"  prior       {plain(prior.get('used'))}: {plain(prior.get('source'))}"
    yield f"  features    {plain(features.get('used'))}"
    gain = body.get("gain") or {}
    if gain.get("value") is not None:
        yield f"  gain        {_difference(gain)} {plain(gain['metric'])} by {plain(gain['folds'])} folds"
    if (order := gain.get("spearman") or {}).get("value") is not None:
        yield f"  order       {_difference(order)} spearman"
    if gain.get("detectable") is not None:
        yield f"  detectable  {gain['detectable']:.3f} with {gain['n']:,} variants"
    yield f"  ranking     {ranking_text(body)}"
    for kind, figures in (body.get("cross_validation") or {}).items():
        yield f"  {plain(kind):<11} {_figures(figures)}" if figures else f"  {plain(kind):<11} {_reason(body, kind)}"
    coverage = body.get("coverage") or {}
    if coverage.get("observed") is not None:
        wide = f", width {coverage['width']:.3g}" if coverage.get("width") is not None else ""
        yield f"  interval    coverage {coverage['observed']:.2f} observed, {coverage['nominal']:.2f} nominal{wide}"
    yield f"  digest      {plain(body.get('digest'))}"


def _difference(figure: Body) -> str:
    """Return a figure with its sign and its interval, such as `+0.120 (+0.010 to +0.230)`."""
    if figure.get("low") is None or figure.get("high") is None:
        return f"{figure['value']:+.3f}"
    return f"{figure['value']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"


def _figures(figures: Body) -> str:
    """Return the Spearman correlation of each ranking, such as `model 0.45, prior 0.30`."""
    parts = []
    for name, metrics in figures.items():
        value = (metrics.get("spearman") or {}).get("value")
        parts.append(f"{plain(name)} {'-' if value is None else format(value, '.3f')}")
    return "Spearman: " + ", ".join(parts)


def _reason(body: Body, kind: str) -> str:
    return plain((body.get("reasons") or {}).get(kind) or "not made")


def comparison_lines(body: Body) -> Iterator[str]:
    """Yield compared models with what each gains, the paired differences, and what should rank next."""
    advice = body["ranks_next"]
    yield f"models of {plain(body['property'])}, folds {plain(body['folds'] or 'none')}"
    for one in body["models"]:
        used = f"prior {plain(one['prior'].get('used'))}, features {plain(one['features'].get('used'))}"
        yield f"  model {one['n']:<5} {used}, {one['n_training']:,} variants: {ranking_text(one)}"
        figures = (one.get("cross_validation") or {}).get(body["folds"])
        if figures:
            yield f"    {_figures(figures)}"
    for pair in body["pairs"]:
        yield f"  {pair['model']} against {pair['against']}: {_pair_text(pair)}"
        for name, figure in (pair["differences"] or {}).items():
            if figure["value"] is not None:
                yield f"    {plain(name):<14} {_difference(figure)}"
    who = f"model {advice['model']}" if advice["by"] == "model" else "the prior"
    yield f"  next plate  ranked by {who}. {plain(advice['reason'])}"


def _pair_text(pair: Body) -> str:
    """Return what is shown of two models, in words."""
    if pair["differences"] is None:
        return f"not compared: {plain(pair.get('reason'))}"
    words = {
        "better": "better",
        "worse": "worse",
        "mixed": "errors differ, the order does not follow",
        "none": "no difference shown",
    }
    least = pair["differences"]["squared_error"]["detectable"]
    small = "" if pair["difference"] != "none" or least is None else f"; {100 * least:.0f} % could be shown"
    return f"{words.get(pair['difference'], plain(pair['difference']))} on {pair['n']:,} common variants{small}"


def table_of_models(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a heading and a line per model."""
    yield f"{'model':>5}  {'state':8}  {'variants':>8}  property, ranking"
    for body in bodies:
        row = f"{body['n']:>5}  {plain(body['state']):8}  {body['n_training']:>8,}"
        yield f"{row}  {plain(body['property'])}, {ranking_text(body)}"


def prediction_lines(body: Body) -> Iterator[str]:
    """Yield the best rows of predictions, and by what they are ranked."""
    rows = sorted(body["rows"], key=lambda row: row["rank"])
    yield f"model {body['n']}, ranked by the {plain(body['ranks_by'])}"
    yield f"{'rank':>6}  {'mean':>9}  {'low':>9}  {'high':>9}  {'prior':>9}  variant"
    for row in rows[:ROWS_SHOWN]:
        numbers = "  ".join(f"{_number(row[name]):>9}" for name in ("mean", "low", "high", "prior"))
        yield f"{row['rank']:>6,}  {numbers}  {plain(row['variant'])}"
    if len(rows) > ROWS_SHOWN:
        yield f"... and {len(rows) - ROWS_SHOWN:,} more; --json prints all"


def prediction_file_lines(body: Body) -> Iterator[str]:
    """Yield a file of predictions, and the command that writes it."""
    yield f"predictions {body['id']} of model {body['n']}: {plain(body['state'])}, {body['count']:,} variants"
    if body.get("reason"):
        yield f"  reason      {plain(body['reason'])}"
    if body["state"] == "running":
        yield f"  progress    {100 * body['progress']:.0f} %"
    for one in body.get("files") or ():
        yield f"  {plain(one['format']):<11} {one['size']:,} bytes, SHA-256 {plain(one['sha256'])}"
    if body["state"] != "failed":
        yield f"  to write it: e1 campaign predictions CAMPAIGN {body['n']} {body['id']} --out FILE.csv"


def table_of_prediction_files(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a heading and a line per file of predictions."""
    yield f"{'file':>6}  {'state':8}  {'variants':>9}  {'created':10}  asked"
    for body in bodies:
        row = f"{body['id']:>6}  {plain(body['state']):8}  {body['count']:>9,}"
        yield f"{row}  {plain(body['created_at'])[:10]:10}  {plain(body['asked'])}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def library_lines(body: Body) -> Iterator[str]:
    """Yield a library: its members, the clones to screen, and the codons of each site."""
    clones = body["clones"]
    share = f"{100 * clones['confidence']:.0f} %"
    yield f"library of {body['members']:,} members, {body['proteins']:,} proteins"
    yield f"  clones      {clones['one_member']:,} for {share} of one member, {clones['all_members']:,} of all members"
    yield f"  no stop     {100 * body['without_stop']:.1f} % of the members"
    for plate in body.get("library_coverage") or ():
        covered = f"{100 * plate['members']:.2g} % of the members, {100 * plate['proteins']:.2g} % of the proteins"
        yield f"  {plate['wells']:>3} wells   {covered}"
    if prior := body.get("prior"):
        best = f"best {_number(prior['best'])}, {plain(prior['best_variant'])}"
        yield f"  prior       {plain(prior['name'])}: mean {_number(prior['mean'])}, {best}"
    for site in body["sites"]:
        codons = "+".join(map(plain, site["degenerate"]))
        old = f"{plain(site['codon'])} > " if site.get("codon") else ""
        residues = "".join(map(plain, site["residues"]))
        yield f"  {plain(site['residue'])}{plain(site['site']):<10} {old}{codons}: {residues}"
    yield f"  order       {len(body['rows']):,} sequences; --csv and --xlsx write them"


def round_lines(body: Body) -> Iterator[str]:
    """Yield a round: its state, what it holds by reason of choice, and what is expected and realised."""
    yield f"round {body['n']}: {plain(body['state'])}, digest {plain(body['digest'])}"
    rows = body.get("rows") or ()
    plates = {row["plate"] for row in rows if row.get("plate")}
    for pick, count in Counter(row["pick"] for row in rows).items():
        yield f"  {plain(pick):<11} {count:,} rows"
    if plates:
        yield f"  plates      {len(plates):,}"
    if (expected := body.get("expected")) and expected.get("hits") is not None:
        yield f"  expected    {expected['hits']:.1f} hits, at least one with {100 * expected['chance_of_one']:.0f} %"
    elif body.get("objectives"):
        yield "  expected    not predicted: no model has learnt enough, or there is no threshold"
    if realised := body.get("realised"):
        hits = "" if realised["hits"] is None else f", {realised['hits']:,} hits"
        yield f"  realised    {realised['measured']:,} variants measured{hits}"


def table_of_rounds(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a heading and a line per round."""
    yield f"{'round':>5}  {'state':8}  {'created':10}  digest"
    for body in bodies:
        yield f"{body['n']:>5}  {plain(body['state']):8}  {plain(body['created_at'])[:10]:10}  {plain(body['digest'])}"
