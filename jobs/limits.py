"""The limits of the service, each with its reason."""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

MAX_RESIDUES = 2048
"""Residues of one sequence, as in the published interface. The network itself reads 8,188."""

MAX_CONTEXTS = 50
"""Context sequences of one query, as in the published interface. The network itself reads 511."""

MAX_TOKENS = 65_536
"""Global positions of the released checkpoints: residues and 4 per sequence, contexts and query together."""

MAX_JOB_CONTEXTS = 64
"""Contexts of one job, and of one named set. The published ensemble has 15."""

MAX_ITEMS = 10_000_000
"""Records of one job: ten times the largest library that docs/performance.md measured."""

SYNC_ITEMS = 8
"""Items of one synchronous request, as in the published interface."""

SYNC_CONTEXT_TOKENS = SYNC_ITEMS * MAX_TOKENS
"""Tokens of all contexts of a synchronous request: as many as eight items with their own contexts can have."""

MAX_ANSWER_BYTES = 96 * MIB
"""Bytes of the results in one JSON answer, as they are stored. As text they take three times as much. Eight sequences
of 2,048 residues with an embedding of each residue in one layer of the largest checkpoint take 80 MiB."""

RECORD_BYTES = 150
"""Bytes of the database for a record besides its text: its rows of items and chunks, with indexes. With a name of 13
letters, 180 were measured. Without them ten million records of one residue would count as next to nothing."""

CHUNK_ITEMS = 8
"""Consecutive items that a worker computes and stores together."""

CHUNK_UNITS = 8
"""Work units that a worker computes and stores together."""

MAX_UNITS = 1_000_000
"""Work units of one job: 125,000 chunks, as a job of a million sequences has."""

LISTED_PROBLEMS = 1000
"""Problems of one upload that are listed. Further ones are only counted."""

MAX_BAD_RECORDS = 100_000
"""Records that are not valid, from which a file is given up: more are a wrong format or a wrong export."""

GOOD_SHARE = 0.1
"""A file with more bad records is still read if they are skipped and this share of its records is good."""

BAD_LETTERS = 100
"""A file with more bad records is still read if they are skipped and have this many letters on average, header
included. Proteins have some hundreds. Text of another kind has a few letters a record, and takes minutes to read."""

RECORD_PROBLEMS = 20
"""Problems of one record that are kept. The next upload shows the others."""

SHOWN_NAME = 100
"""Characters that an answer shows of an unknown field or parameter."""

SHOWN_MESSAGE = 1000
"""Characters of a problem's message. Messages quote what they refuse."""

MAX_JSON_VALUES = 500_000
"""Values of a JSON body: objects, lists, and their members. A library of short sequences in 16 MiB has as many. A body
of `{}` would have ten times as many, and take gigabytes."""

MAX_JSON_RATIO = 500
JSON_RATIO_FROM = 256 * KIB
"""Unpacked by packed bytes of a gzipped JSON body, beyond this many unpacked bytes."""

KINDS_OF_CHARACTER = 20
"""Different wrong characters that are listed for one record. A file of another kind has hundreds."""

MAX_HEADER = 4096
"""Characters of a FASTA header or of a record's name. UniProt's longest headers have some hundreds."""

MAX_JOB_NAME = 200
"""Characters of a job's name, which is a file's name or a typed line."""

MAX_LINE = MIB
"""Bytes of one line. The longest known protein has 36,000 residues, a JSON line with 50 contexts 110,000."""

MAX_UPLOAD_BYTES = 4 * GIB
"""Bytes of an upload once unpacked: a million sequences of 2,048 residues with headers take 2.2 GB."""

MAX_UPLOAD_BODY = MAX_UPLOAD_BYTES + 100 * MIB
"""Bytes of a request with files, compressed or not, including the other parts of the form."""

SMALL_FORM = 256 * KIB
"""Bytes of a form that is read without a login, such as the login itself."""

MAX_GZIP_RATIO = 500
"""Unpacked bytes by packed bytes. All single variants of a parent reach 125, ordinary proteins 2, a bomb 1,030."""

GZIP_RATIO_FROM = 64 * MIB
"""Unpacked bytes from which the ratio is checked. A smaller file does no harm."""

MAX_LIBRARY_BYTES = 64 * GIB
"""Bytes of a library for homolog searches once unpacked: UniRef50 has some 25 GB."""

MAX_LIBRARY_SEQUENCES = 200_000_000
"""Sequences of such a library: three times those of UniRef50."""

LIBRARY_SPARES_BYTES = 2 * GIB
"""Bytes that a new library leaves free on its disk, which the database may share."""

MAX_CONTEXT_FILE = MIB
"""Bytes of a file of context sequences once unpacked: 50 sequences of 2,048 residues take 110,000."""

MAX_JSON_BODY = 16 * MIB
"""Bytes of a JSON body, which is held in memory. Larger libraries come as files, read as a stream."""

MAX_COLUMNS_FILE = 64 * MIB
"""Bytes of a CSV file of columns, which is held in memory: a million rows of a name and some values take 40 MB."""

MAX_ASSAY_BYTES = 64 * MIB
"""Bytes of a table of measurements once unpacked: 100,000 variants with their full sequences of 300 take 33 MB."""

MAX_ASSAY_ROWS = 200_000
"""Rows of a table of measurements: ten times what one assay of all single variants of a long protein has."""

MAX_ASSAY_COLUMNS = 1000
"""Columns of a table of measurements: those of ProteinGym have some tens, with the scores of models a hundred."""

MAX_WORKBOOK_BYTES = 512 * MIB
"""Bytes of all parts of a workbook once unpacked: a sheet of a million sequences of 300 residues takes 400 MB."""

MAX_WORKBOOK_PARTS = 10_000
"""Parts of a workbook. Each sheet is one, and so is each picture; their list is held in memory."""

MAX_SHARED_TEXTS = 10_000_000
"""Texts that the cells of a workbook share. Their places take 80 MB."""

MAX_SHEET_CELLS = 50_000_000
"""Cells of a sheet up to the last filled one of each row: a million rows of fifty columns."""

MAX_ATTACHMENTS = 20
"""Assays, and structures, of one job."""

PAGE_ROWS = 50
"""Rows of one page of a table or list."""
