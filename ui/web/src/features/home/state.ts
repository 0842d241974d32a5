import { choice, text } from "../../lib/urlState";

export const changePeriods = [
  { value: "last7d", label: "7 days" },
  { value: "last30d", label: "30 days" },
  { value: "window", label: "The period" },
] as const;

export const changeGroups = [
  { value: "namespace", label: "Namespace" },
  { value: "cluster", label: "Cluster" },
  { value: "controller", label: "Workload" },
  { value: "team", label: "Team" },
] as const;

/** What stands in the address of Home. */
export const homeFields = {
  window: text("month"),
  changes: choice(
    changePeriods.map((p) => p.value),
    "last7d",
  ),
  by: choice(
    changeGroups.map((g) => g.value),
    "namespace",
  ),
  trend: choice(["chart", "table"] as const, "chart"),
};
