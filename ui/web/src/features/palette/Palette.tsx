import { useQueries } from "@tanstack/react-query";
import type { KeyboardEvent } from "react";
import { useDeferredValue, useEffect, useId, useRef, useState } from "react";
import { useLocation } from "wouter";
import { completionQuery } from "../../api/queries";
import type { Entry } from "./entries";
import { entryOf, match } from "./entries";
import css from "./Palette.module.css";

const fields = ["namespace", "cluster", "controller", "team"] as const;

/** Everything by its name: pages, questions, clusters, namespaces, workloads, teams. */
export function Palette({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const search = useDeferredValue(typed.trim());
  const names = useQueries({
    queries: fields.map((f) => ({ ...completionQuery("allocation", "30d", f, search), enabled: search !== "" })),
    combine: (results) =>
      results.flatMap((r, i) => (search === "" ? [] : (r.data?.data ?? []).map((v) => entryOf(fields[i] ?? "namespace", v)))),
  });
  useEffect(() => {
    const d = dialog.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  const entries = match(typed, names);
  const chosen = Math.min(at, entries.length - 1);
  const go = (e: Entry | undefined) => {
    if (!e) return;
    dialog.current?.close();
    navigate(e.href);
  };
  const onKey = (e: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowDown: chosen + 1, ArrowUp: chosen - 1 };
    const to = moves[e.key];
    if (to !== undefined) {
      e.preventDefault();
      const next = Math.max(0, Math.min(to, entries.length - 1));
      setAt(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (e.key === "Enter") {
      e.preventDefault();
      go(entries[chosen]);
    }
  };
  return (
    <dialog className={css.box} ref={dialog} aria-label="Find" onClose={onClose}>
      <input
        className={css.input}
        role="combobox"
        aria-label="Find a page, cluster, namespace, workload or team"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={entries.length > 0 ? `${id}-${chosen}` : undefined}
        placeholder="A page, cluster, namespace, workload or team"
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(e) => {
          setTyped(e.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <div className={css.list} role="listbox" id={`${id}-list`} aria-label="Found" tabIndex={-1}>
        {entries.map((e, i) => (
          <div
            key={`${e.kind} ${e.name}`}
            id={`${id}-${i}`}
            className={css.item}
            role="option"
            aria-selected={i === chosen}
            onPointerMove={() => setAt(i)}
            onClick={() => go(e)}
          >
            <span>{e.name}</span>
            <span className={css.kind}>{e.kind}</span>
          </div>
        ))}
      </div>
      <p className={css.hint} role="status">
        {entries.length === 0 ? "Nothing has this name." : "↑ ↓ choose, Enter opens, Esc closes."}
      </p>
    </dialog>
  );
}
