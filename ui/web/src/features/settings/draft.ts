import type { Schemas } from "../../api/client";

// The form as people fill it in, and the document that it stands for. An empty
// field is a default, which a document leaves out.

type Document = Schemas["Document"];

export const aliases = ["team", "department", "environment", "owner", "product"] as const;
export type Alias = (typeof aliases)[number];

export interface Draft {
  display: string;
  decimals: string;
  locale: string;
  /** Labels with commas between, the first present wins. */
  labels: Record<Alias, string>;
  idle: string;
  overhead: string;
  shared: string;
}

export const displays = [
  { value: "", label: "Not set (symbol)" },
  { value: "symbol", label: "Symbol: $1,234.50" },
  { value: "code", label: "Code: USD 1,234.50" },
  { value: "none", label: "Number alone; the heads name the currency" },
] as const;
export const decimals = [
  { value: "", label: "Not set (those of the currency)" },
  ...["0", "1", "2", "3", "4"].map((value) => ({ value, label: value })),
] as const;
export const idles = [
  { value: "", label: "Not set (a row of its own)" },
  { value: "separate", label: "A row of its own" },
  { value: "share", label: "Shared within the cluster" },
  { value: "sharenode", label: "Shared within the node" },
  { value: "hide", label: "Hidden" },
] as const;
export const overheads = [
  { value: "", label: "Not set (a row of its own)" },
  { value: "separate", label: "A row of its own" },
  { value: "share", label: "Shared within the cluster" },
  { value: "hide", label: "Hidden" },
] as const;

const names = (list: string): string[] =>
  list
    .split(/[\s,]+/)
    .map((x) => x.trim())
    .filter((x) => x !== "");

export function draftOf(d: Document): Draft {
  return {
    display: d.currencyFormat?.display ?? "",
    decimals: d.currencyFormat?.decimals?.toString() ?? "",
    locale: d.currencyFormat?.locale ?? "",
    labels: Object.fromEntries(aliases.map((a) => [a, (d.labelAliases?.[a] ?? []).join(", ")])) as Record<Alias, string>,
    idle: d.views?.idle ?? "",
    overhead: d.views?.overhead ?? "",
    shared: (d.views?.sharedNamespaces ?? []).join(", "),
  };
}

export function documentOf(draft: Draft): Document {
  const labelAliases = Object.fromEntries(
    aliases.map((a) => [a, names(draft.labels[a])] as const).filter(([, labels]) => labels.length > 0),
  );
  const currencyFormat = {
    ...(draft.display ? { display: draft.display } : {}),
    ...(draft.decimals ? { decimals: Number(draft.decimals) } : {}),
    ...(draft.locale ? { locale: draft.locale } : {}),
  };
  const shared = names(draft.shared);
  const views = {
    ...(draft.idle ? { idle: draft.idle } : {}),
    ...(draft.overhead ? { overhead: draft.overhead } : {}),
    ...(shared.length > 0 ? { sharedNamespaces: shared } : {}),
  };
  const some = (o: object) => Object.keys(o).length > 0;
  return {
    ...(some(labelAliases) ? { labelAliases } : {}),
    ...(some(currencyFormat) ? { currencyFormat } : {}),
    ...(some(views) ? { views } : {}),
  };
}

/** The same document, however it was written. */
export const same = (a: Document, b: Document): boolean => text(documentOf(draftOf(a))) === text(documentOf(draftOf(b)));
const text = (d: Document) => JSON.stringify(d);

/** What two documents differ in, in the words of the page. */
export function differences(a: Document, b: Document): string[] {
  const [x, y] = [documentOf(draftOf(a)), documentOf(draftOf(b))];
  const parts: [string, (d: Document) => unknown][] = [
    ["how amounts are written", (d) => d.currencyFormat],
    ...aliases.map((alias): [string, (d: Document) => unknown] => [`labels of ${alias}`, (d) => d.labelAliases?.[alias]]),
    ["idle", (d) => d.views?.idle],
    ["overhead", (d) => d.views?.overhead],
    ["shared namespaces", (d) => d.views?.sharedNamespaces],
  ];
  return parts.filter(([, of]) => JSON.stringify(of(x)) !== JSON.stringify(of(y))).map(([name]) => name);
}

/** The field that a path of the server's refusal is about: "labelAliases.team[1]" → "team". */
export function fieldOf(path: string | undefined): string {
  const [section, rest] = (path ?? "").split(".");
  return rest === undefined || section === undefined ? "" : rest.replace(/\[\d+\]$/, "");
}
