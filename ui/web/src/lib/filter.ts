// The filter grammar as far as chips go: terms joined by +, each a key, an
// operator and values. What is more than that stays text.

export const operators = [":", "!:", "~:", "!~:", "<~:", "!<~:", "~>:", "!~>:"] as const;
export type Operator = (typeof operators)[number];

export const operatorWords: Record<Operator, string> = {
  ":": "is",
  "!:": "is not",
  "~:": "contains",
  "!~:": "does not contain",
  "<~:": "begins with",
  "!<~:": "does not begin with",
  "~>:": "ends with",
  "!~>:": "does not end with",
};

export interface Term {
  key: string;
  op: Operator;
  values: string[];
}

const term =
  /^\s*([A-Za-z]+(?:\[[^\]]+\])?)\s*(!?(?:<~:|~>:|~:|:))\s*((?:"(?:[^"\\]|\\.)*"|[^",+|()\s]+)(?:\s*,\s*(?:"(?:[^"\\]|\\.)*"|[^",+|()\s]+))*)\s*/;
const value = /"((?:[^"\\]|\\.)*)"|([^",+|()\s]+)/g;

/** The terms of a filter, or null where it holds more than chips can show. */
export function parseFilter(text: string): Term[] | null {
  let rest = text.trim();
  const out: Term[] = [];
  while (rest !== "") {
    if (out.length > 0) {
      if (!rest.startsWith("+")) return null;
      rest = rest.slice(1);
    }
    const m = term.exec(rest);
    if (!m?.[1] || !m[2] || !m[3]) return null;
    const values = [...m[3].matchAll(value)].map((v) => (v[1] !== undefined ? v[1].replace(/\\(.)/g, "$1") : (v[2] ?? "")));
    out.push({ key: m[1], op: m[2] as Operator, values });
    rest = rest.slice(m[0].length).trim();
  }
  return out;
}

const quote = (v: string) => `"${v.replace(/[\\"]/g, "\\$&")}"`;

export const formatTerm = (t: Term): string => `${t.key}${t.op}${t.values.map(quote).join(",")}`;
export const formatFilter = (terms: readonly Term[]): string => terms.map(formatTerm).join("+");
