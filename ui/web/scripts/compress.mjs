// Puts what Vite built, with a brotli and a gzip twin of each text, where
// ui.go embeds it. The stub stays: it is in git.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const from = fileURLToPath(new URL("../build", import.meta.url));
const to = fileURLToPath(new URL("../../dist", import.meta.url));
const stub = "stub.html";

for (const name of readdirSync(to)) if (name !== stub) rmSync(join(to, name), { recursive: true });
const walk = (dir) =>
  readdirSync(dir).flatMap((name) => (statSync(join(dir, name)).isDirectory() ? walk(join(dir, name)) : [join(dir, name)]));
for (const file of walk(from)) {
  const target = join(to, relative(from, file));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, target);
  // The page itself is written anew for each path it is asked at.
  if (!/\.(js|css|svg|json)$/.test(file)) continue;
  const text = readFileSync(file);
  writeFileSync(`${target}.gz`, gzipSync(text, { level: 9 }));
  writeFileSync(`${target}.br`, brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}
