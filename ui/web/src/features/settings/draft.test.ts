import { describe, expect, it } from "vitest";
import { differences, documentOf, draftOf, fieldOf, same } from "./draft";

const whole = {
  labelAliases: { owner: ["contact"], team: ["team", "app.kubernetes.io/part-of"] },
  currencyFormat: { display: "code", decimals: 0, locale: "de-DE" },
  views: { idle: "hide", overhead: "share", sharedNamespaces: ["kube-system", "istio-*"] },
};

describe("the draft", () => {
  it("stands for the document it came from", () => {
    expect(same(documentOf(draftOf(whole)), whole)).toBe(true);
    expect(documentOf(draftOf(whole))).toEqual(whole);
    expect(documentOf(draftOf({}))).toEqual({});
  });
  it("leaves out what is empty, and takes lists as people write them", () => {
    const d = draftOf({});
    expect(documentOf({ ...d, labels: { ...d.labels, team: " squad,, crew\n team " }, shared: " , " })).toEqual({
      labelAliases: { team: ["squad", "crew", "team"] },
    });
    expect(documentOf({ ...d, decimals: "0" })).toEqual({ currencyFormat: { decimals: 0 } });
  });
  it("names what two differ in", () => {
    expect(differences(whole, whole)).toEqual([]);
    expect(differences(whole, { ...whole, views: { ...whole.views, idle: "share" } })).toEqual(["idle"]);
    expect(differences(whole, {})).toEqual([
      "how amounts are written",
      "labels of team",
      "labels of owner",
      "idle",
      "overhead",
      "shared namespaces",
    ]);
  });
  it("finds the field of a refusal", () => {
    expect(fieldOf("labelAliases.team[1]")).toBe("team");
    expect(fieldOf("views.sharedNamespaces[0]")).toBe("sharedNamespaces");
    expect(fieldOf("body")).toBe("");
    expect(fieldOf(undefined)).toBe("");
  });
});
