import type { KeyboardEvent } from "react";
import { useCallback } from "react";
import { useLocation } from "wouter";
import type { Explained } from "../../lib/explained";
import { formatExplained } from "../../lib/explained";
import css from "./Cost.module.css";

/** Opens the drawer on a number; null closes it. The rest of the address stays. */
export function useExplain(): (e: Explained | null) => void {
  const [path, navigate] = useLocation();
  return useCallback(
    (e) => {
      const p = new URLSearchParams(window.location.search);
      if (e) p.set("explain", formatExplained(e));
      else p.delete("explain");
      const next = p.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%22", '"');
      navigate(next ? `${path}?${next}` : path);
    },
    [navigate, path],
  );
}

/** A number that can be explained: a button that looks like the number. */
export function Cost({ text, of, what, stop = true }: { text: string; of: Explained; what: string; stop?: boolean }) {
  const explain = useExplain();
  return (
    <button
      type="button"
      className={css.cost}
      data-cost
      tabIndex={stop ? 0 : -1}
      aria-label={`Explain ${what}: ${text}`}
      aria-haspopup="dialog"
      onClick={() => explain(of)}
    >
      {text}
    </button>
  );
}

/**
 * Arrow keys between the numbers of a table, for tables that keep one tab stop
 * a row: left and right within the row, up and down to the next.
 */
export function walkCosts(e: KeyboardEvent<HTMLElement>): void {
  const from = e.target as HTMLElement;
  if (!from.matches("[data-cost]")) return;
  const row = from.closest("tr");
  if (!row) return;
  const costs = (r: Element | undefined) => [...(r?.querySelectorAll<HTMLElement>("[data-cost]") ?? [])];
  const here = costs(row);
  const at = here.indexOf(from);
  let to: HTMLElement | undefined;
  if (e.key === "ArrowLeft") to = here[at - 1];
  else if (e.key === "ArrowRight") to = here[at + 1];
  else if (e.key === "ArrowUp" || e.key === "ArrowDown") {
    const rows = [...(row.closest("table")?.querySelectorAll("tr") ?? [])].filter((r) => costs(r).length > 0);
    const next = rows[rows.indexOf(row) + (e.key === "ArrowUp" ? -1 : 1)];
    to = costs(next)[at];
  }
  if (!to) return;
  e.preventDefault();
  to.focus();
}
