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

/** First moment and the moment after the last, as the server reads the word; null for what is no window. */
function bounds(w: string, now: Date): [number, number] | null {
  const day = (days: number) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + days);
  const month = (months: number) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1);
  switch (w) {
    case "today":
      return [day(0), day(1)];
    case "yesterday":
      return [day(-1), day(0)];
    case "7d":
      return [day(-6), day(1)];
    case "30d":
      return [day(-29), day(1)];
    case "month":
      return [month(0), month(1)];
    case "lastmonth":
      return [month(-1), month(0)];
  }
  const [a, b] = apiWindow(w).split(",").map(Date.parse);
  return a !== undefined && b !== undefined && a < b ? [a, b] : null;
}

const firstOfMonth = (t: number): boolean => new Date(t).getUTCDate() === 1 && t % 86_400_000 === 0;

/** The window of the same length before (-1) or after (1) one; months step by months. Null: it would lie in the future. */
export function shiftWindow(w: string, by: -1 | 1, now: Date): string | null {
  const at = bounds(w, now);
  if (!at) return null;
  const [a, b] = at;
  let next: [number, number];
  if (firstOfMonth(a) && firstOfMonth(b)) {
    const [from, to] = [new Date(a), new Date(b)];
    const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
    const move = (t: Date) => Date.UTC(t.getUTCFullYear(), t.getUTCMonth() + by * months, 1);
    next = [move(from), move(to)];
  } else next = [a + by * (b - a), b + by * (b - a)];
  if (next[0] > now.getTime()) return null;
  const word = presets.find((p) => {
    const named = bounds(p.value, now);
    return named?.[0] === next[0] && named[1] === next[1];
  });
  const iso = (t: number) => new Date(t).toISOString().replace(".000Z", "Z");
  return word?.value ?? windowOfSpan(iso(next[0]), iso(next[1]));
}
