import { useCallback, useEffect, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

// The URL is the whole state of a page. A field reads its text and writes it
// back; a default is not written, so that a plain link means the defaults.

export interface Field<T> {
  parse: (text: string | null) => T;
  /** undefined: the default, left out. */
  format: (value: T) => string | undefined;
  /** Whether the address must hold the field, because its default may change. */
  pinned?: () => boolean;
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

export const writeList = (v: readonly string[]): string => v.map((x) => x.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");

/** A list, comma-separated; commas within a value are kept by escaping. */
export function list(fallback: readonly string[] = []): Field<string[]> {
  const write = writeList;
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

/**
 * A field whose default somebody saved: where the address says nothing it has
 * that, and the address then always says what it has, so that a link shows the
 * same to everybody, also once another default is saved. Without a saved
 * default it is the plain field.
 */
export function preferred<T>(field: Field<T>, saved: () => T | undefined, write: (value: T) => string): Field<T> {
  return {
    parse: (t) => (t === null ? (saved() ?? field.parse(null)) : field.parse(t)),
    format: (v) => (saved() === undefined ? field.format(v) : write(v)),
    pinned: () => saved() !== undefined,
  };
}

/** Whether the address lacks a field that it must hold. */
export function lacksPinned<S>(fields: Fields<S>, search: string): boolean {
  const params = new URLSearchParams(search);
  return (Object.keys(fields) as (keyof S & string)[]).some((key) => fields[key].pinned?.() === true && !params.has(key));
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

/** The search string after a change; what is not the page's own, as an open explanation, stays. */
export function changedSearch<S>(fields: Fields<S>, search: string, change: Partial<NoInfer<S>>): string {
  const others = new URLSearchParams(search);
  for (const key of Object.keys(fields)) others.delete(key);
  return [formatState(fields, { ...parseState(fields, search), ...change }), others.toString()].filter(Boolean).join("&");
}

/** The state of a page and how to change it; replace keeps the history short while typing. */
export function useUrlState<S>(fields: Fields<S>): [S, (change: Partial<S>, options?: { replace?: boolean }) => void] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const state = useMemo(() => parseState(fields, search), [fields, search]);
  const set = useCallback(
    (change: Partial<S>, options?: { replace?: boolean }) => {
      const next = changedSearch(fields, window.location.search, change);
      navigate(next ? `${path}?${next}` : path, { replace: options?.replace ?? false });
    },
    [fields, navigate, path],
  );
  useEffect(() => {
    if (lacksPinned(fields, search)) set({}, { replace: true });
  }, [fields, search, set]);
  return [state, set];
}
