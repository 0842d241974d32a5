import { expect, it } from "vitest";
import type { Schemas } from "../../api/client";
import { exact, linesOf, priceDate, valueOf, wasteLines } from "./lines";

const row = (over: Partial<Schemas["ExploreRow"]>): Schemas["ExploreRow"] => ({
  name: "web", key: ["web"], kind: "container", total: 0, cpu: 0, ram: 0, gpu: 0, pv: 0, loadBalancer: 0, network: 0, overhead: 0, other: 0, idleShare: 0,
  sharedShare: 0, workloadIdle: 0, defaultCost: 0, hours: 0, cpuCoreHours: 0, cpuRequestedCoreHours: 0, cpuUsedCoreHours: 0, ramByteHours: 0,
  ramRequestedByteHours: 0, ramUsedByteHours: 0, gpuHours: 0, pvByteHours: 0, ...over,
}); // prettier-ignore

it("tells workload idle as unused quantity times average rate", () => {
  const r = row({
    cpu: 6,
    cpuCoreHours: 120,
    cpuUsedCoreHours: 30,
    ram: 4,
    ramByteHours: 80 * 1024 ** 3,
    ramUsedByteHours: 100 * 1024 ** 3,
  });
  const lines = wasteLines(r);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ name: "CPU", cost: 4.5, factors: [{ value: 90 }, { value: 0.05 }] });
});

it("takes the lines and the number of one column", () => {
  const line = (column: string, cost: number) => ({ column, name: column, factors: [], cost, rounding: 0 });
  const x = {
    row: row({ network: 2, loadBalancer: 3, cpu: 1, total: 6 }),
    lines: [line("cpu", 1), line("network", 2), line("loadBalancer", 3)],
  };
  const all = x as unknown as Schemas["Explanation"];
  expect(linesOf(all, "net")?.map((l) => l.cost)).toEqual([2, 3]);
  expect(linesOf(all, "total")).toBeNull();
  expect(valueOf(all.row, "net")).toBe(5);
  expect(valueOf(all.row, "cpu")).toBe(1);
});

it("writes factors with all their digits", () => {
  expect(exact(1234.5)).toBe("1,234.5");
  expect(exact(0.031611123)).toBe("0.031611123");
});

it("says of what date the price of a book is, and nothing where there is none", () => {
  expect(priceDate({ source: "book:aws/us-east-1", cost: 1, asOf: "2026-07-20" })).toBe(", list prices of 2026-07-20");
  expect(priceDate({ source: "default", cost: 1 })).toBe("");
});
