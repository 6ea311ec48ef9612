// What a user can do about records that are not valid.
import { beforeEach, expect, test, vi } from "vitest";
import { emptyReport, type Report } from "../src/new-job/report";
import { each, join, withoutGaps } from "../src/new-job/rewriting";

beforeEach(() => {
  vi.resetModules();
  document.body.innerHTML = `<script type="application/json" id="rules">{}</script>
    <form id="new-job"><input type="hidden" name="key"><input type="file" id="id_file"><textarea id="id_sequences"></textarea>
    <input type="file" id="id_context_file"><textarea id="id_context_text"></textarea><input id="id_name">
    <select id="id_action"></select><select id="id_model"></select><input type="radio" id="id_on_invalid_skip"><button id="submit"></button></form>`;
});

async function offered(report: Partial<Report>): Promise<HTMLButtonElement[]> {
  const { waysOut } = await import("../src/new-job/ways-out");
  document.body.append(...waysOut({ ...emptyReport("service"), ...report }));
  return [...document.querySelectorAll<HTMLButtonElement>("[role=group] button")];
}

const fault = { code: "bad_letter", line: 2, column: 3, record: "a", character: "-", what: "a gap", near: null };
const bad = { line: 1, header: 'a "one"', sequence: "MK-T", why: "a gap, in line 2" };

test("good records are submitted without the bad ones", async () => {
  const [submit] = await offered({ records: 3, good: 2, badRecords: 1 });
  const sent = vi.spyOn(HTMLFormElement.prototype, "requestSubmit").mockImplementation(() => undefined);
  expect(submit?.textContent).toBe("Submit the 2 good ones");
  submit?.click();
  expect((document.getElementById("id_on_invalid_skip") as HTMLInputElement).checked).toBe(true);
  expect(sent).toHaveBeenCalledOnce();
});

test("gaps are removed from pasted text, but not from headers", async () => {
  const area = document.getElementById("id_sequences") as HTMLTextAreaElement;
  area.value = ">a-1\nMK-T.\n";
  const heard = vi.fn();
  area.addEventListener("input", heard);
  const [, remove] = await offered({ records: 2, good: 1, badRecords: 1, faults: [fault] });
  remove?.click();
  await vi.waitFor(() => {
    expect(heard).toHaveBeenCalledOnce();
  });
  expect(area.value).toBe(">a-1\nMKT\n");
});

test("bad records are a table that can be handed in again", async () => {
  const blobs: Blob[] = [];
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => `blob:${blobs.push(blob as Blob)}`);
  const buttons = await offered({ records: 1, badRecords: 1, badOnes: [bad] });
  expect(buttons.map((one) => one.textContent)).toEqual(["Download the 1 bad one"]);
  buttons[0]?.click();
  expect(await blobs[0]?.text()).toBe('name,sequence,line,problem\n"a ""one""","MK-T","1","a gap, in line 2"\n');
});

test("bad records that the browser found are fetched from the service", async () => {
  const fetched = vi.fn(() => Promise.resolve(new Response(JSON.stringify({ library: { badOnes: [bad] } }))));
  vi.stubGlobal("fetch", fetched);
  const made = vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:1");
  const [download] = await offered({ format: "fasta", records: 1, badRecords: 1 });
  download?.click();
  await vi.waitFor(() => {
    expect(made).toHaveBeenCalledOnce();
  });
  expect(fetched).toHaveBeenCalledOnce();
  vi.unstubAllGlobals();
});

test("nothing is offered if there is nothing to do", async () => {
  expect(await offered({ records: 2, good: 2 })).toEqual([]);
});

test("lines without headers become what the user says they are", async () => {
  const area = document.getElementById("id_sequences") as HTMLTextAreaElement;
  area.value = "MKT\n\nAYI \n";
  const offers = [{ field: "layout", value: "join", label: "Join the lines into one sequence" }];
  const [way] = await offered({ broken: "Several lines.", offers });
  way?.click();
  await vi.waitFor(() => {
    expect(area.value).toBe(">record_1\nMKT\nAYI\n");
  });
  expect(each("MKT\r\nAYI")).toBe(">record_1\nMKT\n>record_2\nAYI\n");
  expect(join("MKT")).toBe(">record_1\nMKT\n");
  expect(withoutGaps(">a-b\nM-K\n.T\n")).toBe(">a-b\nMK\nT\n");
});
