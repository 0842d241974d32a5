import { describe, expect, it } from "vitest";
import { compared } from "./compared";

describe("compared", () => {
  it("names whole days", () => {
    expect(
      compared({
        current: { start: "2026-11-17T00:00:00Z", end: "2026-11-24T00:00:00Z" },
        previous: { start: "2026-11-10T00:00:00Z", end: "2026-11-17T00:00:00Z" },
      }),
    ).toBe("17 Nov – 23 Nov 2026 with 10 Nov – 16 Nov 2026");
  });
  it("says until and from when where a day is cut", () => {
    expect(
      compared({
        current: { start: "2026-11-01T00:00:00Z", end: "2026-11-24T14:00:00Z" },
        previous: { start: "2026-10-01T00:00:00Z", end: "2026-10-24T14:00:00Z" },
      }),
    ).toBe("1 Nov – 24 Nov 2026 until 14:00 UTC with 1 Oct – 24 Oct 2026 until 14:00 UTC");
    expect(
      compared({
        current: { start: "2026-11-24T05:00:00Z", end: "2026-11-24T14:00:00Z" },
        previous: { start: "2026-11-23T05:00:00Z", end: "2026-11-23T14:00:00Z" },
      }),
    ).toBe("24 Nov 2026 from 05:00 until 14:00 UTC with 23 Nov 2026 from 05:00 until 14:00 UTC");
    expect(compared({ current: { start: null, end: null }, previous: { start: null, end: null } })).toBe("no hour with no hour");
  });
});
