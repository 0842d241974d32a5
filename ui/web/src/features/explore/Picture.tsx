import { lazy, Suspense, useCallback, useMemo } from "react";
import type { Schemas } from "../../api/client";
import { useExplain } from "../../components/explain/Cost";
import type { Series } from "../../components/StackedChart";
import { SeriesTable, StackedChart } from "../../components/StackedChart";
import { Skeleton, Swatch } from "../../components/ui";
import type { Column, Explained } from "../../lib/explained";
import { windowOf } from "../../lib/explained";
import { clock, day, decimal, money, percent, span, weekday } from "../../lib/format";
import { readable } from "../../lib/names";
import { seriesClass, seriesPattern } from "../../lib/palette";
import { partialReason } from "../../lib/partial";
import css from "./Explore.module.css";
import type { Row } from "./rows";
import { metricOf } from "./rows";
import type { Metric } from "./state";

const Treemap = lazy(() => import("./Treemap").then((m) => ({ default: m.Treemap })));

const shownSeries = 9;
export const kinds: Record<string, { fill: string; pattern: Series["pattern"] }> = {
  idle: { fill: "fill-idle", pattern: "dots" },
  unmounted: { fill: "fill-unmounted", pattern: "bars" },
  overhead: { fill: "fill-overhead", pattern: "cross" },
};

/** The largest rows along time, the rest as one. */
export function seriesOf(explore: Schemas["Explore"]): Series[] {
  const withSeries = explore.rows.filter((r) => r.series).slice(0, shownSeries);
  let place = 0;
  const out: Series[] = withSeries.map((r) => {
    const reserved = kinds[r.kind];
    const look = reserved ?? { fill: seriesClass(place), pattern: seriesPattern(place) };
    if (!reserved) place += 1;
    return { name: readable(r.name), ...look, values: r.series ?? [] };
  });
  const rest = explore.sets.map((s, i) => Math.max(0, s.total - out.reduce((sum, x) => sum + (x.values[i] ?? 0), 0)));
  const others = explore.rows.length - withSeries.length;
  if (others > 0 || withSeries.length === 0)
    out.push({
      name: withSeries.length === 0 ? "Total" : `${others} more`,
      fill: "fill-other",
      pattern: "lines",
      values: rest.map((v) => (v < 1e-6 ? 0 : v)),
    });
  return out;
}

interface Props {
  explore: Schemas["Explore"];
  rows: readonly Row[]; // in the table's order
  metric: Metric;
  hours: number;
  currency: string;
  kind: "bars" | "lines" | "treemap" | "table";
  groups: number;
  onOpen: (row: Row) => (() => void) | null;
  onPick: (start: string, end: string) => void;
  explained: (row: string, column: Column, more?: Partial<Explained>) => Explained;
}

export function Picture({ explore, rows, metric, hours, currency, kind, groups, onOpen, onPick, explained }: Props) {
  const { sets } = explore;
  const series = useMemo(() => seriesOf(explore), [explore]);
  const explain = useExplain();
  const names = explore.rows
    .filter((r) => r.series)
    .slice(0, shownSeries)
    .map((r) => r.name);
  const period = (i: number, s: number | null): Explained | null => {
    const w = sets[i]?.window;
    if (!w) return null;
    const row = s === null ? "*" : names[s];
    const e = row === undefined ? explained("*", "total", { except: names }) : explained(row, "total");
    return { ...e, query: { ...e.query, window: windowOf(w) } };
  };
  const valueOf = useCallback((r: Row) => metricOf(r, metric, hours), [metric, hours]);
  if (kind === "treemap" && metric !== "efficiency")
    return (
      <Suspense fallback={<Skeleton height="28rem" />}>
        <Treemap
          rows={rows}
          groups={groups}
          valueOf={valueOf}
          textOf={(v) => (metric === "hours" ? decimal(v, 0) : money(v, currency))}
          label={`What ${rows.length} rows cost`}
          onOpen={onOpen}
          onExplain={(r) => explain(explained(r.name, metric === "wasted" ? "wasted" : "total"))}
        />
      </Suspense>
    );
  if (metric === "wasted" || metric === "efficiency" || metric === "hours")
    return <Ranked rows={rows} metric={metric} hours={hours} currency={currency} />;
  const hourly = sets.every(
    (s) => s.window.start && s.window.end && Date.parse(s.window.end) - Date.parse(s.window.start) < 86_400_000 * 0.9,
  );
  const buckets = sets.map((s) => {
    const start = s.window.start ?? "";
    const long = s.window.end && Date.parse(s.window.end) - Date.parse(start) > 86_400_000;
    return {
      label: hourly && sets.length <= 48 ? clock(start) : day(start),
      title: long ? span(s.window) : hourly ? `${weekday(start)} ${clock(start)}` : weekday(start),
      partial: partialReason(s),
    };
  });
  // A rate needs each step's own length.
  const per = metric === "cost" ? 0 : metric === "daily" ? 24 : 730;
  const shown =
    per === 0
      ? series
      : series.map((s) => ({
          ...s,
          values: s.values.map((v, i) => {
            const w = sets[i]?.window;
            const length = w?.start && w.end ? (Date.parse(w.end) - Date.parse(w.start)) / 3_600_000 : 0;
            return length > 0 ? (v / length) * per : 0;
          }),
        }));
  if (kind === "table")
    return (
      <SeriesTable
        caption="Cost along time"
        head="Step"
        currency={currency}
        buckets={buckets}
        series={shown}
        explained={metric === "cost" ? period : undefined}
      />
    );
  return (
    <StackedChart
      label={`Cost along time, largest ${Math.min(shownSeries, explore.rows.length)} rows`}
      currency={currency}
      buckets={buckets}
      series={shown}
      kind={kind === "lines" ? "lines" : "bars"}
      height={290}
      onPick={
        sets.length > 1
          ? (i) => {
              const w = sets[i]?.window;
              if (w?.start && w.end) onPick(w.start, w.end);
            }
          : undefined
      }
      onExplain={(i) => explain(period(i, null))}
      pickHint="Choose a step to look into it."
    />
  );
}

/** What has no course along time is drawn by rank. */
function Ranked({ rows, metric, hours, currency }: { rows: readonly Row[]; metric: Metric; hours: number; currency: string }) {
  const top = rows.filter((r) => metric !== "efficiency" || r.kind === "container").slice(0, 12);
  const max = Math.max(...top.map((r) => metricOf(r, metric, hours)), 0);
  const text = (v: number) => (metric === "wasted" ? money(v, currency) : metric === "efficiency" ? percent(v, 0) : decimal(v, 0));
  return (
    <table className={css.rank}>
      <caption className="sr-only">The first twelve rows of the table</caption>
      <tbody>
        {top.map((r) => {
          const v = metricOf(r, metric, hours);
          return (
            <tr key={r.name}>
              <th scope="row">
                <Swatch fill="series-0" /> {readable(r.name)}
              </th>
              <td>
                <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                  <rect width={max > 0 ? (v / max) * 100 : 0} height="10" className="series-0" strokeWidth="0" />
                </svg>
              </td>
              <td>{text(v)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
