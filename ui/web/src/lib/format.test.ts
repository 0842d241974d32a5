import { describe, expect, it } from "vitest";
import { ago, brief, bytes, completeness, money, relative, rounding, signed, span } from "./format";

describe("money", () => {
  it("keeps the currency, known or not", () => {
    expect(money(1234.5, "USD")).toBe("$1,234.50");
    expect(money(1234.5, "not one")).toBe("1,234.50 not one");
  });
  it("signs changes and has no minus zero", () => {
    expect(signed(12, "USD")).toBe("+$12.00");
    expect(signed(-3.5, "USD")).toBe("−$3.50");
    expect(signed(-0.001, "USD")).toBe("$0.00");
  });
  it("is brief on axes", () => {
    expect(["0", "4.5", "340", "12000"].map((v) => brief(Number(v), "USD"))).toEqual(["$0", "$4.50", "$340", "$12K"]);
  });
});

describe("rounding", () => {
  it("is what the rounded parts lack to the rounded total, whatever they are", () => {
    let seed = 7;
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (let round = 0; round < 500; round++) {
      const parts = Array.from({ length: 1 + Math.floor(random() * 9) }, () => random() * 1000);
      const total = parts.reduce((a, b) => a + b, 0);
      const rest = rounding(parts, total);
      const shown = parts.reduce((s, p) => s + Math.round(p * 100), 0) + Math.round(rest * 100);
      expect(shown).toBe(Math.round(total * 100));
      expect(Math.abs(rest)).toBeLessThanOrEqual(0.05);
    }
    expect(rounding([0.1, 0.2], 0.3)).toBe(0);
  });
});

describe("completeness", () => {
  it("never calls nearly complete complete", () => {
    expect(completeness(99999, 100000)).toBe("99.9%");
    expect(completeness(100, 100)).toBe("100%");
    expect(completeness(0, 0)).toBe("100%");
    expect(completeness(1, 3)).toBe("33.3%");
  });
});

describe("relative", () => {
  it("says new from nothing, and ± for what rounds to nothing", () => {
    expect(relative(0, 5)).toBe("new");
    expect(relative(100, 100.001)).toBe("±0%");
    expect(relative(100, 150)).toBe("+50%");
    expect(relative(200, 150)).toBe("−25%");
  });
});

describe("span", () => {
  it("names whole days by their first and last day", () => {
    expect(span({ start: "2026-11-17T00:00:00Z", end: "2026-11-24T00:00:00Z" })).toBe("17 Nov – 23 Nov 2026");
    expect(span({ start: "2026-11-17T00:00:00Z", end: "2026-11-18T00:00:00Z" })).toBe("17 Nov 2026");
  });
  it("gives the hour where a day is cut", () => {
    expect(span({ start: "2026-11-01T00:00:00Z", end: "2026-11-24T13:00:00Z" })).toBe("1 Nov – 24 Nov 2026 13:00");
    expect(span({ start: null, end: null })).toBe("no whole day");
  });
});

it("tells how long ago in one unit", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  expect(["2026-11-24T11:59:30Z", "2026-11-24T11:30:00Z", "2026-11-24T05:00:00Z", "2026-11-20T12:00:00Z"].map((t) => ago(t, now))).toEqual([
    "just now",
    "30 min ago",
    "7 h ago",
    "4 days ago",
  ]);
  expect(ago(undefined, now)).toBe("never");
});

it("writes bytes in binary units", () => {
  expect(bytes(1536)).toBe("1.5 KiB");
  expect(bytes(10)).toBe("10 B");
});
