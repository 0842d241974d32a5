import type { Schemas } from "../api/client";
import type { CurrencyFormat } from "./format";
import { plainFormat, setCurrencyFormat } from "./format";

// What somebody saved for everybody. It comes with the page itself, so the
// first paint has it without a call and without a shift.

export interface SavedViews {
  idle?: "separate" | "share" | "sharenode" | "hide";
  overhead?: "separate" | "share" | "hide";
  sharedNamespaces?: string[];
}

export interface Saved {
  format: CurrencyFormat;
  views: SavedViews;
}

/** What a saved document says to the pages; what this page does not know is left out. */
export function readSaved(document: unknown): Saved {
  const d = (typeof document === "object" && document !== null ? document : {}) as Partial<Schemas["Document"]>;
  const f = d.currencyFormat ?? {};
  const v = d.views ?? {};
  const one = <T extends string>(value: unknown, known: readonly T[]): T | undefined => known.find((k) => k === value);
  const idle = one(v.idle, ["separate", "share", "sharenode", "hide"] as const);
  const overhead = one(v.overhead, ["separate", "share", "hide"] as const);
  return {
    format: {
      display: one(f.display, ["symbol", "code", "none"] as const) ?? plainFormat.display,
      decimals: typeof f.decimals === "number" ? f.decimals : null,
      locale: known(f.locale) ?? plainFormat.locale,
    },
    views: {
      ...(idle ? { idle } : {}),
      ...(overhead ? { overhead } : {}),
      ...(v.sharedNamespaces?.length ? { sharedNamespaces: v.sharedNamespaces } : {}),
    },
  };
}

function known(locale: string | undefined): string | undefined {
  try {
    return locale === undefined ? undefined : Intl.NumberFormat.supportedLocalesOf(locale)[0];
  } catch {
    return undefined;
  }
}

let views: SavedViews = {};

/** Puts a saved document in force on this page. */
export function applySaved(document: unknown): void {
  const saved = readSaved(document);
  views = saved.views;
  setCurrencyFormat(saved.format);
}

/** The document that the server wrote into the page. */
export function savedInPage(page: Document): unknown {
  try {
    return JSON.parse(page.querySelector<HTMLMetaElement>('meta[name="fleetcost-saved"]')?.content ?? "{}");
  } catch {
    return {};
  }
}

export const savedView = <K extends keyof SavedViews>(key: K): SavedViews[K] => views[key];
