// <job-notices address="..." user="...">: asks now and then which jobs have ended, and shows a notification for each.
// It is on every page of users who chose that. Without permission of the browser it asks nothing.

const PAUSE = 20_000;

interface News {
  until: string;
  jobs: { id: string; name: string; state: string; url: string }[];
}

/** What a page needs of the browser; tests replace it. */
export interface Browser {
  allowed: () => boolean;
  fetch: (address: string) => Promise<News | null>;
  show: (title: string, options: NotificationOptions, url: string) => void;
  store: Pick<Storage, "getItem" | "setItem">;
}

export const real: Browser = {
  allowed: () => "Notification" in window && Notification.permission === "granted",
  fetch: async (address) => {
    const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" } });
    return answer.ok ? ((await answer.json()) as News) : null;
  },
  show: (title, options, url) => {
    const shown = new Notification(title, options);
    shown.addEventListener("click", () => {
      window.focus();
      location.assign(url);
    });
  },
  store: localStorage,
};

/** Asks once, and shows what is new. `key` names the moment up to which all pages of this browser have asked. */
export async function look(address: string, key: string, browser: Browser): Promise<void> {
  if (!browser.allowed()) return;
  const after = browser.store.getItem(key) ?? "";
  const news = await browser.fetch(`${address}?after=${encodeURIComponent(after)}`).catch(() => null);
  // Another page of this browser has asked meanwhile, and shows the same.
  if (!news || (browser.store.getItem(key) ?? "") !== after) return;
  browser.store.setItem(key, news.until);
  for (const job of news.jobs) browser.show(`${job.name}: ${job.state}`, { tag: job.id, body: "The job has ended." }, job.url);
}

export class JobNotices extends HTMLElement {
  #timer = 0;

  connectedCallback(): void {
    const address = this.getAttribute("address") ?? "";
    const key = `e1-notices-${address}-${this.getAttribute("user") ?? ""}`;
    const ask = () => void look(address, key, real);
    ask();
    this.#timer = window.setInterval(ask, PAUSE);
  }

  disconnectedCallback(): void {
    clearInterval(this.#timer);
  }
}

customElements.define("job-notices", JobNotices);
