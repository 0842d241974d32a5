import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

// The URL is the whole state of a page. A field reads its text and writes it
// back; a default is not written, so that a plain link means the defaults.

export interface Field<T> {
  parse: (text: string | null) => T;
  /** undefined: the default, left out. */
  format: (value: T) => string | undefined;
}

export type Fields<S> = { [K in keyof S]: Field<S[K]> };

export function choice<T extends string>(values: readonly T[], fallback: NoInfer<T>): Field<T> {
  return {
    parse: (t) => (t !== null && (values as readonly string[]).includes(t) ? (t as T) : fallback),
    format: (v) => (v === fallback ? undefined : v),
  };
}

export function text(fallback = ""): Field<string> {
  return { parse: (t) => t ?? fallback, format: (v) => (v === fallback ? undefined : v) };
}

/** A list, comma-separated; commas within a value are kept by escaping. */
export function list(fallback: readonly string[] = []): Field<string[]> {
  const write = (v: readonly string[]) => v.map((x) => x.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
  const decode = (x: string) => {
    try {
      return decodeURIComponent(x);
    } catch {
      return x;
    }
  };
  return {
    parse: (t) => (t === null ? [...fallback] : t === "" ? [] : t.split(",").map(decode)),
    format: (v) => (write(v) === write(fallback) ? undefined : write(v)),
  };
}

export function flag(fallback = false): Field<boolean> {
  return { parse: (t) => (t === null ? fallback : t === "1"), format: (v) => (v === fallback ? undefined : v ? "1" : "0") };
}

export function parseState<S>(fields: Fields<S>, search: string): S {
  const params = new URLSearchParams(search);
  const out = {} as S;
  for (const key of Object.keys(fields) as (keyof S & string)[]) out[key] = fields[key].parse(params.get(key));
  return out;
}

/** The search string of a state; readable where RFC 3986 allows it. */
export function formatState<S>(fields: Fields<S>, state: S): string {
  const params = new URLSearchParams();
  for (const key of Object.keys(fields) as (keyof S & string)[]) {
    const value = fields[key].format(state[key]);
    if (value !== undefined) params.set(key, value);
  }
  return params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%22", '"');
}

/** The state of a page and how to change it; replace keeps the history short while typing. */
export function useUrlState<S>(fields: Fields<S>): [S, (change: Partial<S>, options?: { replace?: boolean }) => void] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const state = useMemo(() => parseState(fields, search), [fields, search]);
  const set = useCallback(
    (change: Partial<S>, options?: { replace?: boolean }) => {
      const next = formatState(fields, { ...parseState(fields, window.location.search), ...change });
      navigate(next ? `${path}?${next}` : path, { replace: options?.replace ?? false });
    },
    [fields, navigate, path],
  );
  return [state, set];
}
