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
    "further/colabfold-lower-case.a3m": [
        ("101", PARENT),
        ("UniRef100_A", "MKTAYIAKQRQISFVRSHFSRE"),
        ("UniRef100_B", "MKTAYIAKQRQQISFVKSHF"),
    ],
    "further/hhsuite-consensus.a3m": [("query", PARENT), ("hom1", "MKTAYIAKQRQISFVRSHFSRE")],
    "further/uniprot.tsv.gz": [("P00001", "MKTAYIAKQR"), ("P00002", "MKTAYIAKQW")],
    "further/clustal-numbers.aln": [("seqA", PARENT), ("seqB", "MKTAYIAKQQISFVKSHFSRQ")],
    "further/stockholm-wrapped.sto": [("query/1-22", PARENT), ("hom1/1-22", "MKTAYIAKRQISFVRSHFSRE")],
    "further/genpept-several.gp": [("A1.1", PARENT), ("A2.1", PARENT), ("A3.1", PARENT)],
    "further/utf16.tsv": [("a", "MKTAYIAKQR"), ("b", "MKTAYIAKQW")],
    "further/mac-line-ends.csv": [("a", "MKTAYIAKQR"), ("b", "MKTAYIAKQW")],
    "further/title-above.csv": [("a", "MKTAYIAKQR"), ("b", "MKTAYIAKQW")],
    "further/quotes-inside.tsv": [("P1", "MKTAYIAKQR"), ("P2", "MKTAYIAKQW")],
    "further/semicolons.csv": [("a", "MKTAYIAKQR"), ("b;c", "MKTAYIAKQW")],
}
"""Files that are read, with the names and sequences of their records."""

PASTED = [name for name in READ if not name.endswith((".gz", "utf16.tsv")) and "nul" not in name]
"""Those that can be pasted as text."""

REFUSED = {
    "other-formats/r.fastq": ("other_format", "a FASTQ file: nucleotides with qualities"),
    "tar-archive/prot.tar.gz": ("not_text", "a tar archive"),
    "tar-archive/prot.fasta.gz": ("not_text", "a tar archive"),
    "structure-without-side-chains/ca_only.pdb": ("other_format", "a PDB structure"),
    "pir/wrapped-header.fasta": ("invalid_records", "the words 'kinase OS Homo sapiens' are no sequence"),
    "no-final-newline/cat.fasta": ("invalid_records", "the header 'EP2_first other proteome' begins inside this line"),
    "alignment-row-without-letters/rows.a3m": ("invalid_records", "there are no residues"),
    "further/reads.fq": ("other_format", "a FASTQ file: nucleotides with qualities"),
    "further/library.rtf": ("not_text", "a rich text document"),
    "further/library.docx": ("not_text", "a Word document"),
    "further/library.pdf": ("not_text", "a PDF document"),
    "further/library.numbers": ("not_text", "an Apple Numbers spreadsheet"),
    "further/three-letters.fasta": ("invalid_records", "'METLYSTHR...' is written in three letters for each residue"),
    "further/three-letters-dashes.fasta": ("invalid_records", "is written in three letters for each residue"),
    "further/three-letters.txt": ("invalid_records", "is written in three letters for each residue"),
    "further/uniprot-without-sequences.tsv": ("missing_column", "no column is named sequence"),
    "further/foldx-scan.txt": ("missing_column", "no column is named sequence"),
}
"""Files that no library is read from: the code of the refusal, and words of it."""
