import { expect, it } from "vitest";
import { entryOf, match, places } from "./entries";

it("offers pages and questions at first, names as they are typed", () => {
  expect(match("", [])).toEqual(places);
  const names = [entryOf("controller", "web-payments"), entryOf("namespace", "payments"), entryOf("cluster", "prod")];
  expect(match("payments", names).map((e) => e.name)).toEqual(["payments", "web-payments"]);
  expect(match("flee", names).map((e) => e.href)).toEqual(["/fleet"]);
});

it("asks for a name on all clusters, whatever is in it", () => {
  expect(decodeURIComponent(entryOf("namespace", 'a"b').href)).toBe('/explore?group=cluster&filter=namespace:"a\\"b"');
  expect(decodeURIComponent(entryOf("cluster", "prod").href)).toBe('/explore?group=namespace&filter=cluster:"prod"');
});
