import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { Route, Router, Switch } from "wouter";
import { ApiError } from "../api/client";
import { Explaining } from "../components/explain/Explaining";
import { Notice, Skeleton } from "../components/ui";
import { Home } from "../features/home/Home";
import { ShortcutsProvider } from "../lib/shortcuts";
import { ErrorBoundary } from "./ErrorBoundary";
import { Shell } from "./Shell";

const load = {
  explore: () => import("../features/explore/Explore"),
  fleet: () => import("../features/fleet/Fleet"),
  cluster: () => import("../features/fleet/Cluster"),
  settings: () => import("../features/settings/Settings"),
};
const Explore = lazy(() => load.explore().then((m) => ({ default: m.Explore })));
const Fleet = lazy(() => load.fleet().then((m) => ({ default: m.Fleet })));
const Cluster = lazy(() => load.cluster().then((m) => ({ default: m.Cluster })));
const Settings = lazy(() => load.settings().then((m) => ({ default: m.Settings })));

/** Loads the other pages once the first one had its time, so that a click need not. */
function useOtherPages() {
  useEffect(() => {
    const later = setTimeout(() => void Promise.allSettled(Object.values(load).map((l) => l())), 2000);
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
              <Suspense
                fallback={
                  <div role="group" aria-busy="true" aria-label="Loading">
                    <Skeleton height="30rem" />
                  </div>
                }
              >
                <Switch>
                  <Route path="/" component={Home} />
                  <Route path="/explore" component={Explore} />
                  <Route path="/fleet" component={Fleet} />
                  <Route path="/fleet/:id">{({ id }) => <Cluster id={decodeURIComponent(id)} />}</Route>
                  <Route path="/settings" component={Settings} />
                  <Route>
                    <Notice title="There is no such page." tone="warn">
                      <p>The address may be of another version. Home, Explore, Fleet and Settings are in the bar above.</p>
                    </Notice>
                  </Route>
                </Switch>
              </Suspense>
              <Explaining />
            </ErrorBoundary>
          </Shell>
        </ShortcutsProvider>
      </Router>
    </QueryClientProvider>
  );
}
