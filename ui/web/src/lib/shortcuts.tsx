import type { ReactNode } from "react";
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";

// Shortcuts of single keys. A page registers its own; what is registered last
// answers first. Keys are compared by what they write, not by where they lie, so
// that "/" and "[" work on every layout, whatever modifier they need there.

export interface Shortcut {
  /** One key or two in a row: "j", "g h". */
  keys: string;
  /** What it does, for the list of shortcuts. */
  does: string;
  run: () => void;
}

interface Registry {
  add: (list: { current: readonly Shortcut[] }, everywhere: boolean) => () => void;
  /** Everything that answers now, each key once. */
  all: () => Shortcut[];
  on: boolean;
  setOn: (on: boolean) => void;
}

const Context = createContext<Registry | null>(null);

// A matter of the person, not of the view: kept in the browser.
const storageKey = "fleetcost-shortcuts";
function storedOn(): boolean {
  try {
    return localStorage.getItem(storageKey) !== "off";
  } catch {
    return true; // storage is switched off
  }
}

/** How long the second key of two may take, in milliseconds. */
const patience = 1500;

/** Where letters are typed, or choose among options: no key is taken from there. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target instanceof HTMLInputElement && !["radio", "checkbox", "button", "submit", "reset"].includes(target.type);
}

/** What is meant by a key after those before it: an act, the first of two, or nothing. */
export function matchKeys(shortcuts: readonly Shortcut[], before: string, key: string): Shortcut | "more" | undefined {
  const typed = before ? `${before} ${key}` : key;
  const found = shortcuts.find((s) => s.keys === typed);
  if (found) return found;
  if (shortcuts.some((s) => s.keys.startsWith(`${typed} `))) return "more";
  return before ? matchKeys(shortcuts, "", key) : undefined;
}

export function ShortcutsProvider({ children }: { children: ReactNode }) {
  const lists = useRef<{ current: readonly Shortcut[] }[]>([]);
  const [on, keep] = useState(storedOn);
  const all = useCallback(() => {
    const seen = new Set<string>();
    return lists.current
      .toReversed()
      .flatMap((l) => l.current)
      .filter((s) => !seen.has(s.keys) && seen.add(s.keys));
  }, []);
  const add = useCallback((list: { current: readonly Shortcut[] }, everywhere: boolean) => {
    lists.current = everywhere ? [list, ...lists.current] : [...lists.current, list];
    return () => {
      lists.current = lists.current.filter((l) => l !== list);
    };
  }, []);
  const setOn = useCallback((next: boolean) => {
    keep(next);
    try {
      if (next) localStorage.removeItem(storageKey);
      else localStorage.setItem(storageKey, "off");
    } catch {
      // The choice holds for this page at least.
    }
  }, []);
  useEffect(() => {
    let before = "";
    let last = 0;
    const onKey = (e: KeyboardEvent) => {
      if (e.key === "Escape" && takesText(e.target) && !document.querySelector("dialog[open]")) {
        (e.target as HTMLElement).blur();
        return;
      }
      // AltGr writes characters; on some systems it says Ctrl and Alt too.
      const modified = (e.ctrlKey || e.altKey) && !e.getModifierState("AltGraph");
      if (!on || e.defaultPrevented || e.repeat || e.metaKey || modified || takesText(e.target)) return;
      // An open dialog has its own keys.
      if (document.querySelector("dialog[open]")) return;
      const found = matchKeys(all(), e.timeStamp - last < patience ? before : "", e.key);
      before = "";
      if (found === undefined) return;
      if (found === "more") {
        before = e.key;
        last = e.timeStamp;
        return;
      }
      e.preventDefault();
      found.run();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [all, on]);
  const registry = useMemo(() => ({ add, all, on, setOn }), [add, all, on, setOn]);
  return <Context value={registry}>{children}</Context>;
}

function useRegistry(): Registry {
  const registry = useContext(Context);
  if (!registry) throw new Error("shortcuts need a ShortcutsProvider above them");
  return registry;
}

/** Registers shortcuts for as long as the component is there; those of a page go before those that are everywhere. */
export function useShortcuts(list: readonly Shortcut[], everywhere = false): void {
  const { add } = useRegistry();
  const current = useRef(list);
  useEffect(() => {
    current.current = list;
  });
  useEffect(() => add(current, everywhere), [add, everywhere]);
}

/** What the list of shortcuts shows, and their switch. */
export const useShortcutList = (): Omit<Registry, "add"> => useRegistry();

const inRow = "a[href], button:not(:disabled)";

/** The rows of a page that lead somewhere: of tables and of lists, as they stand. */
function rowsOf(main: Element): HTMLElement[] {
  return [...main.querySelectorAll<HTMLElement>("tbody tr, li")].filter(
    (r) => r.querySelector(inRow) !== null && !r.closest("nav, [aria-label=Days]"),
  );
}

/** Moves the focus to what leads on in the next (1) or the row before (-1). */
export function focusRow(by: -1 | 1): void {
  const main = document.querySelector("main");
  if (!main) return;
  const rows = rowsOf(main);
  const at = rows.findIndex((r) => r.contains(document.activeElement));
  const next = at < 0 ? nearest(rows, by) : rows[at + by];
  const target = next?.querySelector<HTMLElement>(inRow);
  target?.focus();
  target?.scrollIntoView({ block: "nearest" });
}

/** From a place between rows: the next below or above it. */
function nearest(rows: HTMLElement[], by: -1 | 1): HTMLElement | undefined {
  const from = document.activeElement;
  if (!from || from === document.body) return by === 1 ? rows[0] : undefined;
  const below = (r: HTMLElement) => (from.compareDocumentPosition(r) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  return by === 1 ? rows.find(below) : rows.findLast((r) => !below(r));
}

/** Explains the row in focus, or else the first number of the page that can be explained. */
export function explainFocused(): void {
  const main = document.querySelector("main");
  const named = (root: Element | null | undefined) =>
    [...(root?.querySelectorAll<HTMLElement>(inRow) ?? [])].find((e) =>
      (e.getAttribute("aria-label") ?? e.textContent).startsWith("Explain"),
    );
  (named(document.activeElement?.closest("tbody tr, li")) ?? named(main))?.click();
}
