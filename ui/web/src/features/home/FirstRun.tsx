import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { Card } from "../../components/ui";
import { dateTime } from "../../lib/format";
import css from "./Home.module.css";

/** The way to the first number: what is done, and what comes next. */
export function FirstRun({ fleet }: { fleet: Schemas["FleetStatus"] }) {
  const reached = fleet.lastSync !== undefined && !fleet.syncError;
  const clusters = fleet.clusters ?? [];
  const steps = [
    {
      done: reached,
      title: "The bucket is reachable",
      text:
        fleet.syncError ??
        (reached
          ? `${fleet.bucket}, last looked at ${fleet.lastSync ? dateTime(fleet.lastSync) : ""} UTC.`
          : "The server looks at the bucket for the first time; this takes seconds."),
    },
    {
      done: clusters.length > 0,
      title: "A cluster has pushed its first object",
      text: "An agent pushes within two minutes of its start. If nothing comes, its log names the cause and what to change.",
    },
    {
      done: clusters.some((c) => c.lastHour !== undefined),
      title: "The first hour is complete",
      text: "An hour closes five minutes after its end, so the first one is here within 70 minutes; with --backfill the past comes at once.",
    },
  ];
  return (
    <Card title="No costs yet" note="three steps to the first number">
      <ol className={css.steps}>
        {steps.map((s) => (
          <li key={s.title}>
            <span className={css.mark} aria-hidden="true">
              {s.done ? "✓" : "○"}
            </span>
            <span>
              <b>{s.title}</b> <span className="soft">({s.done ? "done" : "to do"})</span>
              <br />
              <span className="soft">{s.text}</span>
            </span>
          </li>
        ))}
      </ol>
      <p className={css.small}>
        The commands to connect a cluster are on <Link href="/fleet">Fleet</Link>. To look around first: <code>fleetcost demo</code> runs a
        fleet of its own.
      </p>
    </Card>
  );
}
