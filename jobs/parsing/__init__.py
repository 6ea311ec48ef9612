"""Reading of uploads, as a stream of records with the place of every fault.

- kinds: the kinds of files that people send, and what each entrance does with each of them.
- recognition: what a file is, from its content and its name; looks, signatures and encodings have the rules.
- upload: bytes to text, with gunzip and size limits.
- text: text to lines, in bounded memory.
- reader: one class over the formats: fasta and fasta_record, tables, lines (JSONL and text without headers), flatfiles
  (PIR, GenPept, UniProt) and interleaved (Clustal, Stockholm).
- tables and roles: the one reader of tables, for libraries, variants, measurements and columns.
- workbooks: sheets of Excel as rows.
- asked: what a request says about how its file is to be read.
- annotations, words, three_letters: rows and lines that are no sequences in one letter a residue.
- items: the items of a JSON body.
- context: the context sequences that a job shares.
- letters: alphabets, sizes, cleaning.
- records: what a reader takes and yields, and places in a file.
- tally: counts of cleaned and of bad records.
- numbers: numbers written as text.
- left_out: kinds of rows of a score set that have no score.

Codes, each explained with its remedy in `docs/input-rules.md`:

- of a record (`BadRecord.problems`): bad_letter, mask_not_allowed, no_mask, empty_sequence, sequence_too_long,
  too_short, position_outside, header_too_long, bad_name, bad_json, bad_csv, wrong_field_count, wrong_type,
  unknown_field, missing_field, context_not_allowed, too_many_contexts, empty_context, mask_in_context,
  context_too_long, bad_numbering
- of a record, about its text: accession, three_letters, words, header_in_line, control_character, bad_record,
  nucleotides
- of a file (InvalidInput), about its kind: empty_file, unknown_format, other_format, bare_lines, not_text, utf_16,
  invalid_utf8
- of a file (InvalidInput): wrong_line_numbers, record_too_long, line_too_long, not_fasta, bad_gzip,
  truncated_gzip
- of a table (InvalidInput): missing_column, unclear_column, too_many_rows, duplicate_column, too_many_columns,
  no_measurement, bad_number, row_too_long, bad_workbook, no_such_sheet
- of a file (TooLarge): upload_too_large, workbook_too_large, gzip_ratio
- warnings about contexts: gaps_removed, context_cleaned, repeated_query
- warnings: looks_like_dna, duplicate_names, unnamed_records, ignored_columns, unnamed_columns, comment_lines,
  lines_before_header, decimal_commas, other_sheets, dates_in_cells, hidden_rows, cells_beside, rows_left_out, bad_rows
- warnings about the text: text_encoding, annotation_rows, no_header; about a file that is a request: request_in_file
"""

from jobs.parsing.context import read_context
from jobs.parsing.items import ItemReader
from jobs.parsing.letters import check_sequence, clean_sequence
from jobs.parsing.reader import Reader, open_reader
from jobs.parsing.records import BadRecord, ItemRules, Record, default_name
from jobs.parsing.upload import blocks_of

__all__ = [
    "BadRecord",
    "ItemReader",
    "ItemRules",
    "Reader",
    "Record",
    "blocks_of",
    "check_sequence",
    "clean_sequence",
    "default_name",
    "open_reader",
    "read_context",
]
