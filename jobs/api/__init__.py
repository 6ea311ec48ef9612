"""The REST interface of jobs. Views translate between HTTP and services."""
