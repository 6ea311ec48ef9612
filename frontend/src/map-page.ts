// The page of a map, around the picture. Without this script the page has the table and all forms.
import type { PointMap } from "./elements/point-map";
import "./elements/point-map";
import type { ColumnFile } from "./maps/colourings";
import { type Colouring, cividis, plain, swatch } from "./maps/colours";

const LISTED = 60;

const map = document.querySelector<PointMap>("point-map");
const box = (id: string) => document.getElementById(id);

if (map) {
  const colour = box("id_colour") as HTMLSelectElement | null;
  const picks = box("picked-items") as HTMLInputElement | null;
  const query = new URLSearchParams(location.search);

  const keep = (name: string, value: string) => {
    query.set(name, value);
    history.replaceState(null, "", `?${query.toString()}`);
  };

  const legend = (colouring: Colouring) => {
    const place = box("map-legend");
    if (!place) return;
    const title = document.createElement("h2");
    title.className = "h6";
    title.textContent = colouring.title;
    if (colouring.limits) {
      place.replaceChildren(title, scale(colouring.limits));
      return;
    }
    const list = document.createElement("ul");
    const entries = colouring.entries ?? [];
    entries.slice(0, LISTED).forEach((entry, number) => {
      const line = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "legend-entry";
      button.append(swatch(entry.look), `${entry.text} `);
      const count = document.createElement("span");
      count.className = "quiet";
      count.textContent = entry.count.toLocaleString("en");
      button.append(count);
      button.title = "Pick these";
      button.addEventListener("click", () => {
        map.pickClass(number < colouring.looks.length ? number : -1);
      });
      line.append(button);
      list.append(line);
    });
    if (entries.length > LISTED) {
      const line = document.createElement("li");
      line.textContent = `and ${entries.length - LISTED} more`;
      list.append(line);
    }
    place.replaceChildren(title, list);
  };

  const scale = ([low, high]: [number, number]): HTMLElement => {
    const figure = document.createElement("div");
    const bar = document.createElement("canvas");
    bar.width = 200;
    bar.height = 12;
    bar.className = "map-scale";
    bar.setAttribute("role", "img");
    bar.setAttribute("aria-label", `from ${plain(low)} to ${plain(high)}`);
    const pen = bar.getContext("2d");
    for (let x = 0; pen && x < bar.width; x += 1) {
      pen.fillStyle = cividis(x / (bar.width - 1));
      pen.fillRect(x, 0, 1, bar.height);
    }
    const ends = document.createElement("p");
    ends.className = "map-ends";
    ends.append(span(plain(low)), span(plain(high)));
    const note = document.createElement("p");
    note.className = "quiet";
    note.textContent = "2nd to 98th percentile; values beyond have the colour of the end.";
    figure.append(bar, ends, note);
    return figure;
  };

  const span = (text: string): HTMLElement => {
    const element = document.createElement("span");
    element.textContent = text;
    return element;
  };

  const repaint = async () => {
    const chosen = colour?.value ?? "cluster";
    let colouring = map.byOwn(chosen);
    if (chosen.startsWith("/")) {
      const answer = await fetch(chosen);
      if (answer.ok) colouring = map.byColumn((await answer.json()) as ColumnFile);
    }
    colouring ??= map.byOwn("residues");
    if (!colouring) return;
    map.paint(colouring);
    legend(colouring);
  };

  const showPicks = (items: number[]) => {
    if (picks) picks.value = items.join(",");
    const count = box("picked-count");
    if (count) count.textContent = items.length ? `${items.length.toLocaleString("en")} picked` : "Nothing is picked";
    for (const check of document.querySelectorAll<HTMLInputElement>('input[name="pick"]')) {
      check.checked = items.includes(Number(check.value));
    }
    const names = box("picked-names");
    const { points } = map;
    if (!names || !points) return;
    const held = new Set(items);
    const shown: HTMLElement[] = [];
    points.index.forEach((item, place) => {
      if (shown.length >= LISTED || !held.has(item)) return;
      const line = document.createElement("li");
      const link = document.createElement("a");
      link.href = `${map.dataset.items ?? ""}${item}/`;
      link.textContent = points.name[place] ?? "";
      line.append(link);
      shown.push(line);
    });
    if (items.length > LISTED) {
      const line = document.createElement("li");
      line.textContent = `and ${(items.length - LISTED).toLocaleString("en")} more`;
      shown.push(line);
    }
    names.replaceChildren(...shown);
  };

  map.addEventListener("map-loaded", () => {
    void repaint().then(() => {
      const item = query.get("point");
      if (item) map.focusItem(Number(item));
      map.dataset.ready = "";
    });
  });
  map.addEventListener("picks", (event) => {
    showPicks((event as CustomEvent<{ items: number[] }>).detail.items);
  });
  map.addEventListener("point-focus", (event) => {
    keep("point", String((event as CustomEvent<{ item: number }>).detail.item));
  });
  map.addEventListener("point-open", (event) => {
    const { item, byKey } = (event as CustomEvent<{ item: number; byKey: boolean }>).detail;
    void openPoint(item, byKey);
  });
  colour?.addEventListener("change", () => {
    keep("colour", colour.value);
    void repaint();
  });

  const token = document.querySelector<HTMLInputElement>('input[name="csrfmiddlewaretoken"]')?.value ?? "";
  let asked = -1;

  /** Shows the panel of an item with its neighbours, and draws lines to them. */
  const openPoint = async (item: number, byKey: boolean) => {
    const panel = box("point-panel");
    if (!panel || !map.points) return;
    asked = item;
    const place = map.points.index.indexOf(item);
    panel.hidden = false;
    const title = document.createElement("h2");
    title.className = "h5";
    title.tabIndex = -1;
    title.textContent = map.points.name[place] ?? "";
    const facts = document.createElement("p");
    const linkTo = (text: string, address: string) => {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = text;
      return link;
    };
    const own = `${map.dataset.items ?? ""}${item}/`;
    facts.append(
      `Record ${(item + 1).toLocaleString("en")}, ${(map.points.residues[place] ?? 0).toLocaleString("en")} residues, ${map.colouring?.say(place) ?? ""}. `,
      linkTo("Item", own),
      " ",
      linkTo("All neighbours", `${own}neighbours/`),
    );
    const said = document.createElement("p");
    said.textContent = "Looking for its neighbours";
    panel.replaceChildren(title, facts, said);
    if (byKey) title.focus();
    try {
      const answer = await fetch(map.dataset.neighbours ?? "", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token },
        body: JSON.stringify({ index: item, k: 10, layer: Number(map.dataset.layer) }),
      });
      const body = (await answer.json()) as {
        detail?: string;
        neighbours?: { index: number; name: string; similarity: number }[];
      };
      if (asked !== item) return;
      if (!body.neighbours) {
        said.textContent = body.detail ?? "Its neighbours cannot be found now.";
        return;
      }
      said.textContent = "Nearest by cosine:";
      const list = document.createElement("ol");
      for (const one of body.neighbours) {
        const line = document.createElement("li");
        line.append(linkTo(one.name, `${map.dataset.items ?? ""}${one.index}/`), ` ${one.similarity.toFixed(4)}`);
        list.append(line);
      }
      panel.append(list);
      map.showNeighbours(body.neighbours.map((one) => one.index));
    } catch {
      said.textContent = "The service does not answer.";
    }
  };

  // --- tools ---

  const press = (id: string, act: () => void) => {
    box(id)?.addEventListener("click", act);
  };
  press("map-in", () => {
    map.zoomBy(1.5);
  });
  press("map-out", () => {
    map.zoomBy(1 / 1.5);
  });
  press("map-all", () => {
    map.reset();
  });
  press("map-clear", () => {
    map.pickItems([], false);
  });
  press("map-png", () => {
    void map.picture().then((blob) => {
      if (!blob) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = map.dataset.filename ?? "map.png";
      link.click();
      setTimeout(() => {
        URL.revokeObjectURL(link.href);
      }, 10_000);
    });
  });
  for (const choice of document.querySelectorAll<HTMLInputElement>('input[name="tool"]')) {
    choice.addEventListener("change", () => {
      if (choice.value === "point" || choice.value === "box" || choice.value === "lasso") map.tool = choice.value;
      map.dataset.tool = choice.value;
    });
  }
  for (const check of document.querySelectorAll<HTMLInputElement>('input[name="pick"]')) {
    check.addEventListener("change", () => {
      if (check.checked) map.pickItems([Number(check.value)], true);
      else map.unpick(Number(check.value));
    });
  }
  for (const part of document.querySelectorAll<HTMLElement>("[data-scripted]")) part.hidden = false;
}
