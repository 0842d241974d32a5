import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { settled, visit, withBrowser } from "./browser";

withBrowser();

// The address is the whole state of a page. Each test finds every control that is on its page; one that no case here
// knows fails it. A case changes the address and can be undone by "back", or it is named among those that hold no state.

interface Control {
  tag: string;
  group: string;
  label: string;
  href: string;
}

interface Case {
  /** The address after it. */
  gives: Record<string, string>;
  of: (c: Control) => boolean;
  act: (page: Page) => Promise<unknown>;
  /** Typing replaces the address, so that "back" does not undo it letter by letter. */
  typed?: boolean;
  from?: string;
}

const controls = (page: Page): Promise<Control[]> =>
  page.evaluate(() => {
    const kind = (e: Element) => {
      if (e.hasAttribute("data-cost")) return "cost";
      return e instanceof HTMLInputElement ? `input.${e.type}` : (e.getAttribute("role") ?? e.tagName.toLowerCase());
    };
    const label = (e: Element) =>
      e.getAttribute("aria-label") ?? (e instanceof HTMLInputElement ? e.labels?.[0]?.textContent : e.textContent) ?? "";
    const group = (e: Element) =>
      e.closest("fieldset")?.querySelector("legend")?.textContent ?? e.closest("section")?.querySelector("h2")?.textContent ?? "";
    return [...document.querySelectorAll("main :is(a[href], button, select, input, textarea, summary, [role=application])")].map((e) => ({
      tag: kind(e),
      group: group(e),
      label: label(e).trim(),
      href: e.getAttribute("href") ?? "",
    }));
  });

/**
 * What the controls say: what is chosen, typed, sorted by, open. Not what a filter is being made of: it is state once it is
 * a filter.
 */
const told = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const say = (e: Element) => {
      if (e instanceof HTMLInputElement) return e.type === "radio" ? String(e.checked) : e.value;
      return e instanceof HTMLSelectElement ? e.value : (e.getAttribute("aria-sort") ?? e.textContent);
    };
    const draft = (e: Element) => e.getAttribute("aria-label")?.startsWith("Filter ") ?? false;
    return [...document.querySelectorAll("main :is(select, input, [aria-sort], [aria-current]), dialog[open] h2")]
      .filter((e) => !draft(e))
      .map(say);
  });

const search = (page: Page) => Object.fromEntries(new URL(page.url()).searchParams);
const radio = (group: string, name: string, gives: Record<string, string>, from = ""): Case => ({
  gives,
  from,
  of: (c) => c.tag === "input.radio" && c.group === group,
  act: (p) => p.getByRole("group", { name: group, exact: true }).getByRole("radio", { name, exact: true }).check({ force: true }),
});
const select = (label: string, value: string, gives: Record<string, string>): Case => ({
  gives,
  of: (c) => c.tag === "select" && c.label === label,
  act: (p) => p.getByLabel(label, { exact: true }).selectOption(value),
});
const button = (name: string | RegExp, gives: Record<string, string>, from = ""): Case => ({
  gives,
  from,
  of: (c) => ["button", "cost"].includes(c.tag) && (typeof name === "string" ? c.label === name : name.test(c.label)),
  act: (p) => p.getByRole("main").getByRole("button", { name, exact: true }).first().click(),
});
const period: Case[] = [
  radio("Period", "30 days", { window: "30d" }),
  button("The period before", { window: expect.stringMatching(/^\d{4}-/) as string }, "window=7d"),
  button("The period after", { window: expect.stringMatching(/^\d{4}-/) as string }, "window=2026-11-01T00:00:00Z,2026-11-03T00:00:00Z"),
];
const explained = (what: string) => ({ explain: expect.stringContaining(what) as string });

// Links lead away, and the address they lead to has its own test; copying and saving change nothing on the page.
const stateless = (c: Control) =>
  (c.tag === "a" && c.href !== "") || ["Copy link", "Copy curl", "CSV", "JSON", "Copy the command", "Copied"].includes(c.label);

const everything: Record<string, Case[]> = {
  "/": [
    ...period,
    radio("View", "Table", { trend: "table" }),
    radio("Compared period", "The period", { changes: "window" }),
    select("Changes by", "team", { by: "team" }),
    button(/^Explain the total:/, explained("row=*")),
    {
      ...button(/^Explain /, explained("aggregate=")),
      act: (p) =>
        p
          .getByRole("button", { name: /^Explain Idle:/ })
          .first()
          .click(),
    },
    {
      gives: { window: expect.stringMatching(/^\d{4}-\d\d-\d\d/) as string },
      of: (c) => c.tag === "application",
      act: async (p) => {
        await p.getByRole("application").focus();
        await p.keyboard.press("Home");
        await p.keyboard.press("Enter");
        await p.waitForURL(/\/explore/);
      },
    },
  ],
  "/explore": [
    ...period,
    radio("Source", "Assets", { source: "assets", group: expect.any(String) as string }),
    radio("Chart", "Lines", { chart: "lines" }),
    select("Step", "week", { step: "week" }),
    select("Compare", "7d", { compare: "7d" }),
    select("Idle", "share", { idle: "share" }),
    select("Overhead", "hide", { overhead: "hide" }),
    select("Shared namespaces", "kube-system", { shared: "kube-system" }),
    select("Metric", "monthly", { metric: "monthly" }),
    select("Add a grouping", "team", { group: "namespace,team" }),
    button(/^Stop grouping by/, { group: "" }),
    {
      gives: { filter: 'cluster:"prod-us-east"' },
      // Property, operator and value are no state before they are a filter.
      of: (c) => ["Filter property", "Filter operator", "Filter value", "Add"].includes(c.label),
      act: async (p) => {
        await p.getByLabel("Filter property").selectOption("cluster");
        await p.getByLabel("Filter value").fill("prod-us-east");
        await p.getByRole("button", { name: "Add", exact: true }).click();
      },
    },
    {
      gives: { filter: 'namespace:"checkout"' },
      of: (c) => c.label === "As text",
      act: async (p) => {
        await p.getByRole("button", { name: "As text" }).click();
        await p
          .getByRole("textbox", { name: /filter/i })
          .last()
          .fill('namespace:"checkout"');
        await p
          .getByRole("textbox", { name: /filter/i })
          .last()
          .press("Enter");
      },
    },
    { ...button("CPU, USD", { sort: "-cpu" }), of: (c) => c.tag === "button" && /USD|Efficiency|hours|^namespace/.test(c.label) },
    button(/^Explain the total:/, explained("row=*")),
    {
      ...button(/^Explain /, explained("column=cpu")),
      act: (p) =>
        p
          .getByRole("button", { name: /^Explain checkout, CPU/ })
          .first()
          .click(),
    },
    {
      gives: { filter: 'namespace:"checkout"', group: expect.any(String) as string },
      of: (c) => c.tag === "button" && c.group.endsWith("rows"),
      act: (p) => p.getByRole("region", { name: "Rows" }).last().getByRole("button", { name: "checkout", exact: true }).click(),
    },
    {
      gives: { window: expect.stringMatching(/^\d{4}-/) as string },
      of: (c) => c.tag === "application",
      act: async (p) => {
        await p.getByRole("application").focus();
        await p.keyboard.press("Home");
        await p.keyboard.press("Enter");
      },
    },
  ],
  "/fleet": [
    ...period,
    radio("Days shown", "14 days", { days: "14" }),
    button(/^Explain /, explained('cluster:"')),
    {
      gives: { connect: "prod-mars" },
      typed: true,
      of: (c) => c.label === "Cluster id",
      act: (p) => p.getByLabel("Cluster id").fill("prod-mars"),
    },
  ],
  "/fleet/prod-us-east": [
    { ...button(/^Explain /, explained('cluster:"prod-us-east"')), of: (c) => c.tag === "cost" },
    {
      ...button(/^Explain \d\d:00/, explained('cluster:"prod-us-east"')),
      of: (c) => c.tag === "button" && /^Explain \d\d:00/.test(c.label),
    },
    {
      gives: { day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string },
      of: (c) => c.tag === "a" && c.group === "Days",
      act: (p) => p.getByRole("list", { name: "Days" }).getByRole("link").nth(-3).click(),
    },
  ],
};

describe("Every control", () => {
  for (const [path, cases] of Object.entries(everything)) {
    it(`of ${path} is known here`, async () => {
      const { page, context } = await visit(path);
      const found = await controls(page);
      expect(found.filter((c) => !stateless(c) && !cases.some((k) => k.of(c)))).toEqual([]);
      expect(cases.filter((k) => !found.some((c) => k.of(c))).map((k) => k.gives)).toEqual([]);
      await context.close();
    });

    it.each(cases.map((c) => [Object.keys(c.gives).join(", "), c] as const))(`of ${path} is in the address: %s`, async (_, c) => {
      const { page, context } = await visit(c.from ? `${path}?${c.from}` : path);
      const before = { search: search(page), told: await told(page) };
      await c.act(page);
      await expect.poll(() => search(page)).toEqual({ ...(c.from && !("window" in c.gives) ? before.search : {}), ...c.gives });
      await settled(page);
      if ("explain" in c.gives) await page.getByRole("dialog").getByRole("heading").first().waitFor();
      const after = { url: page.url(), told: await told(page) };
      await page.reload();
      await settled(page);
      expect(page.url()).toBe(after.url);
      await expect.poll(() => told(page)).toEqual(after.told);
      if (!c.typed) {
        await page.goBack();
        await settled(page);
        expect(search(page)).toEqual(before.search);
        await expect.poll(() => told(page)).toEqual(before.told);
      }
      await context.close();
    });
  }
});
