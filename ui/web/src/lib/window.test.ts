import { expect, it } from "vitest";
import { apiWindow, datesOf, shiftWindow, windowOfDates, windowOfSpan } from "./window";

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

it("shifts a window by its own length, months by months, and never into the future", () => {
  const now = new Date("2026-03-24T15:00:00Z");
  const shifted = (w: string, by: -1 | 1) => shiftWindow(w, by, now);
  expect(shifted("today", -1)).toBe("yesterday");
  expect(shifted("yesterday", 1)).toBe("today");
  expect(shifted("7d", -1)).toBe("2026-03-11,2026-03-18");
  expect(shifted("2026-03-11,2026-03-18", 1)).toBe("7d");
  expect(shifted("month", -1)).toBe("lastmonth");
  expect(shifted("lastmonth", -1)).toBe("2026-01-01,2026-02-01");
  expect(shifted("2026-01-01,2026-02-01", 1)).toBe("lastmonth");
  expect(shifted("2026-01-01,2026-03-01", -1)).toBe("2025-11-01,2026-01-01");
  expect(shifted("2026-03-01T05:00:00Z,2026-03-01T06:00:00Z", -1)).toBe("2026-03-01T04:00:00Z,2026-03-01T05:00:00Z");
  for (const w of ["today", "7d", "month", "not a window"]) expect(shifted(w, 1)).toBeNull();
});
