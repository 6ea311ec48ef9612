// The filter of the list of jobs, if the user typed before this script ran.
import htmx from "htmx.org";

/** Requests the list again if the search field has changed since the page was made. */
export function catchUpFilter(): void {
  const field = document.querySelector<HTMLInputElement>("form[hx-get] #id_search");
  if (field?.form && field.value !== field.defaultValue) htmx.trigger(field.form, "submit", {});
}
