import { afterEach, describe, expect, it } from "vitest";
import { brief, count, money, percent, plainFormat, rounding, setCurrencyFormat, signed } from "./format";
import { applySaved, readSaved, savedView } from "./saved";
import { choice, formatState, lacksPinned, list, parseState, preferred, writeList } from "./urlState";

afterEach(() => applySaved({}));
const plain = (s: string) => s.replaceAll(/[\u00a0\u202f]/g, " ");

describe("what is saved", () => {
  it("is read as far as it is known", () => {
    expect(readSaved({})).toEqual({ format: plainFormat, views: {} });
    expect(readSaved(null)).toEqual({ format: plainFormat, views: {} });
    expect(readSaved({ currencyFormat: { display: "sign", locale: "!" }, views: { idle: "burn", sharedNamespaces: [] } })).toEqual({
      format: plainFormat,
      views: {},
    });
    expect(readSaved({ currencyFormat: { display: "code", decimals: 0, locale: "de-DE" }, views: { idle: "hide" } })).toEqual({
      format: { display: "code", decimals: 0, locale: "de-DE" },
      views: { idle: "hide" },
    });
  });

  it("is how every amount is written, and never changes its value", () => {
    expect(money(1234.5, "USD")).toBe("$1,234.50");
    applySaved({ currencyFormat: { display: "code", locale: "de-DE" } });
    expect(plain(money(1234.5, "USD"))).toBe("1.234,50 USD");
    expect(count(1234)).toBe("1.234");
    expect(plain(percent(0.123))).toBe("12,3 %");
    applySaved({ currencyFormat: { display: "none", decimals: 0 } });
    expect(money(1234.5, "EUR")).toBe("1,235");
    expect(signed(-12.4, "EUR")).toBe("−12");
    expect(signed(0.4, "EUR")).toBe("0");
    expect(brief(123_456, "EUR")).toBe("123.5K");
    setCurrencyFormat({ ...plainFormat, decimals: 4 });
    expect(money(1.5, "JPY")).toBe("¥1.5000");
  });

  it("rounds at the decimals that are shown", () => {
    expect(rounding([0.4, 0.4], 0.8)).toBe(0);
    setCurrencyFormat({ ...plainFormat, decimals: 0 });
    expect(rounding([0.4, 0.4], 0.8)).toBe(1);
    setCurrencyFormat(plainFormat);
    expect(rounding([0.4, 0.4], 0.8, "JPY")).toBe(1);
  });
});

describe("a saved default of a view", () => {
  const fields = {
    idle: preferred(choice(["separate", "hide"], "separate"), () => savedView("idle") as "separate" | "hide" | undefined, String),
    shared: preferred(list(), () => savedView("sharedNamespaces"), writeList),
  };
  it("leaves addresses alone while nothing is saved", () => {
    expect(lacksPinned(fields, "")).toBe(false);
    expect(formatState(fields, { idle: "separate", shared: [] as string[] })).toBe("");
    expect(parseState(fields, "idle=hide")).toEqual({ idle: "hide", shared: [] });
  });
  it("is applied where the address says nothing, and then stands in it", () => {
    applySaved({ views: { idle: "hide", sharedNamespaces: ["kube-system"] } });
    const state = parseState(fields, "");
    expect(state).toEqual({ idle: "hide", shared: ["kube-system"] });
    expect(lacksPinned(fields, "idle=hide")).toBe(true);
    const search = formatState(fields, state);
    expect(search).toBe("idle=hide&shared=kube-system");
    expect(lacksPinned(fields, search)).toBe(false);
    // The same link once another default is saved.
    applySaved({ views: { idle: "separate", sharedNamespaces: ["other"] } });
    expect(parseState(fields, search)).toEqual(state);
  });
  it("can be told from what somebody chose", () => {
    applySaved({ views: { idle: "hide", sharedNamespaces: ["kube-system"] } });
    expect(formatState(fields, { idle: "separate", shared: [] as string[] })).toBe("idle=separate&shared=");
    expect(parseState(fields, "idle=separate&shared=")).toEqual({ idle: "separate", shared: [] });
  });
});
