// How numbers and times are written. Money keeps its currency, times are UTC.

/** How amounts carry their currency, and whose marks all numbers are written with. */
export interface CurrencyFormat {
  /** $1.00, USD 1.00, or 1.00 with the currency in the heads only. */
  display: "symbol" | "code" | "none";
  /** null: those of the currency. */
  decimals: number | null;
  locale: string;
}

export const plainFormat: CurrencyFormat = { display: "symbol", decimals: null, locale: "en-US" };

// One format for the whole page, set before the first paint and when it is saved anew.
let current = plainFormat;

export function setCurrencyFormat(format: CurrencyFormat): void {
  current = format;
}

const cache = new Map<string, Intl.NumberFormat>();
function numberFormat(options: Intl.NumberFormatOptions, { locale }: CurrencyFormat = current): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  let f = cache.get(key);
  if (!f) {
    f = new Intl.NumberFormat(locale, options);
    cache.set(key, f);
  }
  return f;
}

/** The decimals of an amount: those chosen, else those of the currency. */
function decimalsOf(currency: string, format: CurrencyFormat): number {
  if (format.decimals !== null) return format.decimals;
  try {
    return numberFormat({ style: "currency", currency }, format).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** A number with its currency as the format says; a code that Intl does not know stands behind. */
function withCurrency(value: number, currency: string, options: Intl.NumberFormatOptions, format: CurrencyFormat): string {
  if (format.display === "none") return numberFormat(options, format).format(value);
  try {
    return numberFormat({ style: "currency", currency, currencyDisplay: format.display, ...options }, format).format(value);
  } catch {
    return `${numberFormat(options, format).format(value)} ${currency}`;
  }
}

/** An amount with all its decimals: $1,234.56. */
export function money(value: number, currency: string, format: CurrencyFormat = current): string {
  const digits = decimalsOf(currency, format);
  return withCurrency(value, currency, { minimumFractionDigits: digits, maximumFractionDigits: digits }, format);
}

/** An amount for axes and tiles: $1.2K, $340, $4.56. */
export function brief(value: number, currency: string, format: CurrencyFormat = current): string {
  const size = Math.abs(value);
  const options: Intl.NumberFormatOptions =
    size >= 10_000
      ? { notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 }
      : { maximumFractionDigits: size < 10 && size !== 0 ? 2 : 0, minimumFractionDigits: size < 10 && size !== 0 ? 2 : 0 };
  return withCurrency(value, currency, options, format);
}

/** A change with its sign: +$12.00, −$3.50. */
export function signed(value: number, currency: string, format: CurrencyFormat = current): string {
  const text = money(Math.abs(value), currency, format);
  if (Number(Math.abs(value).toFixed(decimalsOf(currency, format))) === 0) return money(0, currency, format);
  return `${value > 0 ? "+" : "−"}${text}`;
}

export const percent = (ratio: number, digits = 1): string =>
  numberFormat({ style: "percent", maximumFractionDigits: digits }).format(ratio);

/** A share of completeness: nearly complete is not complete. */
export function completeness(present: number, expected: number): string {
  if (expected <= 0 || present >= expected) return percent(1);
  return percent(Math.min(Math.floor((present / expected) * 1000) / 1000, 0.999));
}

export const count = (value: number): string => numberFormat({ maximumFractionDigits: 0 }).format(value);
export const decimal = (value: number, digits = 1): string =>
  numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** The relative change, or "new" from nothing. */
export function relative(before: number, after: number): string {
  if (before === 0) return after === 0 ? "0 %" : "new";
  const r = after / before - 1;
  if (Math.abs(r) < 0.0005) return "±0%";
  return `${r > 0 ? "+" : "−"}${percent(Math.abs(r))}`;
}

/**
 * What rounded parts lack to the rounded total, at the decimals that are shown:
 * a row of its own, so that a part reads the same on every page.
 */
export function rounding(parts: readonly number[], total: number, currency = "USD", format: CurrencyFormat = current): number {
  const unit = 10 ** decimalsOf(currency, format);
  const units = (v: number) => Math.round(v * unit);
  return (units(total) - parts.reduce((s, p) => s + units(p), 0)) / unit;
}

const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const dayYearFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const timeFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const weekdayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });

export const day = (at: string | number | Date): string => dayFormat.format(new Date(at));
export const weekday = (at: string | number | Date): string => weekdayFormat.format(new Date(at));
export const clock = (at: string | number | Date): string => timeFormat.format(new Date(at));
export const dateTime = (at: string | number | Date): string => `${dayYearFormat.format(new Date(at))} ${clock(at)}`;

export interface Span {
  start: string | null;
  end: string | null;
}

const DAY = 86_400_000;
const isMidnight = (ms: number) => ms % DAY === 0;

/** A half-open window as people say it: whole days by their names, else with times. */
export function span(w: Span): string {
  if (!w.start || !w.end) return "no whole day";
  const a = Date.parse(w.start);
  const b = Date.parse(w.end);
  if (isMidnight(a) && isMidnight(b)) {
    if (b - a === DAY) return dayYearFormat.format(a);
    return `${day(a)} – ${dayYearFormat.format(b - DAY)}`;
  }
  return `${isMidnight(a) ? day(a) : `${day(a)} ${clock(a)}`} – ${dayYearFormat.format(b - 1)} ${clock(b)}`;
}

/** How long ago, in one unit. */
export function ago(at: string | undefined | null, now: number): string {
  if (!at) return "never";
  const seconds = Math.max(0, (now - Date.parse(at)) / 1000);
  if (seconds < 90) return "just now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let v = value;
  let i = 0;
  while (v >= 1024 && i < units.length - 1) {
    v /= 1024;
    i += 1;
  }
  return `${v >= 100 || i === 0 ? count(v) : decimal(v)} ${units[i] ?? ""}`;
}
