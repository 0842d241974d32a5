import type { Schemas } from "../../api/client";
import type { Column } from "../../lib/explained";

type Row = Schemas["ExploreRow"];
export type Line = Schemas["ExplainLine"];

export const columnNames: Record<Column, string> = {
  total: "Cost", cpu: "CPU", ram: "Memory", gpu: "GPU", pv: "Storage", net: "Network and balancers", overhead: "Overhead",
  other: "Disks and services", idle: "Share of idle", shared: "Share of shared cost", wasted: "Workload idle", default: "Cost at default prices",
  change: "Change",
}; // prettier-ignore

/** Which columns of the API's lines a column of a page is made of. */
const parts: Partial<Record<Column, readonly string[]>> = {
  cpu: ["cpu"], ram: ["ram"], gpu: ["gpu"], pv: ["pv"], net: ["network", "loadBalancer"], overhead: ["overhead"], other: ["other"],
  idle: ["idleShare"], shared: ["sharedShare"],
}; // prettier-ignore

/** The number that is explained. */
export function valueOf(row: Row, column: Column): number {
  switch (column) {
    case "net":
      return row.network + row.loadBalancer;
    case "idle":
      return row.idleShare;
    case "shared":
      return row.sharedShare;
    case "wasted":
      return row.workloadIdle;
    case "default":
      return row.defaultCost;
    case "change":
    case "total":
      return row.total;
    default:
      return row[column];
  }
}

const GiB = 1024 ** 3;

/** The lines of one column alone; null where the column is the whole or no sum of lines. */
export function linesOf(x: Schemas["Explanation"], column: Column): Line[] | null {
  if (column === "wasted") return wasteLines(x.row);
  const of = parts[column];
  return of ? x.lines.filter((l) => of.includes(l.column)) : null;
}

/** What was asked for and not used, at the row's average rates. */
export function wasteLines(r: Row): Line[] {
  const out: Line[] = [];
  const add = (name: string, cost: number, allocated: number, used: number, unit: string) => {
    const unused = allocated - used;
    if (allocated <= 0 || unused <= 0 || cost === 0) return;
    const quantity = Number(unused.toFixed(6));
    const rate = Number((cost / allocated).toFixed(9));
    const exact = (cost * unused) / allocated;
    out.push({
      column: "wasted",
      name,
      factors: [
        { value: quantity, unit: `${unit}s allocated and not used` },
        { value: rate, unit: `per ${unit} on average` },
      ],
      cost: exact,
      rounding: exact - quantity * rate,
    });
  };
  add("CPU", r.cpu, r.cpuCoreHours ?? 0, r.cpuUsedCoreHours ?? 0, "core-hour");
  add("Memory", r.ram, (r.ramByteHours ?? 0) / GiB, (r.ramUsedByteHours ?? 0) / GiB, "GiB-hour");
  return out;
}

/** A number with all the digits it has, as a calculator takes it. */
export const exact = (v: number): string => v.toLocaleString("en-US", { maximumFractionDigits: 9 });

/** Of what date the price of an embedded book is; of other prices nothing is known. */
export const priceDate = (p: Schemas["PriceCost"]): string => (p.asOf ? `, list prices of ${p.asOf}` : "");
