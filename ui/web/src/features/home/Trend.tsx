import { useMemo } from "react";
import { useLocation } from "wouter";
import type { Schemas } from "../../api/client";
import { useExplain } from "../../components/explain/Cost";
import { SeriesTable, StackedChart } from "../../components/StackedChart";
import { Card, Segmented } from "../../components/ui";
import { partOf } from "../../lib/explained";
import { clock, day, weekday } from "../../lib/format";
import { partialReason } from "../../lib/partial";
import { windowOfSpan } from "../../lib/window";
import { bands } from "./bands";

interface Props {
  overview: Schemas["Overview"];
  currency: string;
  stale: boolean;
  view: "chart" | "table";
  onView: (view: "chart" | "table") => void;
}

/** The total along time, by its parts. */
export function Trend({ overview, currency, stale, view, onView }: Props) {
  const [, navigate] = useLocation();
  const { buckets } = overview;
  const hourly = isHourly(overview);
  const shown = useMemo(
    () =>
      buckets.map((b) => {
        const start = b.window.start ?? "";
        return {
          label: hourly ? clock(start) : day(start),
          title: hourly ? `${weekday(start)} ${clock(start)}` : weekday(start),
          partial: partialReason(b),
        };
      }),
    [buckets, hourly],
  );
  const series = useMemo(
    () => bands.map((band) => ({ name: band.name, fill: band.fill, pattern: band.pattern, values: buckets.map((b) => b.parts[band.key]) })),
    [buckets],
  );
  const open = (i: number) => {
    const w = buckets[i]?.window;
    if (w?.start && w.end) navigate(`/explore?window=${windowOfSpan(w.start, w.end)}`);
  };
  const explain = useExplain();
  const explained = (i: number, s: number | null) => {
    const w = buckets[i]?.window;
    return w ? partOf(w, s === null ? "total" : (bands[s]?.key ?? "total")) : null;
  };
  const unit = hourly ? "hour" : "day";
  return (
    <Card
      title={`Cost by ${unit}`}
      note={`${currency} per ${unit}, UTC`}
      busy={stale}
      actions={
        <Segmented
          label="View"
          value={view}
          choices={[
            { value: "chart", label: "Chart" },
            { value: "table", label: "Table" },
          ]}
          onChange={onView}
        />
      }
    >
      {view === "chart" ? (
        <StackedChart
          label={`Cost by ${unit}, in parts`}
          currency={currency}
          buckets={shown}
          series={series}
          height={390}
          onPick={open}
          onExplain={(i) => explain(explained(i, null))}
          pickHint={`Choose ${unit === "hour" ? "an hour" : `a ${unit}`} to explore it.`}
        />
      ) : (
        <SeriesTable
          caption={`Cost by ${unit}`}
          head={hourly ? "Hour" : "Day"}
          currency={currency}
          buckets={shown}
          series={series}
          explained={explained}
        />
      )}
    </Card>
  );
}

function isHourly(overview: Schemas["Overview"]): boolean {
  const first = overview.buckets[0]?.window;
  return overview.buckets.length > 1 && !!first?.start && !!first.end && Date.parse(first.end) - Date.parse(first.start) <= 3_600_000;
}
