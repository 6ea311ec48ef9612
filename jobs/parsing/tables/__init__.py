"""The one reader of tables, for libraries, lists of variants, measurements and columns of values.

Open a table, choose its columns, then iterate over its rows once:

    table = open_table(stream, path="file")         # an upload, packed or not; text_table(lines) for lines of text
    at = table.column(VARIANTS, path="variant_column")
    for row in table:                               # in constant memory
        if isinstance(row, Fault):                  # skip it, or refuse the file:
            raise table.refusal(row)
        row.line, row.cells[at]                     # one cell for each of `table.columns`, as text
    table.warnings()                                # what was left out or changed; complete after the last row

Rules, the same for every table:

- The separator is a tab, a semicolon or a comma, found with quotes respected (`dialect`). A line `sep=;` names it.
- Lines before the header that begin with `#` are left out and counted. So are later ones that are no whole row.
- Columns without a name are left out and reported. `Row.cells` has no place for them.
- A row has as many fields as the header. Only empty fields may follow. Anything else is the fault `wrong_field_count`.
- Columns are found by role (`roles`): synonyms in order of precedence, `unclear_column` if two of the same rank fit.
- Cells are text. `cells.Numbers` reads those of one column as numbers: a decimal comma is read and counted, words such
  as `NA` are missing, and a number that may be 1.234 or 1234 is refused. A name stays as it is written, `NA` too.

Modules: `table` (header, width, warnings), `dialect` (separator and lines before the header), `rows` (text to rows),
`roles` (names of columns), `cells` (numbers), `library` (records of a job from a table).
"""

from jobs.parsing.tables.cells import MISSING, Numbers
from jobs.parsing.tables.roles import NAMES, SEQUENCES, VALUES, VARIANTS, Role
from jobs.parsing.tables.rows import Fault, Row
from jobs.parsing.tables.table import Table, open_table, text_table

__all__ = [
    "MISSING",
    "NAMES",
    "SEQUENCES",
    "VALUES",
    "VARIANTS",
    "Fault",
    "Numbers",
    "Role",
    "Row",
    "Table",
    "open_table",
    "text_table",
]
