// The page of a job's variants: its distribution is drawn from the table beside it.
import "./pictures/bar-chart";
