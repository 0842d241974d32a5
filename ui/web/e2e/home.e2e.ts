import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { accessible, fits, server, settled, shoot, themes, withBrowser, visit } from "./browser";

withBrowser();

interface Overview {
  meta: { totalCost: number; completeness: { hoursExpected: number; hoursPresent: number } };
  data: { parts: Record<string, number>; changes: { rows: { name: string }[] } };
}

const ask = async (path: string) => (await (await fetch(server() + path)).json()) as Overview;
const dollars = (v: number) => v.toLocaleString("en-US", { style: "currency", currency: "USD" });

describe("Home", () => {
  it.each(themes.flatMap((theme) => [1400, 400].map((width) => [theme, width] as const)))(
    "is accessible and fits: %s, %d px",
    async (theme, width) => {
      const { page, context, complaints } = await visit("/", { theme, width });
      await shoot(page, `home-${theme}-${width}`);
      await accessible(page, `home ${theme} ${width}`);
      await fits(page);
      expect(complaints).toEqual([]);
      await context.close();
    },
  );

  // Question 1, no click: what did we spend this month, is it complete?
  it("shows this month's total, its parts and its completeness in two calls", async () => {
    const want = await ask("/api/v1/overview?window=month");
    const { page, context, calls } = await visit("/");
    expect(await page.getByTestId("total").innerText()).toBe(dollars(want.meta.totalCost));
    expect(calls.filter((c) => c.startsWith("/api/"))).toHaveLength(2);
    for (const name of ["Allocations", "Idle", "Unmounted", "Overhead"]) await page.getByRole("rowheader", { name }).first().waitFor();
    await page.getByText(/\d+\/\d+ clusters whole, [\d.]+% of hours/).waitFor();
    await page.getByText(/% at default prices/).waitFor();
    const parts = page.locator("table").first();
    const shown = [
      ...(await parts.locator("tbody td:nth-child(2)").allInnerTexts()),
      ...(await parts.getByTestId("rounding").allInnerTexts()), // said beside the total, where there is any
    ];
    expect(shown.length).toBeGreaterThanOrEqual(4);
    const cents = shown.reduce((s, t) => s + Math.round(Number(t.replace("−", "-").replace(/[$,+]/g, "")) * 100), 0);
    expect(cents, "the rounded parts and the rounding add to the rounded total").toBe(Math.round(want.meta.totalCost * 100));
    await context.close();
  });

  // Question 4, one click: why did cost rise, price and volume apart?
  it("tells what changed, by whom, in one click", async () => {
    const { page, context } = await visit("/");
    await page.getByLabel("Changes by").selectOption("cluster");
    await settled(page);
    expect(page.url()).toContain("by=cluster");
    const table = page.getByRole("region", { name: "Largest changes" });
    for (const head of ["Price", "Volume"]) await table.getByRole("columnheader", { name: head, exact: true }).waitFor();
    const want = await ask("/api/v1/overview?window=month&changes=last7d&by=cluster");
    const first = want.data.changes.rows[0]?.name ?? "";
    await table
      .getByRole("rowheader", { name: first.startsWith("__") ? "Idle" : first })
      .first()
      .waitFor();
    await context.close();
  });

  // Question 6, no click: where is idle money, worst ten of each kind?
  it("shows both kinds of idle with their worst", async () => {
    const { page, context } = await visit("/");
    await page.getByRole("heading", { name: "Infrastructure idle" }).waitFor();
    await page.getByRole("heading", { name: "Workload idle" }).waitFor();
    expect(await page.getByRole("table", { name: "Clusters with most infrastructure idle" }).locator("tbody tr").count()).toBe(10);
    expect(await page.getByRole("table", { name: "Namespaces with most workload idle" }).locator("tbody tr").count()).toBe(10);
    await context.close();
  });

  it("keeps every control in the address", async () => {
    const { page, context } = await visit("/");
    await page.getByRole("radio", { name: "7 days" }).first().check();
    await page.getByRole("radio", { name: "Table" }).check();
    await page.getByRole("radio", { name: "30 days" }).last().check();
    await page.getByLabel("Changes by").selectOption("team");
    await settled(page);
    const search = new URL(page.url()).search;
    expect(Object.fromEntries(new URLSearchParams(search))).toEqual({ window: "7d", trend: "table", changes: "last30d", by: "team" });
    await page.reload();
    await settled(page);
    expect(new URL(page.url()).search).toBe(search);
    expect(await page.getByRole("radio", { name: "7 days" }).first().isChecked()).toBe(true);
    expect(await page.getByLabel("Changes by").inputValue()).toBe("team");
    await page.getByRole("region", { name: "Cost by day" }).last().getByRole("columnheader", { name: "Complete" }).waitFor();
    await page.goBack();
    await settled(page);
    expect(new URL(page.url()).search).not.toContain("by=team");
    await context.close();
  });

  it("is used by keyboard alone", async () => {
    const { page, context } = await visit("/");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    const chart = page.getByRole("application");
    await chart.focus();
    await page.keyboard.press("End");
    await page
      .getByText(/not over yet/)
      .first()
      .waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/explore\?window=\d{4}-\d\d-\d\d,/);
    await context.close();
  });

  it("says when nothing was pushed yet, what is done and what comes next", async () => {
    for (const theme of themes) {
      const { page, context } = await visit("/", {
        theme,
        before: (p) =>
          p.route("**/api/v1/fleet", async (route) => {
            const answer = await route.fetch();
            const body = (await answer.json()) as { data: { clusters: unknown[] } };
            body.data.clusters = [];
            await route.fulfill({ response: answer, json: body });
          }),
      });
      await page.getByText("A cluster has pushed its first object").waitFor();
      await accessible(page, `empty ${theme}`);
      await shoot(page, `home-empty-${theme}`);
      await context.close();
    }
  });

  it("says what failed, what is still right, and the request id", async () => {
    for (const theme of themes) {
      const { page, context } = await visit("/", {
        theme,
        before: (p) =>
          p.route("**/api/v1/overview*", (r) =>
            r.fulfill({ status: 500, json: { code: 500, message: "internal error", requestId: "abc123" } }),
          ),
      });
      await page.getByRole("alert").getByText("abc123").waitFor();
      await page.getByText("The state of the clusters is known").waitFor();
      await accessible(page, `error ${theme}`);
      await shoot(page, `home-error-${theme}`);
      await context.close();
    }
  });

  it("waits for a server that is still loading", async () => {
    const { page, context } = await visit("/", {
      before: async (p) => {
        await p.route(
          "**/api/v1/overview*",
          (r) => r.fulfill({ status: 503, json: { code: 503, reason: "still loading what the bucket holds: 3 of 7" } }),
          { times: 1 },
        );
      },
    });
    await page.getByTestId("total").waitFor();
    await context.close();
  });

  it("works below a path that a proxy adds", async () => {
    const target = new URL(server());
    const proxy = createServer((req, res) => {
      const prefix = "/tools/cost";
      if (!req.url?.startsWith(`${prefix}/`)) {
        res.writeHead(404).end();
        return;
      }
      req.pipe(
        request(
          { host: target.hostname, port: target.port, path: req.url.slice(prefix.length), method: req.method, headers: req.headers },
          (answer) => {
            res.writeHead(answer.statusCode ?? 502, answer.headers);
            answer.pipe(res);
          },
        ),
      );
    });
    await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
    const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/tools/cost/ui`;
    const { page, context } = await visit("/", { base });
    await page.getByTestId("total").waitFor();
    await page.getByRole("link", { name: "Explore", exact: true }).click();
    await settled(page);
    expect(page.url()).toBe(`${base}/explore`);
    await page.goto(`${base}/fleet/prod-us-east`);
    await settled(page);
    await page.getByText("prod-us-east").first().waitFor();
    await context.close();
    proxy.close();
  });
});
