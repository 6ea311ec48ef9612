// The page for a new job: what is kept, looked at and sent of its form.
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const asked: string[] = [];
let arrived: (answer: { status: number; text: string }) => void;

vi.mock("../src/new-job/upload", () => ({
  send: () => ({ answer: new Promise((resolve) => (arrived = resolve)), stop: () => undefined }),
}));

class PreviewWorker extends EventTarget {
  postMessage(look: { source: Blob }): void {
    void look.source.text().then((text) => asked.push(text));
  }
}

const rules = {
  models: { "e1-demo": { maxResidues: 100, stores: { encode: [{ field: "", value: "", per: "item", bytes: 32, layered: true, halves: true }] } } },
  actions: { encode: { preview: true, letters: "MKT", contextLetters: "MKT", needsMask: false } },
  maxContexts: 8,
};

function page(): string {
  const places = ["preview", "preview-status", "preview-body", "context-preview", "problem-records", "estimate", "upload", "upload-text", "problem-summary"];
  return `<script type="application/json" id="rules">${JSON.stringify(rules)}</script>
    <form id="new-job" action="/jobs/new/"><input type="hidden" name="key"><input type="file" id="id_file">
    <textarea id="id_sequences" name="sequences"></textarea><input type="file" id="id_context_file">
    <textarea id="id_context_text" name="context_text"></textarea><input type="text" id="id_name" name="name">
    <select id="id_action" name="action"><option>encode</option></select>
    <select id="id_model" name="model"><option>e1-demo</option></select>
    <input type="text" id="id_repr_layers" name="repr_layers" value="6"><button id="submit">Submit</button></form>
    <progress id="upload-bar"></progress><button id="upload-stop">Stop</button>
    ${places.map((id) => `<div id="${id}"></div>`).join("")}`;
}

beforeEach(() => {
  vi.resetModules();
  vi.stubGlobal("Worker", PreviewWorker);
  document.body.innerHTML = page();
  asked.length = 0;
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
  sessionStorage.clear();
});

function area(id: string): HTMLTextAreaElement {
  return document.getElementById(id) as HTMLTextAreaElement;
}

test("what was typed into both fields is looked at, however fast one follows the other", async () => {
  const { watchSources } = await import("../src/new-job/previews");
  vi.useFakeTimers();
  watchSources();
  for (const [id, text] of [
    ["id_sequences", ">a\nMKT\n"],
    ["id_context_text", ">h\nMKT\n"],
  ] as const) {
    area(id).value = text;
    area(id).dispatchEvent(new Event("input"));
  }
  vi.advanceTimersByTime(1000);
  vi.useRealTimers();
  await vi.waitFor(() => {
    expect(asked).toEqual([">a\nMKT\n", ">h\nMKT\n"]);
  });
});

test("what was kept comes back, but not over what was typed meanwhile", async () => {
  const { restore } = await import("../src/new-job/keeping");
  const kept = { sequences: ">old\nMKT\n", name: "old", repr_layers: "3" };
  sessionStorage.setItem("new-job", JSON.stringify(Object.entries(kept)));
  area("id_sequences").value = ">new\nMKT\n";
  restore();
  expect(area("id_sequences").value).toBe(">new\nMKT\n");
  expect(area("id_name").value).toBe("old");
  expect(area("id_repr_layers").value).toBe("3");
});

function mayLeave(): boolean {
  return dispatchEvent(new Event("beforeunload", { cancelable: true }));
}

test("the browser asks whether to leave while something is sent, and not when it has arrived", async () => {
  const { sendWithProgress } = await import("../src/new-job/sending");
  const left: boolean[] = [];
  const assign = vi.spyOn(location, "assign").mockImplementation(() => left.push(mayLeave()));
  sendWithProgress();
  document.getElementById("new-job")?.dispatchEvent(new Event("submit", { cancelable: true }));
  expect(mayLeave()).toBe(false);
  arrived({ status: 201, text: '{"url": "/jobs/1/"}' });
  await vi.waitFor(() => {
    expect(assign).toHaveBeenCalledWith("/jobs/1/");
  });
  expect(left).toEqual([true]);
});

test("a file that a proxy refuses is not said to be the service's error", async () => {
  const { sendWithProgress } = await import("../src/new-job/sending");
  sendWithProgress();
  document.getElementById("new-job")?.dispatchEvent(new Event("submit", { cancelable: true }));
  arrived({ status: 413, text: "<html><center><h1>413 Request Entity Too Large</h1></center></html>" });
  await vi.waitFor(() => {
    expect(document.getElementById("problem-summary")?.textContent).toContain("A proxy in front of the service");
  });
});
