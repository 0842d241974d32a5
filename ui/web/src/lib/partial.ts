import { completeness, count } from "./format";

export interface Covered {
  window: { start: string | null; end: string | null };
  hoursExpected: number;
  hoursPresent: number;
  hoursPartial: number;
  over: boolean;
}

/** Why a stretch of time is not whole; undefined where it is. */
export function partialReason(c: Covered): string | undefined {
  const parts: string[] = [];
  if (!c.over) parts.push("not over yet, or cut by the period");
  if (c.hoursPresent < c.hoursExpected)
    parts.push(`${count(c.hoursPresent)} of ${count(c.hoursExpected)} cluster-hours (${completeness(c.hoursPresent, c.hoursExpected)})`);
  else if (c.hoursPartial > 0) parts.push(`${count(c.hoursPartial)} cluster-hours measured in part`);
  if (c.over && c.hoursExpected === 0) parts.push("nothing was expected");
  return parts.length ? parts.join("; ") : undefined;
}
