import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { apiBase } from "../api/client";
import { exploreQuery } from "../api/queries";
import { Button, Select } from "../components/ui";
import { exploreFields, questionOf } from "../features/explore/state";
import { explainFocused, focusRow, useShortcuts } from "../lib/shortcuts";
import type { Theme } from "../lib/theme";
import { applyTheme, storedTheme, storeTheme } from "../lib/theme";
import { parseState } from "../lib/urlState";
import css from "./Shell.module.css";

const Palette = lazy(() => import("../features/palette/Palette").then((m) => ({ default: m.Palette })));

const Help = lazy(() => import("../features/help/Help").then((m) => ({ default: m.Help })));

const places = [
  { path: "/", label: "Home" },
  { path: "/explore", label: "Explore" },
  { path: "/fleet", label: "Fleet" },
  { path: "/settings", label: "Settings" },
] as const;

const isAt = (location: string, path: string) => (path === "/" ? location === "/" : location === path || location.startsWith(`${path}/`));

export function Shell({ children }: { children: ReactNode }) {
  const [location, navigate] = useLocation();
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const main = useRef<HTMLElement>(null);
  const [finding, setFinding] = useState(false);
  const [helping, setHelping] = useState(false);
  const [said, setSaid] = useState("");
  const queries = useQueryClient();
  // What Explore asks at first is under way before its link is clicked; Home has asked what Fleet needs.
  const prepare = (path: string) => {
    if (path === "/explore")
      void queries.query(exploreQuery("allocation", questionOf(parseState(exploreFields, "")))).catch(() => undefined);
  };
  useShortcuts(
    [
      ...places.map((p) => ({ keys: `g ${p.label.charAt(0).toLowerCase()}`, does: `Go to ${p.label}`, run: () => navigate(p.path) })),
      { keys: "j", does: "Next row", run: () => focusRow(1) },
      { keys: "k", does: "Row before", run: () => focusRow(-1) },
      { keys: "e", does: "Explain the row in focus, or the total", run: explainFocused },
      { keys: "/", does: "Find by name", run: () => setFinding(true) },
      {
        keys: "y",
        does: "Copy the link to this view",
        run: () => void navigator.clipboard.writeText(window.location.href).then(() => setSaid("Link copied")),
      },
      { keys: "?", does: "These shortcuts", run: () => setHelping(true) },
    ],
    true,
  );
  useEffect(() => {
    if (!said) return;
    const gone = setTimeout(() => setSaid(""), 3000);
    return () => clearTimeout(gone);
  }, [said]);
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key.toLowerCase() !== "k" || !(e.ctrlKey || e.metaKey) || e.altKey || e.shiftKey) return;
      e.preventDefault();
      setFinding(true);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  const place = places.find((p) => isAt(location, p.path));
  useEffect(() => {
    document.title = place ? `${place.label} · fleetcost` : "fleetcost";
  }, [place]);
  return (
    <>
      <a
        className={css.skip}
        href="#main"
        onClick={(e) => {
          // The base element would send a bare fragment to the root page.
          e.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header className={css.bar}>
        <div className={css.inner}>
          <Link href="/" className={css.brand} aria-label="fleetcost, home">
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path fill="var(--accent)" d="M1 9h4v6H1zm5-4h4v10H6zm5-4h4v14h-4z" />
            </svg>
            fleetcost
          </Link>
          <nav className={css.nav} aria-label="Pages">
            {places.map((p) => (
              <Link
                key={p.path}
                href={p.path}
                aria-current={isAt(location, p.path) ? "page" : undefined}
                onPointerEnter={() => prepare(p.path)}
                onFocus={() => prepare(p.path)}
              >
                {p.label}
              </Link>
            ))}
          </nav>
          <div className={css.tools}>
            <Button onClick={() => setFinding(true)} aria-keyshortcuts="Control+K Meta+K">
              Find <kbd className={css.key}>Ctrl K</kbd>
            </Button>
            <span className={css.zone}>All times are UTC</span>
            <Select
              label="Theme"
              value={theme}
              choices={[
                { value: "system", label: "System theme" },
                { value: "light", label: "Light" },
                { value: "dark", label: "Dark" },
              ]}
              onChange={(t) => {
                setTheme(t);
                storeTheme(t);
                applyTheme(t);
              }}
            />
          </div>
        </div>
      </header>
      <main className={css.main} id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
      {finding && (
        <Suspense>
          <Palette onClose={() => setFinding(false)} />
        </Suspense>
      )}
      {helping && (
        <Suspense>
          <Help onClose={() => setHelping(false)} />
        </Suspense>
      )}
      <p className={css.said} role="status">
        {said}
      </p>
      <footer className={css.foot}>
        <button type="button" className={css.help} aria-keyshortcuts="?" onClick={() => setHelping(true)}>
          Keyboard shortcuts
        </button>
        <a href={`${apiBase()}/openapi.json`}>API description</a>
        <span>Costs are exact; a gap is shown as a gap and never filled in.</span>
      </footer>
    </>
  );
}
