// Live fragments while the service is down, or after the session has ended.

/** Shows a message while fragments cannot be fetched. */
export function followSessions(): void {
  const notice = document.getElementById("connection");
  const say = (text: string) => {
    if (notice && notice.textContent !== text) notice.textContent = text;
  };
  for (const silent of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(silent, () => {
      say("The service does not answer. This page tries again by itself.");
    });
  }
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
    if (xhr.status >= 500) say(`The service answered with an error (${xhr.status}). This page tries again by itself.`);
  });
  // htmx sends this after every answer, also after an error.
  document.addEventListener("htmx:afterOnLoad", (event) => {
    const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
    if (xhr.status < 500) say("");
  });
}
