import { expect, it } from "vitest";
import type { Schemas } from "../../api/client";
import { cellOf, daysOf } from "./days";

const day = (date: string, hoursExpected: number, hoursPresent: number, partialHours = 0) => ({
  date,
  hoursExpected,
  hoursPresent,
  partialHours,
  coverageSeconds: 0,
  rows: 0,
});
const cluster = (over: Partial<Schemas["ClusterStatus"]>): Schemas["ClusterStatus"] => ({
  id: "a",
  state: "fresh",
  hoursExpected: 0,
  hoursPresent: 0,
  hoursPartial: 0,
  rows: 0,
  bytes: 0,
  defaultShare: null,
  days: [],
  problems: [],
  missing: [],
  ...over,
});
const stateOf = (c: Schemas["ClusterStatus"], date: string, refused: Schemas["Quarantined"][] = []) =>
  cellOf(c, date, "2026-11-24", refused).state;

it("names the state of a day", () => {
  const c = cluster({
    days: [
      day("2026-11-20", 24, 24),
      day("2026-11-21", 24, 9),
      day("2026-11-22", 24, 0),
      day("2026-11-23", 24, 24, 2),
      day("2026-11-24", 12, 10),
    ],
  });
  expect(["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"].map((d) => stateOf(c, d))).toEqual([
    "none",
    "complete",
    "partial",
    "missing",
    "partial",
    "late",
  ]);
  expect(stateOf({ ...c, state: "silent" }, "2026-11-24")).toBe("partial");
});

it("puts what was refused before what is there", () => {
  const c = cluster({ days: [day("2026-11-20", 24, 24)], problems: [{ code: "uneven", message: "2026-11-20: assets have 23 hours" }] });
  expect(stateOf(c, "2026-11-20")).toBe("duplicate");
  const refused = [{ key: "v1/allocation/date=2026-11-20/cluster_id=a/data.parquet", cluster: "a", reason: "totals differ" }];
  expect(stateOf(c, "2026-11-20", refused)).toBe("quarantined");
  expect(daysOf([c, cluster({ days: [day("2026-11-18", 1, 1), day("2026-11-20", 1, 1)] })])).toEqual(["2026-11-18", "2026-11-20"]);
});
