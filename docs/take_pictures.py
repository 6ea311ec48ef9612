"""Retake the pictures of README.md and docs/ from a service that runs e1-demo: `make up`, then

    .venv/bin/python docs/take_pictures.py http://127.0.0.1:8000 .local

It submits the jobs of the pictures and keeps them. It needs Chromium and Debian's package mmseqs2-examples. The picture
of measurements also needs a folder (`--assay`) with ProteinGym's BLAT_ECOLX_Jacquier_2013.csv and its alignment.
"""

from __future__ import annotations

import argparse
import gzip
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from e1client import Client

LIBRARY = Path("/usr/share/doc/mmseqs2/example-data/DB.fasta.gz")
IMAGES = Path(__file__).parent / "images"
MODEL = "e1-demo"
RECORDS = 200
MASKED = ">ubiquitin_I44\nMQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRL?FAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG\n"
PARENT = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


class Album:
    """A logged-in browser that takes pictures."""

    def __init__(self, browser: Browser, url: str, password: str) -> None:
        self.browser, self.url = browser, url
        context = browser.new_context(base_url=url)
        page = context.new_page()
        page.goto("/login/")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Jobs", exact=True).wait_for()
        self.state = context.storage_state()
        context.close()

    def open(self, path: str, *, height: int, dark: bool = False) -> Page:
        scheme = "dark" if dark else "light"
        size = {"width": 1200, "height": height}
        page = self.browser.new_page(
            base_url=self.url, storage_state=self.state, color_scheme=scheme, viewport=size, locale="en-GB"
        )
        page.goto(path)
        page.locator("html[data-ready]").wait_for()
        return page

    def keep(self, page: Page, name: str, *, below: str = "") -> None:
        """Save the window as a picture of at most 256 colours, scrolled to the element `below` if it is given."""
        if below:
            page.locator(below).first.evaluate(
                "element => window.scrollTo(0, element.getBoundingClientRect().top + scrollY)"
            )
        page.wait_for_timeout(500)  # pictures are drawn after their data have arrived
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            IMAGES / f"{name}.png", optimize=True
        )
        page.close()


def first_records(count: int) -> str:
    with gzip.open(LIBRARY, "rt") as library:
        return "\n>".join(library.read().split("\n>", count)[:count]) + "\n"


def singles(parent: str) -> str:
    codes = [f"{had}{at}{new}" for at, had in enumerate(parent, 1) for new in LETTERS if new != had]
    return "\n".join(["variant", *codes])


def take_readme(album: Album, client: Client, folder: Path) -> None:
    page = album.open("/jobs/new/", height=760, dark=True)
    page.locator("#id_file").set_input_files(LIBRARY)
    page.get_by_text("20,000 sequences, ").wait_for(timeout=120_000)
    album.keep(page, "new-job")
    library = folder / "uniprot-sample.fasta"
    library.write_text(first_records(RECORDS))
    job = client.submit(library, model=MODEL, action="encode", name="UniProt sample", on_invalid="skip")
    page = album.open(f"/jobs/{job.id}/", height=700)
    far = "part => document.querySelector('#live progress').value > part"
    page.wait_for_function(far, arg=0.4 * RECORDS, timeout=600_000)
    album.keep(page, "job")
    masked = folder / "masked.fasta"
    masked.write_text(MASKED)
    job = client.submit(masked, model=MODEL, action="predict", name="Ubiquitin, predict")
    client.wait(job, timeout=1200)
    album.keep(album.open(f"/jobs/{job.id}/items/0/", height=900), "item")


def take_home(album: Album) -> None:
    """Take the home page, whose list has the jobs of the other pictures."""
    album.keep(album.open("/", height=1000), "home")


def take_variants(album: Album, client: Client, folder: Path) -> None:
    page = album.open("/jobs/new/", height=1110)
    page.locator("#id_action").select_option("score")
    page.locator("#id_all_singles").check()
    page.locator("#id_parent").fill(PARENT)
    page.locator("#id_parent").blur()
    page.get_by_text("1,444 variants").wait_for(timeout=120_000)
    album.keep(page, "variants-new-job", below="main h1")
    parent = folder / "ubiquitin.fasta"
    parent.write_text(f">ubiquitin\n{PARENT}\n")
    for action, query, height in (("scan", "?position=48", 1400), ("contacts", "", 990)):
        job = client.submit(parent, model=MODEL, action=action, name=f"Ubiquitin, {action}")
        client.wait(job, timeout=1200)
        album.keep(
            album.open(f"/jobs/{job.id}/items/0/{query}", height=height), f"variants-{action}", below="main .state"
        )
    codes = folder / "singles.csv"
    codes.write_text(singles(PARENT))
    job = client.submit(codes, model=MODEL, action="score", name="Ubiquitin, all singles", params={"parent": PARENT})
    client.wait(job, timeout=1200)
    album.keep(album.open(f"/jobs/{job.id}/variants/", height=700), "variants-ranked", below="main")


def take_assay(album: Album, client: Client, folder: Path, source: Path) -> None:
    table = source / "BLAT_ECOLX_Jacquier_2013.csv"
    parent = (source / "BLAT_ECOLX.a3m").read_text().splitlines()[1]
    codes = folder / "tem1.csv"
    measured = [line.split(",")[0] for line in table.read_text().splitlines()[1:]]
    codes.write_text("\n".join(["variant", *measured]))
    job = client.submit(codes, model=MODEL, action="score", name="TEM-1", params={"parent": parent})
    client.wait(job, timeout=1200)
    page = album.open(f"/jobs/{job.id}/assays/", height=850)
    page.locator("#id_file").set_input_files(table)
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="How well the scores rank").wait_for()
    album.keep(page, "variants-assay", below="main")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("url")
    arguments.add_argument("data", type=Path, help="the service's data folder, for its password and token")
    arguments.add_argument("--assay", type=Path, help="folder with the table and the alignment of TEM-1")
    asked = arguments.parse_args()
    token, password = ((asked.data / name).read_text().strip() for name in ("token", "admin-password"))
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, Client(asked.url, token) as client, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        album = Album(browser, asked.url, password)
        take_readme(album, client, Path(folder))
        take_variants(album, client, Path(folder))
        if asked.assay:
            take_assay(album, client, Path(folder), asked.assay)
        take_home(album)
        browser.close()


if __name__ == "__main__":
    main()
