import type { Schemas } from "../../api/client";
import { ApiError } from "../../api/client";
import { Button, Failure, Notice } from "../../components/ui";
import { differences } from "./draft";
import css from "./Settings.module.css";

interface Props {
  unsaved: boolean;
  broken: boolean;
  saving: boolean;
  saved: boolean;
  error: Error | null;
  mine: Schemas["Document"];
  /** What somebody else saved in between. */
  theirs: Schemas["SettingsState"] | null;
  discard: () => void;
  loadTheirs: (theirs: Schemas["SettingsState"]) => void;
  keepMine: (theirs: Schemas["SettingsState"]) => void;
}

export function SaveBar({ unsaved, broken, saving, saved, error, mine, theirs, discard, loadTheirs, keepMine }: Props) {
  const conflict = error instanceof ApiError && error.status === 412;
  const stands = saving
    ? "Saving …"
    : conflict
      ? "Not saved."
      : error
        ? "Not saved."
        : unsaved
          ? "Not saved yet."
          : saved
            ? "Saved, in force now."
            : "Nothing to save.";
  return (
    <div className={css.save}>
      {conflict && <Conflict mine={mine} theirs={theirs} loadTheirs={loadTheirs} keepMine={keepMine} />}
      {error && !conflict && <Refused error={error} />}
      <div className={css.row}>
        <Button type="submit" kind="primary" aria-disabled={saving || conflict || (!unsaved && !broken)}>
          {broken && !unsaved ? "Replace what cannot be understood" : "Save for everybody"}
        </Button>
        <Button onClick={discard} disabled={!unsaved || saving || conflict}>
          Discard
        </Button>
        <span role="status" className="soft">
          {stands}
        </span>
      </div>
    </div>
  );
}

function Conflict({ mine, theirs, loadTheirs, keepMine }: Pick<Props, "mine" | "theirs" | "loadTheirs" | "keepMine">) {
  const apart = theirs ? differences(mine, theirs.saved) : [];
  return (
    <div role="alert">
      <Notice tone="warn" title="Somebody else saved in between. Nothing of theirs was overwritten.">
        <p>
          {theirs
            ? apart.length > 0
              ? `Theirs and yours differ in: ${apart.join(", ")}.`
              : "Theirs and yours are the same."
            : "Reading what they saved …"}
        </p>
        {theirs && (
          <p className={css.row}>
            <Button onClick={() => loadTheirs(theirs)}>Load theirs, drop mine</Button>
            <Button onClick={() => keepMine(theirs)}>Keep mine, replace theirs</Button>
          </p>
        )}
      </Notice>
    </div>
  );
}

/** Why the server or the bucket refused. */
function Refused({ error }: { error: Error }) {
  const problem = error instanceof ApiError ? error.problem : undefined;
  if (!problem) return <Failure what={whatOf(error)} error={error} still="Nothing was changed." />;
  return (
    <div role="alert">
      <Notice tone="bad" title="The bucket refused to save. Nothing was changed.">
        <p>
          <code>{problem.message}</code>
        </p>
        {problem.cause && <p>{problem.cause}</p>}
        {problem.fix && <p className="soft">What to do: {problem.fix}</p>}
        {problem.doc && (
          <p className="soft">
            More: <code>{problem.doc}</code>
          </p>
        )}
      </Notice>
    </div>
  );
}

function whatOf(error: Error): string {
  const at = error instanceof ApiError && error.status === 400 && error.param && error.param !== "body" ? error.param : "";
  return at ? `${at} cannot be saved.` : "The settings could not be saved.";
}
