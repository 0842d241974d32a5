import { clock, span, type Span } from "./format";

const DAY = 86_400_000;

/** A period of a comparison: its days by name and, where the first or the last is cut, from and until when. */
function period(w: Span): string {
  if (!w.start || !w.end) return "no hour";
  const a = Date.parse(w.start);
  const b = Date.parse(w.end);
  const days = span({
    start: new Date(Math.floor(a / DAY) * DAY).toISOString(),
    end: new Date(Math.ceil(b / DAY) * DAY).toISOString(),
  });
  return `${days}${a % DAY === 0 ? "" : ` from ${clock(a)}`}${b % DAY === 0 ? "" : ` until ${clock(b)}`}${a % DAY === 0 && b % DAY === 0 ? "" : " UTC"}`;
}

/** Which hours a comparison is of, and with which. */
export const compared = (c: { current: Span; previous: Span }): string => `${period(c.current)} with ${period(c.previous)}`;

export const comparedNow = (c: { current: Span }): string => period(c.current);
