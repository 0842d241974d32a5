import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import type { Schemas } from "../../api/client";
import { exploreQuery, fleetQuery } from "../../api/queries";
import { StateMark } from "../../components/clusterState";
import { CopyLink } from "../../components/CopyLink";
import { Cost, useExplain } from "../../components/explain/Cost";
import { buttonClass, Card, Failure, Notice, Skeleton } from "../../components/ui";
import { ago, bytes, clock, completeness, count, dateTime, money, percent, weekday } from "../../lib/format";
import { partOf } from "../../lib/explained";
import { useShortcuts } from "../../lib/shortcuts";
import { useUrlState } from "../../lib/urlState";
import { addDays } from "../../lib/window";
import { cellOf, dayStates } from "./days";
import css from "./Fleet.module.css";
import { clusterFields } from "./state";

/** One cluster: what is wrong with it, why, and what to do. */
export function Cluster({ id }: { id: string }) {
  const [state, set] = useUrlState(clusterFields);
  const [, navigate] = useLocation();
  useShortcuts([{ keys: "Backspace", does: "Back to the fleet", run: () => navigate("/fleet") }]);
  const fleet = useQuery(fleetQuery());
  const f = fleet.data?.data;
  const c = (f?.clusters ?? []).find((x) => x.id === id);
  return (
    <div className={css.stack}>
      <div className={css.head}>
        <h1>{id}</h1>
        <div className={css.controls}>
          <Link className={buttonClass} href={`/explore?filter=${encodeURIComponent(`cluster:"${id}"`)}`}>
            Explore its cost
          </Link>
          <CopyLink />
        </div>
      </div>
      {fleet.error && (
        <Failure
          what="The state of the cluster could not be read."
          error={fleet.error}
          still={f ? "What is shown is the last answer." : "Its cost is not touched: Explore shows it."}
          retry={() => void fleet.refetch()}
        />
      )}
      {!f && fleet.isPending && (
        <div role="group" aria-busy="true" aria-label="Loading">
          <Skeleton height="24rem" />
        </div>
      )}
      {f && !c && (
        <Notice tone="warn" title={`No cluster ${id} has pushed to this bucket.`}>
          <p>
            <Link href="/fleet">Fleet</Link> has those that have, and how to connect one.
          </p>
        </Notice>
      )}
      {f && c && (
        <>
          <Problems cluster={c} refused={(f.quarantine ?? []).filter((q) => q.cluster === c.id)} />
          <Days cluster={c} fleet={f} chosen={state.day} onDay={(day) => set({ day })} />
          <Facts cluster={c} now={f.now} />
        </>
      )}
    </div>
  );
}

/** What the agent reports; cause and doc are there where the failure is a known one. */
type Problem = Schemas["FleetProblem"];

function Problems({ cluster, refused }: { cluster: Schemas["ClusterStatus"]; refused: readonly Schemas["Quarantined"][] }) {
  const problems: Problem[] = cluster.problems ?? [];
  const missing: Problem[] = cluster.missing ?? [];
  if (problems.length + missing.length + refused.length === 0 && !cluster.silentSince)
    return (
      <Card title="Problems">
        <p className="soft">None: the agent reports no error and misses no metric.</p>
      </Card>
    );
  return (
    <Card title="Problems" note="with cause and fix where they are known">
      <ul className={css.problems}>
        {cluster.silentSince && (
          <li>
            <b>Silent since {dateTime(cluster.silentSince)} UTC</b>
            <div className={css.small}>
              Nothing came since. See whether the agent runs and what its log says; if the cluster is gone for good, retire it:{" "}
              <code>
                fleetcost clusters retire {cluster.id} --at {cluster.silentSince}
              </code>
            </div>
          </li>
        )}
        {problems.map((p, i) => (
          <ProblemItem key={i} problem={p} />
        ))}
        {missing.map((p) => (
          <ProblemItem key={p.code} problem={p} title={`Metric ${p.code} is missing`} />
        ))}
      </ul>
    </Card>
  );
}

function ProblemItem({ problem, title }: { problem: Problem; title?: string }) {
  return (
    <li>
      <b>{title ?? problem.code}</b>
      <div>{problem.message}</div>
      {problem.cause && (
        <div>
          <b>Cause:</b> {problem.cause}
        </div>
      )}
      {problem.fix && (
        <div>
          <b>Fix:</b> {problem.fix}
        </div>
      )}
      <div className={css.small}>
        {problem.since && `since ${dateTime(problem.since)} UTC`}
        {problem.doc && ` · see ${problem.doc}`}
      </div>
    </li>
  );
}

function Days({
  cluster,
  fleet,
  chosen,
  onDay,
}: {
  cluster: Schemas["ClusterStatus"];
  fleet: Schemas["FleetStatus"];
  chosen: string;
  onDay: (day: string) => void;
}) {
  // Without a choice, the last day.
  const day = /^\d{4}-\d{2}-\d{2}$/.test(chosen) ? chosen : cluster.days?.at(-1)?.date;
  const cells = (cluster.days ?? []).slice(-90).map((d) => cellOf(cluster, d.date, fleet.now.slice(0, 10), fleet.quarantine ?? []));
  return (
    <Card title="Days" note="UTC; choose one to see its hours">
      <ul className={css.days} aria-label="Days">
        {cells.map((cell) => (
          <li key={cell.date}>
            <Link
              className={css.cell}
              data-state={cell.state}
              href={`/fleet/${encodeURIComponent(cluster.id)}?day=${cell.date}`}
              onClick={(e) => {
                e.preventDefault();
                onDay(cell.date);
              }}
              aria-current={cell.date === day ? "date" : undefined}
              title={`${weekday(cell.date)}: ${cell.text}`}
              aria-label={`${weekday(cell.date)}: ${cell.text}`}
            >
              {cell.state === "none" ? "" : dayStates[cell.state].mark}
            </Link>
          </li>
        ))}
      </ul>
      {day !== undefined && <Hours cluster={cluster.id} date={day} />}
    </Card>
  );
}

/** The hours of a day: there or not, and what each cost. */
function Hours({ cluster, date }: { cluster: string; date: string }) {
  const explain = useExplain();
  const answer = useQuery(
    exploreQuery("allocation", {
      window: `${date}T00:00:00Z,${addDays(date, 1)}T00:00:00Z`,
      aggregate: "all",
      accumulate: "hour",
      filter: `cluster:"${cluster}"`,
    }),
  );
  if (answer.error)
    return (
      <Failure
        what={`The hours of ${date} could not be read.`}
        error={answer.error}
        still="The days above are right."
        retry={() => void answer.refetch()}
      />
    );
  // While they are asked for, the hours have their place; those of another day are not shown as this one's.
  const data = answer.isPlaceholderData ? undefined : answer.data;
  const sets = data?.data.sets ?? Array.from({ length: 24 }, (_, i) => waiting(date, i));
  const meta = data?.meta;
  const currency = meta?.currency ?? "USD";
  const total = money(meta?.totalCost ?? 0, currency);
  return (
    <div aria-busy={!data}>
      <h3 className={css.ofDay}>
        {weekday(date)}:{" "}
        {meta ? <Cost text={total} of={partOf(meta.window, "total", cluster)} what={`the cost of ${weekday(date)}`} /> : "…"}
      </h3>
      <ul className={css.hours} aria-label={`Hours of ${date}`}>
        {sets.map((s) => {
          const at = s.window.start ?? "";
          const state = s.hoursExpected === 0 ? "none" : s.hoursPresent > 0 ? "complete" : "missing";
          const said = state === "none" ? "not expected" : state === "missing" ? "missing" : money(s.total, currency);
          return (
            <li key={at}>
              {state === "complete" ? (
                <button
                  type="button"
                  className={`${css.cell ?? ""} ${css.hour ?? ""}`}
                  data-state={state}
                  title={`${clock(at)}: ${said}`}
                  aria-label={`Explain ${clock(at)}: ${said}`}
                  aria-haspopup="dialog"
                  onClick={() => explain(partOf(s.window, "total", cluster))}
                />
              ) : (
                <span
                  className={css.cell}
                  data-state={state}
                  title={`${clock(at)}: ${said}`}
                  role="img"
                  aria-label={`${clock(at)}: ${said}`}
                >
                  {state === "missing" ? "×" : ""}
                </span>
              )}
              <span aria-hidden="true">{clock(at).slice(0, 2)}</span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

const waiting = (date: string, hour: number) => ({
  window: { start: `${date}T${String(hour).padStart(2, "0")}:00:00Z`, end: null },
  hoursExpected: 0,
  hoursPresent: 0,
  total: 0,
});

function Facts({ cluster: c, now }: { cluster: Schemas["ClusterStatus"]; now: string }) {
  const at = Date.parse(now);
  const facts: [string, React.ReactNode][] = [
    ["State", <StateMark key="s" cluster={c} now={at} />],
    ["Last push", c.lastPush ? `${dateTime(c.lastPush)} UTC, ${ago(c.lastPush, at)}` : "never"],
    ["Hours", `${completeness(c.hoursPresent, c.hoursExpected)}, ${count(c.hoursPresent)} of ${count(c.hoursExpected)}`],
    ["First hour", c.firstHour ? `${dateTime(c.firstHour)} UTC` : "none"],
    ["Last hour ends", c.lastHour ? `${dateTime(c.lastHour)} UTC` : "none"],
    ["Agent", [c.agentVersion, c.startedAt && `started ${ago(c.startedAt, at)}`].filter(Boolean).join(", ") || "unknown"],
    ["Reads", c.source ?? "unknown"],
    ["Where", [c.provider, c.region].filter(Boolean).join(" ") || "unknown"],
    ["Owner", c.ownerUid ? `${c.ownerUid} (${c.ownerProof ?? "no proof"})` : "nobody yet"],
    ["At default prices", c.defaultShare === null ? "unknown" : percent(c.defaultShare)],
    ["Rows, bytes", `${count(c.rows)}, ${bytes(c.bytes)}`],
    ["Waiting on the agent’s disk", `${c.spoolDays ?? 0} days`],
  ];
  if (c.backfillHours) facts.push(["Backfill", `${count(c.backfillDone ?? 0)} of ${count(c.backfillHours)} hours`]);
  if (c.droppedHours) facts.push(["Lost to a full disk", `${count(c.droppedHours)} hours`]);
  if (c.retiredAt) facts.push(["Retired", `${dateTime(c.retiredAt)} UTC`]);
  return (
    <Card title="Facts">
      <dl className={css.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
