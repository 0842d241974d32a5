import { useState } from "react";
import { useShortcuts } from "../lib/shortcuts";
import { datesOf, isPreset, presets, shiftWindow, windowOfDates } from "../lib/window";
import { Button, fieldClass, Segmented } from "./ui";
import css from "./WindowPicker.module.css";

/** The period: a word, or two dates, both included. */
export function WindowPicker({ value, onChange }: { value: string; onChange: (window: string) => void }) {
  const dates = datesOf(value);
  const [open, setOpen] = useState(false);
  const custom = open || !isPreset(value);
  const shift = (by: -1 | 1) => {
    const next = shiftWindow(value, by, new Date());
    if (next !== null) {
      setOpen(false);
      onChange(next);
    }
  };
  useShortcuts([
    { keys: "[", does: "The period before", run: () => shift(-1) },
    { keys: "]", does: "The period after", run: () => shift(1) },
  ]);
  const choices = [...presets, { value: "custom", label: "Dates" } as const];
  return (
    <div className={css.picker}>
      <span className={css.shift}>
        <Button aria-label="The period before" aria-keyshortcuts="[" title="The period before: [" onClick={() => shift(-1)}>
          ‹
        </Button>
        <Button
          aria-label="The period after"
          aria-keyshortcuts="]"
          title="The period after: ]"
          disabled={shiftWindow(value, 1, new Date()) === null}
          onClick={() => shift(1)}
        >
          ›
        </Button>
      </span>
      <Segmented
        label="Period"
        value={custom ? "custom" : (value as (typeof presets)[number]["value"])}
        choices={choices}
        onChange={(v) => {
          setOpen(v === "custom");
          if (v !== "custom") onChange(v);
        }}
      />
      {custom && (
        <form
          className={css.dates}
          key={value}
          onSubmit={(e) => {
            e.preventDefault();
            const data = new FormData(e.currentTarget);
            const [a, b] = [data.get("first"), data.get("last")].map((x) => (typeof x === "string" ? x : ""));
            if (!a || !b) return;
            setOpen(false);
            onChange(a <= b ? windowOfDates(a, b) : windowOfDates(b, a));
          }}
        >
          <label>
            <span className="sr-only">First day</span>
            <input className={fieldClass} type="date" name="first" required defaultValue={dates?.first} />
          </label>
          <span aria-hidden="true">–</span>
          <label>
            <span className="sr-only">Last day, included</span>
            <input className={fieldClass} type="date" name="last" required defaultValue={dates?.last} />
          </label>
          <Button type="submit">Show</Button>
        </form>
      )}
    </div>
  );
}
