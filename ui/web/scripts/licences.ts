import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Plugin } from "vite";

// Writes the licences of the packages that end up in the pages beside them, in
// the form of scripts/licences (Go): texts once, and who has which.

interface Entry {
  name: string;
  version: string;
  licence: string;
  texts: number[];
}

const allowed = ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense"];

/** Where the package of a module lies; null for our own modules. */
export function packageDir(id: string): string | null {
  const at = id.replaceAll("\\", "/").lastIndexOf("/node_modules/");
  if (at < 0) return null;
  const rest = id.slice(at + "/node_modules/".length).split("/");
  return id.slice(0, at + "/node_modules/".length) + rest.slice(0, rest[0]?.startsWith("@") ? 2 : 1).join("/");
}

/** What the bundler itself puts into the pages carries its licence too. */
function helperDir(id: string): string | null {
  const name = id.startsWith("\0vite/") ? "vite" : id.startsWith("\0rolldown/") ? "rolldown" : null;
  if (!name) return null;
  const require = createRequire(import.meta.url);
  const root = require.resolve.paths(name)?.find((p) => existsSync(join(p, name, "package.json")));
  return root ? join(root, name) : null;
}

export function collect(dirs: Iterable<string>): { texts: string[]; list: Entry[] } {
  const texts: string[] = [];
  const list = [...new Set(dirs)].map((dir): Entry => {
    const about = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as { name: string; version: string; license?: string };
    if (!about.license || !allowed.includes(about.license))
      throw new Error(`${about.name}: licence ${about.license ?? "unknown"} is not one that the pages may hold`);
    const files = readdirSync(dir).filter((f) => /^(licen[cs]e|copying|notice)([.-].*)?$/i.test(f));
    // Only who asks for nothing may come without a text.
    if (files.length === 0 && about.license !== "Unlicense") throw new Error(`${about.name}: no licence file in ${dir}`);
    const places = files.map((f) => {
      const text = readFileSync(join(dir, f), "utf8").replaceAll("\r\n", "\n").trim();
      if (!texts.includes(text)) texts.push(text);
      return texts.indexOf(text);
    });
    return { name: about.name, version: about.version, licence: about.license, texts: places };
  });
  return { texts, list: list.sort((a, b) => a.name.localeCompare(b.name)) };
}

export const licences = (): Plugin => ({
  name: "licences",
  apply: "build",
  generateBundle(_, bundle) {
    const dirs = Object.values(bundle)
      .flatMap((c) => (c.type === "chunk" ? c.moduleIds : []))
      .map((id) => packageDir(id) ?? helperDir(id))
      .filter((d) => d !== null);
    this.emitFile({ type: "asset", fileName: "licences-npm.json", source: JSON.stringify(collect(dirs)) });
  },
});
