import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { collect, packageDir } from "../../../scripts/licences";

const modules = fileURLToPath(new URL("../../../node_modules", import.meta.url));

describe("the licences of the pages", () => {
  it("are those of the packages that modules come from", () => {
    expect(packageDir("/x/src/main.tsx")).toBeNull();
    expect(packageDir("/x/node_modules/react/cjs/react.js")).toBe("/x/node_modules/react");
    expect(packageDir("/x/node_modules/@tanstack/react-query/a/b.js")).toBe("/x/node_modules/@tanstack/react-query");
    expect(packageDir("/x/node_modules/a/node_modules/b/i.js?used")).toBe("/x/node_modules/a/node_modules/b");
  });
  it("are complete for every package the pages depend on, each text once", () => {
    const names = ["react", "react-dom", "wouter", "@tanstack/react-query", "@tanstack/react-virtual", "openapi-fetch"];
    const got = collect([...names, "react"].map((n) => `${modules}/${n}`));
    expect(got.list.map((l) => l.name)).toEqual([...names].sort((a, b) => a.localeCompare(b)));
    for (const l of got.list) for (const t of l.texts) expect(got.texts[t]).toMatch(/permission|licen[cs]e|unencumbered/i);
    expect(new Set(got.texts).size).toBe(got.texts.length);
  });
});
