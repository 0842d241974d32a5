import { describe, expect, it } from "vitest";
import { changedSearch, choice, flag, formatState, list, parseState, text } from "./urlState";

const fields = {
  window: text("month"),
  group: list(["namespace"]),
  filter: text(),
  idle: choice(["separate", "hide", "share"] as const, "separate"),
  open: flag(),
};

describe("the address", () => {
  it("is empty for the defaults", () => {
    expect(formatState(fields, parseState(fields, ""))).toBe("");
  });

  it("brings back every state that it was written from", () => {
    const texts = ["", "month", "2026-11-01,2026-11-08", 'namespace:"a b"+cluster!:"x,y"', "100% & more=less?#", "ünïcödé/слово", "a%2Cb"];
    const lists = [[], ["namespace"], ["cluster", "label:app,with comma"], ["%2C", "a%"]];
    for (const window of texts)
      for (const filter of texts)
        for (const group of lists)
          for (const idle of ["separate", "hide", "share"] as const)
            for (const open of [true, false]) {
              const state = { window, filter, group, idle, open };
              expect(parseState(fields, formatState(fields, state))).toEqual(state);
            }
  });

  it("stays readable", () => {
    const state = { ...parseState(fields, ""), group: ["cluster", "label:team"], filter: 'namespace:"web"' };
    expect(formatState(fields, state)).toBe('group=cluster,label:team&filter=namespace:"web"');
  });

  it("takes the default for a value that it does not know", () => {
    expect(parseState(fields, "idle=everything").idle).toBe("separate");
  });

  it("changes what is the page's own, and keeps an open explanation", () => {
    const open = "explain=allocation%3Frow%3D*";
    expect(changedSearch(fields, `?idle=hide&${open}`, { idle: "share" })).toBe(`idle=share&${open}`);
    expect(changedSearch(fields, `?idle=hide&${open}`, { idle: "separate" })).toBe(open);
    expect(changedSearch(fields, "?idle=hide", { idle: "separate" })).toBe("");
  });
});
