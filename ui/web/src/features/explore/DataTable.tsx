import { useVirtualizer } from "@tanstack/react-virtual";
import type { RefObject } from "react";
import { useLayoutEffect, useMemo, useRef } from "react";
import { Cost, walkCosts } from "../../components/explain/Cost";
import type { Explained } from "../../lib/explained";
import { readable } from "../../lib/names";
import css from "./DataTable.module.css";
import type { Column, Row } from "./rows";

interface Props {
  label: string;
  rows: readonly Row[];
  columns: readonly Column[];
  sort: string;
  onSort: (sort: string) => void;
  /** Opens a row further in; null: it has nothing inside. */
  onOpen: (row: Row) => (() => void) | null;
  /** What the number in a column stands for, of a row or of all; null: no cost. */
  explained: (row: Row | null, column: string) => Explained | null;
}

const rowHeight = 34;
const arrows = { ascending: " ↑", descending: " ↓", none: "" };

/** Cuts the height of a scrolling table so that no row stands half under the totals, where it is hard to hit. */
function useWholeRows(ref: RefObject<HTMLDivElement | null>) {
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box) return;
    const fit = () => {
      box.style.maxHeight = "";
      const height = (part: string) => box.querySelector<HTMLElement>(part)?.offsetHeight ?? 0;
      const extra = (box.clientHeight - height("thead") - height("tfoot")) % rowHeight;
      if (box.scrollHeight > box.clientHeight && extra > 0) box.style.maxHeight = `${String(box.offsetHeight - extra)}px`;
    };
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(box);
    return () => observer.disconnect();
  }, [ref]);
}

/** Rows in a real table; only those in sight are in the page. Totals stay. */
export function DataTable({ label, rows, columns, sort, onSort, onOpen, explained }: Props) {
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  useWholeRows(scroll);
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  // Over all rows: not at each step of a scroll.
  const totals = useMemo(() => columns.map((c) => c.total?.(rows) ?? ""), [columns, rows]);
  const [first, ...others] = columns;
  if (!first) return null;
  // One tab stop a row, its total; arrow keys reach the other numbers.
  const number = (c: Column, row: Row | null, text: string) => {
    const of = c.number && text !== "" ? explained(row, c.id) : null;
    if (!of) return text;
    return <Cost text={text} of={of} what={`${row ? readable(row.name) : "all rows"}, ${c.head}`} stop={c.id === "total"} />;
  };
  const direction = (id: string) => (sort === id ? "ascending" : sort === `-${id}` ? "descending" : undefined);
  return (
    <div className={css.scroll} ref={scroll} tabIndex={0} role="region" aria-label={label} onKeyDown={walkCosts}>
      <table className={css.table} aria-rowcount={rows.length + 2}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.id} scope="col" className={c.number ? css.n : undefined} aria-sort={direction(c.id)}>
                <button
                  type="button"
                  className={css.sort}
                  onClick={() => onSort(sort === `-${c.id}` ? c.id : sort === c.id ? `-${c.id}` : c.number ? `-${c.id}` : c.id)}
                >
                  {c.head}
                  <span aria-hidden="true">{arrows[direction(c.id) ?? "none"]}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && (
            <tr className={css.spacer} aria-hidden="true">
              <td colSpan={columns.length} style={{ height: before }} />
            </tr>
          )}
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const open = onOpen(row);
            return (
              <tr key={row.name} aria-rowindex={item.index + 2}>
                <th scope="row" title={row.name}>
                  {open ? (
                    <button type="button" className={css.drill} onClick={open}>
                      {first.text(row)}
                    </button>
                  ) : (
                    first.text(row)
                  )}
                </th>
                {others.map((c) => (
                  <td key={c.id} className={c.number ? css.n : undefined} title={c.number ? String(c.number(row)) : undefined}>
                    {number(c, row, c.text(row))}
                  </td>
                ))}
              </tr>
            );
          })}
          {after > 0 && (
            <tr className={css.spacer} aria-hidden="true">
              <td colSpan={columns.length} style={{ height: after }} />
            </tr>
          )}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">Total</th>
            {others.map((c, i) => (
              <td key={c.id} className={c.number ? css.n : undefined}>
                {number(c, null, totals[i + 1] ?? "")}
              </td>
            ))}
          </tr>
        </tfoot>
      </table>
    </div>
  );
}
