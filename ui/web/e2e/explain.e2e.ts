import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { accessible, fits, settled, shoot, themes, visit, withBrowser } from "./browser";

withBrowser();

const program = fileURLToPath(new URL("../../../bin/fleetcost", import.meta.url));
const cents = (text: string) => Math.round(Number(text.replace("−", "-").replace(/[$,+]/g, "")) * 100);

/** What the open drawer explains, once it is there, in cents. */
async function explained(page: Page): Promise<number> {
  const number = page.getByRole("dialog").getByTestId("explained");
  await number.waitFor();
  return cents(await number.innerText());
}

/** Opens the drawer on numbers one after the other, and compares. */
async function eachIsItsNumber(page: Page, costs: ReturnType<Page["locator"]>, most = 4) {
  const n = await costs.count();
  expect(n).toBeGreaterThan(0);
  for (let i = 0; i < Math.min(n, most); i++) {
    const cost = costs.nth(i);
    const shown = cents(await cost.innerText());
    await cost.click();
    expect(Math.abs((await explained(page)) - shown), (await cost.getAttribute("aria-label")) ?? "").toBeLessThanOrEqual(0);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }
}

const copied = async (page: Page, what: string): Promise<string> => {
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: what, exact: true }).click();
  await drawer.getByRole("status").filter({ hasText: "copied" }).waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
};

describe("Explain", () => {
  // Question 7, one click: why is this number what it is?
  it("explains the fleet's total in one click from Home, in place", async () => {
    for (const theme of themes) {
      const { page, context, complaints } = await visit("/?window=yesterday", { theme });
      await page.getByTestId("total").getByRole("button").click();
      const shown = cents(await page.getByTestId("total").innerText());
      expect(await explained(page)).toBe(shown);
      const drawer = page.getByRole("dialog");
      const formula = drawer.getByRole("region", { name: "Formula table" });
      const costs = await formula.locator("tbody td:last-child").allInnerTexts();
      expect(
        costs.reduce((s, t) => s + cents(t), 0),
        "the lines of the formula",
      ).toBe(shown);
      const factors = await formula.locator("tbody tr").first().locator("td b").allInnerTexts();
      const product = factors.reduce((p, t) => p * Number(t.replaceAll(",", "")), 1);
      expect(Math.abs(product * 100 - cents(costs[0] ?? "")), "the factors of the first line").toBeLessThanOrEqual(1);
      await drawer.getByText(/rests on default prices/).waitFor();
      const key = await drawer.getByRole("region", { name: "Objects" }).locator("tbody th").first().innerText();
      expect(key).toMatch(/v1\/(live\/)?allocation\/(date=\S+\/)?cluster_id=\S+\/data\.parquet/);
      await drawer.getByText("Show the SQL").click();
      await drawer.getByText(/read_parquet/).waitFor();
      await shoot(page, `explain-${theme}`);
      await accessible(page, `explain ${theme}`);
      expect(page.url()).toContain("window=yesterday");
      expect(complaints).toEqual([]);
      await context.close();
    }
  });

  it("explains the parts, the trend, the clusters and idle of Home by the same numbers", async () => {
    const { page, context } = await visit("/?window=yesterday&trend=table");
    const card = (title: string | RegExp) => page.getByRole("region", { name: title, exact: typeof title === "string" });
    await eachIsItsNumber(page, card("Total").locator("tbody [data-cost]"));
    await eachIsItsNumber(
      page,
      card(/^Cost by/)
        .first()
        .locator("tbody tr")
        .nth(3)
        .locator("[data-cost]"),
      5,
    );
    await eachIsItsNumber(page, card("Fleet").locator("[data-cost]"), 2);
    await eachIsItsNumber(page, card("Idle").locator("[data-cost]").filter({ hasNotText: "x" }).first(), 1);
    await eachIsItsNumber(page, card("Idle").locator("tbody [data-cost]"), 12);
    await context.close();
  });

  it("explains the clusters of Fleet", async () => {
    const { page, context } = await visit("/fleet?window=yesterday");
    await eachIsItsNumber(page, page.getByRole("region", { name: "Table of clusters" }).locator("[data-cost]"), 4);
    await context.close();
  });

  // Agents push while it runs: the numbers may move in between.
  it("explains what changed, with the days that were compared", { retry: 2 }, async () => {
    const { page, context } = await visit("/");
    const mover = page.getByRole("region", { name: "Largest changes" }).locator("tbody tr").first().locator("[data-cost]").nth(2);
    const shown = await mover.innerText();
    await mover.click();
    await explained(page);
    const change = page.getByRole("dialog").getByRole("region", { name: "Change, like for like" });
    const cells = await change.locator("td").allInnerTexts();
    const [before, price, volume, now] = cells.map(cents);
    expect((price ?? 0) + (volume ?? 0)).toBeCloseTo((now ?? 0) - (before ?? 0), -0.5);
    expect(Math.abs((price ?? 0) + (volume ?? 0) - cents(shown))).toBeLessThanOrEqual(2);
    await context.close();
  });

  it("explains every cost of a row of Explore, one tab stop a row, arrows to the rest", async () => {
    const { page, context } = await visit("/explore?window=yesterday&group=namespace&idle=share&overhead=share&shared=kube-system");
    const row = page.getByRole("region", { name: "Rows" }).locator("tbody tr").first();
    await eachIsItsNumber(page, row.locator("[data-cost]"), 12);
    expect(await row.locator('[data-cost][tabindex="0"]').count()).toBe(1);
    const total = row.locator("[data-cost]").first();
    await total.focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    const name = await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");
    expect(name).toMatch(/^Explain .*, CPU, USD/);
    await page.keyboard.press("Enter");
    await explained(page);
    await context.close();
  });

  it("explains a row, with the objects of its cluster, and goes away by Escape and comes back by back and reload", async () => {
    const { page, context } = await visit('/explore?group=namespace&filter=cluster:"prod-us-east"', { width: 420 });
    const row = page.getByRole("row").filter({ hasText: "ml-serving" }).first();
    await row
      .getByRole("button", { name: /^Explain/ })
      .first()
      .click();
    await explained(page);
    const drawer = page.getByRole("dialog");
    const keys = drawer.getByRole("region", { name: "Objects" }).locator("tbody th");
    const clusters = new Set((await keys.allInnerTexts()).map((k) => /cluster_id=([^/]+)/.exec(k)?.[1]));
    expect([...clusters]).toEqual(["prod-us-east"]);
    await fits(page);
    expect(await copied(page, "SQL")).toContain("name = 'ml-serving'");
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    expect(page.url()).not.toContain("explain");
    await page.goBack();
    await drawer.waitFor();
    await page.reload();
    await explained(page);
    await context.close();
  });

  it("copies questions that answer with the same number: curl and the command line", async () => {
    const { page, context } = await visit("/explore?window=yesterday&group=cluster&idle=share&overhead=share");
    const explain = page
      .getByRole("row")
      .filter({ hasText: "prod-us-east" })
      .getByRole("button", { name: /^Explain/ })
      .first();
    const shown = cents(await explain.innerText());
    await explain.click();
    expect(await explained(page)).toBe(shown);
    const curl = await copied(page, "curl");
    const answer = (await (await fetch(/'(.*)'/.exec(curl)?.[1] ?? "")).json()) as { data: { row: { total: number } } };
    expect(Math.round(answer.data.row.total * 100)).toBe(shown);
    const cli = await copied(page, "CLI");
    expect(cli).toMatch(/^fleetcost allocation /);
    if (existsSync(program)) {
      const args = [...cli.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? "").slice(1);
      let out = "";
      try {
        out = execFileSync(program, [...args, "-o", "json"], { encoding: "utf8" });
      } catch (e) {
        out = (e as { stdout: string }).stdout; // 3: hours are missing
      }
      const sets = (JSON.parse(out) as { data: Record<string, { totalCost: number }>[] }).data;
      expect(Math.round(sets.reduce((s, x) => s + (x["prod-us-east"]?.totalCost ?? 0), 0) * 100)).toBe(shown);
    }
    await settled(page);
    await context.close();
  });
});
