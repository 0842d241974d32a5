import type { Schemas } from "../../api/client";

type Cluster = Schemas["ClusterStatus"];

/** What a day of a cluster can be; the first that holds is shown. */
export type DayState = "quarantined" | "duplicate" | "missing" | "late" | "partial" | "complete" | "none";

export const dayStates: Record<Exclude<DayState, "none">, { mark: string; label: string; meaning: string }> = {
  complete: { mark: "", label: "complete", meaning: "every hour is there and whole" },
  late: { mark: "…", label: "late", meaning: "the last hours are not here yet, the agent still pushes" },
  partial: { mark: "◐", label: "partial", meaning: "hours are missing, or were only partly measured" },
  missing: { mark: "×", label: "missing", meaning: "nothing of the day is there" },
  quarantined: { mark: "!", label: "quarantined", meaning: "an object of the day was refused" },
  duplicate: { mark: "≠", label: "duplicate", meaning: "objects of the day contradict each other" },
};

export interface Cell {
  date: string;
  state: DayState;
  text: string;
}

export const daysOf = (clusters: readonly Cluster[]): string[] =>
  [...new Set(clusters.flatMap((c) => (c.days ?? []).map((d) => d.date)))].sort();

/** The state of a cluster's day, and why. */
export function cellOf(c: Cluster, date: string, today: string, refused: readonly Schemas["Quarantined"][]): Cell {
  const d = (c.days ?? []).find((x) => x.date === date);
  const bad = refused.find((q) => q.cluster === c.id && q.key.includes(`date=${date}`));
  if (bad) return { date, state: "quarantined", text: `quarantined: ${bad.reason}` };
  const odd = (c.problems ?? []).find((p) => (p.code === "uneven" || p.code === "duplicate") && p.message.startsWith(date));
  if (odd) return { date, state: "duplicate", text: odd.message };
  if (!d || (d.hoursExpected === 0 && d.hoursPresent === 0)) return { date, state: "none", text: "nothing expected" };
  const hours = `${d.hoursPresent} of ${d.hoursExpected} hours`;
  if (d.hoursPresent === 0) return { date, state: "missing", text: `missing: ${hours}` };
  if (d.hoursPresent < d.hoursExpected) {
    const late = date === today && c.state === "fresh";
    return { date, state: late ? "late" : "partial", text: `${late ? "late" : "partial"}: ${hours}` };
  }
  if ((d.partialHours ?? 0) > 0) return { date, state: "partial", text: `${hours}, ${d.partialHours ?? 0} of them measured in part` };
  return { date, state: "complete", text: `complete: ${hours}` };
}
