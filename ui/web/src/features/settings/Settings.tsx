import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Schemas } from "../../api/client";
import { ApiError } from "../../api/client";
import { fleetQuery, saveSettings, settingsQuery } from "../../api/queries";
import { Failure, Notice, Skeleton } from "../../components/ui";
import { applySaved } from "../../lib/saved";
import { About } from "./About";
import type { Draft } from "./draft";
import { documentOf, draftOf, fieldOf, same } from "./draft";
import { Aliases, Display, Views } from "./Fields";
import { SaveBar } from "./SaveBar";
import css from "./Settings.module.css";
import { Sources } from "./Sources";

/** What is saved for everybody, where the data come from, and what is running. */
export function Settings() {
  const settings = useQuery(settingsQuery());
  const state = settings.data?.data;
  return (
    <div className={css.stack}>
      <h1>Settings</h1>
      {settings.error && !state && (
        <Failure what="The settings could not be read." error={settings.error} retry={() => void settings.refetch()} />
      )}
      {!state && settings.isPending && (
        <div aria-busy="true" aria-label="Loading" className={css.stack}>
          <Skeleton height="14rem" />
          <Skeleton height="18rem" />
        </div>
      )}
      {state && <Form state={state} reload={() => settings.refetch().then((r) => r.data?.data)} />}
      <Sources />
      <About />
    </div>
  );
}

interface FormProps {
  state: Schemas["SettingsState"];
  /** Asks the server again, and returns what is saved now. */
  reload: () => Promise<Schemas["SettingsState"] | undefined>;
}

function Form({ state, reload }: FormProps) {
  // What the draft began from: the version that a save replaces.
  const [base, setBase] = useState(state);
  const [draft, setDraft] = useState<Draft>(() => draftOf(state.saved));
  const [theirs, setTheirs] = useState<Schemas["SettingsState"] | null>(null);
  const fleet = useQuery(fleetQuery());
  const queries = useQueryClient();
  const mine = documentOf(draft);
  const unsaved = !same(mine, base.saved);
  const broken = state.problem?.code === "settings broken";

  const begin = (from: Schemas["SettingsState"], next: Draft) => {
    setBase(from);
    setDraft(next);
    setTheirs(null);
  };
  const save = useMutation({
    mutationFn: (over: string) => saveSettings(over, mine),
    onSuccess: (answer) => {
      applySaved(answer.data.saved);
      queries.setQueryData(settingsQuery().queryKey, answer);
      // Every answer may be another one now.
      queries.removeQueries({ predicate: (q) => q.queryKey[0] !== "settings" && q.getObserversCount() === 0 });
      void queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== "settings" });
      begin(answer.data, draftOf(answer.data.saved));
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 412) void reload().then((now) => now && setTheirs(now));
    },
  });

  // What others saved meanwhile shows where nothing would be lost by it.
  if (state.version !== base.version && !unsaved && !save.isPending) begin(state, draftOf(state.saved));

  useEffect(() => {
    if (!unsaved) return;
    const warn = (e: BeforeUnloadEvent) => e.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [unsaved]);

  const refused = save.error instanceof ApiError && save.error.status === 400 ? fieldOf(save.error.param) : "";
  const change = (part: Partial<Draft>) => {
    setDraft({ ...draft, ...part });
    if (!save.isPending) save.reset();
  };
  const known = fleet.data?.data.currency ?? "";
  const fields = { draft, change, refused };
  return (
    <form
      className={css.stack}
      aria-label="Saved for everybody"
      onSubmit={(e) => {
        e.preventDefault();
        if (!save.isPending && !theirs && (unsaved || broken)) save.mutate(base.version);
      }}
    >
      <p className="soft">
        Saved for everybody who looks at this fleet, in the bucket as <code>{state.key}</code>. Every server of the bucket takes it.
      </p>
      {state.problem && (
        <Notice tone="bad" title={state.problem.message}>
          {state.problem.cause && <p>{state.problem.cause}</p>}
          {state.problem.fix && <p className="soft">What to do: {state.problem.fix}.</p>}
        </Notice>
      )}
      <Display {...fields} currency={known === "" ? "USD" : known} locales={state.locales} />
      <Aliases {...fields} inForce={state.labelAliases} defaults={state.defaultLabelAliases} />
      <Views {...fields} />
      <SaveBar
        unsaved={unsaved}
        broken={broken}
        saving={save.isPending}
        saved={save.isSuccess}
        error={save.error}
        mine={mine}
        theirs={theirs}
        discard={() => {
          save.reset();
          begin(state, draftOf(state.saved));
        }}
        loadTheirs={(now) => {
          save.reset();
          begin(now, draftOf(now.saved));
        }}
        keepMine={(now) => {
          setBase(now);
          setTheirs(null);
          save.mutate(now.version);
        }}
      />
    </form>
  );
}
