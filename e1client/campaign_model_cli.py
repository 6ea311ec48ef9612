"""The commands of `e1 campaign` that learn, predict and propose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from e1client.campaign_options import CampaignArgument, ModelArgument, lines_of
from e1client.campaign_predictions import PREDICTION_FORMATS
from e1client.campaign_text import (
    comparison_lines,
    library_lines,
    model_lines,
    prediction_file_lines,
    prediction_lines,
    round_lines,
    table_of_models,
    table_of_prediction_files,
)
from e1client.downloads import format_of
from e1client.errors import Exit, UsageError
from e1client.following import connected
from e1client.params import parse_params, parse_value
from e1client.progress import BarReporter, JsonReporter, LossTeller, reporting, say
from e1client.reading import Body
from e1client.shell import JsonFlag, WaitFlag, show, tell_file

model_app = typer.Typer()


@model_app.command()
def train(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    property: Annotated[str, typer.Argument(metavar="PROPERTY", help="The property to learn.")],
    prior: Annotated[str, typer.Option(help="auto, none, zero_shot, profile or blosum62.")] = "auto",
    features: Annotated[str, typer.Option(help="auto, site, profile, mean or one_hot.")] = "auto",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    wait: WaitFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Learn from the measurements as they are now. With --wait exit 4 if the model failed."""
    with connected(as_json=as_json) as (client, teller):
        found = client.campaign_id(campaign)
        model = client.train_model(found, property, prior=prior, features=features, seed=seed)
        if wait:
            say(f"model {model['n']}")
            model = client.wait_model(found, model["n"], on_update=lambda _: teller.back())
        show(model, model_lines, as_json=as_json)
        if wait and model["state"] == "failed":
            raise typer.Exit(int(Exit.JOB_FAILED))


@model_app.command()
def model(
    campaign: CampaignArgument,
    number: Annotated[int | None, typer.Argument(metavar="[MODEL]", min=1, help="Without it: all models.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a model: its gain over the prior, its folds, its intervals. Without a number list all models."""
    with connected(as_json=as_json) as (client, _):
        if number is None:
            show(client.campaign_models(campaign), table_of_models, as_json=as_json)
        else:
            show(client.campaign_model(campaign, number), model_lines, as_json=as_json)


@model_app.command()
def compare(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    models: Annotated[
        list[int] | None, typer.Argument(metavar="[MODEL]...", help="Without them: the newest of each kind.")
    ] = None,
    main: Annotated[int | None, typer.Option(min=1, help="Set against the others; else the newest.")] = None,
    folds: Annotated[str, typer.Option(help="position, random, modulo, contiguous, depth or round.")] = "",
    csv: Annotated[Path | None, typer.Option(help="Write all figures there.")] = None,
    variants: Annotated[Path | None, typer.Option(help="Write the held-out predictions there, as CSV.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare models of one property: what each gains, paired differences, and what should rank next."""
    with connected(as_json=as_json) as (client, _):
        found, chosen = client.campaign_id(campaign), models or ()
        for path, table in ((csv, "figures"), (variants, "variants")):
            if path is not None:
                client.download_comparison(found, path, chosen, main=main, folds=folds, table=table)
                tell_file(path, as_json=as_json)
        if csv is None and variants is None:
            body = client.compare_models(found, chosen, main=main, folds=folds)
            show(body, comparison_lines, as_json=as_json)


@model_app.command()
def predict(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    number: ModelArgument,
    variants: Annotated[list[str] | None, typer.Argument(metavar="[VARIANT]...", help="Such as A24T:G56D.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A file with a variant on each line.")] = None,
    all_singles: Annotated[bool, typer.Option("--all-singles", help="All single variants of the parent.")] = False,
    combine: Annotated[
        bool, typer.Option("--combine", help="All combinations of the mutations that are given.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a file there, .csv or .parquet: for up to a million variants.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Predict variants with a ready model. With --out exit 4 if that failed."""
    with connected(as_json=as_json) as (client, teller), reporting(as_json=as_json) as reporter:
        codes = [*(variants or ()), *(lines_of(file, "--file") if file else ())]
        if bool(codes) == all_singles:
            raise UsageError("give variants, or --all-singles")
        if combine and not codes:
            raise UsageError("--combine needs mutations")
        plain, combined = (None, codes) if combine else (codes or None, None)
        if out is None:
            found = client.predict_variants(campaign, number, plain, all_singles=all_singles, combinations=combined)
            show(found, prediction_lines if "rows" in found else prediction_file_lines, as_json=as_json)
            return
        format = format_of(out, None, PREDICTION_FORMATS)
        here = client.campaign_id(campaign)
        told = _telling(teller, reporter)
        found = client.predict_file(here, number, plain, all_singles=all_singles, combinations=combined, on_update=told)
        if found["state"] == "failed":
            show(found, prediction_file_lines, as_json=as_json)
            raise typer.Exit(int(Exit.JOB_FAILED))
        client.download_predictions(here, number, found["id"], out, format=format, on_bytes=reporter.bytes)
        tell_file(out, as_json=as_json)


def _telling(teller: LossTeller, reporter: JsonReporter | BarReporter) -> Callable[[Body], None]:
    """Return what shows the progress of predictions."""

    def tell(body: Body) -> None:
        teller.back()
        reporter.stage(body["state"], body["progress"])

    return tell


@model_app.command()
def predictions(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    number: ModelArgument,
    file: Annotated[int | None, typer.Argument(metavar="[FILE]", min=1, help="Without it: all files.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the file there, .csv or .parquet.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the file.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the file, if it is queued or computed.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the files of predictions of a model, or wait for one, write it, stop it or delete it."""
    with connected(as_json=as_json) as (client, teller), reporting(as_json=as_json) as reporter:
        if file is None:
            if out or delete or stop:
                raise UsageError("--out, --stop and --delete need a FILE")
            show(client.campaign_predictions(campaign, number), table_of_prediction_files, as_json=as_json)
            return
        here = client.campaign_id(campaign)
        if stop:
            show(client.stop_predictions(here, number, file), prediction_file_lines, as_json=as_json)
            return
        if delete:
            client.delete_predictions(here, number, file)
            say(f"deleted {file}")
            return
        format = format_of(out, None, PREDICTION_FORMATS) if out else None
        found = client.wait_predictions(here, number, file, on_update=_telling(teller, reporter))
        if found["state"] == "failed" or out is None:
            show(found, prediction_file_lines, as_json=as_json)
        if found["state"] == "failed":
            raise typer.Exit(int(Exit.JOB_FAILED))
        if out is not None:
            client.download_predictions(here, number, file, out, format=format, on_bytes=reporter.bytes)
            tell_file(out, as_json=as_json)


@model_app.command()
def propose(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    objective: Annotated[
        list[str], typer.Option("--model", metavar="MODEL[=THRESHOLD]", help="What to improve. Repeatable.")
    ],
    count: Annotated[int | None, typer.Option(min=0, help="How many variants; needed without --plate.")] = None,
    strategy: Annotated[str, typer.Option(help="greedy, ucb, thompson, diverse or random.")] = "greedy",
    pool: Annotated[str, typer.Option(help="singles, doubles, or a file with a variant on each line.")] = "singles",
    plate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="wells, wild_type, dead, dead_variant, blanks, replicates, retests, bridging, "
            "random (8 for a first round). Repeatable.",
        ),
    ] = None,
    max_per_position: Annotated[
        int | None, typer.Option(min=1, help="Most new variants of a position, such as 2.")
    ] = None,
    min_mutations: Annotated[int, typer.Option(min=1, help="Fewest mutations of a variant.")] = 1,
    max_mutations: Annotated[int | None, typer.Option(min=1, help="Most mutations of a variant.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="More positions to leave alone. Repeatable.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Propose the next round, on a plate with --plate. What is proposed never changes."""
    with connected(as_json=as_json) as (client, _):
        found = client.campaign_id(campaign)
        made = client.propose_round(
            found, [_objective(one) for one in objective], count=count, strategy=strategy,
            pool=pool if pool in ("singles", "doubles") else lines_of(Path(pool), "--pool"),
            plate=parse_params(plate, option_name="--plate") if plate is not None else None,
            max_per_position=max_per_position, mutations=_mutations(min_mutations, max_mutations),
            exclude=exclude or (), seed=seed,
        )  # fmt: skip
        show(client.campaign_round(found, made["round"]), round_lines, as_json=as_json)


def _mutations(low: int, high: int | None) -> tuple[int, int] | None:
    if low == 1 and high is None:
        return None
    return low, 10_000 if high is None else high


def _objective(text: str) -> dict[str, Any]:
    """Return the objective in `2` or `2=1.5`. Raises UsageError for other text."""
    number, equals, threshold = text.partition("=")
    if not number.strip().isdigit():
        raise UsageError(f"--model {text!r} is not of the form MODEL or MODEL=THRESHOLD", code="bad_param")
    found: dict[str, Any] = {"model": int(number)}
    if equals:
        value = parse_value(threshold.strip())
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"--model {text!r} has no number behind the =", code="bad_param")
        found["threshold"] = value
    return found


@model_app.command()
def library(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    sites: Annotated[list[str], typer.Argument(metavar="SITE...", help="Residues to randomise, such as 104 182.")],
    scheme: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SITE=]SCHEME",
            help="NNK, NDT, 22c, or minimal for wanted residues; or 104=NDT for one site. Repeatable.",
        ),
    ] = None,
    wanted: Annotated[
        list[str] | None,
        typer.Option(metavar="[SITE=]RESIDUES", help="AVLI for all sites, or 104=AVLI for one. Repeatable."),
    ] = None,
    best: Annotated[
        int | None,
        typer.Option(
            min=1, help="At minimal sites without wanted residues: the parent's and so many best by the prior."
        ),
    ] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="How many clones you can screen, or members.")] = None,
    budget_of: Annotated[str, typer.Option(help="What the budget counts: clones or members.")] = "clones",
    host: Annotated[str | None, typer.Option(help="The host whose codons count.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the synthesis order there.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="The same and the sites as a workbook.")] = None,
    members: Annotated[Path | None, typer.Option(help="Write the members: .csv, .xlsx or .fasta.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Design a library with degenerate codons: members, clones, and the DNA to order."""
    with connected(as_json=as_json) as (client, _):
        found, by_site = client.campaign_id(campaign), _by_site(scheme, "--scheme")
        residues = _by_site(wanted, "--wanted")
        options: dict[str, Any] = {
            "scheme": by_site or "NNK",
            "wanted": {site: one.upper() for site, one in residues.items()}
            if isinstance(residues, dict)
            else residues and residues.upper(),
            **{"best": best, "budget": budget, "budget_of": budget_of, "host": host},
        }
        files = [
            (path, format, table)
            for path, format, table in ((csv, "csv", "order"), (xlsx, "xlsx", "order"), (members, None, "members"))
            if path is not None
        ]
        for path, format, table in files:
            client.download_library(found, sites, path, format=format, table=table, **options)
            tell_file(path, as_json=as_json)
        if not files:
            show(client.design_library(found, sites, **options), library_lines, as_json=as_json)


def _by_site(texts: list[str] | None, name: str) -> str | dict[str, str] | None:
    """Return what is given for all sites, or by site. Raises UsageError for a mixture of both."""
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0].strip()
    found: dict[str, str] = {}
    for text in texts:
        site, equals, value = (part.strip() for part in text.partition("="))
        if not site or not equals or site in found:
            what = "RESIDUES" if name == "--wanted" else "SCHEME"
            raise UsageError(f"{name} {text!r} is not of the form SITE={what}, once for a site", code="bad_param")
        found[site] = value
    return found
