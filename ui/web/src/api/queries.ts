import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { apiWindow } from "../lib/window";
import type { Schemas } from "./client";
import { client, unwrap } from "./client";
import type { paths } from "./schema";

// What the pages ask, each with its key. While a new question is under way the
// old answer stays in sight, dimmed.

export const overviewQuery = (window: string, changes: string, by: string) =>
  queryOptions({
    queryKey: ["overview", window, changes, by],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/api/v1/overview", { params: { query: { window: apiWindow(window), changes: apiWindow(changes), by } }, signal })),
    placeholderData: keepPreviousData,
  });

export const fleetQuery = () =>
  queryOptions({
    queryKey: ["fleet"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/v1/fleet", { signal })),
  });

export type AllocationParams = NonNullable<paths["/api/v1/explore/allocation"]["get"]["parameters"]["query"]>;
export type AssetParams = NonNullable<paths["/api/v1/explore/assets"]["get"]["parameters"]["query"]>;

export const exploreQuery = (source: "allocation" | "assets", query: AllocationParams & AssetParams) =>
  queryOptions({
    queryKey: ["explore", source, query],
    queryFn: ({ signal }) =>
      // Without format=csv the answer is the envelope.
      unwrap(
        source === "allocation"
          ? client.GET("/api/v1/explore/allocation", { params: { query }, signal })
          : client.GET("/api/v1/explore/assets", { params: { query }, signal }),
      ) as Promise<Schemas["EnvelopeExplore"]>,
    placeholderData: keepPreviousData,
  });

export const settingsQuery = () =>
  queryOptions({
    queryKey: ["settings"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/v1/settings", { signal })),
    refetchInterval: false,
    refetchOnWindowFocus: false,
    staleTime: 0,
  });

/** Replaces the saved document of a version. */
export const saveSettings = (version: string, body: Schemas["Document"]) =>
  unwrap(client.PUT("/api/v1/settings", { params: { header: { "If-Match": version } }, body }));

export const savedSettings = async (): Promise<Schemas["Document"]> => (await unwrap(client.GET("/api/v1/settings"))).data.saved;

export const aboutQuery = () =>
  queryOptions({
    queryKey: ["about"],
    queryFn: ({ signal }) => unwrap(client.GET("/api/v1/about", { signal })),
  });

export interface Licence {
  name: string;
  version: string;
  licence: string;
  texts: string[];
}

/** The licences that were collected when the pages or the program were built; null: that build collected none. */
export const licencesQuery = (of: "go" | "npm") =>
  queryOptions({
    queryKey: ["licences", of],
    queryFn: async ({ signal }): Promise<Licence[] | null> => {
      const answer = await fetch(new URL(`licences-${of}.json`, document.baseURI), { signal });
      // A build without the file answers with the page.
      if (!answer.ok || !answer.headers.get("Content-Type")?.includes("json")) return null;
      const { texts, list } = (await answer.json()) as { texts: string[]; list: (Omit<Licence, "texts"> & { texts: number[] })[] };
      return list.map((l) => ({ ...l, texts: l.texts.map((t) => texts[t] ?? "") }));
    },
    staleTime: Infinity,
    refetchInterval: false,
  });

export const sourcesQuery = (window: string, filter: string) =>
  queryOptions({
    queryKey: ["sources", window, filter],
    queryFn: ({ signal }) =>
      unwrap(client.GET("/api/v1/sources", { params: { query: { window, ...(filter ? { filter } : {}) } }, signal })),
    refetchInterval: false,
  });

export const completionQuery = (source: "allocation" | "assets", window: string, field: string, search: string) =>
  queryOptions({
    queryKey: ["complete", source, window, field, search],
    queryFn: ({ signal }) => {
      const query = { window: apiWindow(window), field, search, limit: "25" };
      return source === "allocation"
        ? unwrap(client.GET("/allocation/autocomplete", { params: { query }, signal }))
        : unwrap(client.GET("/assets/autocomplete", { params: { query }, signal }));
    },
    staleTime: 60_000,
    refetchInterval: false,
    placeholderData: keepPreviousData,
  });

/** Why a number is what it is; params are those of the explore route, and row, except. */
export const explainQuery = (source: "allocation" | "assets", query: Record<string, string>) =>
  queryOptions({
    queryKey: ["explain", source, query],
    queryFn: ({ signal }) => {
      const params = { query: query as AllocationParams & AssetParams };
      return unwrap(
        source === "allocation"
          ? client.GET("/api/v1/explain/allocation", { params, signal })
          : client.GET("/api/v1/explain/assets", { params, signal }),
      ) as Promise<Schemas["EnvelopeExplanation"]>;
    },
    refetchInterval: false,
  });
