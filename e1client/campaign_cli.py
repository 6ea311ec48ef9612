"""`e1 campaign`: measured variants of a parent, models that learn from them, and the next plate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from e1client.campaign_model_cli import model_app
from e1client.campaign_options import CampaignArgument, RoundArgument, residues_of
from e1client.campaign_text import (
    campaign_lines,
    count_lines,
    imported_lines,
    property_lines,
    round_lines,
    table_of_campaigns,
    table_of_properties,
    table_of_rounds,
)
from e1client.errors import UsageError
from e1client.following import connected
from e1client.params import parse_value
from e1client.progress import reporting, say
from e1client.publishing_text import DaysOption, say_what_is_public, show_link
from e1client.shell import JsonFlag, SheetOption, show, tell_file

campaign_app = typer.Typer(
    help="Campaigns: measurements, models that learn from them, the next plate.", no_args_is_help=True
)
property_app = typer.Typer(help="What a campaign measures.", no_args_is_help=True)
campaign_app.add_typer(property_app, name="property")
campaign_app.add_typer(model_app)


@campaign_app.command("list")
def list_(
    project: Annotated[str, typer.Option(help="Only those of a project, of all members.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List your campaigns, newest first, or those of a project."""
    with connected(as_json=as_json) as (client, _):
        chosen = client.project_id(project) if project else ""
        show(client.campaigns(project=chosen, limit=limit), table_of_campaigns, as_json=as_json)


@campaign_app.command()
def create(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    name: Annotated[str, typer.Argument(metavar="NAME")],
    parent: Annotated[str, typer.Option(help="The parent's residues, or a FASTA file of it.")],
    model: Annotated[str, typer.Option(help="e1-600m, e1-300m, e1-150m or e1-demo.")],
    alignment: Annotated[str, typer.Option(help="An alignment of the parent: its id or URL.")] = "",
    context: Annotated[str, typer.Option(help="A context set, by name.")] = "",
    numbering: Annotated[
        str, typer.Option(help='An offset such as 25, or JSON: {"start": 3, "skip": [239, 253]}.')
    ] = "",
    cds: Annotated[str, typer.Option(help="The parent's coding sequence, or a FASTA file of it.")] = "",
    host: Annotated[str, typer.Option(help="Whose codons are used, such as e_coli.")] = "",
    exclude: Annotated[
        list[str] | None, typer.Option(help="Positions to leave alone, such as 1-23. Repeatable.")
    ] = None,
    project: Annotated[str, typer.Option(help="A project that you may edit: its name, id or URL.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the campaign's id only.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Begin a campaign on a parent. Positions in commands and answers have its numbering."""
    with connected(as_json=as_json) as (client, _):
        made = client.create_campaign(
            name, parent=residues_of(parent, "--parent"), model=model, alignment=alignment, context_set=context,
            numbering=parse_value(numbering) if numbering else None,
            cds=residues_of(cds, "--cds") if cds else "", host=host, exclude=exclude or (),
            project=client.project_id(project) if project else "",
        )  # fmt: skip
        if quiet:
            print(made["id"])
        else:
            show(made, campaign_lines, as_json=as_json)


@campaign_app.command("show")
def show_campaign(campaign: CampaignArgument, as_json: JsonFlag = False) -> None:
    """Show a campaign with its properties, models and rounds."""
    with connected(as_json=as_json) as (client, _):
        found = client.campaign(client.campaign_id(campaign))
        more = {
            "properties": client.campaign_properties(found),
            "models": client.campaign_models(found),
            "rounds": client.campaign_rounds(found),
        }
        show(found | more, campaign_lines, as_json=as_json)


@campaign_app.command()
def move(
    campaign: CampaignArgument,
    project: Annotated[str | None, typer.Argument(metavar="[PROJECT]", help="A project's name, id or URL.")] = None,
    out: Annotated[bool, typer.Option("--out", help="Out of its project.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Put a campaign into a project, whose members then see it, or out of its project."""
    with connected(as_json=as_json) as (client, _):
        if (project is None) != out:
            raise UsageError("give a PROJECT, or --out")
        into = None if project is None else client.project_id(project)
        show(client.move_campaign(client.campaign_id(campaign), into), campaign_lines, as_json=as_json)


@campaign_app.command()
def delete(
    campaign: CampaignArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete a campaign with all its data. Asks first on a terminal; elsewhere it needs --yes."""
    with connected(as_json=as_json) as (client, _):
        found = client.campaign_id(campaign)
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("deleting cannot be undone; add --yes", code="not_confirmed")
            name = client.campaign(found)["name"]
            what = f"Delete the campaign {name!r} with its measurements, models and rounds?"
            typer.confirm(what, abort=True, err=True)
        client.delete_campaign(found)
        say(f"deleted {found}")


@campaign_app.command()
def publish(campaign: CampaignArgument, days: DaysOption = None, as_json: JsonFlag = False) -> None:
    """Make a public link of a campaign: everybody with it reads measured values, models and ordered rounds."""
    with connected(as_json=as_json) as (client, _):
        found = client.campaign_id(campaign)
        say_what_is_public(client.campaign_public_link(found))
        show_link(client.publish_campaign(found, days=days), as_json=as_json)


@campaign_app.command()
def unpublish(campaign: CampaignArgument) -> None:
    """Revoke the public link of a campaign."""
    with connected(as_json=False) as (client, _):
        client.unpublish_campaign(campaign)
        say("the campaign is no longer public")


@property_app.command("add")
def add_property(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as activity: columns of files have this name.")],
    higher: Annotated[bool, typer.Option("--higher-is-better/--lower-is-better", help="Which values are good.")],
    unit: Annotated[str, typer.Option(help="Such as °C.")] = "",
    log: Annotated[bool, typer.Option("--log", help="Models learn the logarithm.")] = False,
    low: Annotated[float | None, typer.Option(help="The lower detection limit, in the unit of the files.")] = None,
    high: Annotated[float | None, typer.Option(help="The upper one.")] = None,
    threshold: Annotated[float | None, typer.Option(help="What makes a hit, in the normalised unit.")] = None,
    normalisation: Annotated[
        str, typer.Option(help="none, wild_type_ratio or wild_type_difference, by plate.")
    ] = "none",
    as_json: JsonFlag = False,
) -> None:
    """Add a property."""
    with connected(as_json=as_json) as (client, _):
        limits = None if low is None and high is None else (low, high)
        made = client.add_property(
            campaign, name, higher_is_better=higher, unit=unit, log=log, limits=limits, threshold=threshold,
            normalisation=normalisation,
        )  # fmt: skip
        show(made, property_lines, as_json=as_json)


@property_app.command("list")
def list_properties(campaign: CampaignArgument, as_json: JsonFlag = False) -> None:
    """List the properties of a campaign."""
    with connected(as_json=as_json) as (client, _):
        show(client.campaign_properties(campaign), table_of_properties, as_json=as_json)


@campaign_app.command()
def measurements(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    campaign: CampaignArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help='CSV, TSV or XLSX; "-" is standard input.')],
    property: Annotated[str, typer.Option(help="The only property of the file.")] = "",
    column: Annotated[
        list[str] | None, typer.Option(metavar="PROPERTY=COLUMN", help="The column of a property. Repeatable.")
    ] = None,
    round: Annotated[int | None, typer.Option(min=1, help="The round that was measured.")] = None,
    sheet: SheetOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Add the measurements of a table. Another value of a well is a correction; the same file adds nothing."""
    with connected(as_json=as_json) as (client, _):
        counts = client.add_measurements(
            campaign, file, property=property, columns=_columns(column), round=round, sheet=sheet
        )
        show(counts, count_lines, as_json=as_json)


def _columns(options: list[str] | None) -> dict[str, str] | None:
    """Return the column of each property. Raises UsageError for an option of another form."""
    found: dict[str, str] = {}
    for option in options or ():
        name, equals, column = (part.strip() for part in option.partition("="))
        if not name or not equals or not column:
            raise UsageError(f"--column {option!r} is not of the form PROPERTY=COLUMN", code="bad_param")
        found[name] = column
    return found or None


@campaign_app.command("round")
def show_round(
    campaign: CampaignArgument,
    number: Annotated[int | None, typer.Argument(metavar="[ROUND]", min=1, help="Without it: all rounds.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write plate map and synthesis order there.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="The same as a workbook.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a round, or write its plate map and synthesis order."""
    with connected(as_json=as_json) as (client, _), reporting(as_json=as_json) as reporter:
        found = client.campaign_id(campaign)
        if number is None:
            if csv or xlsx:
                raise UsageError("--csv and --xlsx need a ROUND")
            show(client.campaign_rounds(found), table_of_rounds, as_json=as_json)
            return
        files = [(path, format) for path, format in ((csv, "csv"), (xlsx, "xlsx")) if path is not None]
        for path, format in files:
            client.download_round(found, number, path, format=format, on_bytes=reporter.bytes)
            tell_file(path, as_json=as_json)
        if not files:
            show(client.campaign_round(found, number), round_lines, as_json=as_json)


@campaign_app.command()
def ordered(campaign: CampaignArgument, number: RoundArgument, as_json: JsonFlag = False) -> None:
    """Note that a round is ordered. Its variants are not proposed again."""
    with connected(as_json=as_json) as (client, _):
        show(client.order_round(campaign, number), round_lines, as_json=as_json)


@campaign_app.command()
def measured(campaign: CampaignArgument, number: RoundArgument, as_json: JsonFlag = False) -> None:
    """Note that an ordered round is measured."""
    with connected(as_json=as_json) as (client, _):
        show(client.close_round(campaign, number), round_lines, as_json=as_json)


@campaign_app.command("export")
def export_(
    campaign: CampaignArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A ZIP file to write.")],
    as_json: JsonFlag = False,
) -> None:
    """Write a whole campaign to one file: measurements, models, rounds, and the digest of each part."""
    with connected(as_json=as_json) as (client, _), reporting(as_json=as_json) as reporter:
        client.export_campaign(campaign, file, on_bytes=reporter.bytes)
        tell_file(file, as_json=as_json)


@campaign_app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help='The file of an export; "-" is standard input.')],
    as_json: JsonFlag = False,
) -> None:
    """Make a campaign from the file of an export: all of it, or nothing."""
    with connected(as_json=as_json) as (client, _):
        show(client.import_campaign(file), imported_lines, as_json=as_json)
