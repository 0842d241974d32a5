import { describe, expect, it } from "vitest";
import { accessible, fits, settled, shoot, themes, visit, withBrowser } from "./browser";

withBrowser();

describe("Find", () => {
  // Question 3 by keyboard alone: a namespace on all clusters is its name and Enter.
  it("asks what a namespace costs on all clusters, by its name", async () => {
    const { page, context } = await visit("/");
    await page.keyboard.press("Control+k");
    const box = page.getByRole("combobox", { name: /^Find/ });
    await box.waitFor();
    await page.keyboard.type("payments");
    await page.getByRole("option", { name: "payments namespace, on all clusters" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/explore\?/); // the page that was left may be settled still
    await settled(page);
    expect(decodeURIComponent(new URL(page.url()).search)).toBe('?group=cluster&filter=namespace:"payments"');
    await page.getByRole("button", { name: "prod-us-east", exact: true }).waitFor();
    await context.close();
  });

  it("is accessible, fits, and closes", async () => {
    for (const theme of themes) {
      const { page, context } = await visit("/", { theme, width: 400 });
      await page.getByRole("button", { name: /^Find/ }).click();
      await page.getByRole("option", { name: /^Fleet/ }).waitFor();
      await accessible(page, `find ${theme}`);
      await fits(page);
      await shoot(page, `find-${theme}`);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await context.close();
    }
  });
});
