import { expect, it } from "vitest";
import { apiWindow, datesOf, windowOfDates, windowOfSpan } from "./window";

it("turns two dates into two midnights, the last day included", () => {
  const w = windowOfDates("2026-11-01", "2026-11-30");
  expect(w).toBe("2026-11-01,2026-12-01");
  expect(apiWindow(w)).toBe("2026-11-01T00:00:00Z,2026-12-01T00:00:00Z");
  expect(datesOf(w)).toEqual({ first: "2026-11-01", last: "2026-11-30" });
});

it("leaves words and moments as they are", () => {
  for (const w of ["7d", "lastmonth", "2026-11-01T05:00:00Z,2026-11-01T06:00:00Z"]) {
    expect(apiWindow(w)).toBe(w);
    expect(datesOf(w)).toBeNull();
  }
});

it("writes a span of whole days by dates, others by moments", () => {
  expect(windowOfSpan("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z")).toBe("2026-11-01,2026-11-02");
  expect(windowOfSpan("2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z")).toBe("2026-11-01T05:00:00Z,2026-11-01T06:00:00Z");
});
