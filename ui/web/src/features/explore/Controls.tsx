import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId, useRef, useState } from "react";
import { completionQuery } from "../../api/queries";
import { Button, fieldClass, Select } from "../../components/ui";
import type { Operator, Term } from "../../lib/filter";
import { formatFilter, operators, operatorWords, parseFilter } from "../../lib/filter";
import { useShortcuts } from "../../lib/shortcuts";
import css from "./Explore.module.css";
import type { Source } from "./state";
import { dimensions, filterKey } from "./state";

/** A text field that completes from what the data hold. */
export function Completed({
  label,
  field,
  source,
  window,
  value,
  onChange,
}: {
  label: string;
  field: string;
  source: Source;
  window: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  const search = useDeferredValue(value);
  const found = useQuery({ ...completionQuery(source, window, field, search), enabled: field !== "" });
  return (
    <>
      <input
        className={fieldClass}
        aria-label={label}
        placeholder={label}
        list={id}
        value={value}
        autoComplete="off"
        onChange={(e) => onChange(e.target.value)}
      />
      <datalist id={id}>
        {(found.data?.data ?? []).map((v) => (
          <option key={v} value={v} />
        ))}
      </datalist>
    </>
  );
}

interface GroupProps {
  source: Source;
  window: string;
  group: string[];
  onChange: (group: string[]) => void;
}

const labelChoice = "label:";

/** Several dimensions, in order. */
export function GroupBy({ source, window, group, onChange }: GroupProps) {
  const [label, setLabel] = useState<string | null>(null);
  const options = dimensions[source].filter((d) => !group.includes(d));
  return (
    <div className={css.row} role="group" aria-label="Group by">
      <span className={css.label}>Group by</span>
      {group.map((g, i) => (
        <span key={g} className={css.chip}>
          <span>{g.replace("label:", "label ")}</span>
          {i > 0 && (
            <button
              type="button"
              aria-label={`Move ${g} forward`}
              onClick={() => onChange(group.with(i, group[i - 1] ?? "").with(i - 1, g))}
            >
              ←
            </button>
          )}
          <button type="button" aria-label={`Stop grouping by ${g}`} onClick={() => onChange(group.filter((x) => x !== g))}>
            ×
          </button>
        </span>
      ))}
      <select
        className={fieldClass}
        aria-label="Add a grouping"
        value=""
        onChange={(e) => {
          if (e.target.value === labelChoice) setLabel("");
          else if (e.target.value) onChange([...group, e.target.value]);
        }}
      >
        <option value="">+ add</option>
        {options.map((d) => (
          <option key={d}>{d}</option>
        ))}
        <option value={labelChoice}>label …</option>
      </select>
      {label !== null && (
        <form
          className={css.form}
          onSubmit={(e) => {
            e.preventDefault();
            if (label.trim()) onChange([...group.filter((g) => g !== `label:${label.trim()}`), `label:${label.trim()}`]);
            setLabel(null);
          }}
        >
          <Completed label="Label" field="label" source={source} window={window} value={label} onChange={setLabel} />
          <Button type="submit">Group</Button>
        </form>
      )}
    </div>
  );
}

interface FilterProps {
  source: Source;
  window: string;
  filter: string;
  onChange: (filter: string) => void;
}

/** Chips for what chips can show, and the grammar itself for the rest. */
export function FilterBar({ source, window, filter, onChange }: FilterProps) {
  const terms = parseFilter(filter);
  const [raw, setRaw] = useState(false);
  const [key, setKey] = useState("namespace");
  const [op, setOp] = useState<Operator>(":");
  const [value, setValue] = useState("");
  const showRaw = raw || terms === null;
  const bar = useRef<HTMLDivElement>(null);
  useShortcuts([{ keys: "/", does: "Filter", run: () => bar.current?.querySelector("input")?.focus() }]);
  const keys = dimensions[source];
  const chosen = keys.includes(key) ? key : (keys[0] ?? "cluster");
  const add = () => {
    const t: Term = { key: filterKey(chosen, source), op, values: [value] };
    onChange(formatFilter([...(terms ?? []), t]));
    setValue("");
  };
  return (
    <div className={css.row} role="group" aria-label="Filter" ref={bar}>
      <span className={css.label}>Filter</span>
      {!showRaw &&
        terms.map((t, i) => (
          <span key={i} className={css.chip}>
            <span>
              {t.key} {operatorWords[t.op]} <b>{t.values.join(" or ")}</b>
            </span>
            <button
              type="button"
              aria-label={`Remove the filter on ${t.key} ${t.values.join(" or ")}`}
              onClick={() => onChange(formatFilter(terms.toSpliced(i, 1)))}
            >
              ×
            </button>
          </span>
        ))}
      {showRaw ? (
        <form
          className={css.raw}
          key={filter}
          onSubmit={(e) => {
            e.preventDefault();
            const v = new FormData(e.currentTarget).get("filter");
            onChange(typeof v === "string" ? v.trim() : "");
          }}
        >
          <span className={css.row}>
            <input
              className={`${fieldClass ?? ""} ${css.raw ?? ""}`}
              name="filter"
              aria-label="Filter as text"
              placeholder={'namespace:"web"+cluster!:"dev"'}
              defaultValue={filter}
              spellCheck={false}
              autoComplete="off"
            />
            <Button type="submit">Apply</Button>
          </span>
        </form>
      ) : (
        <form
          className={css.form}
          onSubmit={(e) => {
            e.preventDefault();
            if (value) add();
          }}
        >
          <Select label="Filter property" value={chosen} choices={keys.map((k) => ({ value: k, label: k }))} onChange={setKey} />
          <Select
            label="Filter operator"
            value={op}
            choices={operators.map((o) => ({ value: o, label: operatorWords[o] }))}
            onChange={setOp}
          />
          <Completed
            label="Filter value"
            field={filterKey(chosen, source)}
            source={source}
            window={window}
            value={value}
            onChange={setValue}
          />
          <Button type="submit">Add</Button>
        </form>
      )}
      {terms !== null && (
        <Button kind="quiet" aria-pressed={raw} onClick={() => setRaw(!raw)}>
          {raw ? "As chips" : "As text"}
        </Button>
      )}
    </div>
  );
}
