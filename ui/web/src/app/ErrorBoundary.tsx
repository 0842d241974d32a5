import type { ReactNode } from "react";
import { Component } from "react";
import { Button, Notice } from "../components/ui";

/** A bug in one page leaves the navigation and says what to report. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div role="alert">
        <Notice tone="bad" title="This page has a bug and stopped. The numbers on the server are not touched.">
          <p>
            <code>{error.message}</code>
          </p>
          <p>
            <Button onClick={() => this.setState({ error: null })}>Show the page again</Button>
          </p>
        </Notice>
      </div>
    );
  }
}
