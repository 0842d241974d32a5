import type { Schemas } from "../api/client";
import { ago } from "../lib/format";
import css from "./clusterState.module.css";

type Cluster = Schemas["ClusterStatus"];

export type State = "fresh" | "gaps" | "silent" | "retired" | "empty" | "problems";

/** What a person should know of a cluster first. */
export function stateOf(c: Cluster): State {
  if (c.state === "silent" || c.state === "retired" || c.state === "empty") return c.state;
  if ((c.problems ?? []).length > 0) return "problems";
  return c.hoursPresent < c.hoursExpected ? "gaps" : "fresh";
}

const words: Record<State, { text: string; mark: string; rank: number }> = {
  silent: { text: "silent", mark: "■", rank: 0 },
  problems: { text: "with problems", mark: "▲", rank: 1 },
  empty: { text: "without an hour yet", mark: "○", rank: 2 },
  gaps: { text: "fresh with gaps", mark: "◐", rank: 3 },
  fresh: { text: "fresh", mark: "●", rank: 4 },
  retired: { text: "retired", mark: "–", rank: 5 },
};

export const stateText = (c: Cluster): string => words[stateOf(c)].text;

/** Those that need somebody first, then by cost. */
export function worstFirst(clusters: readonly Cluster[], cost: (c: Cluster) => number): Cluster[] {
  return [...clusters].sort((a, b) => words[stateOf(a)].rank - words[stateOf(b)].rank || cost(b) - cost(a) || a.id.localeCompare(b.id));
}

/** Those that need somebody first, then by name. */
export const byState = (clusters: readonly Cluster[]): Cluster[] => worstFirst(clusters, () => 0);

/** Shape, colour and words: never colour alone. */
export function StateMark({ cluster, now }: { cluster: Cluster; now: number }) {
  const s = stateOf(cluster);
  const since = s === "silent" ? `since ${ago(cluster.silentSince, now)}` : ago(cluster.lastPush, now);
  return (
    <span className={css.state} data-state={s}>
      <span aria-hidden="true">{words[s].mark}</span> {words[s].text}
      <span className={css.since}>{since.replace("since ", "for ").replace(" ago", s === "silent" ? "" : " ago")}</span>
    </span>
  );
}
