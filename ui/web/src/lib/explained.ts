// What a number stands for, so that a drawer can explain it. It stands in the
// address, so that reload, back and a shared link keep the drawer.

export type Column =
  | "total" | "cpu" | "ram" | "gpu" | "pv" | "net" | "overhead" | "other" | "idle" | "shared" | "wasted" | "default" | "change"; // prettier-ignore

const columns: readonly string[] = [
  "total", "cpu", "ram", "gpu", "pv", "net", "overhead", "other", "idle", "shared", "wasted", "default", "change",
]; // prettier-ignore

/** Whether a drawer can explain a column of Explore, and as which. */
export function columnOf(id: string): Column | null {
  if (id === "rate") return "total";
  if (["before", "after", "price", "volume"].includes(id)) return "change";
  return columns.includes(id) ? (id as Column) : null;
}

export interface Explained {
  source: "allocation" | "assets";
  /** The question whose answer has the number, with an absolute window. */
  query: Record<string, string>;
  /** The row of the answer; "*": all rows together. */
  row: string;
  /** Rows to leave out of all. */
  except?: readonly string[];
  column: Column;
  /** The comparison that a change comes from. */
  compare?: string;
}

const own = ["row", "except", "column", "compare"];

export function formatExplained(e: Explained): string {
  const p = new URLSearchParams(e.query);
  p.set("row", e.row);
  if (e.except?.length) p.set("except", e.except.join(","));
  if (e.column !== "total") p.set("column", e.column);
  if (e.compare) p.set("compare", e.compare);
  return `${e.source}?${p.toString()}`.replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%22", '"');
}

export function parseExplained(text: string | null): Explained | null {
  const m = /^(allocation|assets)\?(.*)$/s.exec(text ?? "");
  if (!m?.[1]) return null;
  const p = new URLSearchParams(m[2]);
  const row = p.get("row");
  const column = columnOf(p.get("column") ?? "total");
  if (row === null || column === null) return null;
  const except = p.get("except");
  const compare = p.get("compare");
  return {
    source: m[1] as Explained["source"],
    query: Object.fromEntries([...p].filter(([k]) => !own.includes(k))),
    row,
    column,
    ...(except ? { except: except.split(",") } : {}),
    ...(compare ? { compare } : {}),
  };
}

/** The window of an answer, as a question that asks for it again. */
export const windowOf = (w: { start: string | null; end: string | null }): string => `${w.start ?? ""},${w.end ?? ""}`;

/** The cost of the fleet or of one cluster, by its parts. */
export function partOf(window: { start: string | null; end: string | null }, part: string, cluster?: string): Explained {
  const rows: Record<string, string> = { idle: "__idle__", unmounted: "__unmounted__", overhead: "__overhead__" };
  return {
    source: "allocation",
    query: {
      window: windowOf(window),
      aggregate: "controllerKind",
      accumulate: "all",
      ...(cluster === undefined ? {} : { filter: `cluster:"${cluster}"` }),
    },
    row: rows[part] ?? "*",
    ...(part === "allocated" ? { except: Object.values(rows) } : {}),
    column: "total",
  };
}
