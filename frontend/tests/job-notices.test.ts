import { expect, test } from "vitest";
import { type Browser, look } from "../src/elements/job-notices";

function fake(allowed = true) {
  const kept = new Map<string, string>();
  const asked: string[] = [];
  const shown: string[] = [];
  const answers: (() => Promise<{ until: string; jobs: { id: string; name: string; state: string; url: string }[] } | null>)[] = [];
  const browser: Browser = {
    allowed: () => allowed,
    fetch: (address) => {
      asked.push(address);
      return (answers.shift() ?? (() => Promise.resolve(null)))();
    },
    show: (title, options, url) => shown.push(`${title} ${options.tag ?? ""} ${url}`),
    store: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) },
  };
  return { browser, kept, asked, shown, answers };
}

const job = { id: "1", name: "library", state: "succeeded", url: "/jobs/1/" };

test("each job that has ended is shown, and the next question begins there", async () => {
  const { browser, asked, shown, answers } = fake();
  answers.push(() => Promise.resolve({ until: "2026-01-01T00:00:00+00:00", jobs: [job] }));
  await look("/news/", "key", browser);
  await look("/news/", "key", browser);
  expect(shown).toEqual(["library: succeeded 1 /jobs/1/"]);
  expect(asked).toEqual(["/news/?after=", "/news/?after=2026-01-01T00%3A00%3A00%2B00%3A00"]);
});

test("without permission nothing is asked", async () => {
  const { browser, asked } = fake(false);
  await look("/news/", "key", browser);
  expect(asked).toEqual([]);
});

test("what another page has shown meanwhile is not shown again", async () => {
  const { browser, kept, shown, answers } = fake();
  answers.push(() => {
    kept.set("key", "later");
    return Promise.resolve({ until: "now", jobs: [job] });
  });
  await look("/news/", "key", browser);
  expect(shown).toEqual([]);
  expect(kept.get("key")).toBe("later");
});

test("a lost connection loses nothing: the next question begins where the last answer ended", async () => {
  const { browser, asked, answers } = fake();
  answers.push(() => Promise.resolve({ until: "t1", jobs: [] }));
  answers.push(() => Promise.reject(new Error("offline")));
  for (let turn = 0; turn < 3; turn += 1) await look("/news/", "key", browser);
  expect(asked).toEqual(["/news/?after=", "/news/?after=t1", "/news/?after=t1"]);
});
