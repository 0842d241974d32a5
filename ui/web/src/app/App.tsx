import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ComponentType, useEffect, useState } from "react";
import { Route, Router, Switch } from "wouter";
import { ApiError } from "../api/client";
import { Explaining } from "../components/explain/Explaining";
import { Notice, Skeleton } from "../components/ui";
import { Home } from "../features/home/Home";
import { ShortcutsProvider } from "../lib/shortcuts";
import { ErrorBoundary } from "./ErrorBoundary";
import { Shell } from "./Shell";

const pages = {
  explore: page(() => import("../features/explore/Explore").then((m) => m.Explore)),
  fleet: page(() => import("../features/fleet/Fleet").then((m) => m.Fleet)),
  cluster: page(() => import("../features/fleet/Cluster").then((m) => m.Cluster)),
  settings: page(() => import("../features/settings/Settings").then((m) => m.Settings)),
};

interface Page<Props> {
  load: () => Promise<void>;
  Show: ComponentType<Props>;
}

/**
 * A page that is loaded when it is shown, or before; then it is shown at once. Not by React's own lazy components: those
 * wait even for what is there, and a placeholder that React has shown stays for at least 300 ms.
 */
function page<Props extends object>(get: () => Promise<ComponentType<Props>>): Page<Props> {
  let loaded: ComponentType<Props> | undefined;
  const load = () => get().then((c) => void (loaded = c));
  const Show = (props: Props) => {
    const [Component, show] = useState(() => loaded);
    useEffect(() => {
      if (Component) return;
      load().then(
        () => show(() => loaded),
        (error: unknown) =>
          show(() => {
            throw error; // for the boundary around the pages
          }),
      );
    }, [Component]);
    return Component ? <Component {...props} /> : <Placeholder />;
  };
  return { load, Show };
}

const Placeholder = () => (
  <div role="group" aria-busy="true" aria-label="Loading">
    <Skeleton height="30rem" />
  </div>
);

/** Loads the other pages once the first one had its time, so that a click need not. */
function useOtherPages() {
  useEffect(() => {
    const later = setTimeout(() => void Promise.allSettled(Object.values(pages).map((p) => p.load())), 2000);
    return () => clearTimeout(later);
  }, []);
}

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 20_000,
      refetchInterval: 60_000,
      // Loading is waited for; what the server refused is not asked again.
      retry: (failures, error) => error instanceof ApiError && error.loading && failures < 120,
      retryDelay: 3000,
    },
  },
});

const base = new URL(document.baseURI).pathname.replace(/\/$/, "");

export function App() {
  useOtherPages();
  return (
    <QueryClientProvider client={queries}>
      <Router base={base}>
        <ShortcutsProvider>
          <Shell>
            <ErrorBoundary>
              <Switch>
                <Route path="/" component={Home} />
                <Route path="/explore" component={pages.explore.Show} />
                <Route path="/fleet" component={pages.fleet.Show} />
                <Route path="/fleet/:id">{({ id }) => <pages.cluster.Show id={decodeURIComponent(id)} />}</Route>
                <Route path="/settings" component={pages.settings.Show} />
                <Route>
                  <Notice title="There is no such page." tone="warn">
                    <p>The address may be of another version. Home, Explore, Fleet and Settings are in the bar above.</p>
                  </Notice>
                </Route>
              </Switch>
              <Explaining />
            </ErrorBoundary>
          </Shell>
        </ShortcutsProvider>
      </Router>
    </QueryClientProvider>
  );
}
