import type { KeyboardEvent } from "react";
import { useCallback, useId, useMemo, useRef, useState } from "react";
import { Patterns } from "../../components/StackedChart";
import { percent } from "../../lib/format";
import { readable } from "../../lib/names";
import { seriesClass, seriesPattern } from "../../lib/palette";
import { kinds } from "./Picture";
import type { Row } from "./rows";
import css from "./Treemap.module.css";
import type { Tile } from "./areas";
import { fitting, treemapOf } from "./areas";

interface Props {
  rows: readonly Row[];
  groups: number;
  valueOf: (r: Row) => number;
  textOf: (v: number) => string;
  label: string;
  /** Opens a row further in; null: it has nothing inside. */
  onOpen: (row: Row) => (() => void) | null;
  onExplain: (row: Row) => void;
}

const height = 420;

/**
 * What rows cost, as areas. Arrow keys walk them from the largest down, Enter
 * opens one, E explains it; the table below has every number.
 */
export function Treemap({ rows, groups, valueOf, textOf, label, onOpen, onExplain }: Props) {
  const id = useId();
  const [width, setWidth] = useState(900);
  const observer = useRef<ResizeObserver | null>(null);
  const frame = useCallback((e: HTMLElement | null) => {
    observer.current?.disconnect();
    if (!e) return;
    setWidth(e.clientWidth || 900);
    observer.current = new ResizeObserver(() => setWidth(e.clientWidth || 900));
    observer.current.observe(e);
  }, []);
  const [active, setActive] = useState<number | null>(null);
  const map = useMemo(() => treemapOf(rows, groups, valueOf, width, height), [rows, groups, valueOf, width]);
  const { tiles, blocks, without } = map;
  const whole = tiles.reduce((s, t) => s + t.value, 0);
  // A colour for each block, or for each row where there is one grouping, in the order of cost.
  const looks = useMemo(() => {
    const out = new Map<string, { fill: string; pattern: string }>();
    let place = 0;
    const of = (name: string, kind: string) => {
      const own = kind === "other" ? { fill: "fill-other", pattern: "lines" } : kinds[kind];
      out.set(name, own ?? { fill: seriesClass(place), pattern: seriesPattern(place++) });
    };
    if (blocks.length > 0) for (const b of blocks) of(b.name, tiles.find((t) => t.parent === b.name)?.kind ?? "");
    else for (const t of tiles) of(t.name, t.kind);
    return out;
  }, [tiles, blocks]);
  const look = (t: Tile) => (t.row === null ? { fill: "fill-other", pattern: "lines" } : looks.get(blocks.length > 0 ? t.parent : t.name));
  const choose = (i: number, explain: boolean) => {
    const row = tiles[i]?.row;
    if (!row) return;
    const open = onOpen(row);
    if (open && !explain) open();
    else onExplain(row);
  };
  const onKey = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const to: Record<string, number> = {
      ArrowRight: (active ?? -1) + 1,
      ArrowDown: (active ?? -1) + 1,
      ArrowLeft: (active ?? tiles.length) - 1,
      ArrowUp: (active ?? tiles.length) - 1,
      Home: 0,
      End: tiles.length - 1,
    };
    const next = to[e.key];
    if (next !== undefined) {
      e.preventDefault();
      setActive(Math.min(Math.max(next, 0), tiles.length - 1));
    } else if (e.key === "Escape") setActive(null);
    else if (active !== null && (e.key === "Enter" || e.key === "e")) {
      e.preventDefault(); // the page's own E explains something else
      choose(active, e.key === "e");
    }
  };
  const at = active === null ? undefined : tiles[active];
  const full = (t: Tile) =>
    `${t.parent && t.parent !== t.name ? `${readable(t.parent)} · ` : ""}${readable(t.name)}: ${textOf(t.value)}, ${percent(whole > 0 ? t.value / whole : 0)}`;
  if (tiles.length === 0) return <p className="soft">No row has an area: they cost nothing, or less. The table has them.</p>;
  return (
    <div>
      <div className={css.frame} ref={frame}>
        <svg
          className={css.svg}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          role="application"
          aria-roledescription="treemap"
          aria-label={`${label}. Arrow keys walk the areas from the largest down, Enter opens one, E explains it; the table below has every number.`}
          tabIndex={0}
          onKeyDown={onKey}
          onBlur={() => setActive(null)}
          onPointerLeave={() => setActive(null)}
        >
          <Patterns id={id} />
          {tiles.map((t, i) => {
            const l = look(t);
            const name = fitting(readable(t.name), t.width);
            // An amount is whole or not there.
            const amount = textOf(t.value).length * 6.8 + 10 <= t.width ? textOf(t.value) : "";
            const lines = t.height < 24 || !name ? 0 : t.height < 42 || !amount ? 1 : 2;
            const plate = Math.min(t.width - 4, Math.max(name.length * 7.6, lines > 1 ? amount.length * 6.8 : 0) + 10);
            return (
              <g
                key={`${t.parent}/${t.name}`}
                className={css.tile}
                data-tile={t.row?.name ?? ""}
                data-open={t.row !== null}
                onPointerEnter={() => setActive(i)}
                onClick={(e) => choose(i, e.shiftKey)}
              >
                <rect x={t.x} y={t.y} width={t.width} height={t.height} className={l?.fill} strokeWidth="0" />
                {l && l.pattern !== "plain" && <rect x={t.x} y={t.y} width={t.width} height={t.height} fill={`url(#${id}-${l.pattern})`} />}
                {lines > 0 && (
                  <>
                    <rect className={css.plate} x={t.x + 2} y={t.y + 2} width={plate} height={lines * 16 + 4} rx="3" />
                    <text className={css.label} x={t.x + 6} y={t.y + 16}>
                      {name}
                    </text>
                    {lines > 1 && (
                      <text className={css.amount} x={t.x + 6} y={t.y + 32}>
                        {amount}
                      </text>
                    )}
                  </>
                )}
              </g>
            );
          })}
          {blocks.map((b) => (
            <g key={b.name}>
              <rect className={css.block} x={b.x} y={b.y} width={b.width} height={b.height} />
              {b.height > 34 && (
                <text className={css.blockName} x={b.x + 4} y={b.y + 13}>
                  {fitting(readable(b.name), b.width - (textOf(b.value).length * 7.2 + 8))
                    ? `${fitting(readable(b.name), b.width - (textOf(b.value).length * 7.2 + 8))}  ${textOf(b.value)}`
                    : fitting(readable(b.name), b.width)}
                </text>
              )}
            </g>
          ))}
          {at && (
            <rect className={css.active} x={at.x + 1} y={at.y + 1} width={Math.max(at.width - 2, 0)} height={Math.max(at.height - 2, 0)} />
          )}
        </svg>
      </div>
      <p className={css.said} role="status">
        {at ? full(at) : ""}
      </p>
      <p className="soft">
        Choose an area to look into it; Shift and click, or E, explains it.
        {without > 0 &&
          ` ${without === 1 ? "One row costs" : `${without} rows cost`} nothing or less and ${without === 1 ? "has" : "have"} no area.`}
      </p>
    </div>
  );
}
