// The filter of the list of jobs, where somebody was faster than this script.
import htmx from "htmx.org";

/** Asks for what is in the field for searching by now, where the list on the page was made for something else. */
export function catchUpFilter(): void {
  const field = document.querySelector<HTMLInputElement>("form[hx-get] #id_search");
  if (field?.form && field.value !== field.defaultValue) htmx.trigger(field.form, "submit", {});
}
