import { expect, it } from "vitest";
import { formulaOf, totalRow } from "./formula";
import type { Row } from "./rows";

const row = (over: Partial<Row>): Row => ({
  name: "web", key: ["web"], kind: "container", total: 0, cpu: 0, ram: 0, gpu: 0, pv: 0, loadBalancer: 0, network: 0, overhead: 0, other: 0, idleShare: 0,
  sharedShare: 0, workloadIdle: 0, defaultCost: 0, hours: 0, cpuCoreHours: 0, cpuRequestedCoreHours: 0, cpuUsedCoreHours: 0, ramByteHours: 0,
  ramRequestedByteHours: 0, ramUsedByteHours: 0, gpuHours: 0, pvByteHours: 0, ...over,
}); // prettier-ignore

it("is made of lines that add to the total, each its quantity times its rate", () => {
  const r = row({
    total: 16,
    cpu: 6,
    cpuCoreHours: 120,
    cpuRequestedCoreHours: 120,
    cpuUsedCoreHours: 30,
    ram: 4,
    ramByteHours: 80 * 1024 ** 3,
    idleShare: 5,
    sharedShare: 1,
  });
  const lines = formulaOf(r);
  expect(lines.reduce((s, l) => s + l.cost, 0)).toBeCloseTo(r.total, 9);
  expect(lines[0]).toMatchObject({ name: "CPU", quantity: "120.0", unit: "core-hour" });
  expect(lines[0]?.rate).toBeCloseTo(0.05, 9);
  expect(lines[0]?.note).toContain("requested 120.0, used 30.0 core-hours");
  expect(lines[1]?.rate).toBeCloseTo(0.05, 9);
  expect(lines.map((l) => l.name)).not.toContain("GPU");
});

it("adds rows to one", () => {
  const t = totalRow([row({ total: 1, cpu: 1, cpuCoreHours: 2 }), row({ kind: "idle", total: 3, ram: 3 })]);
  expect(t).toMatchObject({ name: "*", total: 4, cpu: 1, ram: 3, cpuCoreHours: 2 });
  expect(totalRow([])).toBeNull();
});
