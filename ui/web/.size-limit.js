import { readFileSync } from "node:fs";

// What the page names is what a browser loads before Home shows its numbers.
const page = readFileSync(new URL("build/index.html", import.meta.url), "utf8");
const path = [...page.matchAll(/\.\/(assets\/[^"]+\.(?:js|css))/g)].map((m) => `build/${m[1]}`);

export default [{ name: "JS and CSS until Home is usable", path, gzip: true, limit: "150 KiB" }];
