import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Schemas } from "../api/client";
import { fleetQuery } from "../api/queries";
import { dateTime } from "../lib/format";
import css from "./FirstRun.module.css";
import { Card } from "./ui";

/** The first run where the fleet is not asked for otherwise; else what is given instead. */
export function FirstRunOr({ children }: { children: ReactNode }) {
  const fleet = useQuery(fleetQuery());
  return fleet.data && (fleet.data.data.clusters ?? []).length === 0 ? <FirstRun fleet={fleet.data.data} /> : children;
}

/** The way to the first number: what is done, and what comes next. */
export function FirstRun({ fleet, connectBelow = false }: { fleet: Schemas["FleetStatus"]; connectBelow?: boolean }) {
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
        {connectBelow ? (
          "The commands to connect a cluster are below."
        ) : (
          <>
            The commands to connect a cluster are on <Link href="/fleet">Fleet</Link>.
          </>
        )}{" "}
        To look around first: <code>fleetcost demo</code> runs a fleet of its own.
      </p>
    </Card>
  );
}
