"""Files as people have them (tests/data/field-cases), and what a library of each is."""

from __future__ import annotations

from pathlib import Path

CASES = Path(__file__).parent / "data" / "field-cases"
PARENT = "MKTAYIAKQRQISFVKSHFSRQ"

READ = {
    "pir/two.pir": [
        ("CRAB_TEST", "MDITIHNPLIRRPLFSWLAPSRIFDQIFGEHLQES"),
        ("HBA_TEST", "MVLSPADKTNVKAAWGKVGAHAGEYGAEAL"),
    ],
    "hhsuite-structure-rows/dssp-pred.a3m": [("query", PARENT), ("hom1", "MKTAYIAKQRQISFVRSHFSRE")],
    "hhsuite-structure-rows/pred-conf.a3m": [("query", PARENT), ("hom1", "MKTAYIAKQRQISFVRSHFSRE")],
    "hhsuite-structure-rows/ss_after.a3m": [("query", PARENT), ("hom1", "MKTAYIAKQRQISFVRSHFSRE")],
    "a3m-with-nul/null_end.a3m": [
        ("101", PARENT),
        ("UniRef100_A", "MKTAYIAKQRQISFVRSHFSRE"),
        ("UniRef100_B", "MKTAYLAKQRAAQISFVKSHF"),
    ],
    "a3m-with-nul/null_mid.a3m": [
        ("101", PARENT),
        ("UniRef100_A", "MKTAYIAKQRQISFVRSHFSRE"),
        ("101", PARENT),
        ("env_B", "MKTAYLAKQRAAQISFVKSHF"),
    ],
    "clustal/clustalo.aln": [("seqA", PARENT), ("seqB", "MKTAYIAKQRISFVKSHFSRQ")],
    "clustal/muscle.clw": [("seqA", PARENT), ("seqB", "MKTAYIAKQRISFVKSHFSRQ")],
    "other-formats/protein.gp": [("ABC12345", PARENT)],
    "other-formats/protein.txt": [("ABC12345", PARENT)],
    "aligned-with-stop/aligned.fasta": [
        ("a", "MKTAYIAKQRISFVKSHFSRQ"),
        ("b", "MKTAYIAKQRQISFVKSHFSRE"),
        ("c", "MKTAYIAKQRQISFVKSHFSR"),
    ],
    "aligned-with-stop/underscore.fasta": [("query", PARENT), ("h", "MKTAYIAKQRISFVKSHQ")],
    "lower-case-query/lowerq.a3m": [
        ("query", PARENT),
        ("hom1", "MKTAYIAKQRQISFVRSHFSRE"),
        ("hom2", "MKTAYIAKQRAAQISFVRSHFSRE"),
    ],
    "ncbi-joined-headers/nr.fasta": [("WP_1", "MKTAYIAKQRQISF"), ("WP_3", "MKTAYIAK")],
    "names-that-read-as-missing/flu.fasta": [
        ("HA", PARENT),
        ("NA", PARENT[:-1] + "W"),
        ("NS1", PARENT[:-1] + "E"),
        ("00123456789012345678", PARENT[:-1] + "D"),
        ("β-lactamase", PARENT[:-1] + "K"),
    ],
    "uniprot-table/uniprot.tsv": [("P00001", "MKTAYIAKQR"), ("P00002", "MKTAYIAKQW")],
    "comma-in-quoted-header/library.csv": [("a", "MKTAYIAKQR")],
    "excel-sep-line/library.csv": [("a", "MKTAYIAKQR"), ("b", "MKTAYIAKQW")],
    **{
        f"gzip-of-several-members/{name}.fasta.gz": [("seq1", PARENT), ("seq2", PARENT[:-1] + "W")]
        for name in ("bgzf", "two-members", "one-member")
    },
}
"""Files that are read, with the names and sequences of their records."""

REFUSED = {
    "other-formats/r.fastq": ("other_format", "a FASTQ file: nucleotides with qualities"),
    "tar-archive/prot.tar.gz": ("not_text", "a tar archive"),
    "tar-archive/prot.fasta.gz": ("not_text", "a tar archive"),
    "structure-without-side-chains/ca_only.pdb": ("other_format", "a PDB structure"),
    "pir/wrapped-header.fasta": ("invalid_records", "the words 'kinase OS Homo sapiens' are no sequence"),
    "no-final-newline/cat.fasta": ("invalid_records", "the header 'EP2_first other proteome' begins inside this line"),
    "alignment-row-without-letters/rows.a3m": ("invalid_records", "there are no residues"),
}
"""Files that no library is read from: the code of the refusal, and words of it."""
