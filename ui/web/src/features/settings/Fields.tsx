import type { ReactNode } from "react";
import { useId } from "react";
import { Card, fieldClass } from "../../components/ui";
import type { CurrencyFormat } from "../../lib/format";
import { brief, money, signed } from "../../lib/format";
import { readSaved } from "../../lib/saved";
import type { Draft } from "./draft";
import { aliases, decimals, displays, documentOf, idles, overheads } from "./draft";
import css from "./Settings.module.css";

interface Props {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  /** The field that the server refused. */
  refused: string;
}

interface FieldProps {
  label: string;
  hint?: ReactNode;
  bad: boolean;
  children: (control: { id: string; className: string; "aria-describedby": string; "aria-invalid": boolean }) => ReactNode;
}

/** A control under its label, with what to know about it. */
function Field({ label, hint, bad, children }: FieldProps) {
  const id = useId();
  return (
    <div className={css.field}>
      <label htmlFor={id}>{label}</label>
      {children({ id, className: fieldClass ?? "", "aria-describedby": `${id}-hint`, "aria-invalid": bad })}
      <span id={`${id}-hint`} className={css.hint}>
        {hint}
      </span>
    </div>
  );
}

interface PickProps {
  label: string;
  hint?: ReactNode;
  bad: boolean;
  value: string;
  choices: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

function Pick({ value, choices, onChange, ...field }: PickProps) {
  return (
    <Field {...field}>
      {(control) => (
        <select {...control} value={value} onChange={(e) => onChange(e.target.value)}>
          {choices.map((c) => (
            <option key={c.value} value={c.value}>
              {c.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Words({ value, onChange, ...field }: Omit<PickProps, "choices">) {
  return (
    <Field {...field}>
      {(control) => (
        <input {...control} type="text" value={value} spellCheck={false} autoComplete="off" onChange={(e) => onChange(e.target.value)} />
      )}
    </Field>
  );
}

export function Display({ draft, change, refused, currency, locales }: Props & { currency: string; locales: readonly string[] }) {
  const { format } = readSaved(documentOf(draft));
  return (
    <Card title="Display" note="how amounts are written; nothing is ever exchanged">
      <div className={css.fields}>
        <Pick
          label="Currency"
          bad={refused === "display"}
          value={draft.display}
          choices={displays}
          onChange={(display) => change({ display })}
        />
        <Pick
          label="Decimals"
          bad={refused === "decimals"}
          value={draft.decimals}
          choices={decimals}
          onChange={(d) => change({ decimals: d })}
        />
        <Pick
          label="Marks in numbers"
          hint="Also of numbers that are no amounts."
          bad={refused === "locale"}
          value={draft.locale}
          choices={[{ value: "", label: "Not set (1,234,567.89)" }, ...locales.map((l) => ({ value: l, label: `${sample(l)} (${l})` }))]}
          onChange={(locale) => change({ locale })}
        />
      </div>
      <Preview format={format} currency={currency} />
    </Card>
  );
}

const sample = (locale: string) => new Intl.NumberFormat(locale, { minimumFractionDigits: 2 }).format(1_234_567.89);

function Preview({ format, currency }: { format: CurrencyFormat; currency: string }) {
  return (
    <dl className={css.preview} aria-label="Preview">
      <div>
        <dt>An amount</dt>
        <dd data-testid="preview">{money(1_234_567.891, currency, format)}</dd>
      </div>
      <div>
        <dt>A change</dt>
        <dd>{signed(-12.345, currency, format)}</dd>
      </div>
      <div>
        <dt>On an axis</dt>
        <dd>{brief(1_234_567.891, currency, format)}</dd>
      </div>
    </dl>
  );
}

interface AliasProps extends Props {
  inForce: Record<string, string[] | null>;
  defaults: Record<string, string[] | null>;
}

export function Aliases({ draft, change, refused, inForce, defaults }: AliasProps) {
  return (
    <Card title="Label aliases" note="which labels stand for team, department and so on">
      <p className={css.lead}>
        Labels with commas between; the first that a workload has counts, its own before its namespace’s. They act on every answer, also of
        the API, as soon as they are saved.
      </p>
      <div className={css.fields}>
        {aliases.map((a) => (
          <Words
            key={a}
            label={a.charAt(0).toUpperCase() + a.slice(1)}
            hint={
              draft.labels[a].trim() === ""
                ? `Not set: ${(defaults[a] ?? []).join(", ")}`
                : `In force now: ${(inForce[a] ?? []).join(", ")}`
            }
            bad={refused === a}
            value={draft.labels[a]}
            onChange={(text) => change({ labels: { ...draft.labels, [a]: text } })}
          />
        ))}
      </div>
    </Card>
  );
}

export function Views({ draft, change, refused }: Props) {
  const hides = [...(draft.idle === "hide" ? ["idle"] : []), ...(draft.overhead === "hide" ? ["overhead"] : [])];
  return (
    <Card title="Default views" note="of pages only, never of the API">
      <p className={css.lead}>
        What Explore does where its address says nothing. A default that is set here is then written into the address, so a link shows the
        same to everybody, also after the default changes.
      </p>
      <div className={css.fields}>
        <Pick label="Idle" bad={refused === "idle"} value={draft.idle} choices={idles} onChange={(idle) => change({ idle })} />
        <Pick
          label="Overhead"
          hint="Boot disks and control planes"
          bad={refused === "overhead"}
          value={draft.overhead}
          choices={overheads}
          onChange={(overhead) => change({ overhead })}
        />
        <Words
          label="Shared namespaces"
          hint="The other namespaces of a cluster bear their cost, as kube-system or istio-*."
          bad={refused === "sharedNamespaces"}
          value={draft.shared}
          onChange={(shared) => change({ shared })}
        />
      </div>
      {hides.length > 0 && (
        <p className={css.lead}>
          Home and Fleet always show the whole cost. Explore will leave {hides.join(" and ")} out, say so beside its total, and show less
          than they do.
        </p>
      )}
    </Card>
  );
}
