"""`e1 project`: folders of jobs, alignments, context sets and campaigns, and their sharing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e1client.errors import UsageError
from e1client.following import connected
from e1client.progress import say
from e1client.project_text import member_lines, project_lines, table_of_projects
from e1client.publishing_text import DaysOption, say_what_is_public, show_link
from e1client.shell import JsonFlag, show

project_app = typer.Typer(
    help="Projects: folders of jobs, alignments, context sets and campaigns.", no_args_is_help=True
)

ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", help="A project's name, id or URL.")]
JobsArgument = Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Jobs: ids or URLs.")]
AlignmentsOption = Annotated[list[str] | None, typer.Option("--alignment", help="An alignment. Repeatable.")]
ContextsOption = Annotated[list[str] | None, typer.Option("--context", help="A context set. Repeatable.")]
CampaignsOption = Annotated[list[str] | None, typer.Option("--campaign", help="A campaign. Repeatable.")]


@project_app.command("list")
def list_(
    state: Annotated[str, typer.Option(help="active, archived, deleted or all.")] = "active",
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List projects that you own or are a member of, newest first."""
    with connected(as_json=as_json) as (client, _):
        show(client.projects(state=state, limit=limit), table_of_projects, as_json=as_json)


@project_app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    description: Annotated[str, typer.Option(help="One line about it.")] = "",
    notes: Annotated[Path | None, typer.Option(help="A Markdown file.", exists=True, dir_okay=False)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a project."""
    with connected(as_json=as_json) as (client, _):
        text = notes.read_text(encoding="utf-8") if notes else ""
        show(client.create_project(name, description=description, notes=text), project_lines, as_json=as_json)


@project_app.command("show")
def show_project(project: ProjectArgument, as_json: JsonFlag = False) -> None:
    """Show a project. `e1 status --project PROJECT` lists its jobs."""
    with connected(as_json=as_json) as (client, _):
        show(client.project(project), project_lines, as_json=as_json)


@project_app.command()
def change(
    project: ProjectArgument,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    description: Annotated[str | None, typer.Option(help="One line about it.")] = None,
    notes: Annotated[Path | None, typer.Option(help="A Markdown file.", exists=True, dir_okay=False)] = None,
    as_json: JsonFlag = False,
) -> None:
    """Change the name, the description or the notes."""
    with connected(as_json=as_json) as (client, _):
        text = notes.read_text(encoding="utf-8") if notes else None
        if name is None and description is None and text is None:
            raise UsageError("say what to change: --name, --description or --notes")
        changed = client.change_project(project, name=name, description=description, notes=text)
        show(changed, project_lines, as_json=as_json)


@project_app.command()
def add(  # noqa: PLR0917 - typer calls it; every parameter is an argument or option of the command
    project: ProjectArgument,
    jobs: JobsArgument = None,
    alignments: AlignmentsOption = None,
    contexts: ContextsOption = None,
    campaigns: CampaignsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Move jobs, alignments, context sets and campaigns into a project."""
    with connected(as_json=as_json) as (client, _):
        moved = client.add_to_project(
            project,
            jobs=jobs or (),
            alignments=alignments or (),
            contexts=contexts or (),
            campaigns=[client.campaign_id(one) for one in campaigns or ()],
        )
        show(moved, project_lines, as_json=as_json)


@project_app.command()
def remove(  # noqa: PLR0917 - typer calls it; every parameter is an argument or option of the command
    project: ProjectArgument,
    jobs: JobsArgument = None,
    alignments: AlignmentsOption = None,
    contexts: ContextsOption = None,
    campaigns: CampaignsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take jobs, alignments, context sets and campaigns out of a project. They stay with their owners."""
    with connected(as_json=as_json) as (client, _):
        left = client.remove_from_project(
            project,
            jobs=jobs or (),
            alignments=alignments or (),
            contexts=contexts or (),
            campaigns=[client.campaign_id(one) for one in campaigns or ()],
        )
        show(left, project_lines, as_json=as_json)


@project_app.command()
def members(project: ProjectArgument, as_json: JsonFlag = False) -> None:
    """List who may see a project."""
    with connected(as_json=as_json) as (client, _):
        show(client.project_members(project), member_lines, as_json=as_json)


@project_app.command()
def share(
    project: ProjectArgument,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="A user name.")] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Also add, move and cancel; else read and download.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Make a link for reading, for colleagues.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let a user read a project, or edit it; or make a link for reading."""
    with connected(as_json=as_json) as (client, _):
        if (user is None) != link:
            raise UsageError("give a USER, or --link")
        if link:
            url = client.link_project(project)
            show({"url": url}, lambda body: iter([str(body["url"])]), as_json=as_json)
            return
        role = "edit" if edit else "view"
        show(client.share_project(project, str(user), role=role), member_lines, as_json=as_json)


@project_app.command()
def unshare(
    project: ProjectArgument,
    user: Annotated[str | None, typer.Argument(metavar="[USER]", help="A user name; yours to leave.")] = None,
    link: Annotated[bool, typer.Option("--link", help="Revoke the link for reading.")] = False,
) -> None:
    """Take a member's access, leave a project, or revoke its link."""
    with connected(as_json=False) as (client, _):
        if (user is None) != link:
            raise UsageError("give a USER, or --link")
        if link:
            client.unlink_project(project)
            say("the link is revoked; those who have opened it stay members")
            return
        client.unshare_project(project, str(user))
        say(f"{user} no longer sees the project")


@project_app.command()
def join(
    link: Annotated[str, typer.Argument(metavar="LINK", help="The link that you were sent.")], as_json: JsonFlag = False
) -> None:
    """Become a reader of the project whose link you were sent."""
    with connected(as_json=as_json) as (client, _):
        show(client.join_project(link), project_lines, as_json=as_json)


@project_app.command()
def archive(
    project: ProjectArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Take it out of the archive.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Leave a project out of lists."""
    with connected(as_json=as_json) as (client, _):
        show(client.change_project(project, archived=not undo), project_lines, as_json=as_json)


@project_app.command()
def delete(project: ProjectArgument) -> None:
    """Delete a project. What it holds stays; `restore` brings the project back."""
    with connected(as_json=False) as (client, _):
        project_id = client.project_id(project)
        client.delete_project(project_id)
        say(f"deleted; e1 project restore {project_id} brings it back within 14 days")


@project_app.command()
def restore(project: ProjectArgument, as_json: JsonFlag = False) -> None:
    """Restore a deleted project, with its members and contents."""
    with connected(as_json=as_json) as (client, _):
        show(client.restore_project(project), project_lines, as_json=as_json)


@project_app.command()
def publish(project: ProjectArgument, days: DaysOption = None, as_json: JsonFlag = False) -> None:
    """Make a public link of a project: everybody with it reads your results in it, if the service allows such links."""
    with connected(as_json=as_json) as (client, _):
        found = client.project_id(project)
        say_what_is_public(client.project_public_link(found))
        show_link(client.publish_project(found, days=days), as_json=as_json)


@project_app.command()
def unpublish(project: ProjectArgument) -> None:
    """Revoke the public link of a project."""
    with connected(as_json=False) as (client, _):
        client.unpublish_project(project)
        say("the project is no longer public")


@project_app.command("hand-over")
def hand_over(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="A project's id or URL.")],
    user: Annotated[str, typer.Argument(metavar="USER", help="The user name of the new owner.")],
) -> None:
    """Hand a project to another user, with what its owner submitted to it. For administrators."""
    with connected(as_json=False) as (client, _):
        client.hand_over_project(project, user)
        say(f"the project belongs to {user} now")
