import type { Page } from "playwright-core";
import { describe, expect, inject, it } from "vitest";
import { accessible, fits, settled, shoot, themes, visit, withBrowser } from "./browser";

withBrowser();

// Every page in every state it can be in: no violation in both themes, wide and
// narrow, nothing sticks out, and the state says what it should.

const pages = { home: "/", explore: "/explore?compare=7d", fleet: "/fleet", cluster: "/fleet/prod-us-east" } as const;
const names = Object.keys(pages) as (keyof typeof pages)[];
const failing = (what: RegExp) => (page: Page) =>
  page.route(what, (r) => r.fulfill({ status: 500, json: { code: 500, message: "internal error", requestId: "req-4711" } }));
const everything = /\/api\/v1\//;

/** Both widths of one page. */
async function well(page: Page, what: string, theme: string): Promise<void> {
  for (const width of [1400, 400]) {
    await page.setViewportSize({ width, height: 900 });
    await shoot(page, `${what}-${theme}-${width}`);
    await accessible(page, `${what} ${theme} ${width}`);
    await fits(page);
  }
}

describe.each(themes)("States, %s", (theme) => {
  it.each(names)("%s, as it is", async (name) => {
    const { page, context, complaints } = await visit(pages[name], { theme });
    await well(page, name, theme);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("explanation, palette and help, open", async () => {
    const { page, context } = await visit("/explore", { theme });
    await page.keyboard.press("e");
    await page
      .getByRole("dialog")
      .getByText(/rests on default prices/)
      .waitFor();
    await well(page, "explanation", theme);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog", { name: "Find" }).getByRole("option").first().waitFor();
    await well(page, "palette", theme);
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await well(page, "help", theme);
    await context.close();
  });

  // A real server with a real empty bucket.
  it.each(["home", "explore", "fleet"] as const)("%s before the first push says which step is done", async (name) => {
    const { page, context, complaints } = await visit(pages[name].replace("?compare=7d", ""), { theme, base: `${inject("empty")}/ui` });
    const step = (title: string) => page.getByRole("listitem").filter({ hasText: title });
    expect(await step("The bucket is reachable").innerText()).toContain("(done)");
    expect(await step("A cluster has pushed its first object").innerText()).toContain("(to do)");
    expect(await step("The first hour is complete").innerText()).toContain("(to do)");
    await well(page, `${name}-empty`, theme);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("a cluster that nobody knows", async () => {
    const { page, context } = await visit("/fleet/nobody", { theme });
    await page.getByText("No cluster nobody has pushed").waitFor();
    await well(page, "cluster-unknown", theme);
    await context.close();
  });

  it("a question that nothing answers", async () => {
    const { page, context } = await visit(`/explore?filter=${encodeURIComponent('namespace:"no-such"')}`, { theme });
    await page.getByText("Nothing in this period passes the filter.").waitFor();
    await well(page, "explore-nothing", theme);
    await context.close();
  });

  it.each(names)("%s while it loads", async (name) => {
    const { page, context } = await visit(pages[name], { theme, wait: false, before: (p) => p.route(everything, () => undefined) });
    await page.locator("main h1").waitFor();
    await page.locator('[aria-busy="true"]').first().waitFor();
    await well(page, `${name}-loading`, theme);
    await context.close();
  });

  it.each(names)("%s when nothing can be read: what failed, and the request id", async (name) => {
    const { page, context } = await visit(pages[name], { theme, before: failing(everything) });
    await page.getByRole("alert").getByText("req-4711").first().waitFor();
    await page.getByRole("button", { name: "Try again" }).first().waitFor();
    await well(page, `${name}-error`, theme);
    await context.close();
  });

  it.each([
    ["home without the fleet", "/", /api\/v1\/fleet/, "The costs above are right."],
    ["home without costs", "/", /api\/v1\/overview/, "The state of the clusters is known: see Fleet."],
    ["fleet without costs", "/fleet", /api\/v1\/overview/, "The state of the clusters is right."],
    ["fleet without states", "/fleet", /api\/v1\/fleet/, /^The costs are right: \$[\d,.]+ in /],
    [
      "without explanation",
      `/explore?explain=${encodeURIComponent("allocation?window=7d&aggregate=namespace&row=*")}`,
      /api\/v1\/explain/,
      "The number could not be explained.",
    ],
    ["hours of a day", "/fleet/prod-us-east?day=2026-11-20", /api\/v1\/explore/, "The days above are right."],
  ] as const)("%s: the rest is right", async (what, path, broken, still) => {
    const { page, context } = await visit(path, { theme, before: failing(broken) });
    await page.getByRole("alert").getByText("req-4711").first().waitFor();
    await page.getByText(still).first().waitFor();
    await well(page, what.replaceAll(" ", "-"), theme);
    await context.close();
  });
});

describe("While a new answer is under way", () => {
  /** Adds up layout shifts; answers come late, so that no input excuses them. Numbers of another width are none. */
  const watched = async (page: Page) => {
    await page.addInitScript(() => {
      const w = window as unknown as { shifts: string[] };
      w.shifts = [];
      new PerformanceObserver((list) => {
        for (const e of list.getEntries() as (PerformanceEntry & {
          value: number;
          hadRecentInput: boolean;
          sources?: { node?: Node }[];
        })[])
          if (!e.hadRecentInput && e.value > 0.002)
            w.shifts.push(`${e.value.toFixed(4)} ${(e.sources ?? []).map((s) => s.node?.textContent?.slice(0, 40)).join(" | ")}`);
      }).observe({ type: "layout-shift", buffered: true });
    });
    await page.route(/\/api\/v1\/(overview|explore)/, async (r) => {
      await new Promise((done) => setTimeout(done, 700));
      await r.continue();
    });
  };
  const shifts = (page: Page) => page.evaluate(() => (window as unknown as { shifts: string[] }).shifts);

  it.each(["home", "explore", "fleet"] as const)(
    "%s moves nothing, and keeps the old numbers until the new ones are there",
    async (name) => {
      for (const width of [1400, 400]) {
        const { page, context } = await visit(pages[name].replace("?compare=7d", ""), { width, before: watched });
        await page.reload();
        await settled(page);
        expect(await shifts(page), `reload at ${width} px`).toEqual([]);
        const total = page.getByTestId("total").first();
        const old = await total.innerText();
        await page
          .getByRole("group", { name: "Period", exact: true })
          .getByRole("radio", { name: "Yesterday", exact: true })
          .check({ force: true });
        await page.locator('[aria-busy="true"]').first().waitFor();
        expect(await total.innerText()).toBe(old);
        await settled(page);
        expect(await total.innerText()).not.toBe(old);
        // Not last month: the demo has nothing of it, and a period without data is another page.
        for (const other of ["Today", "7 days", "30 days", "This month"]) {
          await page
            .getByRole("group", { name: "Period", exact: true })
            .getByRole("radio", { name: other, exact: true })
            .check({ force: true });
          await settled(page);
          await page.waitForTimeout(100);
          expect(await shifts(page), `${other} at ${width} px`).toEqual([]);
        }
        await context.close();
      }
    },
  );

  it("another day of a cluster moves nothing", async () => {
    for (const width of [1400, 400]) {
      const { page, context } = await visit("/fleet/prod-us-east", { width, before: watched });
      for (const day of [-4, -9]) {
        await page.getByRole("list", { name: "Days" }).getByRole("link").nth(day).click();
        await page.locator('[aria-busy="true"]').first().waitFor();
        expect(await page.getByRole("main").getByText(/: …$/).count()).toBe(1); // not the amount of the day before
        await settled(page);
        await page.waitForTimeout(100);
        expect(await shifts(page), `day ${day} at ${width} px`).toEqual([]);
      }
      await context.close();
    }
  });
});
