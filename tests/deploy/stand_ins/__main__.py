"""`python -m tests.deploy.stand_ins`: build everything from stand-ins, run the story, and print the times."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.deploy.composed import stages
from tests.deploy.stand_ins.bases import OFFICIAL, Bases, checkout
from tests.deploy.stand_ins.composed import Compose, Health
from tests.deploy.stand_ins.podman import Podman
from tests.deploy.stand_ins.story import Story, steps

NEEDED = ("podman", "runc", "debootstrap", "docker-compose", "openssl", "git")
TARGETS = {"web": "e1-web", "proxy": "e1-proxy", "worker-cpu": "e1-worker-cpu"}
PROJECT = "e1standins"


class Run:
    """Steps with their times, printed as they end."""

    def __init__(self) -> None:
        self.times: list[tuple[str, float]] = []

    def timed(self, name: str, do: Callable[[], None]) -> None:
        print(f"... {name}", flush=True)
        began = time.monotonic()
        do()
        self.times.append((name, time.monotonic() - began))
        print(f"    {self.times[-1][1]:6.1f} s", flush=True)

    def table(self) -> str:
        rows = "\n".join(f"| {name} | {seconds:.0f} s |" for name, seconds in self.times)
        return f"| step | time |\n|---|---|\n{rows}"


def build(podman: Podman, source: Path, tag: str, options: argparse.Namespace, run: Run, bases: Bases) -> None:
    """Build our images of one checkout."""
    arguments = [f"--build-arg={name}={image}" for name, image in OFFICIAL.values() if name]
    arguments += [f"--build-arg=LOCKED={'yes' if options.locked else 'no'}", "--pull=never", *bases.host.volumes]
    if options.torch_args:
        arguments.append(f"--build-arg=TORCH_ARGS={options.torch_args}")
    dockerfile = ["--file", str(source / "deploy" / "Dockerfile")]
    if options.locked and not list((source / "deploy" / "locks").glob("*.txt")):
        target = ["--target", "locks-cpu", "--output", f"type=local,dest={source}/deploy/locks"]
        run.timed("sh deploy/lock cpu", lambda: podman.build(source, *dockerfile, *target, *arguments, log=bases.log))
    for target, name in TARGETS.items():
        assert target in stages()
        tagged = ["--target", target, "--tag", f"docker.io/library/{name}:{tag}"]
        run.timed(
            f"image {name}:{tag}", lambda t=tagged: podman.build(source, *dockerfile, *t, *arguments, log=bases.log)
        )


def upgrade(podman: Podman, folder: Path, old: str, new: str, run: Run, bases: Bases) -> None:
    """Make images of another version of the service, with the packages of the old ones."""
    source = folder / "later"
    checkout(source)
    project = source / "pyproject.toml"
    project.write_text(
        re.sub(r'^version = ".*"$', f'version = "{new}"', project.read_text(), count=1, flags=re.MULTILINE)
    )
    arguments = [f"--build-arg={name}={image}" for name, image in OFFICIAL.values() if name]
    wheel = ["--file", str(source / "deploy" / "Dockerfile"), "--target", "wheel", "--tag", f"localhost/e1-wheel:{new}"]
    wheel += ["--build-arg=LOCKED=no", "--pull=never", *arguments, *bases.host.volumes]
    run.timed(f"wheel of version {new}", lambda: podman.build(source, *wheel, log=bases.log))
    for name in ("e1-web", "e1-worker-cpu"):
        recipe = folder / f"{name}.Containerfile"
        recipe.write_text(
            f"FROM docker.io/library/{name}:{old}\nUSER root\nCOPY --from=localhost/e1-wheel:{new} /wheels /new\n"
            "RUN HOME=/root pip install --no-deps --no-index --force-reinstall /new/e1_client-*.whl "
            f"/new/e1_service-{new}-*.whl\nUSER 10001:10001\n"
        )
        tagged = ["--file", str(recipe), "--pull=never", "--tag", f"docker.io/library/{name}:next"]
        run.timed(f"image {name}:next", lambda t=tagged: podman.build(folder / "later", *t, log=bases.log))
    podman.run("tag", f"docker.io/library/e1-proxy:{old}", "docker.io/library/e1-proxy:next")


def main() -> int:
    options = parser().parse_args()
    if missing := [
        name for name in NEEDED if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin") is None
    ]:
        print(f"not installed: {', '.join(missing)} (Debian's packages have these names)", file=sys.stderr)
        return 2
    podman, run = Podman(options.cache, options.driver), Run()
    podman.prepare()
    bases = Bases(podman, run.timed)
    bases.make()
    if options.only_bases:
        return 0
    with tempfile.TemporaryDirectory(prefix="e1-stand-ins-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        source = folder / "checkout"
        checkout(source)
        if not options.reuse_images:
            build(podman, source, "local", options, run, bases)
        if not options.only_images and not (options.reuse_images and podman.has_image("docker.io/library/e1-web:next")):
            upgrade(podman, folder, "local", "9.9.9", run, bases)
        if options.only_images:
            return 0
        server = podman.serve()
        story = Story(Compose(podman, source, PROJECT), folder)
        try:
            with Health(podman, PROJECT):
                for title, do in steps(story, "next", "9.9.9"):
                    if not any(word in title for word in options.skip):
                        run.timed(title, do)
        finally:
            if not options.keep:
                story.end()
            server.terminate()
            server.wait(timeout=60)
    print(run.table())
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "e1-stand-ins-cache",
                        help="where base images and layers stay for the next run")  # fmt: skip
    parser.add_argument("--driver", default="overlay", help="Podman's storage driver; vfs if overlay does not work")
    parser.add_argument("--locked", action="store_true", help="write and use lists of packages with hashes")
    parser.add_argument("--torch-args", default="", help="arguments of pip for PyTorch, such as an index of CPU builds")
    parser.add_argument("--reuse-images", action="store_true", help="take e1-web:local and the others as they are")
    parser.add_argument("--skip", action="append", default=[], metavar="WORD", help="leave out steps with this word")
    parser.add_argument("--only-bases", action="store_true")
    parser.add_argument("--only-images", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the containers running at the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
