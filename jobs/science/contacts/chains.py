"""Protein chains of a structure file: residues with their author numbers, and coordinates of their C-beta atoms.

gemmi reads PDB and mmCIF. Atoms of an amino acid are found by their names alone, because columns and element fields
are often wrong. No other atom of an amino acid is called CA.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from jobs.errors import InvalidInput
from jobs.limits import MIB
from jobs.parsing.upload import Upload

Floats = NDArray[np.float64]

MAX_STRUCTURE_BYTES = 64 * MIB
"""Bytes of a structure file once unpacked. A large ribosome takes 30 MB."""

MAX_CHAIN = 10_000
"""Most residues of a chain: the alignment to the parent takes a matrix of bytes. Known chains have up to 5,000."""

NAME_SHOWN = 20
"""Most characters of a chain's name in a message."""

_ATOMS = ("N", "CA", "C", "CB")
_ATOM = re.compile(rb"^(?:ATOM  |HETATM)", re.MULTILINE)
_MISSING = [float("nan")] * 3


@dataclass(frozen=True, slots=True)
class Chain:
    """A protein chain, named as in the file, with one letter for each of its n resolved residues.

    - `labels` are the residues' numbers in the file, with insertion codes: "52", "52A", "-1".
    - `alpha` and `beta` are the coordinates [n, 3] in Angstrom of the C-alpha and C-beta atoms (C-alpha for glycine),
      NaN for a missing atom.
    - `based` [n] is whether the residue has a C-beta atom, or N, C-alpha and C, from which one follows.
    - `virtual` [n] is whether `beta` was computed from N, C-alpha and C.
    """

    name: str
    letters: str
    labels: tuple[str, ...]
    alpha: Floats
    beta: Floats
    based: NDArray[np.bool_]
    virtual: NDArray[np.bool_]


def read_structure(data: bytes, filename: str = "") -> gemmi.Structure:
    """Return the structure in `data`, which is PDB or mmCIF, gzip or not, as its content shows.

    A file of another kind is refused by its name (`jobs.parsing.kinds`). Raises InvalidInput for it, and
    `bad_structure` for a structure that cannot be read. Raises TooLarge beyond `MAX_STRUCTURE_BYTES`.
    """
    upload = Upload(io.BytesIO(data), filename=filename, max_bytes=MAX_STRUCTURE_BYTES)
    if not upload.is_text:
        upload.reader("structure", path="structure")
    unpacked = b"".join(upload)
    if not _ATOM.search(unpacked):  # Some records of PDB, such as SSBOND, look like other text.
        upload.reader("structure", path="structure")
    text = unpacked.decode("utf-8", "replace")
    try:
        structure = _of_mmcif(text) if _is_mmcif(unpacked) else gemmi.read_pdb_string(text)
        structure.setup_entities()
    except (RuntimeError, ValueError, IndexError) as error:
        what = f"The structure cannot be read: {error}"
        raise InvalidInput.one("bad_structure", what, "Send a PDB or mmCIF file.") from None
    return structure


def read_chains(data: bytes, filename: str = "") -> list[Chain]:
    """Return the protein chains of the first model in `data`, at least one.

    Raises what `read_structure` raises, and InvalidInput `no_protein_chain` if there is no chain, and
    `chain_too_long` beyond `MAX_CHAIN`.
    """
    return chains_of(read_structure(data, filename))


def chains_of(structure: gemmi.Structure) -> list[Chain]:
    """Return the protein chains of a structure's first model. Raises InvalidInput as `read_chains` does."""
    chains = [chain for chain in map(_chain, structure[0]) if chain.letters] if len(structure) else []
    if not chains:
        remedy = "Send a PDB or mmCIF file with the coordinates of a protein."
        raise InvalidInput.one("no_protein_chain", "The structure has no protein chain", remedy)
    return chains


def virtual_beta(n: Floats, alpha: Floats, c: Floats) -> Floats:
    """Return C-beta atoms [n, 3] of ideal geometry from the backbone atoms N, C-alpha and C [n, 3], in Angstrom.

    The constants are those of trRosetta (Yang et al. 2020, doi:10.1073/pnas.1914677117) and ProteinMPNN (Dauparas et
    al. 2022, doi:10.1126/science.add2187): CB = -0.58273431 a + 0.56802827 b - 0.54067466 c + CA, with b = CA - N,
    c = C - CA and a = b x c.
    """
    first, second = alpha - n, c - alpha
    normal = np.cross(first, second)
    return np.asarray(-0.58273431 * normal + 0.56802827 * first - 0.54067466 * second + alpha)


def residues_of(chain: gemmi.Chain) -> Iterator[tuple[gemmi.Residue, str]]:
    """Yield the amino acids of a chain with their letters: the residues of `Chain`, in its order."""
    for residue in chain.get_polymer().first_conformer():
        info = gemmi.find_tabulated_residue(residue.name)
        if info.is_amino_acid():
            yield residue, info.one_letter_code.strip().upper() or "X"


def _chain(chain: gemmi.Chain) -> Chain:
    letters: list[str] = []
    labels: list[str] = []
    places: list[list[list[float]]] = []
    for residue, letter in residues_of(chain):
        if len(letters) == MAX_CHAIN:
            what = f"Chain {chain.name[:NAME_SHOWN]} has more than {MAX_CHAIN:,} residues"
            remedy = "Send the structure of this protein alone."
            raise InvalidInput.one("chain_too_long", what, remedy, path="structure")
        letters.append(letter)
        labels.append(str(residue.seqid))
        places.append([position_of(residue, atom) for atom in _ATOMS])
    n, alpha, c, beta = np.array(places, dtype=np.float64).reshape(-1, len(_ATOMS), 3).swapaxes(0, 1)
    backbone, own = np.isfinite(n + alpha + c).all(axis=1), np.isfinite(beta).all(axis=1)
    glycine = np.array([letter == "G" for letter in letters], dtype=np.bool_)
    virtual = backbone & ~own & ~glycine
    beta[virtual] = virtual_beta(n[virtual], alpha[virtual], c[virtual])
    beta[glycine] = alpha[glycine]
    return Chain(chain.name, "".join(letters), tuple(labels), alpha, beta, backbone | (own & ~glycine), virtual)


def position_of(residue: gemmi.Residue, atom: str) -> list[float]:
    found = residue.find_atom(atom, "*") or residue.find_atom(atom.lower(), "*")
    return found.pos.tolist() if found else _MISSING


def _is_mmcif(data: bytes) -> bool:
    lines = (line.strip() for line in io.TextIOWrapper(io.BytesIO(data), "utf-8", "replace"))
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.lower().startswith("data_")


def _of_mmcif(text: str) -> gemmi.Structure:
    return gemmi.make_structure_from_block(gemmi.cif.read_string(text)[0])
