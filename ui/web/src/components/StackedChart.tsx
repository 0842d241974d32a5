import type { KeyboardEvent, PointerEvent } from "react";
import { useCallback, useId, useRef, useState } from "react";
import type { Explained } from "../lib/explained";
import { brief, money } from "../lib/format";
import { ticks } from "../lib/scale";
import { Cost, walkCosts } from "./explain/Cost";
import css from "./StackedChart.module.css";
import type { Pattern } from "./ui";
import { numClass, scrollClass, Swatch, tableClass } from "./ui";

export interface Series {
  name: string;
  fill: string; // a class of theme.css
  pattern: Pattern;
  values: readonly number[];
}

export interface Bucket {
  label: string; // on the axis
  title: string; // in full
  /** Why the bucket is not whole; undefined: it is. */
  partial?: string | undefined;
}

interface Props {
  label: string;
  currency: string;
  buckets: readonly Bucket[];
  series: readonly Series[];
  kind?: "bars" | "lines";
  height?: number;
  onPick?: ((bucket: number) => void) | undefined;
  pickHint?: string;
  /** Why a period costs what it costs. */
  onExplain?: ((bucket: number) => void) | undefined;
}

const LEFT = 56;
const BOTTOM = 26;
const TOP = 10;

/** The width of an element, kept as it changes. */
function useWidth(): [(e: HTMLElement | null) => void, number] {
  const [width, setWidth] = useState(720);
  const observer = useRef<ResizeObserver | null>(null);
  const ref = useCallback((e: HTMLElement | null) => {
    observer.current?.disconnect();
    if (!e) return;
    setWidth(e.clientWidth || 720);
    observer.current = new ResizeObserver(() => setWidth(e.clientWidth || 720));
    observer.current.observe(e);
  }, []);
  return [ref, width];
}

/**
 * Cost along time, stacked or as lines. Periods that are not whole are hatched.
 * Arrow keys walk the periods, Enter opens one; the table twin holds all of it.
 */
export function StackedChart({ label, currency, buckets, series, kind = "bars", height = 260, onPick, pickHint, onExplain }: Props) {
  const id = useId();
  const [ref, width] = useWidth();
  const [active, setActive] = useState<number | null>(null);
  const n = buckets.length;
  const totals = buckets.map((_, i) => series.reduce((s, x) => s + (x.values[i] ?? 0), 0));
  const top = kind === "bars" ? Math.max(...totals, 0) : Math.max(...series.flatMap((s) => s.values), 0);
  const marks = ticks(top);
  const max = Math.max(marks.at(-1) ?? 0, 1e-9);
  // Wide enough for the longest amount in the format that is set.
  const left = Math.max(LEFT, 12 + 7 * Math.max(...marks.map((m) => brief(m, currency).length)));
  const inner = Math.max(width - left - 4, 50);
  const base = height - BOTTOM;
  const x = (i: number) => left + (i * inner) / Math.max(n, 1);
  const step = inner / Math.max(n, 1);
  const y = (v: number) => base - (v / max) * (base - TOP);
  const every = Math.max(1, Math.ceil(58 / step));

  const at = (e: PointerEvent<SVGSVGElement>) => {
    const box = e.currentTarget.getBoundingClientRect();
    const i = Math.floor((e.clientX - box.left - left) / step);
    return i >= 0 && i < n ? i : null;
  };
  const onKey = (e: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowRight: (active ?? -1) + 1, ArrowLeft: (active ?? n) - 1, Home: 0, End: n - 1 };
    const to = moves[e.key];
    if (to !== undefined) {
      e.preventDefault();
      setActive(Math.min(Math.max(to, 0), n - 1));
    } else if (e.key === "Escape") setActive(null);
    else if (e.key === "Enter" && active !== null && onPick) onPick(active);
    else if (e.key === "e" && active !== null && onExplain && !e.ctrlKey && !e.metaKey && !e.altKey) {
      e.preventDefault(); // the page's own E explains something else
      onExplain(active);
    }
  };
  const shown = active !== null && active < n ? active : null;

  return (
    <div>
      <div className={css.frame} ref={ref}>
        {/* A composite of its own: the arrows walk it, and what they reach is said. */}
        <svg
          className={css.svg}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          role="application"
          aria-roledescription="chart"
          aria-label={`${label}. Arrow keys walk the periods${onPick ? ", Enter opens one" : ""}${onExplain ? ", E explains it" : ""}; the table view has every number.`}
          tabIndex={0}
          onPointerMove={(e) => setActive(at(e))}
          onPointerLeave={() => setActive(null)}
          onClick={(e) => {
            if (active === null) return;
            if (e.shiftKey && onExplain) onExplain(active);
            else onPick?.(active);
          }}
          onKeyDown={onKey}
          onBlur={() => setActive(null)}
        >
          <Patterns id={id} />
          {marks.map((m) => (
            <g key={m}>
              <line className={css.grid} x1={left} x2={width} y1={y(m)} y2={y(m)} />
              <text className={css.axis} x={left - 8} y={y(m) + 4} textAnchor="end">
                {brief(m, currency)}
              </text>
            </g>
          ))}
          {kind === "bars" ? (
            <Bars id={id} buckets={buckets} series={series} x={x} y={y} step={step} totals={totals} base={base} />
          ) : (
            series.map((s) => (
              <path
                key={s.name}
                className={`${css.line ?? ""} ${s.fill}`}
                style={{ fill: "none" }}
                strokeDasharray={s.pattern === "plain" ? undefined : "5 3"}
                d={s.values.map((v, i) => `${i === 0 ? "M" : "L"}${(x(i) + step / 2).toFixed(1)} ${y(v).toFixed(1)}`).join("")}
              />
            ))
          )}
          {buckets.map((b, i) => (
            <g key={b.title}>
              {kind === "lines" && b.partial && <rect x={x(i)} y={TOP} width={step} height={base - TOP} fill={`url(#${id}-gap)`} />}
              {i === shown && (
                <rect
                  className={css.column}
                  data-active="true"
                  data-pick={onPick !== undefined}
                  x={x(i)}
                  y={TOP}
                  width={step}
                  height={base - TOP}
                />
              )}
              {i % every === 0 && x(i) + step / 2 < width - 18 && (
                <text className={css.axis} x={x(i) + step / 2} y={height - 8} textAnchor="middle">
                  {b.label}
                </text>
              )}
            </g>
          ))}
          <line className={css.grid} x1={left} x2={width} y1={base} y2={base} />
        </svg>
        {shown !== null && (
          <Tip
            bucket={buckets[shown]}
            index={shown}
            series={series}
            total={totals[shown] ?? 0}
            currency={currency}
            left={x(shown) + step / 2}
            width={width}
          />
        )}
      </div>
      <p className="sr-only" role="status">
        {shown !== null &&
          `${buckets[shown]?.title ?? ""}: ${money(totals[shown] ?? 0, currency)}${buckets[shown]?.partial ? `, ${buckets[shown].partial}` : ""}`}
      </p>
      <ul className={css.legend} aria-label="Legend">
        {series.map((s) => (
          <li key={s.name}>
            <Swatch fill={s.fill} pattern={s.pattern} />
            {s.name}
          </li>
        ))}
        {buckets.some((b) => b.partial) && (
          <li>
            <svg width="14" height="13" aria-hidden="true">
              <Patterns id={`${id}l`} />
              <rect x="0.5" y="0.5" width="13" height="12" className={css.partial} />
              <rect width="14" height="13" fill={`url(#${id}l-gap)`} />
            </svg>
            not whole yet, or hours are missing
          </li>
        )}
      </ul>
      {onPick && pickHint && (
        <p className={css.hint}>
          {pickHint}
          {onExplain && " Shift and click, or E, explains it."}
        </p>
      )}
    </div>
  );
}

function Bars({
  id,
  buckets,
  series,
  x,
  y,
  step,
  totals,
  base,
}: {
  id: string;
  buckets: readonly Bucket[];
  series: readonly Series[];
  x: (i: number) => number;
  y: (v: number) => number;
  step: number;
  totals: readonly number[];
  base: number;
}) {
  const gap = step > 8 ? Math.min(step * 0.16, 10) : step > 3 ? 1 : 0;
  const w = Math.max(step - gap, 0.5).toFixed(2);
  const box = (i: number, from: number, to: number) => `M${(x(i) + gap / 2).toFixed(2)} ${to.toFixed(2)}h${w}V${from.toFixed(2)}h-${w}Z`;
  // One shape for each series and pattern: a month of days is a dozen nodes.
  const reached = buckets.map(() => 0);
  const shapes = series.map((s) =>
    s.values
      .map((v, i) => {
        const from = reached[i] ?? 0;
        if (v <= 0) return "";
        reached[i] = from + v;
        return box(i, y(from), y(from + v));
      })
      .join(""),
  );
  const total = (i: number) => totals[i] ?? 0;
  const partial = buckets.map((b, i) => (b.partial && total(i) > 0 ? box(i, base, y(total(i))) : "")).join("");
  return (
    <>
      {series.map((s, k) => (
        <g key={s.name}>
          <path className={s.fill} strokeWidth="0" d={shapes[k]} />
          {s.pattern !== "plain" && <path fill={`url(#${id}-${s.pattern})`} d={shapes[k]} />}
        </g>
      ))}
      {partial && <path fill={`url(#${id}-gap)`} d={partial} />}
      {partial && step > 6 && <path className={css.partial} d={partial} />}
      {buckets.map(
        (b, i) =>
          b.partial &&
          total(i) <= 0 &&
          step > 10 && (
            <text key={b.title} className={css.missing} x={x(i) + step / 2} y={base - 4} textAnchor="middle">
              –
            </text>
          ),
      )}
    </>
  );
}

/** The patterns of a chart, as paints under its id. */
export function Patterns({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={`${id}-gap`} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="4" height="7" fill="var(--gap)" />
      </pattern>
      <pattern id={`${id}-lines`} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
        <rect width="1.6" height="6" fill="var(--surface)" fillOpacity="0.75" />
      </pattern>
      <pattern id={`${id}-dots`} width="6" height="6" patternUnits="userSpaceOnUse">
        <circle cx="3" cy="3" r="1.1" fill="var(--surface)" fillOpacity="0.85" />
      </pattern>
      <pattern id={`${id}-bars`} width="5" height="5" patternUnits="userSpaceOnUse">
        <rect width="1.3" height="5" fill="var(--surface)" fillOpacity="0.7" />
      </pattern>
      <pattern id={`${id}-cross`} width="6" height="6" patternUnits="userSpaceOnUse">
        <path d="M0 3H6M3 0V6" stroke="var(--surface)" strokeOpacity="0.7" />
      </pattern>
    </defs>
  );
}

function Tip({
  bucket,
  index,
  series,
  total,
  currency,
  left,
  width,
}: {
  bucket: Bucket | undefined;
  index: number;
  series: readonly Series[];
  total: number;
  currency: string;
  left: number;
  width: number;
}) {
  if (!bucket) return null;
  const style = left > width / 2 ? { right: width - left + 14 } : { left: left + 14 };
  return (
    <div className={css.tip} style={style} aria-hidden="true">
      <p>{bucket.title}</p>
      {bucket.partial && <p className={css.why}>{bucket.partial}</p>}
      <table>
        <tbody>
          {series
            .filter((s) => (s.values[index] ?? 0) !== 0)
            .map((s) => (
              <tr key={s.name}>
                <td>
                  <Swatch fill={s.fill} pattern={s.pattern} /> {s.name}
                </td>
                <td>{money(s.values[index] ?? 0, currency)}</td>
              </tr>
            ))}
          <tr>
            <td>
              <b>Total</b>
            </td>
            <td>
              <b>{money(total, currency)}</b>
            </td>
          </tr>
        </tbody>
      </table>
    </div>
  );
}

/** The table twin of a chart. */
export function SeriesTable({
  caption,
  currency,
  buckets,
  series,
  head,
  explained,
}: Pick<Props, "currency" | "buckets" | "series"> & {
  caption: string;
  head: string;
  /** What a number stands for; series null: their sum. */
  explained?: ((bucket: number, series: number | null) => Explained | null) | undefined;
}) {
  const cost = (v: number, i: number, s: number | null, what: string) => {
    const of = explained?.(i, s);
    return of ? <Cost text={money(v, currency)} of={of} what={what} stop={s === null} /> : money(v, currency);
  };
  return (
    <div className={scrollClass} tabIndex={0} role="region" aria-label={caption} onKeyDown={explained && walkCosts}>
      <table className={tableClass}>
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{head}</th>
            {series.map((s) => (
              <th key={s.name} scope="col" className={numClass}>
                {s.name}, {currency}
              </th>
            ))}
            <th scope="col" className={numClass}>
              Total, {currency}
            </th>
            <th scope="col">Complete</th>
          </tr>
        </thead>
        <tbody>
          {buckets.map((b, i) => (
            <tr key={b.title}>
              <th scope="row">{b.title}</th>
              {series.map((s, k) => (
                <td key={s.name} className={numClass}>
                  {cost(s.values[i] ?? 0, i, k, `${s.name}, ${b.title}`)}
                </td>
              ))}
              <td className={numClass}>
                {cost(
                  series.reduce((sum, s) => sum + (s.values[i] ?? 0), 0),
                  i,
                  null,
                  b.title,
                )}
              </td>
              <td>{b.partial ?? "yes"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
