"""The kinds of files that people send, and what each entrance does with each of them.

`jobs.parsing.recognition.kind_of` tells the kind of a file. An entrance either reads a kind, by the reader that
`Kind.reader` names, or refuses it by its name with a remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jobs.errors import InvalidInput, Problem

Entrance = Literal["library", "variants", "contexts", "alignment", "assay", "columns", "structure"]
"""What a file is handed in as. `variants` is a library of variants of a parent, for the action score."""

LIBRARIES: tuple[Entrance, ...] = ("library", "variants", "contexts")
MEASURED: tuple[Entrance, ...] = ("assay", "columns")
TABLES: tuple[Entrance, ...] = (*LIBRARIES, *MEASURED)
ALIGNED: tuple[Entrance, ...] = (*LIBRARIES, "alignment")
PROTEINS: tuple[Entrance, ...] = ("library", "contexts")
HOMOLOGS: tuple[Entrance, ...] = (*PROTEINS, "alignment")
CHANGES: tuple[Entrance, ...] = ("variants", "assay")
EVERYWHERE: tuple[Entrance, ...] = (*TABLES, "alignment", "structure")

WANTED: Mapping[Entrance, str] = {
    "library": "Send FASTA, JSONL, or a table with a column sequence.",
    "variants": "Send a list of variants, one on each line, or a table with a column mutant.",
    "contexts": "Send FASTA, one bare sequence, or a JSON list of sequences.",
    "alignment": "Send A3M, aligned FASTA, Clustal, PIR or Stockholm.",
    "assay": "Send a table with a column of variants and a column of numbers, such as CSV.",
    "columns": "Send a table with a column name and a column for each value, such as CSV.",
    "structure": "Send a PDB or mmCIF file.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of file. `name` follows "The file is", such as "a FASTQ file".

    `readers` maps each entrance that reads the kind to the name of a reader. `code` and `remedy` are those of the
    refusal elsewhere. The remedy helps at the entrances `where`; at others it is what the entrance reads. With
    `then_send`, what the entrance reads follows the remedy.
    """

    key: str
    name: str
    readers: Mapping[Entrance, str] = field(default_factory=dict)
    remedy: str = ""
    code: str = "other_format"
    then_send: bool = False
    where: tuple[Entrance, ...] = EVERYWHERE

    def reader(self, entrance: Entrance) -> str | None:
        """Return the name of the reader of this kind, or None if the entrance refuses it."""
        return self.readers.get(entrance)

    def refusal(self, entrance: Entrance, *, path: str | None = None) -> Problem:
        """Return the problem of a file of this kind at an entrance that does not read it."""
        own = self.remedy if entrance in self.where else ""
        wanted = WANTED[entrance] if self.then_send or not own else ""
        remedy = f"{own} {wanted}".strip()
        return Problem(self.code, f"The file is {self.name}", remedy, path=path)

    def require(self, entrance: Entrance, *, path: str | None = None) -> str:
        """Return the name of the reader. Raises InvalidInput if the entrance refuses this kind."""
        reader = self.reader(entrance)
        if reader is None:
            raise InvalidInput.of(self.refusal(entrance, path=path))
        return reader


def _read(entrances: tuple[Entrance, ...], reader: str) -> dict[Entrance, str]:
    return dict.fromkeys(entrances, reader)


_ITSELF: dict[Entrance, str] = {"alignment": "fasta"}
"""The reader of alignments says itself how a file begins that is none."""

_KINDS = (
    # Text that is read
    Kind("fasta", "FASTA", _read(ALIGNED, "fasta")),
    Kind("aligned_fasta", "an alignment in FASTA", _read(ALIGNED, "aligned")),
    Kind("a3m", "an A3M alignment", _read(ALIGNED, "aligned")),
    Kind("clustal", "a Clustal alignment", _read(ALIGNED, "clustal")),
    Kind("stockholm", "a Stockholm alignment", _read(ALIGNED, "stockholm")),
    Kind("pir", "a PIR file", _read(ALIGNED, "pir")),
    Kind("genpept", "a GenPept file", _read(LIBRARIES, "genpept")),
    Kind("uniprot_text", "a UniProt file in text format", _read(LIBRARIES, "uniprot_text")),
    Kind("jsonl", "JSONL", {"library": "jsonl", "variants": "jsonl", "contexts": "json"}),
    Kind("json", "JSON", _read(LIBRARIES, "json")),
    Kind("table", "a table", _read(TABLES, "table")),
    Kind("uniprot_table", "a table from UniProt", _read(TABLES, "table")),
    Kind("xlsx", "an Excel workbook", _read(TABLES, "xlsx"), code="not_text"),
    Kind("pairs", "a list of names and sequences", _read(LIBRARIES, "pairs") | _read(MEASURED, "table")),
    Kind("numbered", "a sequence with numbered lines", _read(LIBRARIES, "numbered") | _read(MEASURED, "table")),
    Kind("plain", "text without headers", _read(LIBRARIES, "plain") | _read(MEASURED, "table") | _ITSELF),
    Kind(
        "codes", "a list of variants", {"variants": "plain"}, remedy="The action score reads variants.", then_send=True
    ),
    Kind("pdb", "a PDB structure", {"structure": "pdb"}),
    Kind("mmcif", "an mmCIF structure", {"structure": "mmcif"}),
    # Text that is not read
    Kind(
        "fastq",
        "a FASTQ file: nucleotides with qualities",
        remedy="Translate it to protein.",
        then_send=True,
        where=PROTEINS,
    ),
    Kind(
        "sam",
        "a SAM file: nucleotides mapped to a genome",
        remedy="Translate it to protein.",
        then_send=True,
        where=PROTEINS,
    ),
    Kind(
        "genbank",
        "a GenBank record of nucleotides",
        remedy="Download its proteins as FASTA.",
        then_send=True,
        where=PROTEINS,
    ),
    Kind(
        "embl",
        "an EMBL record of nucleotides",
        remedy="Download its proteins as FASTA.",
        then_send=True,
        where=PROTEINS,
    ),
    Kind(
        "gff",
        "a GFF file of annotations",
        remedy="Send only the FASTA lines after ##FASTA.",
        then_send=True,
        where=PROTEINS,
    ),
    Kind(
        "vcf",
        "a VCF file of nucleotide variants",
        remedy="Write the changes of the protein.",
        then_send=True,
        where=CHANGES,
    ),
    Kind(
        "msf", "an alignment in GCG's MSF format", remedy="Convert it to FASTA, Clustal or Stockholm.", where=HOMOLOGS
    ),
    Kind("nexus", "a NEXUS file", remedy="Convert its alignment to FASTA, Clustal or Stockholm.", where=HOMOLOGS),
    Kind(
        "phylip", "an alignment in PHYLIP format", remedy="Convert it to FASTA, Clustal or Stockholm.", where=HOMOLOGS
    ),
    Kind("hmm", "a HMMER profile", remedy="Send the sequences that it was built from.", then_send=True, where=HOMOLOGS),
    Kind("hhr", "a result of HHsearch", remedy="Send the alignment that HHsearch read or wrote (A3M).", where=HOMOLOGS),
    Kind("blast", "a BLAST report", remedy="Download the hits as FASTA.", then_send=True, where=PROTEINS),
    Kind("newick", "a tree in Newick format", remedy="Send its sequences.", then_send=True, where=HOMOLOGS),
    Kind("html", "a web page", remedy="Download the file itself instead of the page that shows it.", then_send=True),
    Kind("xml", "an XML file", remedy="Download it in another format.", then_send=True),
    Kind("rtf", "a rich text document", code="not_text", remedy="Save it as plain text."),
    # Binary data
    Kind("tar", "a tar archive", code="not_text", remedy="Unpack it, and send a file of it."),
    Kind("zip", "a ZIP archive", code="not_text", remedy="Unpack it, and send a file of it."),
    Kind("docx", "a Word document", code="not_text", remedy="Save it as plain text."),
    Kind("pptx", "a PowerPoint file", code="not_text"),
    Kind("ods", "an OpenDocument spreadsheet", code="not_text", remedy="Save it as CSV.", where=TABLES),
    Kind("numbers", "an Apple Numbers spreadsheet", code="not_text", remedy="Export it as CSV.", where=TABLES),
    Kind("npz", "a NumPy archive", code="not_text"),
    Kind("torch", "a PyTorch file", code="not_text"),
    Kind(
        "old_office",
        "an old Excel or Word file",
        code="not_text",
        remedy="Save a sheet as CSV, a text as plain text.",
        where=TABLES,
    ),
    Kind(
        "snapgene",
        "a SnapGene file",
        code="not_text",
        remedy="Export the protein as FASTA.",
        then_send=True,
        where=PROTEINS,
    ),
    Kind(
        "abi",
        "a sequencing trace",
        code="not_text",
        remedy="Translate its sequence to protein.",
        then_send=True,
        where=PROTEINS,
    ),
    Kind(
        "bcif",
        "a BinaryCIF structure",
        code="not_text",
        remedy="Download it as mmCIF.",
        then_send=True,
        where=("structure",),
    ),
    Kind("gzip", "a gzip file inside another", code="not_text", remedy="Unpack it once more."),
    Kind("bzip2", "a bzip2 file", code="not_text", remedy="Unpack it, or pack it with gzip."),
    Kind("xz", "an xz file", code="not_text", remedy="Unpack it, or pack it with gzip."),
    Kind("zstd", "a Zstandard file", code="not_text", remedy="Unpack it, or pack it with gzip."),
    Kind("7z", "a 7-Zip archive", code="not_text", remedy="Unpack it, and send a file of it."),
    Kind("rar", "a RAR archive", code="not_text", remedy="Unpack it, and send a file of it."),
    Kind("png", "a PNG image", code="not_text"),
    Kind("jpeg", "a JPEG image", code="not_text"),
    Kind("gif", "a GIF image", code="not_text"),
    Kind("tiff", "a TIFF image", code="not_text"),
    Kind("pdf", "a PDF document", code="not_text", remedy="Copy the text out of it.", then_send=True),
    Kind("hdf5", "an HDF5 file", code="not_text"),
    Kind("npy", "a NumPy array", code="not_text"),
    Kind("pickle", "a Python pickle", code="not_text"),
    Kind("parquet", "a Parquet file", code="not_text", remedy="Save it as CSV.", then_send=True, where=TABLES),
    Kind("arrow", "an Arrow file", code="not_text", remedy="Save it as CSV.", then_send=True, where=TABLES),
    Kind(
        "sqlite",
        "an SQLite database",
        code="not_text",
        remedy="Export a table of it as CSV.",
        then_send=True,
        where=TABLES,
    ),
    Kind("program", "a program", code="not_text"),
    Kind("binary", "binary data", code="not_text"),
    # Neither: readers that take one kind of file say what is wrong with its first line.
    Kind(
        "unknown",
        "of no known format",
        _read(("variants",), "plain") | _read(("structure",), "pdb") | _read(MEASURED, "table") | _ITSELF,
        code="unknown_format",
        remedy="Put a line '>name' before each sequence, or name the file .jsonl or .csv if it is one.",
    ),
    Kind(
        "empty",
        "empty: it holds no records",
        _read(("structure",), "pdb") | _read(MEASURED, "table") | _ITSELF,
        code="empty_file",
        remedy="Send a file with at least one record.",
    ),
)

KINDS: Mapping[str, Kind] = {kind.key: kind for kind in _KINDS}
"""All kinds by their key."""
