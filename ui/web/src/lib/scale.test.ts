import { expect, it } from "vitest";
import { partialReason } from "./partial";
import { ticks } from "./scale";

it("draws round ticks that reach the top", () => {
  for (const max of [0.003, 1, 7, 99, 1180, 26324.4]) {
    const t = ticks(max);
    expect(t[0]).toBe(0);
    expect(t.at(-1)).toBeGreaterThanOrEqual(max);
    expect(t.length).toBeLessThanOrEqual(6);
  }
  expect(ticks(0)).toEqual([0]);
});

it("says why a stretch of time is not whole", () => {
  const window = { start: null, end: null };
  expect(partialReason({ window, hoursExpected: 48, hoursPresent: 48, hoursPartial: 0, over: true })).toBeUndefined();
  expect(partialReason({ window, hoursExpected: 48, hoursPresent: 40, hoursPartial: 0, over: true })).toBe(
    "40 of 48 cluster-hours (83.3%)",
  );
  expect(partialReason({ window, hoursExpected: 48, hoursPresent: 48, hoursPartial: 2, over: true })).toBe(
    "2 cluster-hours measured in part",
  );
  expect(partialReason({ window, hoursExpected: 10, hoursPresent: 10, hoursPartial: 0, over: false })).toMatch(/not over/);
  expect(partialReason({ window, hoursExpected: 0, hoursPresent: 0, hoursPartial: 0, over: true })).toBe("nothing was expected");
});
