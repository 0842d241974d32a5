import type { Schemas } from "../../api/client";
import type { Pattern } from "../../components/ui";

export interface Band {
  key: Exclude<keyof Schemas["CostParts"], "total">;
  name: string;
  meaning: string;
  fill: string;
  pattern: Pattern;
}

/** The parts of the cost of a scope, in the order they are stacked. */
export const bands: readonly Band[] = [
  { key: "allocated", name: "Allocations", meaning: "what workloads asked for or used", fill: "fill-allocated", pattern: "plain" },
  { key: "idle", name: "Idle", meaning: "paid for, neither asked for nor used", fill: "fill-idle", pattern: "dots" },
  { key: "unmounted", name: "Unmounted", meaning: "volumes and balancers that no pod holds", fill: "fill-unmounted", pattern: "bars" },
  { key: "overhead", name: "Overhead", meaning: "boot disks and control planes", fill: "fill-overhead", pattern: "cross" },
];
