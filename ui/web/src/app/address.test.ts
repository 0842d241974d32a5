import { expect, it } from "vitest";
import { charts, compares, exploreFields, idles, metrics, overheads, sources, steps } from "../features/explore/state";
import { clusterFields, fleetFields } from "../features/fleet/state";
import { changeGroups, changePeriods, homeFields } from "../features/home/state";
import type { Fields } from "../lib/urlState";
import { formatState, parseState } from "../lib/urlState";

// The address is the whole state of a page: whatever a page can be set to comes
// back from its address. The states are drawn at random, the same at every run.

function random(seed: number): () => number {
  let s = seed;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
}
const next = random(20261124);
const one = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
const valueOf = <T>(options: readonly { value: T }[]) => one(options).value;
const signs = [...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)), "é", "日", "%2C", "%", "&&", "🙂", "\n"];
const anyText = () => Array.from({ length: Math.floor(next() * 14) }, () => one(signs)).join("");
// An empty name alone is no list: no dimension and no namespace has one.
const anyList = () => Array.from({ length: Math.floor(next() * 4) }, () => anyText()).filter((x) => x !== "");

const draws = {
  home: () => ({
    fields: homeFields,
    state: { window: anyText(), changes: valueOf(changePeriods), by: valueOf(changeGroups), trend: one(["chart", "table"] as const) },
  }),
  explore: () => ({
    fields: exploreFields,
    state: {
      source: valueOf(sources),
      window: anyText(),
      compare: valueOf(compares),
      step: valueOf(steps),
      group: anyList(),
      filter: anyText(),
      idle: valueOf(idles),
      overhead: valueOf(overheads),
      shared: anyList(),
      metric: valueOf(metrics),
      chart: valueOf(charts),
      sort: anyText(),
    },
  }),
  fleet: () => ({ fields: fleetFields, state: { window: anyText(), days: one(["14", "30", "90"] as const), connect: anyText() } }),
  cluster: () => ({ fields: clusterFields, state: { day: anyText() } }),
};

it.each(Object.entries(draws))("%s: every state comes back from its address", (_, draw) => {
  for (let i = 0; i < 3000; i++) {
    const { fields, state } = draw() as { fields: Fields<Record<string, unknown>>; state: Record<string, unknown> };
    const search = formatState(fields, state);
    expect(parseState(fields, search), search).toEqual(state);
    // A browser keeps the address as it is.
    expect(parseState(fields, new URL(`http://x/ui/?${search}`).search), search).toEqual(state);
  }
});

it("says nothing of defaults, and takes any address", () => {
  for (const fields of [homeFields, exploreFields, fleetFields, clusterFields] as unknown as Fields<Record<string, unknown>>[]) {
    expect(formatState(fields, parseState(fields, ""))).toBe("");
    for (let i = 0; i < 300; i++)
      parseState(
        fields,
        Object.keys(fields)
          .map((k) => `${k}=${anyText()}`)
          .join("&"),
      );
  }
});
