import type { AllocationParams, AssetParams } from "../../api/queries";
import { savedView } from "../../lib/saved";
import { choice, list, preferred, text, writeList } from "../../lib/urlState";
import { apiWindow } from "../../lib/window";

export const sources = [
  { value: "allocation", label: "Allocations" },
  { value: "assets", label: "Assets" },
] as const;
export type Source = (typeof sources)[number]["value"];

export const compares = [
  { value: "", label: "No comparison" },
  { value: "previous", label: "With the period before" },
  { value: "7d", label: "With 7 days before" },
  { value: "28d", label: "With 28 days before" },
] as const;
export const steps = [
  { value: "auto", label: "Step: automatic" },
  { value: "hour", label: "By hour" },
  { value: "day", label: "By day" },
  { value: "week", label: "By week" },
  { value: "month", label: "By month" },
] as const;
export const idles = [
  { value: "separate", label: "Idle: a row of its own" },
  { value: "share", label: "Idle: shared within the cluster" },
  { value: "sharenode", label: "Idle: shared within the node" },
  { value: "hide", label: "Idle: hidden" },
] as const;
export const overheads = [
  { value: "separate", label: "Overhead: a row of its own" },
  { value: "share", label: "Overhead: shared" },
  { value: "hide", label: "Overhead: hidden" },
] as const;
export const metrics = [
  { value: "cost", label: "Cost in the period" },
  { value: "daily", label: "Cost per day" },
  { value: "monthly", label: "Cost per month" },
  { value: "wasted", label: "Wasted: asked for, not used" },
  { value: "efficiency", label: "Efficiency: used of allocated" },
  { value: "hours", label: "Run hours" },
] as const;
export type Metric = (typeof metrics)[number]["value"];
export const charts = [
  { value: "bars", label: "Bars" },
  { value: "lines", label: "Lines" },
  { value: "treemap", label: "Treemap" },
  { value: "table", label: "Table" },
  { value: "none", label: "None" },
] as const;

const values = <T extends string>(options: readonly { value: T }[]) => options.map((o) => o.value);

/** What stands in the address of Explore. */
export const exploreFields = {
  source: choice(values(sources), "allocation"),
  window: text("7d"),
  compare: choice(values(compares), ""),
  step: choice(values(steps), "auto"),
  group: list(["namespace"]),
  filter: text(),
  idle: preferred(choice(values(idles), "separate"), () => savedView("idle"), String),
  overhead: preferred(choice(values(overheads), "separate"), () => savedView("overhead"), String),
  shared: preferred(list(), () => savedView("sharedNamespaces"), writeList),
  metric: choice(values(metrics), "cost"),
  chart: choice(values(charts), "bars"),
  sort: text(),
};

export interface ExploreState {
  source: Source;
  window: string;
  compare: (typeof compares)[number]["value"];
  step: (typeof steps)[number]["value"];
  group: string[];
  filter: string;
  idle: (typeof idles)[number]["value"];
  overhead: (typeof overheads)[number]["value"];
  shared: string[];
  metric: Metric;
  chart: (typeof charts)[number]["value"];
  sort: string;
}

/** Hours for a day or two, else days. */
export function accumulate(state: ExploreState): string {
  if (state.step !== "auto") return state.step;
  if (["today", "yesterday", "24h", "48h"].includes(state.window)) return "hour";
  const [a, b] = apiWindow(state.window).split(",");
  return a && b && Date.parse(b) - Date.parse(a) <= 48 * 3_600_000 ? "hour" : "day";
}

/** The question that a state stands for. */
export function questionOf(state: ExploreState): AllocationParams & AssetParams {
  const common = {
    window: apiWindow(state.window),
    aggregate: state.group.length ? state.group.join(",") : "all",
    accumulate: accumulate(state),
    ...(state.filter ? { filter: state.filter } : {}),
  };
  if (state.source === "assets") return { ...common, ...(state.compare ? { compare: state.compare } : {}) };
  return {
    ...common,
    ...(state.compare ? { compare: state.compare } : {}),
    ...(state.idle === "hide" ? { idle: "false" } : {}),
    ...(state.idle === "share" || state.idle === "sharenode" ? { shareIdle: "true" } : {}),
    ...(state.idle === "sharenode" ? { idleByNode: "true" } : {}),
    ...(state.overhead === "hide" ? { includeOverhead: "false" } : {}),
    ...(state.overhead === "share" ? { shareTenancyCosts: "true" } : {}),
    ...(state.shared.length ? { shareNamespaces: state.shared.join(",") } : {}),
  };
}

export const dimensions: Record<Source, readonly string[]> = {
  allocation: [
    "cluster",
    "namespace",
    "controller",
    "controllerKind",
    "node",
    "pod",
    "container",
    "service",
    "team",
    "department",
    "environment",
    "owner",
    "product",
  ],
  assets: [
    "cluster",
    "type",
    "category",
    "nodePool",
    "instanceType",
    "capacityType",
    "region",
    "zone",
    "provider",
    "account",
    "storageClass",
    "name",
  ],
};

/** The filter key of a dimension, where it has another name. */
export function filterKey(dimension: string, source: Source): string {
  if (dimension.startsWith("label:")) return `label[${dimension.slice(6)}]`;
  const other: Record<string, string> =
    source === "allocation" ? { controller: "controllerName", service: "services" } : { type: "assetType" };
  return other[dimension] ?? dimension;
}

/** What to group by one step further in. */
const inward: Record<Source, Record<string, string>> = {
  allocation: {
    cluster: "namespace",
    namespace: "controller",
    controllerKind: "controller",
    controller: "pod",
    pod: "container",
    node: "pod",
    service: "controller",
    team: "namespace",
    department: "team",
    environment: "namespace",
    owner: "namespace",
    product: "namespace",
  },
  assets: {
    cluster: "type",
    category: "type",
    type: "instanceType",
    nodePool: "instanceType",
    instanceType: "name",
    provider: "cluster",
    region: "cluster",
    zone: "cluster",
    capacityType: "instanceType",
  },
};

export function nextDimension(dimension: string, source: Source, taken: readonly string[]): string | null {
  let d: string | undefined = dimension;
  for (let i = 0; i < 5 && d !== undefined; i++) {
    d = inward[source][d] ?? (d.startsWith("label:") ? "namespace" : undefined);
    if (d !== undefined && !taken.includes(d)) return d;
  }
  return null;
}
