// What the pages cost in time, on a large demo fleet. Not a test: the figures
// depend on the machine, so its load stands beside each of them.
//
//   npm run bench              starts `fleetcost demo --clusters 42 --days 30`
//   FLEETCOST_URL=http://127.0.0.1:9003 npm run bench     asks a running server
//   npm run bench -- clicks    one part: clicks, home, shift, scroll, lighthouse
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const lighthouse = "lighthouse@12.8.2"; // the last that runs on Node 20
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
const wanted = process.argv.slice(2);
const runs = (part) => wanted.length === 0 || wanted.includes(part);
const ms = (v) => `${v.toFixed(0)} ms`;
const say = (name, text) => console.log(`${name.padEnd(34)} ${text}   [load ${loadavg()[0].toFixed(1)}]`);
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * q) - 1)] ?? 0;

const { url, pid, stop } = await startDemo();
const browser = await chromium.launch({ executablePath, args: flags });
try {
  if (runs("home")) await home();
  if (runs("clicks")) await clicks();
  if (runs("shift")) await shift();
  if (runs("scroll")) await scroll();
} finally {
  await browser.close();
}
if (runs("lighthouse")) await light();
await stop();

async function startDemo() {
  if (process.env.FLEETCOST_URL) return { url: process.env.FLEETCOST_URL, pid: process.env.FLEETCOST_PID, stop: () => undefined };
  const program = fileURLToPath(new URL("../../../bin/fleetcost", import.meta.url));
  const dir = mkdtempSync(join(tmpdir(), "fleetcost-bench-"));
  const port = await new Promise((done) => {
    const s = createServer().listen(0, "127.0.0.1", () => {
      const p = s.address().port;
      s.close(() => done(p));
    });
  });
  const args = ["demo", "--listen", `127.0.0.1:${port}`, "--data-dir", dir, "--clusters", "42", "--days", "30"];
  const demo = spawn(program, args, { stdio: "ignore" });
  const ended = new Promise((done) => demo.once("exit", done));
  for (;;) {
    if (demo.exitCode !== null) throw new Error("the demo ended");
    const ok = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (ok) break;
    await new Promise((r) => setTimeout(r, 500));
  }
  return {
    url: `http://127.0.0.1:${port}`,
    pid: demo.pid,
    stop: async () => {
      demo.kill("SIGTERM");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** CPU seconds of the server so far. */
function serverCPU() {
  if (!pid) return 0;
  const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(f[11]) + Number(f[12])) / 100;
}

async function open(path, width = 1400) {
  const context = await browser.newContext({ viewport: { width, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(`${url}/ui${path}`);
  await settled(page);
  return { context, page };
}

async function settled(page) {
  await page.locator("main h1").first().waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null);
}

/** In the page: layout shifts, long tasks, and from an input to the paint of what it asked for. */
function watch() {
  window.shifts = 0;
  window.long = [];
  window.longFor = 0;
  new PerformanceObserver((l) => {
    // Those within 500 ms of an input too, which browsers excuse.
    for (const e of l.getEntries()) window.shifts += e.value;
  }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((l) => {
    for (const e of l.getEntries()) window.long.push(e.duration);
  }).observe({ type: "longtask", buffered: true });
  const painted = (then) =>
    requestAnimationFrame(() => {
      const c = new MessageChannel();
      c.port1.onmessage = () => then(performance.now());
      c.port2.postMessage(0);
    });
  window.measure = (type) => {
    window.measured = undefined;
    window.addEventListener(
      type,
      (e) => {
        let first;
        const look = () =>
          painted((at) => {
            first ??= at - e.timeStamp;
            // The frame that was painted is the one before a busy mark is looked for.
            if (document.querySelector('[aria-busy="true"]') === null) window.measured = { first, all: at - e.timeStamp };
            else look();
          });
        look();
      },
      { capture: true, once: true },
    );
  };
}

async function timed(page, type, act) {
  await page.evaluate((t) => window.measure(t), type);
  await act();
  await page.waitForFunction(() => window.measured !== undefined, undefined, { polling: 20, timeout: 60_000 });
  return page.evaluate(() => window.measured);
}

/** Every control of every page: a name, the input it listens to, and the act. */
function controls(page) {
  const radio = (group, name) => [
    `${group}: ${name}`,
    "click",
    () => page.getByRole("group", { name: group, exact: true }).getByRole("radio", { name, exact: true }).click({ force: true }),
  ];
  const select = (label, value) => [`${label}: ${value}`, "change", () => page.getByLabel(label, { exact: true }).selectOption(value)];
  const button = (name) => [`${name}`, "click", () => page.getByRole("button", { name, exact: true }).first().click()];
  const link = (name) => [`to ${name}`, "click", () => page.getByRole("link", { name, exact: true }).first().click()];
  const key = (k) => [`key ${k}`, "keydown", () => page.keyboard.press(k)];
  return [
    ...["7 days", "30 days", "Today", "Yesterday", "Last month", "This month"].map((n) => radio("Period", n)),
    ...["30 days", "The period", "7 days"].map((n) => radio("Compared period", n)),
    ...["cluster", "team", "controller", "namespace"].map((n) => select("Changes by", n)),
    ...["Table", "Chart"].map((n) => radio("View", n)),
    button("The period before"),
    button("The period after"),
    link("Explore"),
    ...["30 days", "Today", "Last month", "This month", "7 days"].map((n) => radio("Period", n)),
    radio("Period", "30 days"),
    ...["hour", "week", "month", "day", "auto"].map((v) => select("Step", v)),
    ...["previous", "7d", "28d", ""].map((v) => select("Compare", v)),
    ...["share", "sharenode", "hide", "separate"].map((v) => select("Idle", v)),
    ...["share", "hide", "separate"].map((v) => select("Overhead", v)),
    ...["kube-system", "kube-system,monitoring", ""].map((v) => select("Shared namespaces", v)),
    ...["daily", "monthly", "wasted", "efficiency", "hours", "cost"].map((v) => select("Metric", v)),
    select("Add a grouping", "cluster"),
    button("Move cluster forward"),
    button("Stop grouping by namespace"),
    select("Add a grouping", "team"),
    button("Stop grouping by team"),
    ...["Lines", "Table", "None", "Bars"].map((n) => radio("Chart", n)),
    ...["CPU, USD", "Memory, USD", "Total, USD"].map(button),
    ["go into a cluster", "click", () => page.getByRole("button", { name: "prod-us-east", exact: true }).click()],
    ["go into a namespace", "click", () => page.getByRole("button", { name: "checkout", exact: true }).click()],
    key("Backspace"),
    key("Backspace"),
    radio("Source", "Assets"),
    ...["cluster", "region"].map((v) => select("Add a grouping", v)),
    radio("Source", "Allocations"),
    key("["),
    key("]"),
    link("Fleet"),
    ...["14 days", "90 days", "30 days"].map((n) => radio("Days shown", n)),
    ...["7 days", "30 days", "This month"].map((n) => radio("Period", n)),
    link("prod-us-east"),
    key("Backspace"),
    link("Home"),
  ];
}

async function clicks() {
  const all = [];
  for (const round of ["cold", "fresh page, warm server", "same page again"]) {
    if (round !== "same page again") {
      await clicks.context?.close();
      Object.assign(clicks, await open("/"));
    }
    const { page } = clicks;
    const cpu = serverCPU();
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Performance.enable");
    const metric = async () => Object.fromEntries((await cdp.send("Performance.getMetrics")).metrics.map((m) => [m.name, m.value]));
    const before = await metric();
    const times = [];
    for (const [name, type, act] of controls(page)) times.push({ name, ...(await timed(page, type, act)) });
    const after = await metric();
    const per = (k) => ms(((after[k] - before[k]) * 1000) / times.length);
    const of = (k) => times.map((t) => t[k]);
    say(
      `click to paint, ${round}`,
      `${times.length} clicks: first paint p50 ${ms(quantile(of("first"), 0.5))} p95 ${ms(quantile(of("first"), 0.95))}; all of it p50 ${ms(quantile(of("all"), 0.5))} p95 ${ms(quantile(of("all"), 0.95))}`,
    );
    say(
      "",
      `CPU each: server ${ms(((serverCPU() - cpu) * 1000) / times.length)}, page ${per("TaskDuration")} (script ${per("ScriptDuration")}, layout ${per("LayoutDuration")}, style ${per("RecalcStyleDuration")})`,
    );
    const slow = times.toSorted((a, b) => b.all - a.all).slice(0, 6);
    say("", `slowest: ${slow.map((t) => `${t.name} ${ms(t.all)}`).join(", ")}`);
    all.push(...times);
  }
  await clicks.context.close();
  const of = (k) => all.map((t) => t[k]);
  say(
    "click to paint, together",
    `${all.length} clicks: first paint p50 ${ms(quantile(of("first"), 0.5))} p95 ${ms(quantile(of("first"), 0.95))}; all of it p50 ${ms(quantile(of("all"), 0.5))} p95 ${ms(quantile(of("all"), 0.95))}`,
  );
}

async function home() {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  const bytes = new Map();
  const kind = new Map();
  cdp.on("Network.responseReceived", (e) => kind.set(e.requestId, new URL(e.response.url).pathname));
  cdp.on("Network.loadingFinished", (e) => bytes.set(e.requestId, e.encodedDataLength));
  await page.goto(`${url}/ui/`);
  await settled(page);
  const sum = (f) => [...bytes].filter(([id]) => f(kind.get(id) ?? "")).reduce((s, [, b]) => s + b, 0);
  const api = (p) => p.includes("/api/");
  const calls = [...kind.values()].filter(api).length;
  say("Home", `${calls} API calls, ${(sum(api) / 1024).toFixed(1)} KiB; page ${(sum((p) => !api(p)) / 1024).toFixed(1)} KiB`);
  await context.close();
}

async function shift() {
  for (const path of ["/", "/explore", "/fleet", "/fleet/prod-us-east"])
    for (const width of [1400, 400]) {
      const { context, page } = await open(path, width);
      await page.reload();
      await settled(page);
      const reload = await page.evaluate(() => window.shifts);
      let change = "";
      if (!path.startsWith("/fleet/")) {
        await page
          .getByRole("group", { name: "Period", exact: true })
          .getByRole("radio", { name: "Last month", exact: true })
          .click({ force: true });
        await settled(page);
        await page.waitForTimeout(700);
        change = `, change of period ${((await page.evaluate(() => window.shifts)) - reload).toFixed(4)}`;
      }
      say(`layout shift, ${path} ${width} px`, `reload ${reload.toFixed(4)}${change}`);
      await context.close();
    }
}

async function scroll() {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.route("**/api/v1/explore/allocation*", async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    const first = body.data.rows[0];
    body.data.rows = Array.from({ length: 50_000 }, (_, i) => ({ ...first, name: `row ${i}`, key: [`row ${i}`] }));
    await route.fulfill({ response: answer, json: body });
  });
  await page.goto(`${url}/ui/explore?chart=none`);
  await settled(page);
  const r = await page.evaluate(async () => {
    const box = document.querySelector("[role=region][aria-label=Rows]");
    window.long = [];
    const frames = [];
    let nodes = 0;
    let last = performance.now();
    for (let i = 0; i < 600; i++) {
      box.scrollTop += i % 100 < 50 ? 120 : 2600;
      await new Promise((r) => requestAnimationFrame(r));
      const now = performance.now();
      frames.push(now - last);
      last = now;
      nodes = Math.max(nodes, document.querySelectorAll("*").length);
    }
    await new Promise((r) => setTimeout(r, 100));
    return { frames, nodes, long: window.long, reached: box.scrollTop };
  });
  say(
    "50,000 rows, 600 steps of scroll",
    `most nodes ${r.nodes}; frame p50 ${r.frames.toSorted((a, b) => a - b)[300].toFixed(1)} ms p95 ${quantile(r.frames, 0.95).toFixed(1)} ms; long tasks ${r.long.length}${r.long.length ? ` (longest ${ms(Math.max(...r.long))})` : ""}; ${Math.round(r.reached / 34)} rows down`,
  );
  await context.close();
}

async function light() {
  const dir = mkdtempSync(join(tmpdir(), "fleetcost-lighthouse-"));
  const out = join(dir, "report.json");
  for (const path of ["/", "/explore", "/fleet"]) {
    await promisify(execFile)(
      "npx",
      [
        "--yes",
        lighthouse,
        `${url}/ui${path}`,
        "--preset=desktop",
        "--quiet",
        "--output=json",
        `--output-path=${out}`,
        "--only-categories=performance,accessibility,best-practices",
        `--chrome-flags=--headless=new ${flags.join(" ")}`,
      ],
      { env: { ...process.env, CHROME_PATH: executablePath }, maxBuffer: 1 << 26 },
    );
    const report = JSON.parse(readFileSync(out, "utf8"));
    const score = (c) => Math.round(report.categories[c].score * 100);
    const n = (a) => report.audits[a].numericValue;
    say(
      `Lighthouse ${path}`,
      `${score("performance")}/${score("accessibility")}/${score("best-practices")}; FCP ${ms(n("first-contentful-paint"))} LCP ${ms(n("largest-contentful-paint"))} TBT ${ms(n("total-blocking-time"))} CLS ${n("cumulative-layout-shift").toFixed(3)} speed index ${ms(n("speed-index"))}`,
    );
  }
  rmSync(dir, { recursive: true, force: true });
}
