import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    url: string;
    shots: string;
  }
}

const program = fileURLToPath(new URL("../../../bin/fleetcost", import.meta.url));

/** A demo as `make run` starts it, smaller, on a free port, in a directory of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shots = process.env.FLEETCOST_SHOTS ?? join(tmpdir(), "fleetcost-shots");
  mkdirSync(shots, { recursive: true });
  project.provide("shots", shots);
  const given = process.env.FLEETCOST_URL;
  if (given) {
    project.provide("url", given);
    return () => Promise.resolve();
  }
  if (!existsSync(program)) throw new Error(`${program} is not built: run make build (make e2e does)`);
  const dir = mkdtempSync(join(tmpdir(), "fleetcost-ui-"));
  const port = await freePort();
  const args = [
    "demo",
    "--listen",
    `127.0.0.1:${port}`,
    "--data-dir",
    dir,
    "--containers",
    "600",
    "--days",
    "18",
    "--push-interval",
    "30m",
  ];
  const demo = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const hear = (b: Buffer) => (said = (said + b.toString()).slice(-4000));
  demo.stdout.on("data", hear);
  demo.stderr.on("data", hear);
  const ended = new Promise<void>((done) => demo.once("exit", () => done()));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 600; i++) {
    if (demo.exitCode !== null) throw new Error(`the demo ended:\n${said}`);
    const ready = await fetch(`${url}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) {
      project.provide("url", url);
      return async () => {
        demo.kill("SIGTERM");
        await ended;
        rmSync(dir, { recursive: true, force: true });
      };
    }
    await new Promise((r) => setTimeout(r, 500));
  }
  demo.kill("SIGKILL");
  throw new Error(`the demo is not ready after five minutes:\n${said}`);
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const s = createServer();
    s.once("error", fail);
    s.listen(0, "127.0.0.1", () => {
      const a = s.address();
      s.close(() => (a && typeof a === "object" ? done(a.port) : fail(new Error("no port"))));
    });
  });
}
