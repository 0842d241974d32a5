import { describe, expect, it } from "vitest";
import { accessible, fits, settled, shoot, themes, visit, withBrowser } from "./browser";

withBrowser();

describe("Fleet", () => {
  it.each(themes.flatMap((theme) => [1400, 400].map((width) => [theme, width] as const)))(
    "is accessible and fits: %s, %d px",
    async (theme, width) => {
      const { page, context, complaints, calls } = await visit("/fleet", { theme, width });
      await shoot(page, `fleet-${theme}-${width}`);
      await accessible(page, `fleet ${theme} ${width}`);
      await fits(page);
      expect(complaints).toEqual([]);
      expect(calls.filter((c) => c.startsWith("/api/"))).toHaveLength(2);
      await context.close();
    },
  );

  // Question 2, one click: which clusters are silent or have gaps, since when?
  it("tells in one click who is silent or has gaps, since when", async () => {
    const { page, context } = await visit("/");
    await page.getByRole("link", { name: "Fleet", exact: true }).click();
    await settled(page);
    const first = page.getByRole("region", { name: "Table of clusters" }).locator("tbody tr").first();
    expect(await first.innerText()).toMatch(/silent/);
    expect(await first.innerText()).toMatch(/since \d+ \w+ 2026/);
    const heat = page.getByRole("region", { name: "Completeness of clusters by day" });
    expect(await heat.getByRole("link", { name: /partial: \d+ of 24 hours/ }).count()).toBeGreaterThan(0);
    expect(await heat.getByRole("link", { name: /missing: 0 of \d+ hours/ }).count()).toBeGreaterThan(0);
    await context.close();
  });

  it("zooms from a day with a gap to its hours", async () => {
    for (const theme of themes) {
      const { page, context } = await visit("/fleet", { theme });
      await page
        .getByRole("link", { name: /partial: \d+ of 24 hours/ })
        .first()
        .click();
      await settled(page);
      expect(page.url()).toMatch(/\/fleet\/[^/]+\?day=\d{4}-\d\d-\d\d/);
      const hours = page.getByRole("list", { name: /^Hours of/ });
      await hours
        .getByRole("img", { name: /missing/ })
        .first()
        .waitFor();
      expect(await hours.getByRole("listitem").count()).toBe(24);
      await accessible(page, `cluster ${theme}`);
      await shoot(page, `cluster-${theme}`);
      await context.close();
    }
  });

  it("gives the command that connects one more cluster", async () => {
    const { page, context } = await visit("/fleet");
    await page.getByLabel("Cluster id").fill("prod-mars");
    await page.getByRole("button", { name: "Copy the command" }).click();
    await page.getByText("Copied").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("--cluster-id prod-mars --storage-config");
    await page.getByLabel("Cluster id").fill("-bad id");
    expect(await page.getByRole("button", { name: /Cop/ }).last().isDisabled()).toBe(true);
    await context.close();
  });

  it("says when a cluster is not known, and when the fleet cannot be read", async () => {
    const { page, context } = await visit("/fleet/nobody");
    await page.getByText("No cluster nobody has pushed").waitFor();
    await accessible(page, "unknown cluster");
    await context.close();
    const failing = await visit("/fleet", {
      before: (p) =>
        p.route("**/api/v1/fleet", (r) => r.fulfill({ status: 500, json: { code: 500, message: "internal error", requestId: "f00" } })),
    });
    await failing.page.getByRole("alert").getByText("f00").waitFor();
    await accessible(failing.page, "fleet error");
    await failing.context.close();
  });
});
