import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** Where the API lies: one above the pages, whatever path a proxy put before it. */
export const apiBase = (): string => new URL(import.meta.env.DEV ? "./" : "../", document.baseURI).href.replace(/\/$/, "");

/** A failure with what the server said of it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | undefined,
    readonly requestId: string | undefined,
    readonly param: string | undefined,
    /** What the bucket said, where it refused. */
    readonly problem?: Schemas["FleetProblem"],
  ) {
    super(message);
    this.name = "ApiError";
  }
  /** The server is well, it has only not loaded everything yet. */
  get loading(): boolean {
    return this.status === 503;
  }
}

export const client = createClient<paths>({ baseUrl: apiBase(), headers: { Accept: "application/json" } });

interface Result<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer, or an ApiError: one shape for every failure, the network's too. */
export async function unwrap<T>(ask: Promise<Result<T>>): Promise<T> {
  let result: Result<T>;
  try {
    result = await ask;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(0, "The server cannot be reached.", "Check that it runs and that nothing between blocks it.", undefined, undefined);
  }
  if (result.data !== undefined) return result.data;
  const body = (typeof result.error === "object" && result.error !== null ? result.error : {}) as Partial<Schemas["ErrorEnvelope"]>;
  throw new ApiError(
    result.response.status,
    body.reason ?? body.message ?? result.response.statusText,
    body.hint,
    body.requestId ?? result.response.headers.get("X-Request-Id") ?? undefined,
    body.param,
    body.problem,
  );
}
