import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Route, Router, Switch } from "wouter";
import { ApiError } from "../api/client";
import { Explaining } from "../components/explain/Explaining";
import { Notice, Skeleton } from "../components/ui";
import { Home } from "../features/home/Home";
import { ErrorBoundary } from "./ErrorBoundary";
import { Shell } from "./Shell";

const Explore = lazy(() => import("../features/explore/Explore").then((m) => ({ default: m.Explore })));
const Fleet = lazy(() => import("../features/fleet/Fleet").then((m) => ({ default: m.Fleet })));
const Cluster = lazy(() => import("../features/fleet/Cluster").then((m) => ({ default: m.Cluster })));

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
  return (
    <QueryClientProvider client={queries}>
      <Router base={base}>
        <Shell>
          <ErrorBoundary>
            <Suspense fallback={<Skeleton height="30rem" />}>
              <Switch>
                <Route path="/" component={Home} />
                <Route path="/explore" component={Explore} />
                <Route path="/fleet" component={Fleet} />
                <Route path="/fleet/:id">{({ id }) => <Cluster id={decodeURIComponent(id)} />}</Route>
                <Route>
                  <Notice title="There is no such page." tone="warn">
                    <p>The address may be of another version. Home, Explore and Fleet are in the bar above.</p>
                  </Notice>
                </Route>
              </Switch>
            </Suspense>
            <Explaining />
          </ErrorBoundary>
        </Shell>
      </Router>
    </QueryClientProvider>
  );
}
