import { expect, it } from "vitest";
import type { Shortcut } from "./shortcuts";
import { matchKeys } from "./shortcuts";

const of = (keys: string): Shortcut => ({ keys, does: "", run: () => undefined });
const shortcuts = ["g h", "g e", "h", "/"].map(of);
const match = (before: string, key: string) => {
  const m = matchKeys(shortcuts, before, key);
  return typeof m === "object" ? m.keys : m;
};

it("knows one key, two in a row, and the first of two", () => {
  expect(match("", "/")).toBe("/");
  expect(match("", "g")).toBe("more");
  expect(match("g", "h")).toBe("g h");
  expect(match("", "h")).toBe("h");
  expect(match("", "x")).toBeUndefined();
});

it("begins anew after a first key that leads nowhere", () => {
  expect(match("g", "/")).toBe("/");
  expect(match("g", "g")).toBe("more");
  expect(match("g", "x")).toBeUndefined();
});
