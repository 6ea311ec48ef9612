"""Files of kinds that some entrance refuses, and what comes of them when the remedy is followed.

All hold the proteins `a` and `b`, or a table or text about them. `followed` does what a remedy says: with Biopython,
pandas or the standard library if they can. `BY_HAND` are fixed pairs for programs that are not there. Those are NCBI's
page for BLAST, HHsearch, a viewer of PDF, Numbers, old Office, 7-Zip and RAR.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import gemmi
import pandas as pd
import pyarrow as pa
from Bio import AlignIO, SeqIO
from PIL import Image

DATA = Path(__file__).parents[1] / "data"
FIELD = DATA / "field-cases"
A, B = "MKTAYIAKQR", "MKTAYIAKQW"
DNA = {"a": "ATGAAAACCGCGTATATTGCGAAACAGCGT", "b": "ATGAAAACCGCGTATATTGCGAAACAGTGG"}
FASTA = f">a\n{A}\n>b\n{B}\n".encode()
ALIGNED = b">a\nMKT-AYIAKQR\n>b\nMKTAAYIAKQW\n>c\nMK-AAYIAKQR\n"
TABLE = b"name,sequence,mutant,score\na,MKTAYIAKQR,K2R,0.5\nb,MKTAYIAKQW,T3S,1\n"
PDB = (FIELD / "structure-without-side-chains/backbone_with_names.pdb").read_bytes()
MMCIF = gemmi.read_pdb_string(PDB.decode()).make_mmcif_document().as_string().encode()
CODES = b"K2R\nT3S\n"

WANTED = {
    "library": (FASTA, b'{"sequence": "MKT"}\n', TABLE),
    "variants": (CODES, b"mutant\nK2R\nT3S\n", TABLE),
    "contexts": (FASTA, A.encode(), b'["MKT", "MRT"]'),
    "alignment": (
        *(b">a\nMKTAYI\n>b\nMKTaaA-I\n", ALIGNED, b"CLUSTAL W\n\na MKT\nb MK-\n"),
        *(b">P1;a\ntitle\nMKT*\n>P1;b\ntitle\nMK-*\n", b"# STOCKHOLM 1.0\na MKT\nb MK-\n//\n"),
    ),
    "assay": (b"mutant,DMS_score\nK2R,0.5\n", TABLE),
    "columns": (b"name,activity\na,0.5\n", TABLE),
    "structure": (PDB, MMCIF),
}
"""What the last sentence of a remedy says to send (`jobs.parsing.kinds.WANTED`)."""


def text(kind: str) -> bytes:
    """Return the first case of a kind in `kind-cases.json`."""
    for case in json.loads((DATA / "kind-cases.json").read_text()):
        if case["kind"] == kind:
            return case["text"].encode() if "text" in case else base64.b64decode(case["base64"])
    raise LookupError(kind)


def _fastq() -> bytes:
    return "".join(f"@{name}\n{dna}\n+\n{'I' * len(dna)}\n" for name, dna in DNA.items()).encode()


def _sam() -> bytes:
    rows = "".join(f"{name}\t4\t*\t0\t0\t*\t*\t0\t0\t{dna}\t{'I' * len(dna)}\n" for name, dna in DNA.items())
    return f"@HD\tVN:1.6\tSO:unsorted\n{rows}".encode()


def _genbank(format: str) -> bytes:
    """Return a record of nucleotides with its proteins as features, as GenBank and EMBL have them."""
    from Bio.Seq import Seq
    from Bio.SeqFeature import SeqFeature, SimpleLocation
    from Bio.SeqRecord import SeqRecord

    record = SeqRecord(Seq("".join(DNA.values())), id="X1.1", name="X1", annotations={"molecule_type": "DNA"})
    for at, (name, protein) in enumerate((("a", A), ("b", B))):
        what = {"protein_id": [name], "translation": [protein]}
        record.features.append(SeqFeature(SimpleLocation(30 * at, 30 * at + 30), type="CDS", qualifiers=what))
    return record.format(format).encode()


def _snapgene() -> bytes:
    packets = [(9, b"SnapGene\0\1\0\x0f\0\x13"), (0, b"\0" + DNA["a"].encode())]
    return b"".join(bytes([kind]) + len(data).to_bytes(4, "big") + data for kind, data in packets)


def _zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def _docx(data: bytes) -> bytes:
    """Return a document of Word with a paragraph for each line."""
    document = ElementTree.Element(f"{WORD}document")
    body = ElementTree.SubElement(document, f"{WORD}body")
    for line in data.decode().splitlines():
        run = ElementTree.SubElement(ElementTree.SubElement(body, f"{WORD}p"), f"{WORD}r")
        ElementTree.SubElement(run, f"{WORD}t").text = line
    return _zipped(**{"[Content_Types].xml": b"<Types/>", "word/document.xml": ElementTree.tostring(document)})


def _plain_of_docx(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        document = ElementTree.fromstring(archive.read("word/document.xml"))
    paragraphs = ("".join(one.itertext()) for one in document.iter(f"{WORD}p"))
    return "\r\n".join(paragraphs).encode("cp1252")


def _rtf(data: bytes) -> bytes:
    return b"{\\rtf1\\ansi " + data.decode().replace("\n", "\\par\n").encode() + b"}"


def _plain_of_rtf(data: bytes) -> bytes:
    return data.removeprefix(b"{\\rtf1\\ansi ").removesuffix(b"}").replace(b"\\par", b"")


def _sqlite() -> bytes:
    with sqlite3.connect(":memory:") as database:
        pd.read_csv(io.BytesIO(TABLE)).to_sql("proteins", database, index=False)
        return database.serialize()


def _table_of_sqlite(data: bytes) -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.deserialize(data)
        return pd.read_sql("select * from proteins", database).to_csv(index=False).encode()


def _member(data: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.extractfile("a.txt").read()


def _frame(write: Callable[[pd.DataFrame, io.BytesIO], Any]) -> bytes:
    out = io.BytesIO()
    write(pd.read_csv(io.BytesIO(TABLE)), out)
    return out.getvalue()


def _translated(data: bytes, format: str) -> bytes:
    """Return the nucleotides of a file, translated to protein."""
    records = list(SeqIO.parse(io.BytesIO(data) if format == "snapgene" else io.StringIO(data.decode()), format))
    return "".join(
        record.translate(id=record.id if len(records) > 1 else "a").format("fasta") for record in records
    ).encode()


def _translated_sam(data: bytes) -> bytes:
    from Bio.Seq import Seq

    rows = [line.split("\t") for line in data.decode().splitlines() if not line.startswith("@")]
    return "".join(f">{row[0]}\n{Seq(row[9]).translate()}\n" for row in rows).encode()


def _proteins_of(data: bytes, format: str) -> bytes:
    (record,) = SeqIO.parse(io.StringIO(data.decode()), format)
    found = [feature.qualifiers for feature in record.features if feature.type == "CDS"]
    return "".join(f">{one['protein_id'][0]}\n{one['translation'][0]}\n" for one in found).encode()


def _converted(data: bytes, format: str) -> list[bytes]:
    """Return an alignment as FASTA, Clustal and Stockholm, which the remedy lists."""
    found = AlignIO.read(io.StringIO(data.decode()), format)
    return [_written(found, name) for name in ("fasta", "clustal", "stockholm")]


def _written(alignment: Any, format: str) -> bytes:
    out = io.StringIO()
    AlignIO.write(alignment, out, format)
    return out.getvalue().encode()


def _compressed(codec: str, data: bytes) -> bytes:
    with pa.CompressedOutputStream(sink := pa.BufferOutputStream(), codec) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def _image(format: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, format)
    return out.getvalue()


MSF = b"""!!AA_MULTIPLE_ALIGNMENT 1.0

  x.msf MSF: 11 Type: P Check: 1 ..

 Name: a    Len: 11  Check: 1  Weight: 1.00
 Name: b    Len: 11  Check: 1  Weight: 1.00

//

     a  MKT.AYIAKQ R
     b  MKTAAYIAKQ W
"""
NEXUS = b"""#NEXUS
begin data;
dimensions ntax=2 nchar=11;
format datatype=protein missing=? gap=-;
matrix
a MKT-AYIAKQR
b MKTAAYIAKQW
;
end;
"""
PHYLIP = b" 2 11\na         MKT-AYIAKQR\nb         MKTAAYIAKQW\n"
HHR = b"""Query         a
Match_columns 10
No_of_seqs    2 out of 2

 No Hit                             Prob E-value P-value  Score    SS Cols Query HMM  Template HMM
  1 b                              100.0 1.3E-40 1.3E-40   99.9   0.0   10    1-10      1-10  (10)
"""
HMMER = b"HMMER3/f [3.4 | Aug 2023]\nNAME  ab\nLENG  10\nALPH  amino\nHMM          A        C        D\n//\n"
BLAST = (
    b"BLASTP 2.16.0+\n\nQuery= a\nLength=10\n\n>b\nLength=10\n\nQuery  1  MKTAYIAKQR  10\nSbjct  1  MKTAYIAKQW  10\n"
)
HTML = b"<!DOCTYPE html>\n<html><body><h1>Download</h1><a href='a.fasta'>a.fasta</a></body></html>\n"
XML = b"<?xml version='1.0'?>\n<seqXML seqXMLversion='0.4'><entry id='a'><AAseq>MKTAYIAKQR</AAseq></entry></seqXML>\n"
VCF = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t5\t.\tA\tG\t.\t.\tHGVSP=p.Lys2Arg\n"
GFF = b"##gff-version 3\na\t.\tpolypeptide\t1\t10\t.\t.\t.\tID=a\n##FASTA\n" + FASTA

BY_HAND = {
    "hmm": (HMMER, [FASTA, ALIGNED]),
    "hhr": (HHR, [b">a\nMKTAYIAKQR\n>b\nMKTAYIAKQW\n>ss_pred\nCCHHHHHHHC\n"]),
    "blast": (BLAST, [b">b\nMKTAYIAKQW\n"]),
    "newick": (b"(a:0.1,b:0.2);\n", [ALIGNED]),
    "pdf": (b"%PDF-1.7\n", []),
    "numbers": (text("numbers"), [b"name;sequence;mutant;score\r\na;MKTAYIAKQR;K2R;0,5\r\n"]),
    "old_office": (text("old_office"), [b"name;sequence;mutant;score\r\na;MKTAYIAKQR;K2R;0,5\r\n"]),
    "7z": (text("7z"), []),
    "rar": (text("rar"), []),
    "abi": (text("abi"), [b">a\nMKTAYIAKQR\n"]),
    "bcif": (b"\x83\xa7encoder\xa6Mol* 1\xa7version\xa50.3.0\xaadataBlocks\x91\x82", [MMCIF]),
}
"""A file, and what a program that is not there writes of it. Without that, it holds what an entrance wants."""

SAMPLES: dict[str, bytes | Callable[[bytes], bytes]] = {
    "a3m": b"#10\t1\n>a\nMKTAYIAKQR\n>b\nMKTAaaYIAKQR\n",
    "fastq": _fastq(),
    "sam": _sam(),
    "genbank": _genbank("genbank"),
    "embl": _genbank("embl"),
    "gff": GFF,
    "vcf": VCF,
    "msf": MSF,
    "nexus": NEXUS,
    "phylip": PHYLIP,
    "html": HTML,
    "xml": XML,
    "rtf": _rtf,
    "docx": _docx,
    "tar": _tar,
    "zip": lambda data: _zipped(**{"a.txt": data}),
    "ods": text("ods"),
    "snapgene": _snapgene(),
    "gzip": lambda data: gzip.compress(gzip.compress(data)),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: _compressed("zstd", data),
    "parquet": _frame(lambda frame, out: frame.to_parquet(out)),
    "arrow": _frame(lambda frame, out: frame.to_feather(out)),
    "sqlite": _sqlite(),
    "png": _image("png"),
    "jpeg": _image("jpeg"),
    "gif": _image("gif"),
    "tiff": _image("tiff"),
    **{kind: sample for kind, (sample, _) in BY_HAND.items()},
}
"""Files of kinds, or how a text becomes one. `sample` takes those of `kind-cases.json` for the others."""

FOLLOWED: dict[str, Callable[[bytes], list[bytes]]] = {
    "fastq": lambda data: [_translated(data, "fastq")],
    "sam": lambda data: [_translated_sam(data)],
    "genbank": lambda data: [_proteins_of(data, "genbank")],
    "embl": lambda data: [_proteins_of(data, "embl")],
    "gff": lambda data: [data[data.index(b"##FASTA") :]],
    "vcf": lambda data: [b"mutant,score\n" + data.rpartition(b"=")[2].strip() + b",1\n"],
    "msf": lambda data: _converted(data, "msf"),
    "nexus": lambda data: _converted(data, "nexus"),
    "phylip": lambda data: _converted(data, "phylip"),
    "docx": lambda data: [_plain_of_docx(data)],
    "rtf": lambda data: [_plain_of_rtf(data)],
    "tar": lambda data: [_member(data)],
    "zip": lambda data: [zipfile.ZipFile(io.BytesIO(data)).read("a.txt")],
    "ods": lambda data: [b"name,sequence,mutant,score\na,MKTAYIAKQR,K2R,0.5\n"],
    "snapgene": lambda data: [_translated(data, "snapgene")],
    "gzip": lambda data: [gzip.decompress(data)],
    "bzip2": lambda data: [bz2.decompress(data), gzip.compress(bz2.decompress(data))],
    "xz": lambda data: [lzma.decompress(data), gzip.compress(lzma.decompress(data))],
    "zstd": lambda data: [pa.CompressedInputStream(io.BytesIO(data), "zstd").read()],
    "parquet": lambda data: [pd.read_parquet(io.BytesIO(data)).to_csv(index=False).encode()],
    "arrow": lambda data: [pd.read_feather(io.BytesIO(data)).to_csv().encode()],  # with its index
    "sqlite": lambda data: [_table_of_sqlite(data)],
    **{kind: lambda _, written=written: written for kind, (_, written) in BY_HAND.items() if written},
}
"""What comes of a file whose remedy is followed. Kinds that are not here hold the text that an entrance wants."""


def sample(kind: str, entrance: str) -> bytes:
    """Return a file of the kind. An archive or a document holds what the entrance wants."""
    made = SAMPLES.get(kind)
    return made(WANTED[entrance][0]) if callable(made) else text(kind) if made is None else made


def followed(kind: str, entrance: str) -> list[bytes]:
    """Return what comes of the sample if its remedy is followed."""
    if kind == "xml" and entrance in ("library", "contexts"):
        found = SeqIO.parse(io.BytesIO(XML), "seqxml")
        return ["".join(record.format("fasta") for record in found).encode()]
    made = FOLLOWED.get(kind)
    return list(WANTED[entrance]) if made is None else made(sample(kind, entrance))
