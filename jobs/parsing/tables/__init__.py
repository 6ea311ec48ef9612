"""The one reader of tables, for libraries, lists of variants, measurements and columns of values.

Use it so, in constant memory:

- `table = open_table(stream, path="file")` opens an upload, packed or not. `text_table(lines)` takes lines of text,
  and `workbook_table(blocks)` the bytes of a workbook.
- `at = table.column(VARIANTS, path="variant_column")` chooses a column by its role, or by the `name` a user has said.
- `for row in table` yields `Row(line, cells)`, once. `row.cells[at]` is text, with a cell for each of `table.columns`.
- `if isinstance(row, Fault)`: skip the row, or `raise table.refusal(row)` to refuse the file.
- `table.warnings()` is what was left out, complete after the last row.

Rules, the same for every table:

- The separator is a tab, a semicolon or a comma, found with quotes respected (`dialect`). A line `sep=;` names it.
- Lines before the header that begin with `#` are left out and counted. So are later ones that are no whole row.
- Titles are left out and counted: rows with one filled cell before a header with a known name.
- Columns without a name are left out and reported. `Row.cells` has no place for them.
- A row has as many fields as the header, or it is the fault `wrong_field_count`. Even empty fields behind the last
  column are too many: a separator inside a text may have shifted the others.
- Columns are found by role (`jobs.parsing.roles`): synonyms in order of precedence. Two of the same rank are
  `unclear_column`.
- Cells are text. A name stays as it is written, `NA` too.
- `cells.Numbers` reads one column as numbers. Decimal commas are read and counted, and words such as `NA` are missing.
  A number that may be 1.234 or 1234 is refused.

Modules:

- opening: from an upload to its table
- table: header, width, warnings
- dialect: the separator
- rows: text to rows, lines before the header
- sheets: a sheet of a workbook to rows
- cells: numbers
- joined: variants in three columns
- faults: rows that cannot be read
- library: records of a job from a table
"""

from jobs.parsing.roles import NAMES, SEQUENCES, VALUES, VARIANTS, Role
from jobs.parsing.tables.cells import MISSING, Numbers, stripped
from jobs.parsing.tables.faults import GoodRows
from jobs.parsing.tables.opening import open_table, text_table, workbook_table
from jobs.parsing.tables.rows import Fault, Row
from jobs.parsing.tables.table import Table

__all__ = [
    "MISSING",
    "NAMES",
    "SEQUENCES",
    "VALUES",
    "VARIANTS",
    "Fault",
    "GoodRows",
    "Numbers",
    "Role",
    "Row",
    "Table",
    "open_table",
    "stripped",
    "text_table",
    "workbook_table",
]
