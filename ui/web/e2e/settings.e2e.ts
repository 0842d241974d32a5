import type { Page } from "playwright-core";
import { afterEach, describe, expect, it } from "vitest";
import { accessible, fits, server, settled, shoot, themes, withBrowser, visit } from "./browser";

withBrowser();

interface State {
  data: { version: string; saved: object; labelAliases: Record<string, string[]> };
}

const state = async () => (await (await fetch(`${server()}/api/v1/settings`)).json()) as State;

/** What somebody else saves. */
async function put(document: object): Promise<void> {
  const { data } = await state();
  const answer = await fetch(`${server()}/api/v1/settings`, {
    method: "PUT",
    headers: { "If-Match": data.version },
    body: JSON.stringify(document),
  });
  expect(answer.status).toBe(200);
}

// The fleet is shared with the other files: nothing stays saved.
afterEach(() => put({}));

const save = async (page: Page) => {
  await page.getByRole("button", { name: "Save for everybody" }).click();
  await page.getByRole("status").filter({ hasText: "Saved, in force now." }).waitFor();
};
const plain = (s: string) => s.replaceAll(/[\u00a0\u202f]/g, " ");

describe("Settings", () => {
  it.each(themes.flatMap((theme) => [1400, 400].map((width) => [theme, width] as const)))(
    "is accessible and fits: %s, %d px",
    async (theme, width) => {
      const { page, context, complaints } = await visit("/settings", { theme, width });
      await shoot(page, `settings-${theme}-${width}`);
      await accessible(page, `settings ${theme} ${width}`);
      await fits(page);
      await page.getByText(/^Go modules in the server/).click();
      await page.getByText("github.com/spf13/cobra").click();
      await page.getByText("JavaScript packages in these pages").click();
      await page.getByText(/^react-dom/).click();
      await page.getByText("Permission is hereby granted").first().waitFor();
      await accessible(page, `licences ${theme} ${width}`);
      await fits(page);
      expect(complaints).toEqual([]);
      await context.close();
    },
  );

  it("says where the data come from and what is running", async () => {
    const { page, context } = await visit("/settings");
    const fleet = (await (await fetch(`${server()}/api/v1/fleet`)).json()) as { data: { bucket: string; clusters: { id: string }[] } };
    await page.getByText(fleet.data.bucket).first().waitFor();
    expect(await page.getByRole("region", { name: "Sources of the clusters" }).locator("tbody tr").count()).toBe(
      fleet.data.clusters.length,
    );
    await page.getByText(/DuckDB v\d/).waitFor();
    await page.getByText("github.com/kubernetes/autoscaler").waitFor();
    await page.getByText("None is read yet").waitFor();
    await context.close();
  });

  it("saves label aliases, which change the teams at once", async () => {
    const { page, context } = await visit("/explore?group=team");
    const table = page.getByRole("region", { name: "Rows" });
    const names = async () => (await table.locator("tbody th, tbody td:first-child").allInnerTexts()).join("|");
    const before = await names();
    await page.getByRole("navigation").getByRole("link", { name: "Settings" }).click();
    await settled(page);
    await page.getByLabel("Team", { exact: true }).fill("app, team");
    await save(page);
    expect((await state()).data.labelAliases.team).toEqual(["app", "team"]);
    await page.goto(`${server()}/ui/explore?group=team`);
    await settled(page);
    expect(await names()).not.toBe(before);
    await put({});
    await page.reload();
    await settled(page);
    expect(await names()).toBe(before);
    await context.close();
  });

  it("names a mistake at its field, and saves nothing", async () => {
    const { page, context } = await visit("/settings");
    await page.getByLabel("Team", { exact: true }).fill("pod-template-hash");
    await page.getByRole("button", { name: "Save for everybody" }).click();
    await page.getByRole("alert").getByText("differs for every pod").waitFor();
    expect(await page.getByLabel("Team", { exact: true }).getAttribute("aria-invalid")).toBe("true");
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme });
      await accessible(page, `refused ${theme}`);
    }
    expect((await state()).data.saved).toEqual({});
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByText("Nothing to save.").waitFor();
    await context.close();
  });

  it("saves how amounts are written, for every page, without one more call", async () => {
    const { page, context } = await visit("/settings");
    await page.getByLabel("Currency", { exact: true }).selectOption("code");
    await page.getByLabel("Decimals").selectOption("0");
    await page.getByLabel("Marks in numbers").selectOption("de-DE");
    expect(plain(await page.getByTestId("preview").innerText())).toBe("1.234.568 USD");
    await save(page);
    // On a page of the same visit, and on one of a new visit.
    await page.getByRole("navigation").getByRole("link", { name: "Home" }).click();
    await settled(page);
    const written = /^[\d.]+ USD$/;
    expect(plain(await page.getByTestId("total").innerText())).toMatch(written);
    await context.close();
    const again = await visit("/");
    const total = plain(await again.page.getByTestId("total").innerText());
    expect(total).toMatch(written);
    expect(again.calls.filter((c) => c.startsWith("/api/"))).toHaveLength(2);
    const parts = again.page.locator("table").first();
    const shown = [
      ...(await parts.locator("tbody td:nth-child(2)").allInnerTexts()),
      ...(await parts.getByTestId("rounding").allInnerTexts()), // said beside the total, where there is any
    ];
    expect(shown.length).toBeGreaterThanOrEqual(4);
    const units = shown.reduce(
      (s, t) =>
        s +
        Number(
          plain(t)
            .replace("−", "-")
            .replaceAll(/[.+ USD]/g, ""),
        ),
      0,
    );
    expect(units, "the rounded parts and the rounding add to the rounded total").toBe(Number(total.replaceAll(/[. USD]/g, "")));
    await again.page.goto(`${server()}/ui/explore?window=month`);
    await settled(again.page);
    expect(plain(await again.page.getByTestId("total").innerText())).toBe(total);
    await again.page.goto(`${server()}/ui/fleet`);
    await settled(again.page);
    await again.page
      .getByText(/\d\sUSD/)
      .first()
      .waitFor();
    await shoot(again.page, "settings-fleet-de");
    await again.context.close();
  });

  it("saves default views, which stand in the address and keep a link as it was", async () => {
    const { page, context } = await visit("/settings");
    await page.getByLabel("Idle").selectOption("hide");
    await page.getByLabel("Shared namespaces").fill("kube-system");
    await page.getByText("Explore will leave idle out").waitFor();
    await save(page);
    await page.getByRole("navigation").getByRole("link", { name: "Explore" }).click();
    await page.waitForURL(/idle=hide&shared=kube-system/);
    await settled(page);
    await page.getByText("without idle: less than the whole cost").waitFor();
    await shoot(page, "settings-explore-hidden");
    const link = page.url();
    const total = await page.getByTestId("total").innerText();
    await page.goBack();
    expect(page.url(), "the default is no step of the history").toContain("/settings");
    // Somebody wants another view: that stands in the address too.
    await page.goto(link);
    await settled(page);
    await page.getByRole("button", { name: "Show idle" }).click();
    await settled(page);
    expect(page.url()).toContain("idle=separate");
    await page.reload();
    await settled(page);
    expect(page.url()).toContain("idle=separate");
    // Home explains the number it shows, whatever is hidden elsewhere.
    await page.goto(`${server()}/ui/`);
    await settled(page);
    const home = await page.getByTestId("total").innerText();
    await page.getByTestId("total").getByRole("button").click();
    await page.getByTestId("explained").waitFor();
    expect(await page.getByTestId("explained").innerText()).toBe(home);
    // Another default, the same link.
    await put({ views: { idle: "share" } });
    await page.goto(link);
    await settled(page);
    expect(page.url()).toBe(link);
    expect(await page.getByTestId("total").innerText()).toBe(total);
    await page.goto(`${server()}/ui/explore`);
    await page.waitForURL(/idle=share/);
    // Without a default nothing is written.
    await put({});
    await page.goto(`${server()}/ui/explore`);
    await settled(page);
    expect(new URL(page.url()).search).toBe("");
    await context.close();
  });

  it("lets nobody overwrite what they have not seen", async () => {
    const { page, context } = await visit("/settings");
    await page.getByLabel("Idle").selectOption("share");
    await put({ views: { overhead: "share" }, labelAliases: { owner: ["contact"] } });
    await page.getByRole("button", { name: "Save for everybody" }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("Theirs and yours differ in: labels of owner, idle, overhead.").waitFor();
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme });
      await accessible(page, `conflict ${theme}`);
      await shoot(page, `settings-conflict-${theme}`);
    }
    expect((await state()).data.saved).toEqual({ views: { overhead: "share" }, labelAliases: { owner: ["contact"] } });
    await alert.getByRole("button", { name: "Load theirs, drop mine" }).click();
    expect(await page.getByLabel("Owner", { exact: true }).inputValue()).toBe("contact");
    expect(await page.getByLabel("Idle").inputValue()).toBe("");

    await page.getByLabel("Idle").selectOption("hide");
    await put({ views: { idle: "share" } });
    await page.getByRole("button", { name: "Save for everybody" }).click();
    await page.getByRole("alert").getByRole("button", { name: "Keep mine, replace theirs" }).click();
    await page.getByText("Saved, in force now.").waitFor();
    expect((await state()).data.saved).toEqual({ views: { idle: "hide", overhead: "share" }, labelAliases: { owner: ["contact"] } });
    await context.close();
  });

  it("says why the bucket refused, and what is broken in it", async () => {
    const problem = { code: "bucket", message: "s3:PutObject on costs/v1/state/settings.json: access denied", id: "s3-put-denied" };
    const { page, context } = await visit("/settings", {
      before: async (p) => {
        await p.route("**/api/v1/settings", async (route) => {
          if (route.request().method() === "PUT") {
            await route.fulfill({
              status: 502,
              json: { code: 502, message: "no", problem: { ...problem, cause: "The policy lacks s3:PutObject.", fix: "Add a statement." } },
            });
            return;
          }
          const answer = await route.fetch();
          const body = (await answer.json()) as { data: { problem?: object } };
          body.data.problem = { code: "settings broken", message: "v1/state/settings.json cannot be understood", fix: "repair it" };
          await route.fulfill({ response: answer, json: body });
        });
      },
    });
    await page.getByText("v1/state/settings.json cannot be understood").waitFor();
    await page.getByRole("button", { name: "Replace what cannot be understood" }).click();
    await page.getByRole("alert").getByText("The policy lacks s3:PutObject.").waitFor();
    await page.getByText("What to do: Add a statement.").waitFor();
    for (const theme of themes) {
      await page.emulateMedia({ colorScheme: theme });
      await accessible(page, `storage ${theme}`);
      await shoot(page, `settings-refused-${theme}`);
    }
    await context.close();
  });

  it("is used by keyboard alone", async () => {
    const { page, context } = await visit("/settings");
    const to = async (name: string) => {
      for (let i = 0; i < 80; i++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(() => {
          const e = document.activeElement;
          return e instanceof HTMLInputElement || e instanceof HTMLSelectElement
            ? (e.labels?.[0]?.textContent ?? "")
            : (e?.textContent ?? "");
        });
        if (at === name) return;
      }
      throw new Error(`no way to ${name} by Tab`);
    };
    await to("Decimals");
    await page.keyboard.press("3");
    await to("Team");
    await page.keyboard.type("team, squad");
    await to("Save for everybody");
    await page.keyboard.press("Enter");
    await page.getByText("Saved, in force now.").waitFor();
    expect((await state()).data.saved).toEqual({ currencyFormat: { decimals: 3 }, labelAliases: { team: ["team", "squad"] } });
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Save for everybody");
    await context.close();
  });

  it("is found by name", async () => {
    const { page, context } = await visit("/");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /^Find/ }).waitFor();
    await page.keyboard.type("settings");
    await page.getByRole("option", { name: "Settings page" }).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/settings$/);
    await context.close();
  });
});
