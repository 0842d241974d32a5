import { describe, expect, it } from "vitest";
import { accessible, fits, server, settled, shoot, themes, visit, withBrowser } from "./browser";

withBrowser();

const cents = (text: string) => Math.round(Number(text.replace("−", "-").replace(/[$,+]/g, "")) * 100);

describe("Explain", () => {
  // Question 7, one click: why is this number what it is?
  it("explains the fleet's total in one click from Home", async () => {
    for (const theme of themes) {
      const { page, context, complaints } = await visit("/", { theme });
      await page.getByRole("link", { name: "Explain" }).click();
      const drawer = page.getByRole("dialog");
      await drawer.getByText(/rests on default prices/).waitFor();
      const shown = cents(await page.getByTestId("total").innerText());
      const costs = await drawer.getByRole("region", { name: "Formula table" }).locator("tbody td:last-child").allInnerTexts();
      expect(
        costs.reduce((s, t) => s + cents(t), 0),
        "the lines of the formula",
      ).toBe(shown);
      const key = await drawer.getByRole("region", { name: "Objects" }).locator("tbody th").first().innerText();
      expect(key).toMatch(/v1\/(live\/)?allocation\/(date=\S+\/)?cluster_id=\S+\/data\.parquet/);
      await shoot(page, `explain-${theme}`);
      await accessible(page, `explain ${theme}`);
      expect(complaints).toEqual([]);
      await context.close();
    }
  });

  it("explains a row, with the objects of its cluster alone, and goes away by Escape and by back", async () => {
    const { page, context } = await visit("/explore?group=cluster,namespace", { width: 420 });
    const row = page.getByRole("row").filter({ hasText: "ml-serving" }).first();
    await row.getByRole("button", { name: /^Explain/ }).click();
    const drawer = page.getByRole("dialog");
    const keys = drawer.getByRole("region", { name: "Objects" }).locator("tbody th");
    await keys.first().waitFor();
    const clusters = new Set((await keys.allInnerTexts()).map((k) => /cluster_id=([^/]+)/.exec(k)?.[1]));
    expect(clusters.size).toBe(1);
    await fits(page);
    await drawer.getByRole("button", { name: "CLI" }).click();
    await drawer.getByText("CLI command copied").waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('namespace:"ml-serving"');
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
    expect(page.url()).not.toContain("explain");
    await page.goBack();
    await drawer.waitFor();
    await page.reload();
    await drawer.waitFor();
    await context.close();
  });

  it("copies a question that answers with the same number", async () => {
    const { page, context } = await visit("/explore?group=cluster&idle=share");
    await page.getByRole("button", { name: "prod-us-east", exact: true }).waitFor();
    const explain = page
      .getByRole("row")
      .filter({ hasText: "prod-us-east" })
      .getByRole("button", { name: /^Explain/ });
    const shown = cents((await explain.innerText()).trim());
    await explain.click();
    const drawer = page.getByRole("dialog");
    await drawer.getByRole("button", { name: "curl", exact: true }).click();
    await drawer.getByText("curl command copied").waitFor();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    const answer = (await (await fetch(/'(.*)'/.exec(command)?.[1] ?? server())).json()) as {
      data: { rows: { name: string; total: number }[] };
    };
    expect(Math.round((answer.data.rows.find((r) => r.name === "prod-us-east")?.total ?? 0) * 100)).toBe(shown);
    await settled(page);
    await context.close();
  });
});
