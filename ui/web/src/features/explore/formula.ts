import { bytes, count, decimal } from "../../lib/format";
import type { Row } from "./rows";

export interface Line {
  name: string;
  quantity: string;
  /** Cost per unit of the quantity; null where there is none. */
  rate: number | null;
  unit: string;
  cost: number;
  note: string;
}

const GiB = 1024 ** 3;
const some = (v: number) => Math.abs(v) >= 5e-10;

/** What a cost is made of: quantity × average rate, and the shares beside it. */
export function formulaOf(r: Row): Line[] {
  const lines: Line[] = [];
  const add = (name: string, quantity: number, unit: string, cost: number, note: string) => {
    if (some(cost) || quantity > 0)
      lines.push({
        name,
        quantity: quantity > 0 ? decimal(quantity, quantity < 10 ? 3 : 1) : "–",
        rate: quantity > 0 ? cost / quantity : null,
        unit,
        cost,
        note,
      });
  };
  const workload = r.kind === "container";
  const of = (requested: number | null, used: number | null, scale: number, unit: string) =>
    workload
      ? `max(request, usage), taken per minute; requested ${decimal((requested ?? 0) / scale)}, used ${decimal((used ?? 0) / scale)} ${unit}`
      : "";
  add("CPU", r.cpuCoreHours ?? 0, "core-hour", r.cpu, of(r.cpuRequestedCoreHours, r.cpuUsedCoreHours, 1, "core-hours"));
  add("Memory", (r.ramByteHours ?? 0) / GiB, "GiB-hour", r.ram, of(r.ramRequestedByteHours, r.ramUsedByteHours, GiB, "GiB-hours"));
  add("GPU", r.gpuHours ?? 0, "unit-hour", r.gpu, "");
  add("Storage", (r.pvByteHours ?? 0) / GiB, "GiB-hour", r.pv, "its share of the volumes it mounts");
  const plain = (name: string, cost: number, note: string) => {
    if (some(cost)) lines.push({ name, quantity: "", rate: null, unit: "", cost, note });
  };
  plain("Load balancers", r.loadBalancer, "shared by the services behind each");
  plain("Network", r.network, "traffic whose class is known");
  plain("Overhead", r.overhead, "boot disks and control planes");
  plain("Disks and services", r.other, "");
  plain("Share of idle", r.idleShare, "per resource and hour, in proportion to cost");
  plain("Share of shared cost", r.sharedShare, "per day, in proportion to cost");
  lines.push({ name: "Adjustment to the bill", quantity: "", rate: null, unit: "", cost: 0, note: "none: no cloud bill is read yet" });
  return lines;
}

const numbers = [
  "total", "cpu", "ram", "gpu", "pv", "loadBalancer", "network", "overhead", "other", "idleShare", "sharedShare", "workloadIdle", "defaultCost",
] as const; // prettier-ignore
const quantities = [
  "hours", "cpuCoreHours", "cpuRequestedCoreHours", "cpuUsedCoreHours", "ramByteHours", "ramRequestedByteHours", "ramUsedByteHours", "gpuHours", "pvByteHours",
] as const; // prettier-ignore

/** All rows as one. */
export function totalRow(rows: readonly Row[]): Row | null {
  const first = rows[0];
  if (!first) return null;
  const out: Row = { ...first, name: "*", key: [], kind: "total" };
  for (const k of numbers) out[k] = rows.reduce((s, r) => s + r[k], 0);
  for (const k of quantities) out[k] = rows.reduce((s, r) => s + (r[k] ?? 0), 0);
  return out;
}

export const sizeOf = (objects: number, rows: number, size: number): string =>
  `${count(objects)} ${objects === 1 ? "object" : "objects"}, ${count(rows)} rows, ${bytes(size)}`;
