import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError } from "../../api/client";
import { fleetQuery, overviewQuery } from "../../api/queries";
import { CopyLink } from "../../components/CopyLink";
import { FirstRun } from "../../components/FirstRun";
import { Failure, Notice, Skeleton } from "../../components/ui";
import { WindowPicker } from "../../components/WindowPicker";
import { useUrlState } from "../../lib/urlState";
import { Changes } from "./Changes";
import { FleetStrip } from "./FleetStrip";
import css from "./Home.module.css";
import { IdleSplit } from "./IdleSplit";
import { homeFields } from "./state";
import { Total } from "./Total";
import { Trend } from "./Trend";

/** The fleet on one page: two calls, one version of the data. */
export function Home() {
  const [state, set] = useUrlState(homeFields);
  const overview = useQuery(overviewQuery(state.window, state.changes === "window" ? state.window : state.changes, state.by));
  const fleet = useQuery(fleetQuery());
  const moved = useMoved(overview.data?.meta?.dataVersion, state.window);
  const meta = overview.data?.meta;
  const clusters = fleet.data?.data.clusters ?? [];
  const stale = overview.isPlaceholderData;

  let body;
  if (fleet.data && clusters.length === 0) body = <FirstRun fleet={fleet.data.data} />;
  // Both first: what came later would push the rest down.
  else if (overview.data && meta && !fleet.isPending)
    body = (
      <div className={css.grid}>
        <Total overview={overview.data.data} meta={meta} fleet={fleet.data?.data} stale={stale} window={state.window} />
        <Trend overview={overview.data.data} currency={meta.currency} stale={stale} view={state.trend} onView={(trend) => set({ trend })} />
        <div className={css.wide}>
          {fleet.error ? (
            <Failure
              what="The state of the clusters could not be read."
              error={fleet.error}
              still="The costs above are right."
              retry={() => void fleet.refetch()}
            />
          ) : (
            <FleetStrip fleet={fleet.data.data} overview={overview.data.data} currency={meta.currency} covered={meta.window} />
          )}
        </div>
        <div className={css.wide}>
          <Changes
            overview={overview.data.data}
            currency={meta.currency}
            stale={stale}
            period={state.changes}
            by={state.by}
            onChange={set}
          />
        </div>
        <div className={css.wide}>
          <IdleSplit overview={overview.data.data} currency={meta.currency} window={state.window} covered={meta.window} stale={stale} />
        </div>
      </div>
    );
  else if (overview.error && !overview.data)
    body = (
      <Failure
        what="The costs could not be read."
        error={overview.error}
        still={fleet.data ? "The state of the clusters is known: see Fleet." : undefined}
        retry={() => void overview.refetch()}
      />
    );
  else
    body = (
      <>
        {overview.failureReason instanceof ApiError && overview.failureReason.loading && (
          <Notice title="The server is loading what the bucket holds." tone="accent">
            <p className="soft">{overview.failureReason.message}. The page shows the costs as soon as they are complete.</p>
          </Notice>
        )}
        <Loading />
      </>
    );

  return (
    <>
      <div className={css.head}>
        <h1>What the fleet costs</h1>
        <div className={css.controls}>
          <WindowPicker value={state.window} onChange={(window) => set({ window })} />
          <CopyLink />
        </div>
      </div>
      <div className={css.stack}>
        {overview.error && overview.data && (
          <Failure what="The latest numbers could not be read." error={overview.error} still="What is shown is the last answer." />
        )}
        {overview.data?.warning && <Notice tone="warn" title={overview.data.warning} />}
        {body}
      </div>
      <p className="sr-only" role="status">
        {moved ? "New data arrived; the numbers have been updated." : ""}
      </p>
      {meta && (
        <p className={css.version}>
          Data version <code>{meta.dataVersion}</code>
          {moved && " · new data arrived while you looked; the numbers have been updated"}
        </p>
      )}
    </>
  );
}

/** Whether the data changed under the same question since the page was opened. */
function useMoved(version: string | undefined, question: string): boolean {
  const [seen, setSeen] = useState({ question, version, moved: false });
  if (version !== undefined && (seen.question !== question || seen.version !== version)) {
    setSeen({ question, version, moved: seen.question === question && seen.version !== undefined });
  }
  return seen.moved;
}

function Loading() {
  return (
    <div className={css.grid} role="group" aria-busy="true" aria-label="Loading">
      <Skeleton height="24rem" />
      <Skeleton height="24rem" />
      <Skeleton height="24rem" />
      <Skeleton height="24rem" />
    </div>
  );
}
