import type { ComponentProps, ReactNode } from "react";
import { useId, useState } from "react";
import { ApiError } from "../api/client";
import css from "./ui.module.css";

export type Tone = "plain" | "good" | "warn" | "bad" | "accent";

export function Card({
  title,
  note,
  actions,
  children,
  busy = false,
}: {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  busy?: boolean;
}) {
  const id = useId();
  return (
    <section className={css.card} aria-labelledby={id} aria-busy={busy}>
      <div className={css.cardHead}>
        <div className={css.cardTitle}>
          <h2 id={id}>{title}</h2>
          {note !== undefined && <span className={css.cardNote}>{note}</span>}
        </div>
        {actions}
      </div>
      <div className={busy ? css.stale : undefined}>{children}</div>
    </section>
  );
}

export function Badge({ tone = "plain", children, title }: { tone?: Tone; children: ReactNode; title?: string }) {
  return (
    <span className={css.badge} data-tone={tone} title={title}>
      {children}
    </span>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
}

/** One of a few, all in sight: radio buttons that look like a switch. */
export function Segmented<T extends string>({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: T | null;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset className={css.segmented}>
      <legend className="sr-only">{label}</legend>
      {choices.map((c) => (
        <label key={c.value}>
          <input type="radio" name={name} value={c.value} checked={value === c.value} onChange={() => onChange(c.value)} />
          <span>{c.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Button({ kind, ...props }: ComponentProps<"button"> & { kind?: "quiet" | "primary" }) {
  return <button type="button" {...props} className={css.button} data-kind={kind} />;
}

export const buttonClass = css.button;
export const fieldClass = css.field;
export const tableClass = css.table;
export const numClass = css.n;
export const scrollClass = css.scroll;

export function Select<T extends string>({
  label,
  value,
  choices,
  onChange,
}: {
  label: string;
  value: T;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
}) {
  return (
    <select className={css.field} aria-label={label} value={value} onChange={(e) => onChange(e.target.value as T)}>
      {choices.map((c) => (
        <option key={c.value} value={c.value}>
          {c.label}
        </option>
      ))}
    </select>
  );
}

export function Notice({ tone = "plain", title, children }: { tone?: Tone; title?: string; children?: ReactNode }) {
  return (
    <div className={css.notice} data-tone={tone}>
      {title !== undefined && <p className={css.noticeTitle}>{title}</p>}
      {children}
    </div>
  );
}

/** What failed, what is still right, and what to quote when asking for help. */
export function Failure({ what, error, still, retry }: { what: string; error: unknown; still?: string | undefined; retry?: () => void }) {
  const api = error instanceof ApiError ? error : undefined;
  const [copied, setCopied] = useState(false);
  const id = api?.requestId;
  return (
    <div role="alert">
      <Notice tone="bad" title={what}>
        <p>{error instanceof Error ? error.message : String(error)}</p>
        {api?.hint && <p className="soft">{api.hint}</p>}
        {still && <p className="soft">{still}</p>}
        <p className={css.requestId}>
          {id && (
            <>
              <span>
                Request id <code>{id}</code>
              </span>
              <Button
                onClick={() => {
                  void navigator.clipboard.writeText(id).then(() => setCopied(true));
                }}
              >
                {copied ? "Copied" : "Copy id"}
              </Button>
            </>
          )}
          {retry && <Button onClick={retry}>Try again</Button>}
        </p>
      </Notice>
    </div>
  );
}

export function Skeleton({ height, width = "100%" }: { height: string; width?: string }) {
  return <div className={css.skeleton} style={{ height, width }} aria-hidden="true" />;
}

/** The mark of a series beside its name. */
export function Swatch({ fill, pattern = "plain" }: { fill: string; pattern?: Pattern }) {
  return (
    <svg className={css.swatch} viewBox="0 0 12 12" aria-hidden="true">
      <rect width="12" height="12" className={fill} strokeWidth="0" />
      {pattern === "lines" && <path d="M-2 8 8 -2M-2 14 14 -2M4 14 14 4" stroke="var(--surface)" strokeWidth="1.6" />}
      {pattern === "dots" && (
        <g fill="var(--surface)">
          <circle cx="3" cy="3" r="1.3" />
          <circle cx="9" cy="3" r="1.3" />
          <circle cx="3" cy="9" r="1.3" />
          <circle cx="9" cy="9" r="1.3" />
        </g>
      )}
      {pattern === "bars" && <path d="M3 0V12M9 0V12" stroke="var(--surface)" strokeWidth="1.6" />}
      {pattern === "cross" && <path d="M0 6H12M6 0V12" stroke="var(--surface)" strokeWidth="1.6" />}
    </svg>
  );
}

export type Pattern = "plain" | "lines" | "dots" | "bars" | "cross";
