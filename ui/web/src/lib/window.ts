// The windows a person picks. Words go to the server as they are; a pair of
// dates becomes two midnights, the last day included.

export const presets = [
  { value: "today", label: "Today" },
  { value: "yesterday", label: "Yesterday" },
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
  { value: "month", label: "This month" },
  { value: "lastmonth", label: "Last month" },
] as const;

const pair = /^(\d{4}-\d{2}-\d{2})(T[\d:]+Z)?,(\d{4}-\d{2}-\d{2})(T[\d:]+Z)?$/;

export const isPreset = (w: string): boolean => presets.some((p) => p.value === w);

/** The window as the API takes it: dates alone become midnights. */
export function apiWindow(w: string): string {
  const m = pair.exec(w);
  if (!m) return w;
  return `${m[1] ?? ""}${m[2] ?? "T00:00:00Z"},${m[3] ?? ""}${m[4] ?? "T00:00:00Z"}`;
}

/** First and last day of a window of days, both included; null for others. */
export function datesOf(w: string): { first: string; last: string } | null {
  const m = pair.exec(w);
  if (!m?.[1] || !m[3] || m[2] || m[4]) return null;
  return { first: m[1], last: addDays(m[3], -1) };
}

export function windowOfDates(first: string, last: string): string {
  return `${first},${addDays(last, 1)}`;
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** A window between two moments, as the URL writes it. */
export function windowOfSpan(start: string, end: string): string {
  const whole = (t: string) => t.endsWith("T00:00:00Z");
  return whole(start) && whole(end) ? `${start.slice(0, 10)},${end.slice(0, 10)}` : `${start},${end}`;
}

export const label = (w: string): string => presets.find((p) => p.value === w)?.label ?? w;
