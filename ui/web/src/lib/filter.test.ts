import { expect, it } from "vitest";
import type { Term } from "./filter";
import { formatFilter, operators, parseFilter } from "./filter";

it("brings back the terms that it wrote", () => {
  const values = ["web", "kube-system", "a b", 'quo"ted', "back\\slash", "x,y", "a+b|(c)", ""];
  for (const op of operators)
    for (const a of values)
      for (const b of values) {
        const terms: Term[] = [
          { key: "namespace", op, values: [a, b] },
          { key: "label[app.kubernetes.io/name]", op: ":", values: [b] },
        ];
        expect(parseFilter(formatFilter(terms))).toEqual(terms);
      }
});

it("reads what people write", () => {
  expect(parseFilter("")).toEqual([]);
  expect(parseFilter(' namespace : web , "db" + cluster!~:"prod" ')).toEqual([
    { key: "namespace", op: ":", values: ["web", "db"] },
    { key: "cluster", op: "!~:", values: ["prod"] },
  ]);
});

it("leaves to the text box what is no list of terms", () => {
  for (const text of ['a:"1"|b:"2"', '(a:"1")', "namespace", 'a:"1" b:"2"', 'a:"1']) expect(parseFilter(text)).toBeNull();
});
