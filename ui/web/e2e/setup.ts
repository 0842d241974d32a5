import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    url: string;
    /** A server whose bucket is empty. */
    empty: string;
    shots: string;
    program: string;
  }
}

const program = fileURLToPath(new URL("../../../bin/fleetcost", import.meta.url));

/** A demo as `make run` starts it, smaller, on a free port, in a directory of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shots = process.env.FLEETCOST_SHOTS ?? join(tmpdir(), "fleetcost-shots");
  mkdirSync(shots, { recursive: true });
  project.provide("shots", shots);
  if (!existsSync(program)) throw new Error(`${program} is not built: run make build (make e2e does)`);
  project.provide("program", program);
  const dir = mkdtempSync(join(tmpdir(), "fleetcost-ui-"));
  const started: (() => Promise<void>)[] = [];
  const stop = async () => {
    await Promise.all(started.map((s) => s()));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    mkdirSync(join(dir, "bucket"));
    const config = join(dir, "federated-store.yaml");
    writeFileSync(config, `type: FILESYSTEM\nconfig:\n  directory: ${join(dir, "bucket")}\n`);
    const start = async (...args: string[]) => {
      const s = await serve(args);
      started.push(s.stop);
      return s.url;
    };
    project.provide("empty", await start("server", "--storage-config", config, "--data-dir", join(dir, "empty")));
    const demo = ["demo", "--data-dir", join(dir, "demo"), "--containers", "600", "--days", "18", "--push-interval", "30m"];
    project.provide("url", process.env.FLEETCOST_URL ?? (await start(...demo)));
  } catch (e) {
    await stop();
    throw e;
  }
  return stop;
}

/** Starts the program on a free port, and waits until it has loaded its bucket. */
async function serve(command: string[]): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const child = spawn(program, [...command, "--listen", `127.0.0.1:${port}`], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const hear = (b: Buffer) => (said = (said + b.toString()).slice(-4000));
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) throw new Error(`${command[0] ?? ""} ended:\n${said}`);
    const ready = await fetch(`${url}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) {
      return {
        url,
        stop: async () => {
          child.kill("SIGTERM");
          await ended;
        },
      };
    }
    await new Promise((r) => setTimeout(r, 500));
  }
  child.kill("SIGKILL");
  throw new Error(`${command[0] ?? ""} is not ready after five minutes:\n${said}`);
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
