import { describe, expect, it } from "vitest";
import type { Explained } from "./explained";
import { columnOf, formatExplained, parseExplained, partOf } from "./explained";

const window = { start: "2026-11-01T00:00:00Z", end: "2026-11-08T00:00:00Z" };

describe("what a number stands for", () => {
  it("comes back from the address as it was", () => {
    const all: Explained[] = [
      partOf(window, "total"),
      partOf(window, "allocated"),
      partOf(window, "idle", "prod-1"),
      {
        source: "assets",
        query: { window: "7d", aggregate: "type", filter: 'label[a]:"x&y=z"+cluster:"é"' },
        row: "Node/a&b",
        column: "cpu",
        compare: "7d",
      },
    ];
    for (const e of all) {
      const search = new URLSearchParams({ explain: formatExplained(e) }).toString();
      expect(parseExplained(new URLSearchParams(search).get("explain"))).toEqual(e);
    }
  });

  it("is nothing where the address is another", () => {
    for (const text of [null, "", "*", "namespace", "bills?row=x", "allocation?window=7d", "allocation?row=x&column=nonsense"])
      expect(parseExplained(text), text ?? "null").toBeNull();
  });

  it("leaves idle, unmounted and overhead out of what is allocated", () => {
    expect(partOf(window, "allocated")).toMatchObject({ row: "*", except: ["__idle__", "__unmounted__", "__overhead__"] });
    expect(partOf(window, "idle", "a").query.filter).toBe('cluster:"a"');
  });

  it("knows which columns of a table are costs", () => {
    expect(["total", "rate", "net", "before", "hours", "efficiency"].map(columnOf)).toEqual([
      "total",
      "total",
      "net",
      "change",
      null,
      null,
    ]);
  });
});
