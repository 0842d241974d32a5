import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, inject } from "vitest";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const themes = ["light", "dark"] as const;
export const server = () => inject("url");

let browser: Browser;

export function withBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
  });
  afterAll(() => browser.close());
}

export interface Visit {
  page: Page;
  context: BrowserContext;
  /** Calls to the API so far. */
  calls: string[];
  /** What the console complained of; empty on a well page. */
  complaints: string[];
}

interface Options {
  theme?: (typeof themes)[number];
  width?: number;
  base?: string;
  before?: (page: Page) => Promise<unknown>;
  /** false: the page is looked at while it loads. */
  wait?: boolean;
}

/** Opens a page of the app, and waits until it shows what it asked for. */
export async function visit(
  path: string,
  { theme = "light", width = 1400, base = `${server()}/ui`, before, wait = true }: Options = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, reducedMotion: "reduce" });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]).catch(() => undefined);
  const page = await context.newPage();
  const calls: string[] = [];
  const complaints: string[] = [];
  page.on("request", (r) => {
    if (["fetch", "xhr"].includes(r.resourceType())) calls.push(new URL(r.url()).pathname);
  });
  page.on("console", (m) => {
    if (m.type() === "error") complaints.push(m.text());
  });
  page.on("pageerror", (e) => complaints.push(String(e)));
  await before?.(page);
  await page.goto(base + path);
  if (wait) await settled(page);
  return { page, context, calls, complaints };
}

/** Nothing is loading any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator("main h1, main [role=alert]").first().waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
}

/** No violation of WCAG 2.2 A and AA, nor of axe's best practices. */
export async function accessible(page: Page, where: string): Promise<void> {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (d: Document, o: object) => Promise<AxeResults> } };
    const r = await axe.run(document, {
      runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
    });
    return r.violations.map(
      (v) => `${v.id} (${v.impact ?? ""}): ${v.help}: ${v.nodes.map((n) => `${n.html} [${n.failureSummary ?? ""}]`).join(" | ")}`,
    );
  });
  expect(found, where).toEqual([]);
}

/** Nothing sticks out sideways. */
export async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over, "pixels beyond the right edge").toBeLessThanOrEqual(0);
}

/** A picture for whoever wants to look; outside git. */
export async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(inject("shots"), `${name}.png`), fullPage: true });
}
