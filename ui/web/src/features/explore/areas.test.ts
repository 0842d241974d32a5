import { describe, expect, it } from "vitest";
import type { Row } from "./rows";
import { fitting, treemapOf } from "./areas";

const row = (key: string[], total: number, kind = "container"): Row => ({
  name: kind === "container" ? key.join("/") : (key[0] ?? ""), key, kind, total, cpu: 0, ram: 0, gpu: 0, pv: 0, loadBalancer: 0, network: 0, overhead: 0, other: 0,
  idleShare: 0, sharedShare: 0, workloadIdle: 0, defaultCost: 0, hours: 0, cpuCoreHours: 0, cpuRequestedCoreHours: 0, cpuUsedCoreHours: 0,
  ramByteHours: 0, ramRequestedByteHours: 0, ramUsedByteHours: 0, gpuHours: 0, pvByteHours: 0,
}); // prettier-ignore

const cost = (r: Row) => r.total;
const area = (t: { width: number; height: number }) => t.width * t.height;

describe("treemap", () => {
  it("gives each row an area by its cost, and none to what costs nothing or less", () => {
    const t = treemapOf([row(["a"], 60), row(["b"], 30), row(["c"], 10), row(["d"], 0), row(["e"], -5)], 1, cost, 1000, 400);
    expect(t.tiles.map((x) => x.name)).toEqual(["a", "b", "c"]);
    expect(t.without).toBe(2);
    const all = t.tiles.reduce((s, x) => s + area(x), 0);
    for (const x of t.tiles) expect(area(x) / all).toBeCloseTo(x.value / 100, 1);
    for (const x of t.tiles) expect(x.x >= 0 && x.y >= 0 && x.x + x.width <= 1000.001 && x.y + x.height <= 400.001).toBe(true);
  });

  it("puts the tail together, and loses nothing", () => {
    const rows = Array.from({ length: 200 }, (_, i) => row([`n${i}`], 200 - i));
    const t = treemapOf(rows, 1, cost, 1000, 400);
    expect(t.tiles).toHaveLength(48);
    expect(t.tiles.find((x) => x.row === null)?.name).toBe("153 more");
    expect(t.tiles.reduce((s, x) => s + x.value, 0)).toBe(rows.reduce((s, r) => s + r.total, 0));
  });

  it("nests two groupings, reserved rows as blocks of their own", () => {
    const t = treemapOf(
      [row(["c1", "web"], 5), row(["c1", "db"], 3), row(["c2", "web"], 2), row(["__idle__"], 4, "idle")],
      2,
      cost,
      800,
      400,
    );
    expect(t.blocks.map((b) => [b.name, b.value])).toEqual([
      ["c1", 8],
      ["__idle__", 4],
      ["c2", 2],
    ]);
    const [c1] = t.blocks;
    for (const x of t.tiles.filter((y) => y.parent === "c1"))
      expect(c1 && x.x >= c1.x && x.y >= c1.y && x.x + x.width <= c1.x + c1.width + 0.001).toBe(true);
  });

  it("draws nothing of nothing", () => {
    expect(treemapOf([], 1, cost, 800, 400)).toEqual({ tiles: [], blocks: [], without: 0 });
    expect(treemapOf([row(["a"], 0)], 2, cost, 800, 400).tiles).toEqual([]);
  });

  it("shortens names to their room", () => {
    expect(fitting("prod-us-east", 200)).toBe("prod-us-east");
    expect(fitting("prod-us-east", 60)).toBe("prod-…");
    expect(fitting("prod-us-east", 20)).toBe("");
  });
});
