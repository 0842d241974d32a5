import { useEffect, useRef } from "react";
import { Button, tableClass } from "../../components/ui";
import { useShortcutList } from "../../lib/shortcuts";
import css from "./Help.module.css";

// What works whatever the switch says: it needs a modifier, or belongs to the browser.
const always = [
  { keys: "Ctrl K", does: "Find a page, cluster, namespace, workload or team" },
  { keys: "Enter", does: "Go into the row in focus" },
  { keys: "Esc", does: "Close, or leave a text field" },
];

/** The keys that work here, and the switch of the single ones. */
export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { all, on, setOn } = useShortcutList();
  useEffect(() => {
    const d = dialog.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  return (
    <dialog className={css.box} ref={dialog} aria-labelledby="help-title" onClose={onClose}>
      <div className={css.head}>
        <h2 id="help-title">Keyboard shortcuts</h2>
        <Button onClick={() => dialog.current?.close()}>Close</Button>
      </div>
      <table className={tableClass}>
        <caption className="sr-only">Keys and what they do on this page</caption>
        <thead>
          <tr>
            <th scope="col">Key</th>
            <th scope="col">What it does</th>
          </tr>
        </thead>
        <tbody>
          {always.map((s) => (
            <Line key={s.keys} keys={s.keys} does={s.does} />
          ))}
          {all().map((s) => (
            <Line key={s.keys} keys={s.keys} does={s.does} off={!on} />
          ))}
        </tbody>
      </table>
      <label className={css.switch}>
        <input type="checkbox" checked={on} onChange={(e) => setOn(e.target.checked)} />
        Shortcuts of single keys
      </label>
      <p className={css.note}>
        Off: for speech input, or where a key is pressed by accident. The choice stays in this browser. No shortcut works while you type.
      </p>
    </dialog>
  );
}

function Line({ keys, does, off = false }: { keys: string; does: string; off?: boolean }) {
  return (
    <tr className={off ? css.off : undefined}>
      <th scope="row">
        <span className={css.keys}>
          {keys.split(" ").map((k, i) => (
            <kbd key={i}>{k}</kbd>
          ))}
        </span>
      </th>
      <td>
        {does}
        {off && " (off)"}
      </td>
    </tr>
  );
}
