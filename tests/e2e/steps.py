"""What a person does in the browser, and the inputs that several tests share."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Page, expect

from tests.stack import Stack

GOOD = ">kinase one\nMKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ\n>beta\nMSTNPKPQRKTKRNTNRRPQDVKFPGG\n"
BAD = GOOD + ">broken\nMKTAYIAKQR\nMKT1YIAKQR\n"
TEM1 = (
    "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAEDQLGARVGYIELDLNSGKILESFRPEERFPMMSTFKVLLCGAVLSRIDAGQEQLGRRIHYSQNDLVEYSPVTEKHLTDG"
    "MTVRELCSAAITMSDNTAANLLLTTIGGPKELTAFLHNMGDHVTRLDRWEPELNEAIPNDERDTTMPVAMATTLRKLLTGELLTLASRQQLIDWMEADKVAGPLLRSALPAGWF"
    "IADKSGAGERGSRGIIAALGPDGKPSRIVVIYTTGSQATMDERNRQIAEIGASLIKHW"
)
"""TEM-1 beta-lactamase, 286 residues."""


def library(count: int, length: int = 120) -> str:
    rng = np.random.default_rng(7)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    return "".join(f">p{n}\n{''.join(rng.choice(letters, length))}\n" for n in range(count))


LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def proteins(count: int) -> str:
    """Return four families that repeat different residues."""
    lines = []
    for number in range(count):
        family = number % 4
        base = LETTERS[5 * family : 5 * family + 5]
        lines.append(f">family{family}_{number}\n{base * (6 + number % 7)}{LETTERS[number % 20]}")
    return "\n".join(lines) + "\n"


def file(name: str, text: str) -> dict:
    return {"name": name, "mimeType": "text/plain", "buffer": text.encode()}


def submit(page: Page, name: str, text: str, action: str = "encode") -> None:
    """Submit a job through the form."""
    page.goto("/jobs/new/")
    page.locator("#id_action").select_option(action)
    page.locator("#id_file").set_input_files(file(name, text))
    page.get_by_role("button", name="Submit job").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible(timeout=60_000)


def wait_for(page: Page, state: str) -> None:
    expect(page.locator("#live .state").first).to_have_text(state, timeout=60_000)


def cancel(page: Page) -> None:
    """Cancel a job on its page, which asks first."""
    page.locator("summary", has_text="Cancel job").click()
    page.get_by_role("button", name="Cancel for good").click()


def tab_to(page: Page, description: str) -> None:
    """Press Tab until the focus is on the element whose text or label begins with `description`."""
    script = """() => { const e = document.activeElement;
        return (e.labels?.[0]?.textContent || e.getAttribute('aria-label') || e.textContent || '').trim(); }"""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(script).startswith(description):
            return
    raise AssertionError(f"Tab never reaches {description!r}")


def fail_chunk_of(stack: Stack, job: str, *, index: int) -> None:
    """Fail the chunk of this item, as a worker does when it runs out of memory."""
    error = '[{"code": "out_of_memory", "message": "p9 did not fit", "remedy": "Use a larger GPU."}]'
    with stack.sql() as cursor:
        cursor.execute("SELECT chunk_id FROM jobs_item WHERE job_id = %s AND index = %s", [job, index])
        chunk = cursor.fetchone()[0]
        cursor.execute("DELETE FROM jobs_output WHERE chunk_id = %s", [chunk])
        cursor.execute("DELETE FROM jobs_tally WHERE job_id = %s", [job])
        cursor.execute("UPDATE jobs_chunk SET state='failed', n_succeeded=0, n_failed=n_items WHERE id=%s", [chunk])
        cursor.execute("UPDATE jobs_item SET error_code='out_of_memory', error=%s WHERE chunk_id=%s", [error, chunk])
        cursor.execute("UPDATE jobs_job SET state='partial' WHERE id=%s", [job])
