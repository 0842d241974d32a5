import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { server, settled, visit, withBrowser } from "./browser";

withBrowser();

// The questions people come with, each with the clicks it may take from Home,
// by mouse, and then by keyboard alone. What answers is checked against the API.
// A name typed, with its Enter, counts as one click.

const get = async <T>(path: string) => (await (await fetch(server() + path)).json()) as T;
const cents = (text: string) => Math.round(Number(text.replace("−", "-").replace(/[$,+]/g, "")) * 100);
const round = (v: number) => Math.round(v * 100);

interface Change {
  name: string;
  before: number;
  after: number;
  price: number;
  volume: number;
}
interface Overview {
  meta: { totalCost: number; completeness: { hoursExpected: number; hoursPresent: number } };
  data: {
    parts: Record<string, number>;
    workloadIdle: number;
    clusters: { cluster: string; idle: number }[];
    worstWorkloads: { namespace: string; workloadIdle: number }[];
    changes: { rows: Change[] };
  };
}
interface Fleet {
  data: {
    now: string;
    clusters: { id: string; state: string; silentSince?: string; days: { date: string; hoursExpected: number; hoursPresent: number }[] }[];
  };
}
interface Explored {
  meta: { totalCost: number };
  data: { rows: { name: string; total: number; idleShare: number; sharedShare: number }[] };
}

/** Somebody with a mouse, or with a keyboard only. */
interface Hand {
  page: Page;
  /** Uses a control. */
  use: (target: Locator) => Promise<void>;
  /** Types a name and Enter. */
  name: (text: string) => Promise<void>;
  spent: () => number;
}

function mouse(page: Page): Hand {
  let spent = 0;
  return {
    page,
    use: async (target) => {
      spent += 1;
      await target.click();
    },
    name: async (text) => {
      spent += 1;
      await choose(page, text);
    },
    spent: () => spent,
  };
}

/** Types a name into the open palette, and chooses it. */
async function choose(page: Page, text: string): Promise<void> {
  await page.keyboard.type(text);
  await page
    .getByRole("option", { name: new RegExp(`^${text} `) })
    .first()
    .waitFor();
  await page.keyboard.press("Enter");
}

function keyboard(page: Page): Hand {
  return {
    page,
    use: async (target) => {
      const focused = () => target.evaluate((e) => e === document.activeElement);
      for (let i = 0; i < 150; i++) {
        await page.keyboard.press("Tab");
        if (await focused()) {
          await page.keyboard.press("Enter");
          return;
        }
      }
      throw new Error(`Tab does not lead to ${target.toString()}`);
    },
    name: async (text) => {
      await choose(page, text);
    },
    spent: () => 0,
  };
}

/** Presses keys one after the other. */
const press = async (page: Page, ...keys: string[]) => {
  for (const k of keys) await page.keyboard.press(k);
};

const table = (page: Page) => page.getByRole("region", { name: "Rows", exact: true });

const questions: {
  question: string;
  budget: number;
  byMouse: (h: Hand) => Promise<void>;
  byKeyboard: (h: Hand) => Promise<void>;
  answered: (page: Page) => Promise<void>;
}[] = [
  {
    question: "1. What did we spend across all clusters this month, and is it complete?",
    budget: 0,
    byMouse: () => Promise.resolve(),
    byKeyboard: () => Promise.resolve(),
    answered: async (page) => {
      const { meta } = await get<Overview>("/api/v1/overview?window=month");
      expect(cents(await page.getByTestId("total").innerText())).toBe(round(meta.totalCost));
      const { hoursExpected, hoursPresent } = meta.completeness;
      const share = (Math.floor((hoursPresent / hoursExpected) * 1000) / 10).toString();
      await page.getByText(`${share}% of hours`).waitFor();
    },
  },
  {
    question: "2. Which clusters are silent or have gaps, and since when?",
    budget: 1,
    byMouse: (h) => h.use(h.page.getByRole("link", { name: /silent$/ })),
    byKeyboard: (h) => press(h.page, "g", "f"),
    answered: async (page) => {
      const { data } = await get<Fleet>("/api/v1/fleet");
      const rows = page.getByRole("region", { name: "Table of clusters" }).locator("tbody tr");
      const dayOf = (t: string) => new Date(t).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
      let said = 0;
      for (const c of data.clusters) {
        const text = await rows.filter({ has: page.getByRole("link", { name: c.id, exact: true }) }).innerText();
        const gap = c.days.find((d) => d.hoursPresent < d.hoursExpected && (c.state !== "fresh" || d.date !== data.now.slice(0, 10)));
        if (c.state === "silent") {
          expect(text).toContain("silent");
          expect(text).toContain(`since ${dayOf(c.silentSince ?? "")}`);
        }
        if (gap) {
          expect(text, c.id).toContain(`missing since ${dayOf(gap.date)}`);
          said += 1;
        }
      }
      expect(said, "the demo has gaps").toBeGreaterThan(1);
    },
  },
  {
    question: "3. What does a namespace cost on all clusters, by cluster?",
    budget: 2,
    byMouse: async (h) => {
      await h.use(h.page.getByRole("button", { name: /^Find/ }));
      await h.page.getByRole("combobox", { name: /^Find/ }).waitFor();
      await h.name("payments");
    },
    byKeyboard: async (h) => {
      await press(h.page, "Control+k");
      await h.page.getByRole("combobox", { name: /^Find/ }).waitFor();
      await h.name("payments");
    },
    answered: async (page) => {
      await page.waitForURL(/\/explore\?/); // the page that was left may be settled still
      await settled(page);
      const want = await get<Explored>(
        `/api/v1/explore/allocation?window=7d&aggregate=cluster&accumulate=day&filter=${encodeURIComponent('namespace:"payments"')}`,
      );
      expect(cents(await page.getByTestId("total").innerText())).toBe(round(want.meta.totalCost));
      for (const r of want.data.rows.filter((x) => !x.name.startsWith("__"))) {
        const row = table(page)
          .getByRole("row")
          .filter({ has: page.getByRole("button", { name: r.name, exact: true }) });
        expect(
          cents(
            await row
              .getByRole("button", { name: /^Explain/ })
              .first()
              .innerText(),
          ),
          r.name,
        ).toBe(round(r.total));
      }
    },
  },
  {
    question: "4. Why did cost change against last week: the top five, price and volume apart?",
    budget: 1,
    byMouse: () => Promise.resolve(),
    byKeyboard: () => Promise.resolve(),
    answered: async (page) => {
      const { data } = await get<Overview>("/api/v1/overview?window=month&changes=last7d&by=namespace");
      const rows = page.getByRole("region", { name: "Largest changes" }).locator("tbody tr");
      expect(data.changes.rows.length).toBeGreaterThanOrEqual(5);
      for (const [i, want] of data.changes.rows.slice(0, 5).entries()) {
        const cells = await rows.nth(i).locator("td").allInnerTexts();
        expect(
          [cells[0], cells[1], cells[3], cells[4]].map((t) => cents(t ?? "")),
          want.name,
        ).toEqual([want.before, want.after, want.price, want.volume].map(round));
      }
    },
  },
  {
    question: "5. What does a team owe, with idle and shared cost, shown apart?",
    budget: 1,
    byMouse: (h) => h.use(h.page.getByRole("link", { name: "by team", exact: true })),
    byKeyboard: (h) => h.use(h.page.getByRole("link", { name: "by team", exact: true })),
    answered: async (page) => {
      await page.waitForURL(/\/explore\?/);
      await settled(page);
      const want = await get<Explored>(
        "/api/v1/explore/allocation?window=month&aggregate=team&accumulate=day&shareIdle=true&shareNamespaces=kube-system",
      );
      const heads = await table(page).getByRole("columnheader").allInnerTexts();
      const at = (head: RegExp) => heads.findIndex((h) => head.test(h)) - 1;
      const teams = want.data.rows.filter((r) => !r.name.startsWith("__"));
      expect(teams.length).toBeGreaterThan(2);
      for (const r of teams) {
        const cells = await table(page)
          .getByRole("row")
          .filter({ has: page.getByRole("rowheader", { name: r.name, exact: true }) })
          .locator("td")
          .allInnerTexts();
        expect(
          [/^Total/, /^Share of idle/, /^Share of shared/].map((h) => cents(cells[at(h)] ?? "")),
          r.name,
        ).toEqual([r.total, r.idleShare, r.sharedShare].map(round));
      }
    },
  },
  {
    question: "6. Where is idle money: infrastructure and workloads, the worst ten?",
    budget: 1,
    byMouse: () => Promise.resolve(),
    byKeyboard: () => Promise.resolve(),
    answered: async (page) => {
      const { data } = await get<Overview>("/api/v1/overview?window=month");
      const amounts = async (name: string) =>
        (await page.getByRole("table", { name }).locator("tbody tr td:nth-child(2)").allInnerTexts()).map(cents);
      const idle = data.clusters.map((c) => c.idle).sort((a, b) => b - a);
      expect(await amounts("Clusters with most infrastructure idle")).toEqual(idle.slice(0, 10).map(round));
      expect(await amounts("Namespaces with most workload idle")).toEqual(data.worstWorkloads.map((w) => round(w.workloadIdle)));
    },
  },
  {
    question: "7. Why is this number what it is: formula, prices, objects?",
    budget: 1,
    byMouse: (h) =>
      h.use(
        h.page
          .getByRole("link", { name: /^Explain/ })
          .or(h.page.getByRole("button", { name: /^Explain/ }))
          .first(),
      ),
    byKeyboard: (h) => press(h.page, "e"),
    answered: async (page) => {
      const { meta } = await get<Overview>("/api/v1/overview?window=month");
      const drawer = page.getByRole("dialog");
      await drawer.getByText(/rests on default prices/).waitFor();
      const costs = await drawer.getByRole("region", { name: "Formula table" }).locator("tbody td:last-child").allInnerTexts();
      expect(costs.reduce((s, t) => s + cents(t), 0)).toBe(round(meta.totalCost));
      const sources = await get<{ data: { objects: { key: string }[] } }>("/api/v1/sources?window=month");
      const keys = await drawer.getByRole("region", { name: "Objects" }).locator("tbody th").allInnerTexts();
      const known = new Set(sources.data.objects.map((o) => o.key));
      expect(keys.length).toBeGreaterThan(10);
      for (const k of keys) expect(known.has(k.split("\n")[0] ?? ""), k).toBe(true);
    },
  },
];

describe("Journeys", () => {
  for (const q of questions) {
    it(`${q.question} By mouse, in ${q.budget} clicks.`, async () => {
      const { page, context, complaints } = await visit("/");
      const hand = mouse(page);
      await q.byMouse(hand);
      await settled(page);
      expect(hand.spent()).toBeLessThanOrEqual(q.budget);
      await q.answered(page);
      expect(complaints).toEqual([]);
      await context.close();
    });

    it(`${q.question} By keyboard alone.`, async () => {
      const { page, context, complaints } = await visit("/");
      await q.byKeyboard(keyboard(page));
      await settled(page);
      await q.answered(page);
      expect(complaints).toEqual([]);
      await context.close();
    });
  }

  // Question 10: exactly this view to somebody else, one click each.
  const views = ["/explore?group=cluster", "/explore?group=team&idle=share&window=30d"];
  it.each(["mouse", "keyboard"] as const)("10. Send exactly this view: a link, a CSV, a command. By %s.", async (by) => {
    for (const view of views) {
      const { page, context } = await visit(view);
      const hand = by === "mouse" ? mouse(page) : keyboard(page);
      const shown = cents(await page.getByTestId("total").innerText());
      const button = (name: string) => page.getByRole("button", { name, exact: true });

      if (by === "mouse") await hand.use(button("Copy link"));
      else await press(page, "y");
      await page.getByText("Link copied").first().waitFor();
      const link = await page.evaluate(() => navigator.clipboard.readText());
      const other = await visit(link.slice(`${server()}/ui`.length));
      expect(await other.page.getByTestId("total").innerText()).toBe(await page.getByTestId("total").innerText());
      expect(await table(other.page).innerText()).toBe(await table(page).innerText());
      await other.context.close();

      const [csv] = await Promise.all([page.waitForEvent("download"), hand.use(button("CSV"))]);
      const lines = readFileSync(await csv.path(), "utf8")
        .trim()
        .split("\r\n");
      const at = (lines[0] ?? "").match(/("[^"]*"|[^,]+)/g)?.findIndex((h) => h.includes("Total")) ?? -1;
      const sum = lines.slice(1).reduce((s, l) => s + Number(l.match(/("[^"]*"|[^,]+)/g)?.[at]), 0);
      expect(round(sum)).toBe(shown);

      await hand.use(button("Copy curl"));
      await page.getByText("curl command copied").waitFor();
      const command = await page.evaluate(() => navigator.clipboard.readText());
      const asked = (await (await fetch(/'(.*)'/.exec(command)?.[1] ?? "")).json()) as Explored;
      expect(round(asked.meta.totalCost)).toBe(shown);
      if (by === "mouse") expect(hand.spent(), "three sendings").toBe(3);
      await context.close();
    }
  });
});

describe("Shortcuts", () => {
  it("goes to the pages, into rows and out again, and shifts the period", async () => {
    const { page, context } = await visit("/");
    await press(page, "g", "e");
    await settled(page);
    expect(new URL(page.url()).pathname).toMatch(/\/explore$/);
    await press(page, "]");
    expect(page.url()).not.toContain("window");
    await press(page, "[");
    await settled(page);
    expect(page.url()).toMatch(/window=\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d/);
    await press(page, "]");
    await settled(page);
    expect(page.url()).not.toContain("window");
    // The first rows that lead on; Enter goes in, Backspace comes out.
    // Idle comes first in the demo; it has an explanation, but nothing inside.
    const focused = () => page.evaluate(() => [document.activeElement?.getAttribute("aria-label"), document.activeElement?.textContent]);
    await press(page, "j", "j", "k", "j");
    for (let i = 0; i < 10 && (await focused())[0] != null; i++) await press(page, "j");
    const name = (await focused())[1] ?? "";
    await press(page, "Enter");
    await settled(page);
    expect(decodeURIComponent(page.url())).toContain(name);
    await press(page, "Backspace");
    await settled(page);
    expect(page.url()).not.toContain("filter");
    await press(page, "/");
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe("Filter value");
    // In a text field letters are letters.
    await page.keyboard.type("gh?");
    expect(await page.getByRole("combobox", { name: "Filter value" }).inputValue()).toBe("gh?");
    await press(page, "Escape", "g", "h");
    await settled(page);
    expect(new URL(page.url()).pathname).toMatch(/\/ui\/?$/);
    await context.close();
  });

  it("lists the keys of the page, and can be turned off for good", async () => {
    const { page, context } = await visit("/fleet");
    await press(page, "?");
    const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await help.getByRole("rowheader", { name: "g h" }).waitFor();
    await help.getByText("The period before").waitFor();
    await help.getByRole("checkbox", { name: "Shortcuts of single keys" }).press("Space");
    await press(page, "Escape");
    await help.waitFor({ state: "detached" });
    await press(page, "g", "h", "?");
    expect(page.url()).toContain("/fleet");
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.reload();
    await settled(page);
    await press(page, "g", "h", "?");
    expect(page.url()).toContain("/fleet");
    // What has a modifier still works, and so does the way back.
    await press(page, "Control+k");
    await page.getByRole("dialog", { name: "Find" }).waitFor();
    await press(page, "Escape");
    await page.getByRole("button", { name: "Keyboard shortcuts" }).press("Enter");
    await help.getByRole("checkbox").press("Space");
    await press(page, "Escape");
    await help.waitFor({ state: "detached" });
    await press(page, "g", "h");
    await settled(page);
    expect(page.url()).not.toContain("/fleet");
    await context.close();
  });
});
