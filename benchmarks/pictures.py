"""The pictures in a real browser: when they are first drawn, and how long frames take during use.

Run `python -m benchmarks pictures`, with Debian's Chromium and Playwright. Without a graphics card the browser draws in
software, on the processors that also run the service. With a card it is faster.

A frame is the time between two calls of `requestAnimationFrame`. If any frames drew something, only those count. The
display refreshes every 16.7 ms, so no frame is shorter.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.finished_jobs import contact_job, encoded_job, random_protein, scanned_job, scored_job, variants_of
from benchmarks.measuring import Row
from benchmarks.service_data import FACTS, clear, logged_in_client
from benchmarks.service_stack import HOST, MODEL, Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
VIEW = {"width": 1200, "height": 900}
TARGET = "<= 50"
READY_SECONDS = 120

WATCH = """
(() => {
  const seen = { ready: 0, frames: [], on: false };
  window.seen = seen;
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      if (!seen.ready && target.matches("heat-map, scatter-plot, point-map") && target.hasAttribute("data-ready"))
        seen.ready = performance.now();
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-ready"] });
  let drew = false;
  const own = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (...asked) {
    drew = true;
    return own.apply(this, asked);
  };
  let last = 0;
  const step = (now) => {
    if (seen.on && last) seen.frames.push([now - last, drew]);
    last = seen.on ? now : 0;
    drew = false;
    requestAnimationFrame(step); // before whatever a page asks for meanwhile: it runs first in each frame
  };
  requestAnimationFrame(step);
})();
"""
"""Runs before a page's own scripts. Records when the picture is ready, and during `seen.on` the time of each frame and
whether it drew something."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The amount of data in each picture."""

    positions: int = 2000
    points: int = 50_000
    variants: int = 100_000
    contacts: int = 512
    steps: int = 40


SMOKE = Sizes(positions=60, points=300, variants=400, contacts=40, steps=4)


@dataclass(frozen=True, slots=True)
class Picture:
    """A page with a picture, its element, and the gestures to perform on it."""

    name: str
    path: str
    element: str
    gestures: Sequence[str]


def pictures(service: Service, *, sizes: Sizes, repeats: int) -> Iterator[Row]:
    """Report for each picture the time until it is drawn, the size of its JSON, and the frames during use."""
    clear()
    found = list(_lay_out(sizes))
    cookie = logged_in_client().cookies["sessionid"].value
    with service.web():
        yield from _measured(found, cookie, f"http://{HOST}:{service.port}", sizes.steps, repeats)


def _lay_out(sizes: Sizes) -> Iterator[Picture]:
    from jobs.maps.services import analysis_request
    from jobs.models import Job
    from jobs.tasks.building import artefact_build
    from jobs.variants.assays import assay_add

    scan = scanned_job(model=MODEL, sequence=random_protein(sizes.positions))
    contacts = contact_job(model=MODEL, sequence=random_protein(sizes.contacts))
    side = sizes.contacts
    for name, job in ((f"scan, 20 x {sizes.positions}", scan), (f"contacts, {side} x {side}", contacts)):
        yield Picture(name, f"/jobs/{job}/items/0/", "heat-map", ("hover", "keys", "zoom", "drag"))
    parent = random_protein(300)
    codes = list(variants_of(parent, sizes.variants))
    score = scored_job(model=MODEL, parent=parent, variants=codes)
    rows = "".join(f"{code},{place % 997}\n" for place, code in enumerate(codes))
    assay = assay_add(job=Job.objects.get(pk=score), data=f"mutant,fitness\n{rows}".encode(), name="measured.csv")
    yield Picture(
        f"scatter, {sizes.variants} points", f"/jobs/{score}/assays/{assay.pk}/", "scatter-plot", ("hover", "keys")
    )
    encoded = encoded_job(model=MODEL, layer=FACTS.layers, items=sizes.points, width=16)
    analysis = analysis_request(job=Job.objects.get(pk=encoded), kind="map", params={"method": "pca"})
    if not artefact_build(artefact_id=analysis.pk):
        raise RuntimeError("the map was not built")
    yield Picture(
        f"map, {sizes.points} points", f"/jobs/{encoded}/map/", "point-map", ("keys", "zoom", "drag", "lasso")
    )


def _measured(found: Sequence[Picture], cookie: str, url: str, steps: int, repeats: int) -> Iterator[Row]:
    from playwright.sync_api import sync_playwright

    path = next((program for name in BROWSERS if (program := shutil.which(name))), None)
    if path is None:
        raise RuntimeError("no Chromium on this machine; on Debian install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            context = browser.new_context(base_url=url, viewport=VIEW)
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])
            context.add_init_script(WATCH)
            for picture in found:
                yield from _one(context, picture, steps, repeats)
        finally:
            browser.close()


def _one(context: Any, picture: Picture, steps: int, repeats: int) -> Iterator[Row]:
    drawn: list[float] = []
    behind: list[float] = []
    frames: dict[str, list[tuple[float, bool]]] = {gesture: [] for gesture in picture.gestures}
    source: dict[str, Any] = {}
    for _ in range(repeats):
        page = context.new_page()
        page.goto(picture.path)
        page.locator(f"{picture.element}[data-ready]").first.wait_for(timeout=1000 * READY_SECONDS)
        ready = page.evaluate("window.seen.ready")
        source = page.evaluate(LARGEST)
        drawn.append(ready)
        behind.append(ready - source["end"])
        box = _box(page, picture.element)
        for gesture in picture.gestures:
            page.evaluate("window.seen.frames = []; window.seen.on = true")
            GESTURES[gesture](page, box, steps)
            page.evaluate("window.seen.on = false")
            frames[gesture] += page.evaluate("window.seen.frames")
        page.close()
    detail = {"json_bytes": source["decoded"], "sent_bytes": source["encoded"], "repeats": repeats}
    name = f"pictures: {picture.name}"
    yield Row(f"{name}, drawn after", statistics.median(drawn), "ms", "", 0.0, detail)
    yield Row(f"{name}, drawn after its numbers are there", statistics.median(behind), "ms", "", 0.0, detail)
    yield Row(f"{name}, JSON", source["decoded"] / 1e6, "MB", "", 0.0, detail)
    for gesture, taken in frames.items():
        busy = [time for time, drew in taken if drew]
        ordered = sorted(busy or [time for time, _ in taken])
        late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        many = {"frames": len(ordered), "drawn": bool(busy), "longest_ms": ordered[-1]}
        yield Row(f"{name}, {gesture}: frame", statistics.median(ordered), "ms", TARGET, 0.0, many)
        yield Row(f"{name}, {gesture}: 95 % of frames within", late, "ms", TARGET, 0.0, many)


LARGEST = """
() => {
  const found = performance.getEntriesByType("resource").filter((one) => one.initiatorType === "fetch");
  const largest = found.reduce((most, one) => (one.decodedBodySize > most.decodedBodySize ? one : most));
  return { decoded: largest.decodedBodySize, encoded: largest.encodedBodySize, end: largest.responseEnd };
}
"""
"""Finds the answer with the picture's data: the largest one that was fetched."""

Box = Mapping[str, float]


def _box(page: Any, element: str) -> Box:
    """Scroll the canvas into view and return its place."""
    canvas = page.locator(f"{element} canvas").last
    canvas.scroll_into_view_if_needed()
    return dict(canvas.bounding_box())


def _hover(page: Any, box: Box, steps: int) -> None:
    for step in range(steps):
        share = (step + 0.5) / steps
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] * (0.2 + 0.5 * share))
        _next_frame(page)


def _keys(page: Any, box: Box, steps: int) -> None:
    page.locator("[role=application]").first.focus()
    for step in range(steps):
        page.keyboard.press(("ArrowRight", "ArrowDown", "ArrowRight", "ArrowUp")[step % 4])
        _next_frame(page)


def _zoom(page: Any, box: Box, steps: int) -> None:
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.keyboard.down("Control")
    for step in range(steps):
        page.mouse.wheel(0, -100 if step < 0.7 * steps else 100)
        _next_frame(page)
    page.keyboard.up("Control")


def _drag(page: Any, box: Box, steps: int) -> None:
    x, y = box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(steps):
        page.mouse.move(x + 4 * step, y + 2 * step)
        _next_frame(page)
    page.mouse.up()


def _lasso(page: Any, box: Box, steps: int) -> None:
    page.evaluate("document.querySelector('point-map').tool = 'lasso'")
    _drag(page, box, steps)
    page.evaluate("document.querySelector('point-map').tool = 'point'")


def _next_frame(page: Any) -> None:
    """Wait for the frame that draws the effect of the last event."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")


GESTURES: Mapping[str, Callable[[Any, Box, int], None]] = {
    "hover": _hover,
    "keys": _keys,
    "zoom": _zoom,
    "drag": _drag,
    "lasso": _lasso,
}
