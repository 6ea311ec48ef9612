"""Secondary structure from backbones: ideal helices, an extended chain, breaks, missing atoms, a real protein."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.science.contacts.chains import read_chains
from jobs.science.contacts.drawing import drawn_chain
from jobs.science.contacts.secondary import _bridged, secondary_structure

SHARED = Path(__file__).parents[3] / "shared" / "data"


def next_atom(a, b, c, length, angle, dihedral):
    """Return the atom at this distance from c, with the angle b-c-d and the dihedral a-b-c-d in degrees."""
    angle, dihedral = np.radians(angle), np.radians(dihedral)
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    frame = np.stack([along, np.cross(normal, along), normal], axis=1)
    own = [-np.cos(angle), np.sin(angle) * np.cos(dihedral), np.sin(angle) * np.sin(dihedral)]
    return c + length * frame @ own


def backbone(count: int, phi: float, psi: float) -> list[np.ndarray]:
    """Return N, CA, C and O [count, 3] of a chain with ideal bonds and these angles."""
    n, ca = np.zeros(3), np.array([1.458, 0.0, 0.0])
    c = ca + 1.525 * np.array([-np.cos(np.radians(111.0)), np.sin(np.radians(111.0)), 0.0])
    found: list[list[np.ndarray]] = [[], [], [], []]
    for _ in range(count):
        following = next_atom(n, ca, c, 1.329, 117.2, psi)
        o = next_atom(n, ca, c, 1.231, 120.1, psi + 180)
        for atoms, atom in zip(found, (n, ca, c, o), strict=True):
            atoms.append(atom)
        after = next_atom(ca, c, following, 1.458, 121.7, 180.0)
        n, ca, c = following, after, next_atom(c, following, after, 1.525, 111.0, phi)
    return [np.array(atoms) for atoms in found]


def structure_of(atoms: list[np.ndarray], **options) -> str:
    count = len(atoms[0])
    return secondary_structure(*atoms, options.get("proline", np.zeros(count, dtype=bool)))


def test_an_alpha_helix_is_a_helix_but_for_its_ends():
    assert structure_of(backbone(20, -57.8, -47.0)) == "-" + 18 * "H" + "-"


def test_a_3_10_helix_is_a_helix_too():
    assert "HHHHHHHH" in structure_of(backbone(20, -49.0, -26.0))


def test_an_extended_chain_alone_has_no_strands():
    assert structure_of(backbone(20, -139.0, 135.0)) == 20 * "-"


def test_no_turn_goes_over_a_break():
    atoms = backbone(20, -57.8, -47.0)
    left = [np.concatenate([one[:10], one[10:] + 100.0]) for one in atoms]
    found = structure_of(left)
    assert found[9:11] == "--"
    assert found[1:9] == found[11:19] == 8 * "H"


def test_a_proline_is_no_donor():
    proline = np.zeros(20, dtype=bool)
    proline[4:] = True
    assert structure_of(backbone(20, -57.8, -47.0), proline=proline) == 20 * "-"


def test_missing_atoms_are_no_bonds_and_without_a_backbone_nothing_is_known():
    atoms = backbone(20, -57.8, -47.0)
    atoms[3][8:12] = np.nan
    found = structure_of(atoms)
    assert found[:8] != 8 * "-"
    assert len(found) == 20
    atoms[3][:] = np.nan
    assert structure_of(atoms) == ""
    assert secondary_structure(*(np.empty((0, 3)) for _ in range(4)), np.empty(0, dtype=bool)) == ""


@pytest.mark.parametrize(
    ("bonds", "bridged"),
    [
        ({(2, 10), (10, 4)}, {3, 10}),  # parallel
        ({(3, 10), (10, 3)}, {3, 10}),  # antiparallel, between the two
        ({(2, 11), (9, 4)}, {3, 10}),  # antiparallel, around them
        ({(2, 10)}, set()),
        ({(3, 5), (5, 3)}, set()),  # too near
    ],
)
def test_a_bridge_needs_both_of_its_bonds(bonds, bridged):
    assert _bridged(bonds, np.ones(20, dtype=np.intp)) == bridged


def test_a_bridge_needs_neighbours_on_both_sides():
    assert _bridged({(3, 10), (10, 3)}, np.repeat([1, 2], [4, 16])) == set()


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data of the workplace")
def test_kaib_has_its_fold():
    """KaiB's ground state is beta-alpha-beta-beta-alpha-alpha-beta (Chang et al. 2015, doi:10.1126/science.1260031)."""
    data = (SHARED / "KaiB_2QKEE.pdb").read_bytes()
    (chain, *_) = read_chains(data)
    drawn = drawn_chain(data, chain.letters, chain.name)
    runs = "".join(one for n, one in enumerate(drawn.secondary) if one != "-" and drawn.secondary[n - 1] != one)
    assert runs.count("E") >= 3
    assert runs.count("H") >= 3
    assert runs[0] == "E"
