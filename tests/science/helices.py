"""Helices as PDB and mmCIF files, with the atoms that a test wants."""

from __future__ import annotations

import gemmi
import numpy as np

BACKBONE = ("N", "CA", "C", "O")
WHOLE = (*BACKBONE, "CB")


def atom_line(serial, name, residue, number, place, *, left=False, element=None, altloc=" ", record="ATOM", chain="A"):
    """Write one line of a PDB file; `number` may end with an insertion code."""
    written = f"{name:<4}" if left else f" {name:<3}"
    digits, code = (number[:-1], number[-1]) if number[-1].isalpha() else (number, " ")
    x, y, z = place
    line = f"{record:<6}{serial:>5} {written}{altloc}{residue:>3} {chain}{digits:>4}{code}   {x:8.3f}{y:8.3f}{z:8.3f}"
    return f"{line}{1.0:6.2f}{50.0:6.2f}" + ("" if element is None else f"          {element:>2}")


def helix(n: int, atom: str) -> tuple[float, float, float]:
    """Return the place of an atom of residue n in a helix of ideal rise and turn."""
    radius, angle, height = {
        "N": (1.5, -28.0, -0.9),
        "CA": (2.3, 0.0, 0.0),
        "C": (1.7, 26.0, 1.1),
        "O": (2.0, 30.0, 2.3),
        "CB": (3.3, 10.0, -0.7),
    }[atom]
    turn = np.deg2rad(100 * n + angle)
    return radius * np.cos(turn), radius * np.sin(turn), 1.5 * n + height


def pdb(letters: str, atoms=WHOLE, *, only=None, numbers=None, chain="A", **style) -> bytes:
    """Write a helix; `only` maps residues (0-based) to their own atoms, `numbers` are those of the residues."""
    lines = []
    for n, letter in enumerate(letters):
        residue = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)
        number = numbers[n] if numbers else str(n + 1)
        for atom in (only or {}).get(n, atoms):
            if (atom, letter) != ("CB", "G"):
                lines.append(atom_line(len(lines) + 1, atom, residue, number, helix(n, atom), chain=chain, **style))
    return "\n".join([*lines, "TER", "END", ""]).encode()


def as_mmcif(data: bytes) -> bytes:
    structure = gemmi.read_pdb_string(data.decode())
    structure.setup_entities()
    return structure.make_mmcif_document().as_string().encode()
