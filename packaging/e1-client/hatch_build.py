"""Hatchling's hook that adds the packages, which are folders at the root of the checkout, two levels up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXAMPLES = ("demo-library.fasta", "predict.json", "log_prob.json", "tem1.fasta", "plate-1.csv")
"""The files that `e1 examples` writes."""


class PackagesOfTheCheckout(BuildHookInterface):  # type: ignore[type-arg]
    """The packages for a wheel and a source distribution. An editable installation refers to the checkout instead."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        here = Path(self.root)
        for package in self.build_config.packages:
            # An unpacked source distribution has them beside this file.
            if version != "editable" and not (here / package).exists():
                build_data["force_include"][str(here.parents[1] / package)] = package
        for example in EXAMPLES:
            if version != "editable" and not (here / "e1client").exists():
                build_data["force_include"][str(here.parents[1] / "examples" / example)] = (
                    f"e1client/examples/{example}"
                )
