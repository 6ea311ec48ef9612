"""Code asks an action for what it must know. Only the features that own its pages, and the client, quote its name."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("jobs", "worker", "e1client", "e1site", "e1protocol", "frontend/src")
QUOTED = re.compile(r'"(encode|predict|log_prob|score|scan|contacts)"')

OWN = ("jobs/actions/", "e1protocol/parameters.py", "jobs/static/jobs/dist/")
FEATURES = (
    *(
        "jobs/variants/",
        "jobs/contacts/",
        "jobs/templates/jobs/variants/",
        "jobs/templates/jobs/contacts/",
    ),
    *("frontend/src/assay.ts", "frontend/src/contacts.ts", "frontend/src/scan.ts"),
    *(
        "jobs/science/variants/judging.py",
        "frontend/src/pictures/scan-data.ts",
    ),  # A score is a column of numbers there.
    "frontend/src/styles/app.css",  # Shows the fields of an action without a script.
    "jobs/pages/tasks.py",  # Says which action answers a question of users.
    "jobs/results/summaries.py",  # Shows results of encode, predict and log_prob.
    "e1client/",  # Has a method for each synchronous action, and names arrays of results.
)


def test_names_of_actions_are_quoted_by_their_features_only():
    files = [
        path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".ts", ".html", ".css")
    ]
    names = {str(path.relative_to(ROOT)) for path in files if QUOTED.search(path.read_text())}
    assert {name for name in names if not name.startswith((*OWN, *FEATURES))} == set()
    assert [one for one in FEATURES if not any(name.startswith(one) for name in names)] == []
