"""Excel workbooks (.xlsx, .xlsm) as rows of text, in bounded memory and linear time.

A workbook is a ZIP archive of XML parts. They are read as streams by `zipfile` and expat, and nothing is held but one
row. Texts that cells share go to a temporary file. docs/adr/0009-workbooks-as-streams.md says why no library is used.

- package: the archive, its parts and limits
- xml: events of one part
- book: names of sheets, and cell styles that are dates
- texts: the texts that cells share
- values: what a cell shows
- sheet: rows of cells

Errors: `bad_workbook`, `no_such_sheet`, `empty_file`; TooLarge with `workbook_too_large` and `gzip_ratio`.
"""
