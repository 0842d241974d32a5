import type { Schemas } from "../../api/client";
import { money, percent, signed } from "../../lib/format";
import { decimal } from "../../lib/format";
import { part } from "../../lib/names";
import type { Metric } from "./state";

export type Row = Schemas["ExploreRow"];

export interface Column {
  id: string;
  head: string;
  /** A number to sort, sum and export by; text columns have none. */
  number?: (r: Row) => number;
  text: (r: Row) => string;
  /** How the pinned total is written; null: it has none. */
  total: ((rows: readonly Row[]) => string) | null;
}

/** Used cost of allocated cost, at most 1; null where nothing could be used. */
export function efficiency(r: Row): number | null {
  const usable = r.cpu + r.ram + r.gpu;
  return r.kind === "container" && usable > 0 ? Math.max(0, 1 - r.workloadIdle / usable) : null;
}

const sum = (rows: readonly Row[], of: (r: Row) => number) => rows.reduce((s, r) => s + of(r), 0);

export function metricOf(r: Row, metric: Metric, hours: number): number {
  switch (metric) {
    case "cost":
      return r.total;
    case "daily":
      return hours > 0 ? (r.total / hours) * 24 : 0;
    case "monthly":
      return hours > 0 ? (r.total / hours) * 730 : 0;
    case "wasted":
      return r.workloadIdle;
    case "efficiency":
      return efficiency(r) ?? 0;
    case "hours":
      return r.hours ?? 0;
  }
}

interface Shape {
  source: "allocation" | "assets";
  group: readonly string[];
  currency: string;
  metric: Metric;
  hours: number;
  compared: boolean;
  total: number;
}

/** The columns that have something to show. */
export function columnsOf(rows: readonly Row[], s: Shape): Column[] {
  const out: Column[] = s.group.map((g, i) => ({
    id: `key${i}`,
    head: g.replace("label:", "label "),
    text: (r) => part(r.key[i] ?? (i === 0 ? r.name : "")),
    total: null,
  }));
  if (out.length === 0) out.push({ id: "key0", head: "scope", text: (r) => (r.name === "all" ? "Workloads" : part(r.name)), total: null });
  const amount = (id: string, head: string, of: (r: Row) => number, keep = false, whole?: number) => {
    if (!keep && !rows.some((r) => Math.abs(of(r)) >= 0.005)) return;
    out.push({
      id,
      head: `${head}, ${s.currency}`,
      number: of,
      text: (r) => money(of(r), s.currency),
      total: (all) => money(whole ?? sum(all, of), s.currency),
    });
  };
  const change = (id: string, head: string, of: (r: Row) => number) =>
    out.push({
      id,
      head: `${head}, ${s.currency}`,
      number: of,
      text: (r) => signed(of(r), s.currency),
      total: (all) => signed(sum(all, of), s.currency),
    });
  if (s.metric === "daily" || s.metric === "monthly") {
    const rate = (r: Row) => metricOf(r, s.metric, s.hours);
    amount("rate", s.metric === "daily" ? "Per day" : "Per month (730 h)", rate, true);
  }
  amount("total", "Total", (r) => r.total, true, s.total);
  if (s.compared) {
    amount("before", "Before, like for like", (r) => r.before ?? 0, true);
    amount("after", "Now, like for like", (r) => r.after ?? 0, true);
    change("change", "Change", (r) => (r.after ?? 0) - (r.before ?? 0));
    change("price", "by price", (r) => r.price ?? 0);
    change("volume", "by volume", (r) => r.volume ?? 0);
  }
  amount("cpu", "CPU", (r) => r.cpu);
  amount("ram", "Memory", (r) => r.ram);
  amount("gpu", "GPU", (r) => r.gpu);
  if (s.source === "assets") {
    amount("other", "Disks and services", (r) => r.other);
    amount("default", "At default prices", (r) => r.defaultCost);
  } else {
    amount("pv", "Storage", (r) => r.pv);
    amount("net", "Network and balancers", (r) => r.network + r.loadBalancer);
    amount("overhead", "Overhead", (r) => r.overhead);
    amount("idle", "Share of idle", (r) => r.idleShare);
    amount("shared", "Share of shared", (r) => r.sharedShare);
    amount("wasted", "Wasted", (r) => r.workloadIdle, s.metric === "wasted");
    out.push({
      id: "efficiency",
      head: "Efficiency",
      number: (r) => efficiency(r) ?? -1,
      text: (r) => {
        const e = efficiency(r);
        return e === null ? "–" : percent(e, 0);
      },
      total: (all) => {
        const usable = sum(all, (r) => (r.kind === "container" ? r.cpu + r.ram + r.gpu : 0));
        return usable > 0 ? percent(1 - sum(all, (r) => r.workloadIdle) / usable, 0) : "–";
      },
    });
  }
  out.push({
    id: "hours",
    head: "Run hours",
    number: (r) => r.hours ?? 0,
    text: (r) => decimal(r.hours ?? 0, 0),
    total: (all) =>
      decimal(
        sum(all, (r) => r.hours ?? 0),
        0,
      ),
  });
  return out;
}

/** "total" ascending, "-total" descending; the metric's column by default. */
export function sorted(rows: readonly Row[], columns: readonly Column[], sort: string, metric: Metric): Row[] {
  const byMetric: Record<Metric, string> = {
    cost: "-total",
    daily: "-rate",
    monthly: "-rate",
    wasted: "-wasted",
    efficiency: "efficiency",
    hours: "-hours",
  };
  const order = sort || byMetric[metric];
  const down = order.startsWith("-");
  const column = columns.find((c) => c.id === order.replace(/^-/, "")) ?? columns.find((c) => c.id === "total");
  const copy = [...rows];
  if (!column) return copy;
  const { number, text } = column;
  const compare = number ? (a: Row, b: Row) => number(a) - number(b) : (a: Row, b: Row) => text(a).localeCompare(text(b));
  return copy.sort((a, b) => (down ? -1 : 1) * compare(a, b) || a.name.localeCompare(b.name));
}

/** A cell that no spreadsheet runs as a formula. */
const cell = (v: string | number): string => {
  const t = typeof v === "number" ? String(v) : /^[=+\-@\t\r]/.test(v) ? `'${v}` : v;
  return /[",\n\r]/.test(t) ? `"${t.replaceAll('"', '""')}"` : t;
};

/** What the table shows, in its order, with its columns; numbers unrounded. */
export function toCSV(rows: readonly Row[], columns: readonly Column[]): string {
  const lines = [columns.map((c) => cell(c.head)).join(",")];
  for (const r of rows) lines.push(columns.map((c) => cell(c.number ? c.number(r) : c.text(r))).join(","));
  return lines.join("\r\n") + "\r\n";
}

export function toJSON(rows: readonly Row[], columns: readonly Column[], about: object): string {
  return JSON.stringify(
    { ...about, rows: rows.map((r) => Object.fromEntries(columns.map((c) => [c.head, c.number ? c.number(r) : c.text(r)]))) },
    null,
    2,
  );
}
