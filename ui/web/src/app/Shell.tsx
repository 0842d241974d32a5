import type { ReactNode } from "react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { apiBase } from "../api/client";
import { Button, Select } from "../components/ui";
import type { Theme } from "../lib/theme";
import { applyTheme, storedTheme, storeTheme } from "../lib/theme";
import css from "./Shell.module.css";

const Palette = lazy(() => import("../features/palette/Palette").then((m) => ({ default: m.Palette })));

const places = [
  { path: "/", label: "Home" },
  { path: "/explore", label: "Explore" },
  { path: "/fleet", label: "Fleet" },
  { path: "/settings", label: "Settings" },
] as const;

const isAt = (location: string, path: string) => (path === "/" ? location === "/" : location === path || location.startsWith(`${path}/`));

export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const main = useRef<HTMLElement>(null);
  const [finding, setFinding] = useState(false);
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
              <Link key={p.path} href={p.path} aria-current={isAt(location, p.path) ? "page" : undefined}>
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
      <footer className={css.foot}>
        <a href={`${apiBase()}/openapi.json`}>API description</a>
        <span>Costs are exact; a gap is shown as a gap and never filled in.</span>
      </footer>
    </>
  );
}
